// SPDX-License-Identifier: Apache-2.0
#pragma once

// A loop without a network: pictures of one colour, a linear model on their mean colour, a trainer
// that fits class centroids. Everything is a pure function of its inputs, so that a whole loop
// takes milliseconds and its numbers can be compared bit for bit.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/model.hpp>
#include <aift/loop/trainer.hpp>

namespace aift::test {

/// `count` candidates in groups of three (one class each), classes in turn, the last `test_groups`
/// groups in the test split.
inline io::Dataset make_dataset(index_t count, index_t classes = 2, index_t test_groups = 0) {
  io::Dataset data;
  data.root = "/nowhere";
  for (index_t k = 0; k < classes; ++k)
    data.class_names.push_back("class_" + std::to_string(k));
  const index_t groups = (count + 2) / 3;
  for (index_t g = 0; g < groups; ++g)
    data.group_names.push_back("video_" + std::to_string(g));
  for (index_t i = 0; i < count; ++i) {
    data.paths.push_back("img/" + std::to_string(i) + ".png");
    data.ids.push_back(io::candidate_id(data.paths.back()));
    data.groups.push_back(i / 3);
    data.labels.push_back(static_cast<label_t>((i / 3) % classes));
    data.split.push_back(static_cast<std::uint8_t>(
        test_groups == 0 ? io::Split::unset
                         : (i / 3 >= groups - test_groups ? io::Split::test : io::Split::pool)));
  }
  return data;
}

/// The same candidates in another order.
inline io::Dataset permuted(const io::Dataset& data, std::uint64_t seed) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  for (std::size_t i = 0; i < data.paths.size(); ++i)
    order.emplace_back(splitmix64(data.ids[i] ^ seed), i);
  std::sort(order.begin(), order.end());
  io::Dataset out = data;
  std::vector<index_t> numbers(data.group_names.size(), -1);
  out.group_names.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t from = order[i].second;
    out.paths[i] = data.paths[from];
    out.ids[i] = data.ids[from];
    out.labels[i] = data.labels[from];
    out.split[i] = data.split[from];
    index_t& number = numbers[static_cast<std::size_t>(data.groups[from])];
    if (number < 0) {  // numbered as they first occur
      number = static_cast<index_t>(out.group_names.size());
      out.group_names.push_back(data.group_names[static_cast<std::size_t>(data.groups[from])]);
    }
    out.groups[i] = number;
  }
  return out;
}

/// A picture per candidate: the colour of its class plus noise of its own. Broken ones throw.
class ColourSource final : public ImageSource {
 public:
  explicit ColourSource(const io::Dataset& data, double noise = 60) : data_(&data), noise_(noise) {}

  Image read(const CandidateRef& candidate) const override {
    ++reads;
    if (delay) delay(candidate);
    {
      const std::lock_guard lock(mutex_);
      if (broken_.contains(candidate.id)) {
        throw IoError("Cannot decode " + data_->paths[static_cast<std::size_t>(candidate.index)] +
                      ".");
      }
    }
    const label_t label = data_->labels[static_cast<std::size_t>(candidate.index)];
    const KeyedRandom random(7, Purpose::weights, 0, candidate.id);
    Image image{4, 2, ChannelOrder::rgb, std::vector<std::uint8_t>(24)};
    for (std::size_t p = 0; p < 8; ++p) {
      for (std::size_t c = 0; c < 3; ++c) {
        const double base = 128 + (label >= 0 && static_cast<std::size_t>(label) % 3 == c ? 40 : 0);
        const double value = base + noise_ * (random.uniform(static_cast<index_t>(c)) - 0.5) +
                             8 * (random.uniform(static_cast<index_t>(3 + 3 * p + c)) - 0.5);
        image.pixels[3 * p + c] = static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
      }
    }
    return image;
  }

  /// By id, so that a permuted data set breaks the same pictures.
  void break_image(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    broken_.insert(id);
  }

  mutable std::atomic<index_t> reads = 0;
  std::function<void(const CandidateRef&)> delay;

 private:
  const io::Dataset* data_;
  double noise_;
  mutable std::mutex mutex_;
  std::set<std::uint64_t> broken_;
};

inline PatchFormat fake_format() {
  PatchFormat format;
  format.height = 2;
  format.width = 2;
  return format;
}

/// Views differ by a gain per channel; scoring view 0 is the identity, scoring views stay the same
/// over rounds.
class GainAugmenter final : public Augmenter {
 public:
  explicit GainAugmenter(std::uint64_t seed, index_t scoring = 4, index_t testing = 1)
      : seed_(seed), scoring_(scoring), testing_(testing) {}
  std::string_view name() const noexcept override { return "gain"; }
  index_t patches(Purpose purpose) const override {
    return purpose == Purpose::scoring ? scoring_ : purpose == Purpose::test ? testing_ : 2;
  }
  PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                 index_t index) const override {
    PatchPlan plan;
    plan.candidate = candidate;
    plan.purpose = purpose;
    plan.round = round;
    plan.index = index;
    if (index > 0 || purpose == Purpose::training) {
      const KeyedRandom random(seed_, purpose, purpose == Purpose::training ? round : 0,
                               candidate.id);
      for (std::size_t c = 0; c < 3; ++c)
        plan.gain[c] = random.uniform(3 * index + static_cast<index_t>(c), 0.8, 1.2);
    }
    return plan;
  }
  void render(std::span<const PatchPlan> plans, const Source& source,
              const PatchBuffer& out) const override {
    if (on_render) on_render(plans);
    AIFT_EXPECT(static_cast<index_t>(plans.size()) <= out.capacity, ShapeError, "capacity");
    const auto& images = dynamic_cast<const ImageSource&>(source);
    Image image;
    float* to = out.data;
    for (std::size_t p = 0; p < plans.size(); ++p) {
      if (p == 0 || plans[p].candidate.id != plans[p - 1].candidate.id)
        image = images.read(plans[p].candidate);
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t x = 0; x < 4; ++x) {
          const double value = image.pixels[3 * x + c] * plans[p].gain[c];
          *to++ = static_cast<float>((std::min(value, 255.0) - 127) / 128);
        }
      }
    }
  }
  std::function<void(std::span<const PatchPlan>)> on_render;

 private:
  std::uint64_t seed_;
  index_t scoring_;
  index_t testing_;
};

/// logits = W (mean colour) + b; the features are the mean colour.
class LinearModel final : public Model {
 public:
  explicit LinearModel(index_t classes, std::string tag = "initial") : tag(std::move(tag)) {
    info_.architecture = "fake";
    info_.classes = classes;
    info_.feature_size = 3;
    info_.input = fake_format();
    weights.assign(static_cast<std::size_t>(classes * 4), 0.0);
  }
  const ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override {
    calls.push_back(n);
    if (on_predict) on_predict(n);
    const auto classes = static_cast<std::size_t>(info_.classes);
    AIFT_EXPECT(patches.size() == static_cast<std::size_t>(n) * 12 &&
                    logits.size() == static_cast<std::size_t>(n) * classes &&
                    (features.empty() || features.size() == static_cast<std::size_t>(n) * 3),
                ShapeError, "A fake model got {} values for {} patches.", patches.size(), n);
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      std::array<double, 3> mean{};
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t x = 0; x < 4; ++x)
          mean[c] += static_cast<double>(patches[i * 12 + c * 4 + x]) / 4;
        if (!features.empty()) features[i * 3 + c] = static_cast<float>(mean[c]);
      }
      for (std::size_t k = 0; k < classes; ++k) {
        const double* w = weights.data() + 4 * k;
        logits[i * classes + k] =
            static_cast<float>(w[0] * mean[0] + w[1] * mean[1] + w[2] * mean[2] + w[3]);
      }
    }
  }
  void save(const std::filesystem::path& file) const override {
    std::string text = tag + " " + std::to_string(info_.classes);
    for (const double w : weights)
      text.append(" ").append(io::shortest(w));
    io::write_file_atomically(file, text);
  }
  std::unique_ptr<Model> clone() const override { return std::make_unique<LinearModel>(*this); }

  static std::unique_ptr<Model> load(const std::filesystem::path& file) {
    std::istringstream in(io::read_text_file(file));
    std::string tag;
    std::string word;
    index_t classes = 0;
    in >> tag >> classes;
    auto model = std::make_unique<LinearModel>(classes, tag);
    for (double& w : model->weights) {
      in >> word;
      w = io::parse_number(word).value();
    }
    return model;
  }

  std::string tag;
  std::vector<double> weights;         // [K, 4], the last one is the bias
  mutable std::vector<index_t> calls;  // patches per forward pass
  std::function<void(index_t)> on_predict;

 private:
  ModelInfo info_;
};

/// Nearest centroid on training views, mixed half and half with the parent: what the parent was
/// shows in every later model.
class CentroidTrainer final : public IncrementalTrainer {
 public:
  struct Call {
    std::string parent;
    std::vector<std::uint64_t> fresh, all, hard, samples;
    TrainSet set = TrainSet::all;
    index_t round = 0;
  };

  std::string_view name() const noexcept override { return "centroid"; }
  FitResult fit(const Model& parent, const TrainingRound& round, Progress& progress) override {
    const auto& from = dynamic_cast<const LinearModel&>(parent);
    const auto ids = [](std::span<const LabelledCandidate> list) {
      std::vector<std::uint64_t> out;
      for (const LabelledCandidate& one : list)
        out.push_back(one.candidate.id);
      return out;
    };
    calls.push_back({from.tag, ids(round.fresh), ids(round.all), ids(round.misclassified),
                     ids(round.samples), round.set, round.round});

    const auto classes = static_cast<std::size_t>(round.classes);
    std::vector<double> sum(classes * 3);
    std::vector<double> count(classes);
    std::array<float, 12> patch{};
    const LinearModel reader(2);
    std::array<float, 3> feature{};
    std::array<float, 2> unused{};
    index_t done = 0;
    for (const LabelledCandidate& one : round.samples) {
      throw_if_cancelled(progress);
      progress.report("train", done++, static_cast<index_t>(round.samples.size()));
      for (index_t view = 0; view < 2; ++view) {
        const PatchPlan plan =
            round.augmenter->plan(one.candidate, Purpose::training, round.round, view);
        round.augmenter->render({&plan, 1}, *round.source, {patch.data(), 1, fake_format()});
        reader.predict(patch, 1, unused, feature);
        for (std::size_t c = 0; c < 3; ++c)
          sum[static_cast<std::size_t>(one.label) * 3 + c] += static_cast<double>(feature[c]);
        count[static_cast<std::size_t>(one.label)] += 1;
      }
    }
    auto model = std::make_unique<LinearModel>(round.classes, "r" + std::to_string(round.round));
    for (std::size_t k = 0; k < classes; ++k) {
      double* w = model->weights.data() + 4 * k;
      w[3] = count[k] > 0 ? 0 : -20;
      for (std::size_t c = 0; c < 3 && count[k] > 0; ++c) {
        w[c] = 20 * sum[k * 3 + c] / count[k];
        w[3] -= w[c] * w[c] / 40;
      }
      for (std::size_t c = 0; c < 4; ++c)
        w[c] = 0.5 * w[c] + 0.5 * from.weights[4 * k + c];
    }
    FitResult result;
    result.report.add("samples", std::to_string(round.samples.size()));
    result.model = std::move(model);
    return result;
  }

  std::vector<Call> calls;
};

/// Counts, cancels or throws at a chosen report.
class Watch final : public Progress {
 public:
  void report(std::string_view stage, index_t done, index_t total) override {
    stages.insert(std::string(stage));
    ++reports;
    if (on_report) on_report(stage, done, total);
  }
  void note(std::string_view line) override { notes.emplace_back(line); }
  bool cancelled() const override {
    ++asked;
    return cancel_at >= 0 && asked > cancel_at;
  }
  bool noted(std::string_view part) const {
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& line) {
      return line.find(part) != std::string::npos;
    });
  }

  std::set<std::string> stages;
  std::vector<std::string> notes;
  index_t reports = 0;
  mutable index_t asked = 0;
  index_t cancel_at = -1;  // how often cancelled() says no; -1: always
  std::function<void(std::string_view, index_t, index_t)> on_report;
};

}  // namespace aift::test
