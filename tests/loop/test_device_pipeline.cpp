// SPDX-License-Identifier: Apache-2.0
// A model that lives on a "device" (here: the same processor, with images and predictions that only
// it sees): pools give the bits of the CPU's way, in the same order, with the same faults.
#include <aift/loop/device_pipeline.hpp>

#include <algorithm>
#include <cmath>
#include <deque>

#include <aift/augment/batch_renderer.hpp>
#include <aift/augment/image_augmenter.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/registry.hpp>

#include "loop/fake_model.hpp"
#include "loop/fake_world.hpp"
#include "support/catch.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What passes have seen.
struct Seen {
  std::vector<index_t> batches;  ///< candidates of each
  index_t most_waiting = 0;
  index_t logits = 0;  ///< batches whose logits went to the host
  index_t scores = 0;  ///< batches that were scored
};

class FakePass final : public DevicePass {
 public:
  FakePass(const Model& model, const DeviceRequest& request, Seen& seen)
      : model_(model), request_(request), seen_(seen) {}

  void submit(std::span<const ImageView> images, std::span<const PatchPlan> plans) override {
    REQUIRE(std::ssize(plans) == std::ssize(images) * request_.views);
    const ModelInfo& info = model_.info();
    Batch batch;
    batch.candidates = std::ssize(images);
    const index_t rows = std::ssize(plans);
    std::vector<float> patches(static_cast<std::size_t>(rows * info.input.elements()));
    PatchOutput out;
    out.data = patches.data();
    out.capacity = rows;
    out.format = info.input;
    renderer_.render({.images = images, .plans = plans, .offsets = {}}, out);
    batch.logits.resize(static_cast<std::size_t>(rows * info.classes));
    batch.features.resize(static_cast<std::size_t>(rows * info.feature_size));
    model_.predict(patches, rows, batch.logits, batch.features);
    waiting_.push_back(std::move(batch));
    seen_.most_waiting = std::max(seen_.most_waiting, static_cast<index_t>(waiting_.size()));
    seen_.batches.push_back(std::ssize(images));
  }

  const DeviceResults& collect() override {
    REQUIRE_FALSE(waiting_.empty());
    last_ = std::move(waiting_.front());
    waiting_.pop_front();
    const ModelInfo& info = model_.info();
    const index_t n = last_.candidates;
    results_ = {};
    results_.candidates = n;
    if (request_.logits) {
      results_.logits = last_.logits;
      ++seen_.logits;
    }
    if (request_.features) results_.features = last_.features;
    if (request_.mean_probabilities) {
      std::vector<double> rows(last_.logits.size());
      softmax_rows(last_.logits, info.classes, rows);
      means_.resize(static_cast<std::size_t>(n * info.classes));
      mean_over_views(rows, n, request_.views, info.classes, means_);
      results_.mean_probabilities = means_;
    }
    if (request_.mean_features) {
      const index_t d = info.feature_size;
      mean_features_.assign(static_cast<std::size_t>(n * d), 0);
      for (index_t i = 0; i < n; ++i) {
        for (index_t f = 0; f < d; ++f) {
          double sum = 0;
          for (index_t v = 0; v < request_.views; ++v)
            sum += static_cast<double>(
                last_.features[static_cast<std::size_t>((i * request_.views + v) * d + f)]);
          mean_features_[static_cast<std::size_t>(i * d + f)] =
              static_cast<float>(sum / static_cast<double>(request_.views));
        }
      }
      results_.mean_features = mean_features_;
    }
    if (request_.score) {
      table_ = {};
      table_.first_candidate = collected_;
      score::compute(request_.score->kind,
                     PatchPredictions::dense(last_.logits.data(), n, request_.views, info.classes,
                                             PredictionKind::logits),
                     request_.score->options, table_);
      results_.scores = &table_;
      ++seen_.scores;
    }
    collected_ += n;
    return results_;
  }

 private:
  struct Batch {
    index_t candidates = 0;
    std::vector<float> logits, features;
  };
  const Model& model_;
  DeviceRequest request_;
  Seen& seen_;
  BatchRenderer renderer_;
  std::deque<Batch> waiting_;
  Batch last_;
  std::vector<double> means_;
  std::vector<float> mean_features_;
  ScoreTable table_;
  DeviceResults results_;
  index_t collected_ = 0;
};

/// A LinearModel that takes images.
class DeviceModel final : public Model, public DevicePipeline {
 public:
  DeviceModel(const LinearModel& model, Seen& seen) : model_(model), seen_(seen) {}
  const ModelInfo& info() const noexcept override { return model_.info(); }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override {
    model_.predict(patches, n, logits, features);
  }
  void save(const std::filesystem::path& file) const override { model_.save(file); }
  std::unique_ptr<Model> clone() const override {
    return std::make_unique<DeviceModel>(model_, seen_);
  }
  const DevicePipeline* device_pipeline() const noexcept override { return this; }
  const Model& inner() const { return model_; }
  std::unique_ptr<DevicePass> begin(const DeviceRequest& request) const override {
    return std::make_unique<FakePass>(model_, request, seen_);
  }

 private:
  LinearModel model_;
  Seen& seen_;
};

LinearModel some_model(index_t classes) {
  LinearModel model(classes);
  for (std::size_t i = 0; i < model.weights.size(); ++i)
    model.weights[i] = std::sin(static_cast<double>(i + 1));
  return model;
}

ImageAugmenter image_views(index_t views) {
  ImageAugmentOptions options;
  options.format = fake_format();
  options.seed = 5;
  options.scoring_views = views;
  return ImageAugmenter(options);
}

struct Pool {
  explicit Pool(index_t n) : data(make_dataset(n)), source(data) {
    for (index_t i = 0; i < n; ++i)
      candidates.push_back(data.ref(i));
  }
  io::Dataset data;
  ColourSource source;
  std::vector<CandidateRef> candidates;
};

PoolSummary summary(const Model& model, const Augmenter& augmenter, const Pool& pool,
                    const SummaryRequest& request, const PipelineOptions& options) {
  Progress progress;
  return summarise_pool(
      model, augmenter, pool.source, std::ssize(pool.candidates),
      [&](index_t i) { return pool.candidates[static_cast<std::size_t>(i)]; }, Purpose::scoring, 0,
      request, options, progress);
}

/// The same views, through render() alone.
class ByRender final : public Augmenter {
 public:
  explicit ByRender(ImageAugmenter inner) : inner_(std::move(inner)) {}
  std::string_view name() const noexcept override { return inner_.name(); }
  index_t patches(Purpose purpose) const override { return inner_.patches(purpose); }
  PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                 index_t index) const override {
    return inner_.plan(candidate, purpose, round, index);
  }
  void render(std::span<const PatchPlan> plans, const Source& source,
              const PatchBuffer& out) const override {
    inner_.render(plans, source, out);
  }

 private:
  ImageAugmenter inner_;
};

/// Scores by hand what no recipe names.
class OwnScore final : public ScoreSelector {
 public:
  std::string_view name() const noexcept override { return "own"; }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::margin(chunk, {}, out);
  }
};

}  // namespace

TEST_CASE("a model on a device: predictions, order and features are those of the CPU's way") {
  const LinearModel cpu = some_model(3);
  for (const index_t n : {1, 7, 40}) {
    for (const index_t views : {1, 3, 9}) {
      for (const index_t batch : {1, 6, 64}) {
        for (const index_t workers : {1, 3}) {
          CAPTURE(n, views, batch, workers);
          Pool pool(n);
          const ImageAugmenter augmenter = image_views(views);
          PipelineOptions options;
          options.batch = batch;
          options.workers = workers;
          options.features = true;
          const auto collect = [&](const Model& model) {
            std::vector<float> all;
            Progress progress;
            index_t next = 0;
            predict_pool(model, augmenter, pool.source, pool.candidates, Purpose::scoring, 0,
                         options, progress, [&](const PredictedChunk& chunk) {
                           REQUIRE(chunk.first == next);
                           next += chunk.candidates;
                           REQUIRE(chunk.patches == views);
                           all.insert(all.end(), chunk.logits.begin(), chunk.logits.end());
                           all.insert(all.end(), chunk.features.begin(), chunk.features.end());
                         });
            REQUIRE(next == n);
            std::sort(all.begin(), all.end());  // chunks are cut differently
            return all;
          };
          Seen seen;
          const DeviceModel device(cpu, seen);
          REQUIRE(collect(device) == collect(cpu));
          REQUIRE(pool.source.reads == 2 * n);
          const index_t several = std::max<index_t>(1, batch / views);
          REQUIRE(std::ssize(seen.batches) == (n + several - 1) / several);
          REQUIRE(seen.most_waiting <= 2);
          REQUIRE((n <= several || seen.most_waiting == 2));
        }
      }
    }
  }
}

TEST_CASE("patches of BatchRenderer in the pipeline are those of the augmenter, bit for bit") {
  const LinearModel model = some_model(3);
  Pool pool(23);
  for (const index_t views : {1, 4, 9}) {
    for (const index_t batch : {1, 5, 64}) {
      CAPTURE(views, batch);
      const auto logits = [&](const Augmenter& augmenter) {
        std::vector<float> all;
        Progress progress;
        PipelineOptions options;
        options.batch = batch;
        options.workers = 2;
        predict_pool(model, augmenter, pool.source, pool.candidates, Purpose::scoring, 0, options,
                     progress, [&](const PredictedChunk& chunk) {
                       all.insert(all.end(), chunk.logits.begin(), chunk.logits.end());
                     });
        return all;
      };
      REQUIRE(logits(image_views(views)) == logits(ByRender(image_views(views))));
    }
  }
}

TEST_CASE("a model on a device scores there when the selector has a recipe") {
  Pool pool(30);
  pool.source.break_image(pool.candidates[0].id);
  pool.source.break_image(pool.candidates[11].id);
  pool.source.break_image(pool.candidates[12].id);
  pool.source.break_image(pool.candidates[29].id);
  const ImageAugmenter augmenter = image_views(4);
  const LinearModel cpu = some_model(3);
  const auto registry = SelectorRegistry::with_builtin();
  for (const char* name :
       {"aift", "entropy", "diversity", "bald", "margin", "least_confidence", "own"}) {
    CAPTURE(name);
    const OwnScore own;
    const auto built_in = std::string_view(name) == "own" ? nullptr : registry.make(name);
    const auto& scorer = built_in ? dynamic_cast<const ScoreSelector&>(*built_in)
                                  : static_cast<const ScoreSelector&>(own);
    const auto run = [&](const Model& model, std::vector<index_t>& unreadable) {
      PipelineOptions options;
      options.batch = 13;
      options.on_unreadable = [&](index_t position, const std::string& reason) {
        CHECK_THAT(reason, ContainsSubstring("Cannot decode"));
        unreadable.push_back(position);
      };
      return summary(model, augmenter, pool,
                     {.scorer = &scorer, .mean_probabilities = true, .mean_features = true},
                     options);
    };
    Seen seen;
    std::vector<index_t> bad_cpu, bad_device;
    const PoolSummary a = run(cpu, bad_cpu);
    const PoolSummary b = run(DeviceModel(cpu, seen), bad_device);
    CHECK(bad_cpu == std::vector<index_t>{0, 11, 12, 29});
    CHECK(bad_device == bad_cpu);
    CHECK(a.scores.size() == 26);
    CHECK(a.scores.score == b.scores.score);
    CHECK(a.scores.entropy == b.scores.entropy);
    CHECK(a.scores.diversity == b.scores.diversity);
    CHECK(a.scores.dominant == b.scores.dominant);
    CHECK(a.scores.name == b.scores.name);
    CHECK(a.mean_probabilities == b.mean_probabilities);
    CHECK(a.mean_features == b.mean_features);
    const bool recipe = built_in != nullptr;
    CHECK((seen.logits == 0) == recipe);  // predictions stay where they are
    CHECK((seen.scores > 0) == recipe);
  }
}

TEST_CASE("a recipe computes what its selector computes") {
  const auto registry = SelectorRegistry::with_builtin();
  const std::vector<double> logits = {0.5, -1, 2, 0.25, 0, 0, 1, 1.5, -3, 0, 2, -2};
  const PatchPredictions p =
      PatchPredictions::dense(logits.data(), 2, 3, 2, PredictionKind::logits);
  for (const char* name : {"aift", "entropy", "diversity", "bald", "margin", "least_confidence"}) {
    CAPTURE(name);
    const auto selector =
        registry.make(name, Settings({{"alpha", "0.67"}, {"precision", "single"}}));
    const auto& scorer = dynamic_cast<const ScoreSelector&>(*selector);
    REQUIRE(scorer.recipe().has_value());
    CHECK(scorer.recipe()->options.alpha == 0.67);
    ScoreTable by_selector, by_recipe;
    scorer.score(p, by_selector);
    score::compute(scorer.recipe()->kind, p, scorer.recipe()->options, by_recipe);
    CHECK(by_selector.score == by_recipe.score);
    CHECK(by_selector.name == by_recipe.name);
  }
}

TEST_CASE("a model on a device: the first fault ends the pass behind what came before it") {
  Pool pool(20);
  pool.source.break_image(pool.candidates[9].id);
  const ImageAugmenter augmenter = image_views(2);
  Seen seen;
  const DeviceModel device(some_model(2), seen);
  PipelineOptions options;
  options.batch = 4;
  Progress progress;
  index_t delivered = 0;
  CHECK_THROWS_AS(
      predict_pool(device, augmenter, pool.source, pool.candidates, Purpose::scoring, 0, options,
                   progress, [&](const PredictedChunk& chunk) { delivered += chunk.candidates; }),
      IoError);
  CHECK(delivered == 8);
}

TEST_CASE("a model on a device: patches that only their augmenter can make go the CPU's way") {
  Pool pool(9);
  const GainAugmenter augmenter(3);
  Seen seen;
  const LinearModel cpu = some_model(2);
  const DeviceModel device(cpu, seen);
  const auto a = summary(cpu, augmenter, pool, {.mean_probabilities = true}, {});
  const auto b = summary(device, augmenter, pool, {.mean_probabilities = true}, {});
  CHECK(a.mean_probabilities == b.mean_probabilities);
  CHECK(seen.batches.empty());
  // Nor does an augmenter for another format lend its images.
  CHECK(image_views(2).images(pool.source, fake_format()) == &pool.source);
  PatchFormat other = fake_format();
  other.width = 3;
  CHECK(image_views(2).images(pool.source, other) == nullptr);
}

TEST_CASE("a loop with a model on a device makes the picks of the loop without") {
  const auto picks = [](bool on_device, Seen& seen) {
    World world;
    const ImageAugmenter augmenter = image_views(4);
    world.options.augmenter = &augmenter;
    const DeviceModel device(world.initial, seen);
    struct Trainer final : IncrementalTrainer {
      Trainer(CentroidTrainer& inner, Seen* seen) : inner_(inner), seen_(seen) {}
      std::string_view name() const noexcept override { return inner_.name(); }
      FitResult fit(const Model& parent, const TrainingRound& round, Progress& progress) override {
        const auto* wrapped = dynamic_cast<const DeviceModel*>(&parent);
        FitResult result =
            inner_.fit(wrapped != nullptr ? wrapped->inner() : parent, round, progress);
        if (seen_ != nullptr) {
          result.model = std::make_unique<DeviceModel>(
              dynamic_cast<const LinearModel&>(*result.model), *seen_);
        }
        return result;
      }
      CentroidTrainer& inner_;
      Seen* seen_;
    } trainer(world.trainer, on_device ? &seen : nullptr);
    world.options.trainer = &trainer;
    if (on_device) world.options.initial = &device;
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    std::vector<std::pair<index_t, double>> out;
    for (const RoundRecord& round : learner.state().rounds) {
      for (const Pick& pick : round.picks) {
        out.emplace_back(pick.candidate.index, std::isnan(pick.score) ? -1 : pick.score);
        for (const std::int32_t kept : pick.kept)
          out.emplace_back(kept, 0);
      }
      out.emplace_back(-1, round.metrics.auc);
    }
    return out;
  };
  Seen none, seen;
  const auto expected = picks(false, none);
  CHECK(picks(true, seen) == expected);
  CHECK(seen.scores > 0);
  CHECK(none.batches.empty());
}
