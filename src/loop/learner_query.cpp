// SPDX-License-Identifier: Apache-2.0
// Whom to ask, and what they answer.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/score_selector.hpp>

#include "first_draw.hpp"
#include "learner.hpp"
#include "pick_predictions.hpp"

namespace aift {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

// ------------------------------------------------------------------ what is labelled already

void ActiveLearner::Impl::train_on_start_set(Progress& progress) {
  if (o.oracle != nullptr) return;
  if (!state.pending && state.rounds.empty() && !state.stop) record_start_set(progress);
  if (state.pending && state.answered && state.pending->rule == kStartSet) train(progress);
}

void ActiveLearner::Impl::record_start_set(Progress& progress) {
  std::vector<CandidateRef> known;
  for (index_t i = 0; i < pool.size(); ++i) {
    if (known_label(pool[i].index) != kUnlabelled) known.push_back(pool[i]);
  }
  if (known.empty()) return;
  drop_unreadable(unreadable_among(known, 0, progress), progress);
  RoundRecord record;
  record.rule = kStartSet;
  record.agreement = kNan;
  for (const CandidateRef& candidate : known) {
    if (role(candidate.index) != Role::pool) continue;
    record.picks.push_back(make_pick(candidate));
    record.picks.back().label = known_label(candidate.index);
    record.picks.back().reason = "Labelled before the run began.";
  }
  if (record.picks.empty()) return;
  RunState next = state;
  next.pending = std::move(record);
  next.answered = true;
  commit(std::move(next));
  for (const Pick& pick : state.pending->picks)
    role(pick.candidate.index) = Role::asked;
  drop_members();
}

// ------------------------------------------------------------------ asking

PipelineOptions ActiveLearner::Impl::pipeline(std::string_view stage) const {
  PipelineOptions options;
  options.batch = o.batch;
  options.workers = o.workers;
  options.stage = stage;
  return options;
}

bool ActiveLearner::Impl::open_query(Progress& progress) {
  const Clock::time_point start = Clock::now();
  RoundRecord record;
  record.round = static_cast<index_t>(state.rounds.size());
  while (!pool.empty()) {
    record.picks.clear();
    record.vetoed = {};
    record.shortfall.clear();
    choose(record, progress);
    if (explain(record, progress)) break;  // else: somebody unreadable was picked
  }
  record.has_model = has_model();
  record.agreement = kNan;
  record.times.score = detail::seconds_since(start);

  RunState next = state;
  if (pool.empty()) {
    next.stop = why_stop(next, 0);
  } else if (record.picks.empty()) {
    next.stop = StopReason{"batch_rules", record.shortfall};
  } else {
    if (!record.shortfall.empty()) progress.note(record.shortfall);
    next.pending = std::move(record);
    next.answered = false;
  }
  commit(std::move(next));
  if (state.pending) {
    for (const Pick& pick : state.pending->picks)
      role(pick.candidate.index) = Role::asked;
  }
  drop_members();
  asked_at = Clock::now();
  return state.pending.has_value();
}

void ActiveLearner::Impl::choose(RoundRecord& record, Progress& progress) {
  index_t budget = o.budget;
  if (o.max_labels > 0) budget = std::min(budget, o.max_labels - state.labels());
  if (has_model()) {
    record.rule = o.selector->name();
    select(record, *o.selector, model(), *o.augmenter, budget, o.rules, progress);
  } else if (o.first == FirstBatch::imagenet) {
    record.rule = detail::to_text(o.first);
    select(record, *o.first_selector, *o.first_model, *o.first_augmenter, budget, o.rules,
           progress);
  } else {
    record.rule = detail::to_text(o.first);
    BatchRules rules = o.rules;
    rules.veto_similarity = 1;  // no features are there
    if (rules.min_gap == 0) rules.against_labelled = false;
    select(record, FirstDraw(), model(), *o.augmenter, budget, rules, progress);
  }
}

Pick ActiveLearner::Impl::make_pick(const CandidateRef& candidate) const {
  Pick pick;
  pick.candidate = candidate;
  pick.path = o.data->paths[static_cast<std::size_t>(candidate.index)];
  pick.group = group_name(candidate.index);
  pick.score = pick.entropy = pick.diversity = kNan;
  return pick;
}

void ActiveLearner::Impl::select(RoundRecord& record, const Selector& selector, const Model& by,
                                 const Augmenter& augmenter, index_t budget,
                                 const BatchRules& rules, Progress& progress) {
  Needs needs = selector.needs();
  needs.features |= rules.needs().features;
  needs.labels |= rules.needs().labels;
  needs.groups |= rules.needs().groups;
  const auto* scorer = dynamic_cast<const ScoreSelector*>(&selector);
  // Selectors that compare with what is labelled already see it, marked by its label.
  std::unordered_map<std::uint64_t, label_t> answers;
  Members with_labelled;
  if (needs.labels) {
    std::vector<CandidateRef> list = pool.list();
    for (const LabelledCandidate& one : labelled_so_far()) {
      answers.emplace(one.candidate.id, one.label);
      list.push_back(one.candidate);
    }
    with_labelled = Members(std::move(list));
  }
  const Members& members = needs.labels ? with_labelled : pool;

  PoolSummary summary;
  Unreadable bad;
  if (needs.scores || needs.mean_probabilities || needs.features) {
    PipelineOptions options = pipeline("score");
    options.on_unreadable = [&](index_t position, const std::string& reason) {
      bad.emplace_back(members[position], reason);
    };
    summary = summarise_pool(
        by, augmenter, *o.source, members.size(), [&](index_t i) { return members[i]; },
        Purpose::scoring, record.round,
        {.scorer = needs.scores ? scorer : nullptr,
         .mean_probabilities = needs.mean_probabilities,
         .mean_features = needs.features},
        options, progress);
    if (!bad.empty()) {
      drop_unreadable(bad, progress);
      with_labelled.remove_if([this](const CandidateRef& c) { return is_excluded(c); });
      if (pool.empty()) return;
    }
  }

  PoolView view;
  view.size = members.size();
  view.classes = by.info().classes;
  if (needs.scores) view.scores = &summary.scores;
  view.mean_probabilities = summary.mean_probabilities;
  view.features = summary.mean_features;
  view.feature_size = needs.features ? by.info().feature_size : 0;
  std::vector<label_t> labels;
  std::vector<index_t> groups;
  view.ids = members.ids();
  if (needs.labels) {
    for (const std::uint64_t id : members.ids()) {
      const auto answer = answers.find(id);
      labels.push_back(answer == answers.end() ? kUnlabelled : answer->second);
    }
    view.labels = labels;
  }
  if (needs.groups) {
    for (index_t i = 0; i < members.size(); ++i)
      groups.push_back(group_key(members[i].index));
    view.groups = groups;
  }

  std::vector<double> times;
  std::vector<index_t> sequences;
  std::vector<double> costs;
  const auto gather = [&]<class T>(const std::vector<T>& from, std::vector<T>& column) {
    for (index_t i = 0; i < members.size() && !from.empty(); ++i)
      column.push_back(from[static_cast<std::size_t>(members[i].index)]);
    return std::span<const T>(column);
  };
  if (rules.min_gap > 0) {
    view.times = gather(o.data->times, times);
    view.sequences = gather(o.data->sequences, sequences);
  }
  if (rules.max_cost > 0) view.costs = gather(o.data->costs, costs);

  const Selection picked =
      select_batch(selector, rules, view, budget, {o.seed, record.round, o.executor});
  record.vetoed = picked.vetoed;
  record.shortfall = picked.shortfall;
  AIFT_EXPECT(picked.size() >= 1 || !picked.shortfall.empty(), ValueError,
              "A selector must pick somebody from {} candidates; \"{}\" picked nobody.", view.size,
              selector.name());
  for (std::size_t r = 0; r < picked.indices.size(); ++r) {
    Pick pick = make_pick(members[picked.indices[r]]);
    if (!picked.score.empty()) pick.score = picked.score[r];
    if (!picked.entropy.empty()) pick.entropy = picked.entropy[r];
    if (!picked.diversity.empty()) pick.diversity = picked.diversity[r];
    if (!picked.dominant.empty() && !asked_by_first_model()) pick.dominant = picked.dominant[r];
    if (!picked.reason.empty()) pick.reason = picked.reason[r];
    if (!picked.audit.empty()) pick.audit = picked.audit[r] != 0;
    record.picks.push_back(std::move(pick));
  }
}

bool ActiveLearner::Impl::explain(RoundRecord& record, Progress& progress) {
  Unreadable bad;
  std::vector<CandidateRef> picked;
  for (const Pick& pick : record.picks)
    picked.push_back(pick.candidate);

  const bool by_first = asked_by_first_model();
  if (has_model() || by_first) {
    const Model& by = by_first ? *o.first_model : model();
    const auto* scorer =
        by_first ? dynamic_cast<const ScoreSelector*>(o.first_selector) : score_selector;
    PipelineOptions options = pipeline("explain");
    options.on_unreadable = [&](index_t position, const std::string& reason) {
      bad.emplace_back(picked[static_cast<std::size_t>(position)], reason);
    };
    std::vector<double> rows;
    predict_pool(
        by, by_first ? *o.first_augmenter : *o.augmenter, *o.source, picked, Purpose::scoring,
        record.round, options, progress, [&](const PredictedChunk& chunk) {
          ScoreTable table;
          if (scorer != nullptr) {
            table.request.kept = true;
            scorer->score(
                PatchPredictions::dense(chunk.logits.data(), chunk.candidates, chunk.patches,
                                        chunk.classes, PredictionKind::logits),
                table);
          }
          rows.resize(chunk.logits.size());
          softmax_rows(chunk.logits, chunk.classes, rows);
          const auto each = static_cast<std::size_t>(chunk.patches * chunk.classes);
          for (index_t i = 0; i < chunk.candidates; ++i) {
            Pick& pick = record.picks[static_cast<std::size_t>(chunk.first + i)];
            pick.patches = chunk.patches;
            if (scorer != nullptr) {
              const auto kept = table.kept_of(i);
              pick.kept.assign(kept.begin(), kept.end());
            }
            if (by_first) continue;  // its classes are not those of the data
            keep_predictions(pick,
                             std::span(rows).subspan(static_cast<std::size_t>(i) * each, each),
                             chunk.classes);
          }
        });
  } else {
    bad = unreadable_among(picked, record.round, progress);
  }
  drop_unreadable(bad, progress);
  return bad.empty();
}

// ------------------------------------------------------------------ answers

void ActiveLearner::Impl::submit(std::span<const label_t> labels) {
  AIFT_EXPECT(state.pending.has_value(), ValueError,
              "There is no open query to answer; ask first (query).");
  AIFT_EXPECT(!state.answered, ValueError,
              "The query of round {} is answered already; train on it (train).",
              state.pending->round);
  AIFT_EXPECT(labels.size() == state.pending->picks.size(), ShapeError,
              "A query is answered with one label per pick; it has {} picks and {} labels came.",
              state.pending->picks.size(), labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    AIFT_EXPECT(labels[i] >= kUnlabelled && labels[i] < classes(), ValueError,
                "A label must be in [0, {}), or {} for \"cannot tell\"; pick {} got {}.", classes(),
                kUnlabelled, i, labels[i]);
  }
  RunState next = state;
  for (std::size_t i = 0; i < labels.size(); ++i)
    next.pending->picks[i].label = labels[i];
  next.answered = true;
  next.pending->times.label = detail::seconds_since(asked_at);
  next.pending->agreement = agreement(next.pending->picks);
  commit(std::move(next));
}

double ActiveLearner::Impl::agreement(const std::vector<Pick>& picks) const {
  index_t asked = 0;
  index_t right = 0;
  for (const Pick& pick : picks) {
    if (pick.label == kUnlabelled || pick.top.empty()) continue;
    ++asked;
    right += pick.top.front().first == pick.label ? 1 : 0;
  }
  return asked == 0 ? kNan : static_cast<double>(right) / static_cast<double>(asked);
}

}  // namespace aift
