// SPDX-License-Identifier: Apache-2.0
// A vendor's application in small: its own pixels, augmentation, network and training behind the
// interfaces of aift::loop. A candidate is one number, its class is whether that exceeds 0.6; the
// network is a threshold, and training puts it between the labelled classes.
#include <aift/core/version.hpp>
#include <aift/io/dataset.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/loop/oracle.hpp>
#include <aift/select/registry.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#if __has_include(<torch/torch.h>)
#error "aift::loop must not bring LibTorch within reach"
#endif

namespace {

using aift::index_t;

constexpr index_t kCandidates = 60;
constexpr float kBoundary = 0.6F;

float value_of(index_t candidate) {
  return static_cast<float>((candidate * 37) % kCandidates) / static_cast<float>(kCandidates);
}

class NumberSource final : public aift::Source {};

class Jitter final : public aift::Augmenter {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "jitter"; }
  [[nodiscard]] index_t patches(aift::Purpose purpose) const override {
    return purpose == aift::Purpose::test ? 1 : 4;
  }
  [[nodiscard]] aift::PatchPlan plan(const aift::CandidateRef& candidate, aift::Purpose purpose,
                                     index_t round, index_t index) const override {
    aift::PatchPlan plan;
    plan.candidate = candidate;
    plan.purpose = purpose;
    plan.round = round;
    plan.index = index;
    return plan;
  }
  void render(std::span<const aift::PatchPlan> plans, const aift::Source&,
              const aift::PatchBuffer& out) const override {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      const float jitter = 0.02F * static_cast<float>(plans[i].index % 4);
      out.data[i] = value_of(plans[i].candidate.index) + jitter;
    }
  }
};

class Threshold final : public aift::Model {
 public:
  explicit Threshold(float at) : at_(at) {
    info_.architecture = "threshold";
    info_.classes = 2;
    info_.input.channels = info_.input.height = info_.input.width = 1;
  }
  [[nodiscard]] const aift::ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float>) const override {
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      logits[2 * i] = 0;
      logits[2 * i + 1] = 40 * (patches[i] - at_);
    }
  }
  void save(const std::filesystem::path& file) const override { std::ofstream(file) << at_; }
  [[nodiscard]] std::unique_ptr<aift::Model> clone() const override {
    return std::make_unique<Threshold>(at_);
  }

 private:
  float at_;
  aift::ModelInfo info_;
};

class MidpointTrainer final : public aift::IncrementalTrainer {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "midpoint"; }
  [[nodiscard]] aift::FitResult fit(const aift::Model&, const aift::TrainingRound& round,
                                    aift::Progress&) override {
    float below = 0;
    float above = 1;
    for (const aift::LabelledCandidate& sample : round.samples) {
      const float value = value_of(sample.candidate.index);
      if (sample.label == 0) {
        below = std::max(below, value);
      } else {
        above = std::min(above, value);
      }
    }
    aift::FitResult result;
    result.model = std::make_unique<Threshold>((below + above) / 2);
    return result;
  }
};

}  // namespace

int main() {
  aift::io::Dataset data;
  data.class_names = {"low", "high"};
  for (index_t i = 0; i < kCandidates; ++i) {
    data.paths.push_back("number-" + std::to_string(i));
    data.ids.push_back(aift::io::candidate_id(data.paths.back()));
    data.labels.push_back(value_of(i) > kBoundary ? 1 : 0);
    data.groups.push_back(i);
    data.group_names.push_back(data.paths.back());
    data.split.push_back(static_cast<std::uint8_t>(aift::io::Split::unset));
  }

  const NumberSource source;
  const Jitter augmenter;
  const Threshold initial(0.1F);
  MidpointTrainer trainer;
  aift::SimulatedOracle oracle(data.labels);
  const auto selector = aift::SelectorRegistry::with_builtin().make("entropy");

  aift::LearnerOptions options;
  options.data = &data;
  options.source = &source;
  options.augmenter = &augmenter;
  options.oracle = &oracle;
  options.initial = &initial;
  options.trainer = &trainer;
  options.selector = selector.get();
  options.budget = 4;
  options.rounds = 4;
  options.seed = 7;

  aift::Progress progress;
  aift::ActiveLearner learner(options, progress);
  learner.run(progress);

  const aift::RunState& state = learner.state();
  std::printf("AIFT %s: %d labels, accuracy %.3f\n", std::string(aift::version()).c_str(),
              static_cast<int>(state.labels()), state.rounds.back().metrics.accuracy);
  return state.labels() == 16 && state.rounds.back().metrics.accuracy > 0.9 ? 0 : 1;
}
