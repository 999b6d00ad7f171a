// SPDX-License-Identifier: Apache-2.0
#pragma once

// Generated pictures, a plain augmenter and a small network of one's own for the tests of the part.

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/loop/trainer.hpp>
#include <aift/torch/module_model.hpp>

namespace aift::test {

/// Pictures of 48 x 48: a noisy ground with a disc (even index) or a ring (odd index), anywhere.
class Pictures final : public ImageSource {
 public:
  static constexpr index_t kSize = 48;
  [[nodiscard]] static label_t label(index_t index) { return static_cast<label_t>(index % 2); }

  [[nodiscard]] Image read(const CandidateRef& candidate) const override {
    const KeyedRandom random(99, Purpose::split, 0, candidate.id);
    Image image;
    image.width = image.height = kSize;
    image.pixels.resize(static_cast<std::size_t>(kSize * kSize * 3));
    const double x0 = random.uniform(0, 16, 32);
    const double y0 = random.uniform(1, 16, 32);
    const double radius = random.uniform(2, 9, 13);
    for (index_t y = 0; y < kSize; ++y) {
      for (index_t x = 0; x < kSize; ++x) {
        const double r =
            std::hypot(static_cast<double>(x) - x0, static_cast<double>(y) - y0) / radius;
        const bool inside = label(candidate.index) == 0 ? r < 1 : r < 1 && r > 0.6;
        for (index_t c = 0; c < 3; ++c) {
          const index_t at = (y * kSize + x) * 3 + c;
          const double ground = 90 + 20 * static_cast<double>(c);
          const double value = (inside ? 200 - 10 * static_cast<double>(c) : ground) +
                               random.uniform(10 + at, -25, 25);
          image.pixels[static_cast<std::size_t>(at)] =
              static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0));
        }
      }
    }
    return image;
  }
};

/// Flips and shifts, nearest pixel; view 0 is the identity except in training.
class PlainAugmenter final : public Augmenter {
 public:
  explicit PlainAugmenter(PatchFormat format, std::uint64_t seed = 0, index_t views = 2)
      : format_(format), seed_(seed), views_(views) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "plain"; }
  [[nodiscard]] index_t patches(Purpose purpose) const override {
    return purpose == Purpose::test || purpose == Purpose::training ? 1 : views_;
  }
  [[nodiscard]] PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                               index_t index) const override {
    PatchPlan plan;
    plan.candidate = candidate;
    plan.purpose = purpose;
    plan.round = purpose == Purpose::training ? round : 0;
    plan.index = index;
    if (index > 0 || purpose == Purpose::training) {
      const KeyedRandom random(seed_, purpose, plan.round, candidate.id);
      plan.matrix[0] = random.bits(4 * index) % 2 == 0 ? 1 : -1;
      plan.matrix[4] = random.bits(4 * index + 1) % 2 == 0 ? 1 : -1;
      plan.matrix[2] = random.uniform(4 * index + 2, -0.1, 0.1);
      plan.matrix[5] = random.uniform(4 * index + 3, -0.1, 0.1);
    }
    return plan;
  }
  void render(std::span<const PatchPlan> plans, const Source& source,
              const PatchBuffer& out) const override {
    const auto& images = dynamic_cast<const ImageSource&>(source);
    float* to = out.data;
    for (const PatchPlan& plan : plans) {
      const Image image = images.read(plan.candidate);
      const PatchFormat& f = out.format;
      for (index_t c = 0; c < f.channels; ++c)
        for (index_t y = 0; y < f.height; ++y)
          for (index_t x = 0; x < f.width; ++x) {
            const double u = (2.0 * static_cast<double>(x) + 1) / static_cast<double>(f.width) - 1;
            const double v = (2.0 * static_cast<double>(y) + 1) / static_cast<double>(f.height) - 1;
            *to++ = (pixel(image, plan.matrix[0] * u + plan.matrix[2],
                           plan.matrix[4] * v + plan.matrix[5], c) -
                     f.mean[static_cast<std::size_t>(c)]) /
                    f.std[static_cast<std::size_t>(c)];
          }
    }
  }

 private:
  static float pixel(const Image& image, double u, double v, index_t c) {
    const auto place = [](double w, index_t extent) {
      return std::clamp<index_t>(static_cast<index_t>((w + 1) / 2 * static_cast<double>(extent)), 0,
                                 extent - 1);
    };
    const index_t x = place(u, image.width);
    const index_t y = place(v, image.height);
    return image.pixels[static_cast<std::size_t>((y * image.width + x) * 3 + c)];
  }
  PatchFormat format_;
  std::uint64_t seed_;
  index_t views_;
};

/// A network of a user's own: three convolutions with batch norm, 12 features.
class __attribute__((visibility("hidden"))) SmallNetwork final : public nn::Network {
 public:
  static constexpr index_t kFeatures = 12;
  explicit SmallNetwork(index_t classes) {
    index_t in = 3;
    for (int i = 0; i < 3; ++i) {
      const index_t out = i == 2 ? kFeatures : 8;
      const std::string number = std::to_string(i);
      weights_.push_back(register_parameter("conv" + number, torch::empty({out, in, 3, 3})));
      norms_.push_back(register_module("norm" + number, torch::nn::BatchNorm2d(out)));
      in = out;
    }
    head_.weight = register_parameter("head_weight", torch::zeros({classes, kFeatures}));
    head_.bias = register_parameter("head_bias", torch::zeros({classes}));
    eval();
  }
  void draw(std::uint64_t seed) {
    const torch::NoGradGuard no_gradients;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const KeyedRandom random(seed, Purpose::weights, 0, i);
      for (index_t j = 0; j < weights_[i].numel(); ++j)
        weights_[i].data_ptr<float>()[j] = static_cast<float>(0.2 * random.normal(j));
    }
  }
  [[nodiscard]] index_t stages() const override { return 3; }
  [[nodiscard]] torch::Tensor run(torch::Tensor x, index_t first, index_t last) override {
    for (index_t i = first; i < last; ++i) {
      const auto at = static_cast<std::size_t>(i);
      x = torch::relu(norms_[at]->forward(torch::conv2d(x, weights_[at], {}, 2, 1)));
      if (i == 2) x = x.mean({2, 3});
    }
    return x;
  }
  [[nodiscard]] std::vector<torch::Tensor> stage_parameters(index_t stage) const override {
    const auto at = static_cast<std::size_t>(stage);
    return {weights_[at], norms_[at]->weight, norms_[at]->bias};
  }
  [[nodiscard]] Head head() const override { return head_; }
  [[nodiscard]] std::shared_ptr<nn::Network> make_like(index_t classes) const override {
    return std::make_shared<SmallNetwork>(classes);
  }

 private:
  std::vector<torch::Tensor> weights_;
  std::vector<torch::nn::BatchNorm2d> norms_;
  Head head_;
};

inline std::unique_ptr<nn::ModuleModel> small_model(index_t classes, std::uint64_t seed = 1,
                                                    index_t input = 24) {
  auto network = std::make_shared<SmallNetwork>(classes);
  network->draw(seed);
  ModelInfo info;
  info.architecture = "small";
  info.input.height = info.input.width = input;
  return std::make_unique<nn::ModuleModel>(std::move(network), std::move(info));
}

/// n pictures as a labelled set, two of a group, and what a round needs.
struct SmallRound {
  explicit SmallRound(index_t n, const PatchFormat& format, index_t first = 0) : augmenter(format) {
    for (index_t i = first; i < first + n; ++i)
      samples.push_back({{i, static_cast<std::uint64_t>(1000 + i)}, Pictures::label(i), i / 4});
    round.seed = 3;
    round.classes = 2;
    round.class_names = {"disc", "ring"};
    round.all = round.fresh = round.samples = samples;
    round.augmenter = &augmenter;
    round.source = &source;
  }
  SmallRound(const SmallRound&) = delete;
  SmallRound& operator=(const SmallRound&) = delete;

  Pictures source;
  PlainAugmenter augmenter;
  std::vector<LabelledCandidate> samples;
  TrainingRound round;
};

/// Share of pictures that a model names rightly, by their first view.
inline double accuracy(const Model& model, const SmallRound& set) {
  const auto n = std::ssize(set.samples);
  const PatchFormat& format = model.info().input;
  std::vector<PatchPlan> plans;
  for (const LabelledCandidate& sample : set.samples)
    plans.push_back(set.augmenter.plan(sample.candidate, Purpose::test, 0, 0));
  std::vector<float> patches(static_cast<std::size_t>(n * format.elements()));
  set.augmenter.render(plans, set.source, {patches.data(), n, format});
  std::vector<float> logits(static_cast<std::size_t>(n * model.info().classes));
  model.predict(patches, n, logits, {});
  index_t right = 0;
  for (index_t i = 0; i < n; ++i) {
    const auto row = logits.begin() + static_cast<std::ptrdiff_t>(i * model.info().classes);
    const auto best =
        std::max_element(row, row + static_cast<std::ptrdiff_t>(model.info().classes));
    right += best - row == set.samples[static_cast<std::size_t>(i)].label ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(n);
}

}  // namespace aift::test
