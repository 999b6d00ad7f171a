// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <aift/loop/active_learner.hpp>
#include <aift/loop/oracle.hpp>
#include <aift/select/aift_selector.hpp>

#include "loop/fake_model.hpp"

namespace aift::test {

/// As people have it: nothing of the pool is labelled yet.
inline io::Dataset without_pool_labels(io::Dataset data) {
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    if (data.split[i] == static_cast<std::uint8_t>(io::Split::pool)) data.labels[i] = kUnlabelled;
  }
  return data;
}

/// Everything a learner needs, small: 60 candidates in 20 groups, 5 of them the test set.
struct World {
  explicit World(io::Dataset set = make_dataset(60, 2, 5), std::uint64_t seed = 1)
      : data(std::move(set)),
        source(data),
        augmenter(seed),
        initial(data.classes()),
        oracle(data.labels) {
    options.data = &data;
    options.source = &source;
    options.augmenter = &augmenter;
    options.oracle = &oracle;
    options.initial = &initial;
    options.trainer = &trainer;
    options.selector = &selector;
    options.budget = 5;
    options.rounds = 4;
    options.seed = seed;
    options.batch = 8;
    options.threads = 1;
    options.load = LinearModel::load;
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  ActiveLearner learner() { return ActiveLearner(options, watch); }

  io::Dataset data;
  ColourSource source;
  GainAugmenter augmenter;
  LinearModel initial;
  CentroidTrainer trainer;
  SimulatedOracle oracle;
  AiftSelector selector;
  Watch watch;
  LearnerOptions options;
};

/// Answers that a test writes down, for readers who cannot tell or do not come back.
class ScriptedOracle final : public Oracle {
 public:
  explicit ScriptedOracle(std::function<label_t(const CandidateRef&)> answer)
      : answer_(std::move(answer)) {}
  std::string_view name() const noexcept override { return "scripted"; }
  std::vector<label_t> label(std::span<const CandidateRef> candidates, index_t,
                             Progress&) override {
    ++queries;
    std::vector<label_t> out;
    for (const CandidateRef& candidate : candidates)
      out.push_back(answer_(candidate));
    return out;
  }
  index_t queries = 0;

 private:
  std::function<label_t(const CandidateRef&)> answer_;
};

inline std::vector<std::uint64_t> picked_ids(const RunState& state) {
  std::vector<std::uint64_t> out;
  for (const RoundRecord& round : state.rounds) {
    for (const Pick& pick : round.picks)
      out.push_back(pick.candidate.id);
  }
  return out;
}

}  // namespace aift::test
