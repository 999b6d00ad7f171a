// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/pool_pipeline.hpp>

#include <cmath>

#include "loop/fake_model.hpp"
#include "support/catch.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<CandidateRef> refs(const io::Dataset& data) {
  std::vector<CandidateRef> out;
  for (index_t i = 0; i < data.size(); ++i)
    out.push_back(data.ref(i));
  return out;
}

LinearModel some_model(index_t classes = 2) {
  LinearModel model(classes);
  for (std::size_t i = 0; i < model.weights.size(); ++i)
    model.weights[i] = std::sin(static_cast<double>(i + 1));
  return model;
}

struct Collected {
  std::vector<index_t> positions;
  std::vector<float> logits;
  std::vector<float> features;
  std::vector<std::pair<index_t, std::string>> unreadable;
};

/// Everything in one go, with the checks that every pass must stand.
Collected collect(const Model& model, const Augmenter& augmenter, const Source& source,
                  std::span<const CandidateRef> candidates, PipelineOptions options,
                  bool skip_unreadable = false) {
  Collected out;
  if (skip_unreadable) {
    options.on_unreadable = [&](index_t position, const std::string& reason) {
      out.unreadable.emplace_back(position, reason);
    };
  }
  Progress progress;
  predict_pool(model, augmenter, source, candidates, Purpose::scoring, 0, options, progress,
               [&](const PredictedChunk& chunk) {
                 CHECK(chunk.candidates >= 1);
                 CHECK(static_cast<index_t>(chunk.logits.size()) ==
                       chunk.candidates * chunk.patches * chunk.classes);
                 for (index_t i = 0; i < chunk.candidates; ++i)
                   out.positions.push_back(chunk.first + i);
                 out.logits.insert(out.logits.end(), chunk.logits.begin(), chunk.logits.end());
                 out.features.insert(out.features.end(), chunk.features.begin(),
                                     chunk.features.end());
               });
  return out;
}

/// The same without batches and threads: every patch alone.
std::vector<float> one_by_one(const LinearModel& model, const Augmenter& augmenter,
                              const Source& source, std::span<const CandidateRef> candidates,
                              index_t views) {
  const LinearModel copy = model;
  std::vector<float> out;
  std::array<float, 12> patch{};
  std::vector<float> logits(static_cast<std::size_t>(model.info().classes));
  for (const CandidateRef& candidate : candidates) {
    for (index_t v = 0; v < views; ++v) {
      const PatchPlan plan = augmenter.plan(candidate, Purpose::scoring, 0, v);
      augmenter.render({&plan, 1}, source, {patch.data(), 1, fake_format()});
      copy.predict(patch, 1, logits, {});
      out.insert(out.end(), logits.begin(), logits.end());
    }
  }
  return out;
}

}  // namespace

TEST_CASE("every view of every candidate is predicted once, in order, in full batches") {
  const GainAugmenter augmenter(3);
  for (const index_t n : {1, 2, 13, 50}) {
    const io::Dataset data = make_dataset(n);
    const ColourSource source(data);
    const std::vector<CandidateRef> candidates = refs(data);
    for (const index_t views : {1, 2, 3, 4, 5, 7, 33}) {
      const LinearModel model = some_model(3);
      const std::vector<float> expected = one_by_one(model, augmenter, source, candidates, views);
      for (const index_t batch : {1, 4, 5, 32}) {
        for (const index_t workers : {1, 3}) {
          CAPTURE(n, views, batch, workers);
          PipelineOptions options;
          options.batch = batch;
          options.views = views;
          options.workers = workers;
          model.calls.clear();
          source.reads = 0;
          const Collected got = collect(model, augmenter, source, candidates, options);
          REQUIRE(got.logits == expected);
          REQUIRE(source.reads == n);  // one decoding per candidate
          REQUIRE(got.positions.size() == static_cast<std::size_t>(n));
          for (index_t i = 0; i < n; ++i)
            REQUIRE(got.positions[static_cast<std::size_t>(i)] == i);
          const index_t full = n * views / batch;
          REQUIRE(static_cast<index_t>(model.calls.size()) ==
                  full + (n * views % batch != 0 ? 1 : 0));
          for (index_t b = 0; b < full; ++b)
            REQUIRE(model.calls[static_cast<std::size_t>(b)] == batch);
        }
      }
    }
  }
}

TEST_CASE("views of zero means what the augmenter says for the purpose") {
  const io::Dataset data = make_dataset(5);
  const ColourSource source(data);
  const GainAugmenter augmenter(3, 4, 2);
  const LinearModel model = some_model();
  Progress progress;
  for (const auto& [purpose, views] :
       {std::pair{Purpose::scoring, 4}, std::pair{Purpose::test, 2}}) {
    predict_pool(model, augmenter, source, refs(data), purpose, 0, {}, progress,
                 [&, q = views](const PredictedChunk& chunk) { CHECK(chunk.patches == q); });
  }
}

TEST_CASE("features come from the same pass, when asked for") {
  const io::Dataset data = make_dataset(7);
  const ColourSource source(data);
  const GainAugmenter augmenter(3);
  const LinearModel model = some_model();
  PipelineOptions options;
  options.batch = 3;
  CHECK(collect(model, augmenter, source, refs(data), options).features.empty());
  options.features = true;
  const Collected got = collect(model, augmenter, source, refs(data), options);
  REQUIRE(got.features.size() == 7 * 4 * 3);
  for (std::size_t row = 0; row < 28; ++row) {
    const double* w = model.weights.data();
    const float* f = got.features.data() + 3 * row;
    CHECK(got.logits[2 * row] ==
          Catch::Approx(w[0] * f[0] + w[1] * f[1] + w[2] * f[2] + w[3]).margin(1e-5));
  }
}

TEST_CASE("an empty pool asks nothing of anybody") {
  const io::Dataset data = make_dataset(1);
  const ColourSource source(data);
  const LinearModel model = some_model();
  CHECK(collect(model, GainAugmenter(1), source, {}, {}).positions.empty());
  CHECK(model.calls.empty());
}

TEST_CASE("a broken image names its file, and the batches before it were delivered") {
  const io::Dataset data = make_dataset(40);
  ColourSource source(data);
  source.break_image(data.ids[29]);
  source.break_image(data.ids[17]);
  source.break_image(data.ids[18]);
  for (const index_t workers : {1, 2, 4}) {
    for (int repeat = 0; repeat < 20; ++repeat) {
      source.delay = [&](const CandidateRef& c) {
        const auto us = splitmix64(c.id + static_cast<std::uint64_t>(repeat)) % 50;
        std::this_thread::sleep_for(std::chrono::microseconds(us));
      };
      std::vector<index_t> seen;
      Progress progress;
      PipelineOptions options;
      options.batch = 8;
      options.workers = workers;
      const LinearModel model = some_model();
      CHECK_THROWS_WITH(predict_pool(model, GainAugmenter(1, 2), source, refs(data),
                                     Purpose::scoring, 0, options, progress,
                                     [&](const PredictedChunk& chunk) {
                                       for (index_t i = 0; i < chunk.candidates; ++i)
                                         seen.push_back(chunk.first + i);
                                     }),
                        ContainsSubstring("img/17.png"));
      // 2 views in batches of 8: candidate 17 is of the batch with 16..19.
      REQUIRE(seen.size() == 16);
      REQUIRE(seen.back() == 15);
    }
  }
}

TEST_CASE("told of unreadable candidates, the pass goes on without them") {
  const io::Dataset data = make_dataset(30);
  const GainAugmenter augmenter(3, 3);
  const LinearModel model = some_model();
  ColourSource whole(data);
  const std::vector<float> expected = one_by_one(model, augmenter, whole, refs(data), 3);
  ColourSource source(data);
  const std::set<index_t> broken = {0, 6, 7, 29};
  for (const index_t i : broken)
    source.break_image(data.ids[static_cast<std::size_t>(i)]);
  for (const index_t batch : {1, 7, 32, 200}) {
    PipelineOptions options;
    options.batch = batch;
    options.workers = 2;
    const Collected got = collect(model, augmenter, source, refs(data), options, true);
    std::vector<index_t> told;
    for (const auto& [position, reason] : got.unreadable) {
      told.push_back(position);
      CHECK_THAT(reason, ContainsSubstring("img/" + std::to_string(position) + ".png"));
    }
    CHECK(told == std::vector<index_t>(broken.begin(), broken.end()));
    REQUIRE(got.positions.size() == 26);
    std::size_t row = 0;
    for (const index_t position : got.positions) {
      CHECK_FALSE(broken.contains(position));
      for (std::size_t j = 0; j < 6; ++j, ++row)
        REQUIRE(got.logits[row] == expected[static_cast<std::size_t>(position) * 6 + j]);
    }
  }
}

TEST_CASE("other faults always reach the caller") {
  const io::Dataset data = make_dataset(20);
  const ColourSource source(data);
  Progress progress;
  PipelineOptions options;
  options.batch = 4;
  options.on_unreadable = [](index_t, const std::string&) { FAIL("not an unreadable image"); };

  SECTION("of the augmenter") {
    GainAugmenter augmenter(1);
    augmenter.on_render = [&](std::span<const PatchPlan> plans) {
      if (plans[0].candidate.index == 9) throw ShapeError("odd picture");
    };
    CHECK_THROWS_AS(predict_pool(some_model(), augmenter, source, refs(data), Purpose::scoring, 0,
                                 options, progress, [](const PredictedChunk&) {}),
                    ShapeError);
  }
  SECTION("of the model") {
    LinearModel model = some_model();
    model.on_predict = [&](index_t) {
      if (model.calls.size() == 3) throw DeviceError("no memory");
    };
    CHECK_THROWS_AS(predict_pool(model, GainAugmenter(1), source, refs(data), Purpose::scoring, 0,
                                 options, progress, [](const PredictedChunk&) {}),
                    DeviceError);
    CHECK(model.calls.size() == 3);
  }
  SECTION("of the callback") {
    index_t chunks = 0;
    CHECK_THROWS_AS(predict_pool(some_model(), GainAugmenter(1), source, refs(data),
                                 Purpose::scoring, 0, options, progress,
                                 [&](const PredictedChunk&) {
                                   if (++chunks == 2) throw ValueError("NaN");
                                 }),
                    ValueError);
    CHECK(chunks == 2);
  }
}

TEST_CASE("a pass can be cancelled between batches") {
  const io::Dataset data = make_dataset(20);
  const ColourSource source(data);
  const LinearModel model = some_model();
  PipelineOptions options;
  options.batch = 4;
  Watch watch;
  watch.cancel_at = 3;
  CHECK_THROWS_AS(predict_pool(model, GainAugmenter(1), source, refs(data), Purpose::scoring, 0,
                               options, watch, [](const PredictedChunk&) {}),
                  CancelledError);
  CHECK(model.calls.size() == 3);
}

TEST_CASE("progress counts candidates under the stage's name") {
  const io::Dataset data = make_dataset(9);
  const ColourSource source(data);
  Watch watch;
  index_t last = -1;
  watch.on_report = [&](std::string_view, index_t done, index_t total) {
    CHECK(done >= last);
    CHECK(total == 9);
    last = done;
  };
  predict_pool(some_model(), GainAugmenter(1), source, refs(data), Purpose::test, 0, {}, watch,
               [](const PredictedChunk&) {});
  CHECK(last == 9);
  CHECK(watch.stages == std::set<std::string>{"test"});
}

TEST_CASE("the pipeline refuses what it cannot do") {
  const io::Dataset data = make_dataset(3);
  const ColourSource source(data);
  const LinearModel model = some_model();
  PipelineOptions options;
  SECTION("batch") { options.batch = 0; }
  SECTION("workers") { options.workers = 0; }
  SECTION("views") { options.views = -1; }
  CHECK_THROWS_AS(collect(model, GainAugmenter(1), source, refs(data), options), ValueError);
}

TEST_CASE("softmax in double stands large logits, and means go over the views") {
  const std::vector<float> logits = {0, 0, 1000, 998, -400, -400.5F};
  std::vector<double> rows(6);
  softmax_rows(logits, 2, rows);
  CHECK(rows[0] == 0.5);
  CHECK(rows[2] == Catch::Approx(1 / (1 + std::exp(-2.0))));
  CHECK(rows[4] == Catch::Approx(1 / (1 + std::exp(-0.5))));
  std::vector<double> mean(2);
  mean_over_views(rows, 1, 3, 2, mean);
  CHECK(mean[0] == Catch::Approx((rows[0] + rows[2] + rows[4]) / 3));
  CHECK(mean[0] + mean[1] == Catch::Approx(1));
  CHECK_THROWS_AS(mean_over_views(rows, 2, 3, 2, mean), ShapeError);
}
