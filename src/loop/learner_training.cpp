// SPDX-License-Identifier: Apache-2.0
// Training on the answers, and measuring what it gave.
#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/pool_pipeline.hpp>

#include "learner.hpp"
#include "learning_step.hpp"

namespace aift {

LabelledCandidate ActiveLearner::Impl::labelled(const Pick& pick) const {
  return {pick.candidate, pick.label, group_key(pick.candidate.index)};
}

std::vector<LabelledCandidate> ActiveLearner::Impl::labelled_so_far(index_t from_round) const {
  std::vector<LabelledCandidate> out;
  const auto add = [&](const RoundRecord& round) {
    if (round.round < from_round) return;
    for (const Pick& pick : round.picks) {
      if (pick.label != kUnlabelled && !is_excluded(pick.candidate)) out.push_back(labelled(pick));
    }
  };
  for (const RoundRecord& round : state.rounds)
    add(round);
  if (state.pending && state.answered) add(*state.pending);
  return out;
}

const RoundRecord& ActiveLearner::Impl::train(Progress& progress) {
  AIFT_EXPECT(state.pending && state.answered, ValueError,
              "There are no new labels to train on; ask and answer first (query, submit).");
  RoundRecord record = *state.pending;
  record.labels = state.labels();

  const Clock::time_point start = Clock::now();
  std::unique_ptr<Model> trained = fit_readable(record, progress);
  record.times.train = detail::seconds_since(start);
  record.trained = trained != nullptr;
  record.has_model = has_model() || record.trained;

  const Clock::time_point tested = Clock::now();
  PredictionTable predictions(o.data->class_names, record.round);
  measure(record, trained ? *trained : model(), predictions, progress);
  if (trained && folder) predict_labelled(*trained, predictions, progress);
  record.times.test = detail::seconds_since(tested);

  throw_if_cancelled(progress);
  if (trained) {
    record.model_file = RunFolder::model_name(record.round, *trained);
    if (folder) {
      folder->save_model(*trained, record.model_file);
      folder->write_predictions(predictions.csv());
    }
  }
  RunState next = state;
  next.pending.reset();
  next.answered = false;
  next.rounds.push_back(std::move(record));
  next.stop = why_stop(next, pool_left());
  commit(std::move(next));
  if (trained) current = std::move(trained);
  if (folder) {
    folder->write_tables(state);
    if (o.keep == KeepModels::last)
      folder->remove_orphans(state, o.keep, o.initial->info().file_type);
  }
  return state.rounds.back();
}

std::unique_ptr<Model> ActiveLearner::Impl::fit_readable(RoundRecord& record, Progress& progress) {
  for (;;) {
    try {
      return fit(record, progress);
    } catch (const IoError&) {
      std::vector<CandidateRef> members;
      for (const LabelledCandidate& one : labelled_so_far())
        members.push_back(one.candidate);
      const Unreadable bad = unreadable_among(members, record.round, progress);
      if (bad.empty()) throw;  // it was something else
      drop_unreadable(bad, progress);
      record.fit = {};
    }
  }
}

std::unique_ptr<Model> ActiveLearner::Impl::fit(RoundRecord& record, Progress& progress) {
  // New is what the current model has not been trained on: rounds that could not train hand
  // their labels on.
  index_t first_fresh = 0;
  for (const RoundRecord& round : state.rounds) {
    if (round.trained) first_fresh = round.round + 1;
  }
  const std::vector<LabelledCandidate> all = labelled_so_far();
  const std::vector<LabelledCandidate> fresh = labelled_so_far(first_fresh);
  std::vector<LabelledCandidate> hard;
  std::vector<LabelledCandidate> samples;
  if (o.set == TrainSet::all) samples = all;
  if (o.set == TrainSet::only_new) samples = fresh;
  if (o.set == TrainSet::hard) {
    hard = misclassified(model(), *o.augmenter, *o.source,
                         std::span(all).first(all.size() - fresh.size()), record.round,
                         pipeline("hard"), progress);
    samples = hard;
    samples.insert(samples.end(), fresh.begin(), fresh.end());
  }
  if (classes_in(samples) < 2) {
    const std::string why =
        samples.empty() ? "there is no label to train on"
                        : fmt::format("all {} labels to train on are of one class", samples.size());
    record.fit.add("skipped", why);
    progress.note(fmt::format("Round {}: {}, so nothing is trained; the {} model stays.",
                              record.round, why, has_model() ? "current" : "untrained"));
    return nullptr;
  }

  TrainingRound round;
  round.round = record.round;
  round.seed = o.seed;
  round.classes = classes();
  round.class_names = o.data->class_names;
  round.set = o.set;
  round.fresh = fresh;
  round.all = all;
  round.misclassified = hard;
  round.samples = samples;
  round.augmenter = o.augmenter;
  round.source = o.source;

  if (folder) folder->expect_room();
  FitResult result =
      fit_round(*o.trainer, {o.start, o.make_scratch, *o.initial, model()}, round, progress);
  record.fit = std::move(result.report);
  return std::move(result.model);
}

PredictionTable::Row ActiveLearner::Impl::prediction_row(std::string_view split,
                                                         const CandidateRef& candidate,
                                                         label_t label,
                                                         std::span<const double> means) const {
  return {split,
          candidate.index,
          o.data->paths[static_cast<std::size_t>(candidate.index)],
          group_name(candidate.index),
          label,
          means};
}

void ActiveLearner::Impl::predict_labelled(const Model& by, PredictionTable& into,
                                           Progress& progress) const {
  const std::vector<LabelledCandidate> samples = labelled_so_far();
  std::vector<CandidateRef> members;
  for (const LabelledCandidate& one : samples)
    members.push_back(one.candidate);
  std::set<index_t> unreadable;  // since the training, a moment ago: only left out here
  PipelineOptions options = pipeline("review");
  options.on_unreadable = [&](index_t position, const std::string&) {
    unreadable.insert(position);
  };
  const std::vector<double> means = predict_mean_probabilities(
      by, *o.augmenter, *o.source, members, Purpose::test, state.pending->round, options, progress);
  const auto k = static_cast<std::size_t>(classes());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (unreadable.contains(static_cast<index_t>(i))) continue;
    into.add(prediction_row("labelled", members[i], samples[i].label,
                            std::span(means).subspan(i * k, k)));
  }
}

void ActiveLearner::Impl::measure(RoundRecord& record, const Model& by,
                                  PredictionTable& predictions, Progress& progress) {
  record.metrics = Metrics{};
  if (record.has_model && !record.trained) {  // the same model on the same images
    record.metrics = state.rounds.back().metrics;
    return;
  }
  const auto k = static_cast<std::size_t>(classes());
  std::vector<double> means;
  std::vector<label_t> labels;
  if (record.has_model) {
    Unreadable bad;
    const std::vector<CandidateRef> members = test;
    PipelineOptions options = pipeline("test");
    options.on_unreadable = [&](index_t position, const std::string& reason) {
      bad.emplace_back(members[static_cast<std::size_t>(position)], reason);
    };
    const std::vector<double> predicted = predict_mean_probabilities(
        by, *o.augmenter, *o.source, members, Purpose::test, record.round, options, progress);
    drop_unreadable(bad, progress);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (role(members[i].index) != Role::test) continue;
      const auto row = predicted.begin() + static_cast<std::ptrdiff_t>(i * k);
      means.insert(means.end(), row, row + static_cast<std::ptrdiff_t>(k));
      labels.push_back(known_label(members[i].index));
      predictions.add(prediction_row("test", members[i], labels.back(),
                                     std::span(predicted).subspan(i * k, k)));
    }
  } else {
    std::vector<double> frequency(k, 1.0);
    for (const LabelledCandidate& one : labelled_so_far())
      frequency[static_cast<std::size_t>(one.label)] += 1;
    double sum = 0;
    for (const double f : frequency)
      sum += f;
    for (const CandidateRef& candidate : test) {
      for (const double f : frequency)
        means.push_back(f / sum);
      labels.push_back(known_label(candidate.index));
    }
  }
  if (!labels.empty()) record.metrics = evaluate(means, labels, classes());
}

}  // namespace aift
