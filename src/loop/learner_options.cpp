// SPDX-License-Identifier: Apache-2.0
// What a learner is given: checks of it, and what a resumed run must share of it.
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/select/registry.hpp>
#include <aift/select/score_selector.hpp>

#include "learner.hpp"

namespace aift {
namespace {

std::string_view to_text(StartFrom start) {
  switch (start) {
    case StartFrom::scratch:
      return "scratch";
    case StartFrom::pretrained:
      return "pretrained";
    case StartFrom::current:
      return "current";
  }
  return "";
}

std::string_view to_text(TrainSet set) {
  switch (set) {
    case TrainSet::only_new:
      return "new";
    case TrainSet::all:
      return "all";
    case TrainSet::hard:
      return "hard";
  }
  return "";
}

}  // namespace

index_t ActiveLearner::Impl::group_key(index_t candidate) const {
  const auto group = static_cast<std::size_t>(o.data->groups[static_cast<std::size_t>(candidate)]);
  return static_cast<index_t>(io::candidate_id(o.data->group_names[group]) >> 1);
}

void ActiveLearner::Impl::check_options() {
  AIFT_EXPECT(o.data != nullptr && o.source != nullptr && o.augmenter != nullptr &&
                  o.initial != nullptr && o.trainer != nullptr && o.selector != nullptr,
              ValueError,
              "A learner needs data, source, augmenter, initial model, trainer and selector; one "
              "of them is null.");
  const io::Dataset& data = *o.data;
  const std::size_t n = data.paths.size();
  AIFT_EXPECT(data.ids.size() == n && data.labels.size() == n && data.groups.size() == n &&
                  (data.split.empty() || data.split.size() == n),
              ShapeError,
              "A data set gives id, label, group and split for each of its {} candidates; got {}, "
              "{}, {} and {}.",
              n, data.ids.size(), data.labels.size(), data.groups.size(), data.split.size());
  AIFT_EXPECT(
      classes() >= 2, ValueError,
      "A classifier needs at least 2 classes; the data set names {}. Name them when nothing "
      "is labelled yet.",
      classes());
  for (std::size_t i = 0; i < n; ++i) {
    AIFT_EXPECT(data.labels[i] >= kUnlabelled && data.labels[i] < classes(), ValueError,
                "Labels must be in [0, {}) or {}; candidate {} has {}.", classes(), kUnlabelled, i,
                data.labels[i]);
    AIFT_EXPECT(
        data.groups[i] >= 0 && data.groups[i] < static_cast<index_t>(data.group_names.size()),
        ValueError, "Groups must be in [0, {}); candidate {} has {}.", data.group_names.size(), i,
        data.groups[i]);
  }
  const ModelInfo& info = o.initial->info();
  AIFT_EXPECT(info.classes == classes(), ShapeError,
              "The initial model must have one output for each of the {} classes; \"{}\" has {}.",
              classes(), info.architecture, info.classes);
  AIFT_EXPECT(o.budget >= 1, ValueError, "budget must be at least 1 label per round; got {}.",
              o.budget);
  AIFT_EXPECT(o.rounds >= 0 && o.max_labels >= 0, ValueError,
              "rounds and max_labels must be at least 1, or 0 for no limit; got {} and {}.",
              o.rounds, o.max_labels);
  AIFT_EXPECT(o.batch >= 1 && o.workers >= 1, ValueError,
              "batch and workers must be at least 1; got {} and {}.", o.batch, o.workers);
  AIFT_EXPECT(o.test_share >= 0 && o.test_share < 1, ValueError,
              "test_share must be in [0, 1); got {}.", o.test_share);
  AIFT_EXPECT(o.max_unreadable >= 0 && o.max_unreadable <= 1, ValueError,
              "max_unreadable must be in [0, 1]; got {}.", o.max_unreadable);
  AIFT_EXPECT(o.start != StartFrom::scratch || o.make_scratch, ValueError,
              "Starting from scratch needs make_scratch, which makes an untrained model.");
  AIFT_EXPECT(o.folder.empty() || o.load, ValueError,
              "A run folder needs a loader for the models in it (LearnerOptions::load).");

  score_selector = dynamic_cast<const ScoreSelector*>(o.selector);
  const Needs needs = o.selector->needs();
  AIFT_EXPECT(!needs.scores || score_selector != nullptr, ValueError,
              "The selector \"{}\" needs scores, and a pool is scored in chunks: derive it from "
              "ScoreSelector.",
              o.selector->name());
  AIFT_EXPECT(!needs.features || info.feature_size >= 1, ValueError,
              "The selector \"{}\" needs features, and the model \"{}\" gives none.",
              o.selector->name(), info.architecture);
  check_rules(info);
  if (o.first == FirstBatch::imagenet) {
    AIFT_EXPECT(o.first_model != nullptr, ValueError,
                "The first batch \"imagenet\" needs a network with its own head (first_model).");
    if (o.first_selector == nullptr) {
      own_first_selector = SelectorRegistry::with_builtin().make("aift");
      o.first_selector = own_first_selector.get();
    }
    AIFT_EXPECT(!o.first_selector->needs().features || o.first_model->info().feature_size >= 1,
                ValueError, "The first selector \"{}\" needs features; the first model gives none.",
                o.first_selector->name());
    AIFT_EXPECT(dynamic_cast<const ScoreSelector*>(o.first_selector) != nullptr, ValueError,
                "The first batch \"imagenet\" is picked by a score; \"{}\" makes none.",
                o.first_selector->name());
  }
  if (o.first_augmenter == nullptr) o.first_augmenter = o.augmenter;

  if (o.rounds > 0) o.stopping.push_back(std::make_shared<MaxRounds>(o.rounds));
  if (o.max_labels > 0) o.stopping.push_back(std::make_shared<MaxLabels>(o.max_labels));
  o.stopping.push_back(std::make_shared<EmptyPool>());
  for (const auto& rule : o.stopping)
    AIFT_EXPECT(rule != nullptr, ValueError, "A stopping rule must not be null.");
}

void ActiveLearner::Impl::check_rules(const ModelInfo& info) const {
  o.rules.validate();
  AIFT_EXPECT(!o.rules.needs().features || info.feature_size >= 1, ValueError,
              "The batch rule veto_similarity needs features, and the model \"{}\" gives none.",
              info.architecture);
  const std::size_t n = o.data->paths.size();
  const auto expect_column = [n](bool needed, std::size_t size, std::string_view rule,
                                 std::string_view what) {
    AIFT_EXPECT(!needed || size == n, ValueError,
                "The batch rule {} needs {} of the {} candidates; the data set has {}.", rule, what,
                n, size);
  };
  expect_column(o.rules.min_gap > 0, o.data->times.size(), "min_gap", "times");
  expect_column(o.rules.min_gap > 0 && !o.data->sequences.empty(), o.data->sequences.size(),
                "min_gap", "sequences");
  expect_column(o.rules.max_cost > 0, o.data->costs.size(), "max_cost", "costs");
}

std::string ActiveLearner::Impl::rules_fact() const {
  std::uint64_t sum = 0;
  const auto mix = [&](std::size_t i, std::uint64_t column, double value) {
    const auto bits = std::bit_cast<std::uint64_t>(std::isnan(value) ? -1e300 : value);
    sum += splitmix64(splitmix64(o.data->ids[i] ^ column) ^ bits);
  };
  for (std::size_t i = 0; i < o.data->paths.size(); ++i) {
    if (o.rules.min_gap > 0) mix(i, 1, o.data->times[i]);
    if (o.rules.max_cost > 0) mix(i, 2, o.data->costs[i]);
  }
  return fmt::format("{}, {:016x}", o.rules.text(), sum);
}

Fingerprint ActiveLearner::Impl::fingerprint() const {
  Fingerprint print = machine_fingerprint(o.threads);
  print.add("data", data_hash());
  print.add("seed", std::to_string(o.seed));
  print.add("budget", std::to_string(o.budget));
  print.add("selector", std::string(o.selector->name()));
  print.add("first batch",
            o.first == FirstBatch::imagenet
                ? fmt::format("imagenet, by {} of {} with {} classes", o.first_selector->name(),
                              o.first_model->info().architecture, o.first_model->info().classes)
                : std::string(detail::to_text(o.first)));
  print.add("start", std::string(to_text(o.start)));
  print.add("train set", std::string(to_text(o.set)));
  print.add("trainer", std::string(o.trainer->name()));
  print.add("augmenter", fmt::format("{}, {} views to score, {} to test", o.augmenter->name(),
                                     o.augmenter->patches(Purpose::scoring),
                                     o.augmenter->patches(Purpose::test)));
  const ModelInfo& info = o.initial->info();
  print.add("model",
            fmt::format("{}, {} classes, input [{}, {}, {}]", info.architecture, info.classes,
                        info.input.channels, info.input.height, info.input.width));
  print.add("batch", std::to_string(o.batch));
  print.add("test share", fmt::format("{}", o.test_share));
  if (o.rules.any()) print.add("batch rules", rules_fact());
  for (const auto& [name, value] : o.facts)
    print.add(name, value);
  return print;
}

std::string ActiveLearner::Impl::data_hash() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < o.data->paths.size(); ++i) {
    std::uint64_t h = splitmix64(o.data->ids[i]);
    h = splitmix64(h ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(o.data->labels[i])));
    h = splitmix64(h ^ static_cast<std::uint64_t>(group_key(static_cast<index_t>(i))));
    h = splitmix64(h ^ (o.data->split.empty() ? 0U : o.data->split[i]));
    sum += h;  // the same in any order
  }
  sum = splitmix64(sum ^ static_cast<std::uint64_t>(o.data->paths.size()));
  for (const std::string& name : o.data->class_names)
    sum = splitmix64(sum ^ io::candidate_id(name));
  return fmt::format("{} candidates, {:016x}", o.data->paths.size(), sum);
}

}  // namespace aift
