// SPDX-License-Identifier: Apache-2.0
// Going on with a run that was found; stopping and committing.
#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>

#include "learner.hpp"

namespace aift {

// ------------------------------------------------------------------ going on with a run

void ActiveLearner::Impl::adopt(RunState found, Progress& progress) {
  const std::vector<std::string> differences = found.fingerprint.differences(state.fingerprint);
  if (!differences.empty()) {
    std::string list;
    for (const std::string& difference : differences)
      list += (list.empty() ? "" : "; ") + difference;
    AIFT_EXPECT(o.force, IoError,
                "The run in {} was made differently ({}), so it would not go on as it began; make "
                "these equal, or force it and accept other numbers.",
                o.folder.string(), list);
    found.notes.push_back(
        fmt::format("Resumed by force after {} rounds although it was made "
                    "differently: {}.",
                    found.rounds.size(), list));
    progress.note(found.notes.back());
    found.fingerprint = state.fingerprint;
  }
  AIFT_EXPECT(found.class_names.size() == state.class_names.size(), IoError,
              "The run in {} has {} classes and the data set {}; give the run's own data.",
              o.folder.string(), found.class_names.size(), state.class_names.size());
  found.class_names = state.class_names;
  found.seed = state.seed;
  found.synthetic = state.synthetic;
  state = std::move(found);

  // Positions in the data set are found again by id; texts come from the data set, byte for byte.
  std::unordered_map<std::uint64_t, index_t> wanted;
  const auto want = [&](const CandidateRef& candidate) { wanted.emplace(candidate.id, -1); };
  const auto each_round = [this](auto&& visit) {
    for (RoundRecord& round : state.rounds)
      visit(round);
    if (state.pending) visit(*state.pending);
  };
  each_round([&](RoundRecord& round) {
    for (const Pick& pick : round.picks)
      want(pick.candidate);
  });
  for (const ExcludedCandidate& e : state.excluded)
    want(e.candidate);
  for (index_t i = 0; i < o.data->size(); ++i) {
    const auto entry = wanted.find(o.data->ids[static_cast<std::size_t>(i)]);
    if (entry != wanted.end()) entry->second = i;
  }
  const auto locate = [&](CandidateRef& candidate) {
    const index_t index = wanted.at(candidate.id);
    AIFT_EXPECT(index >= 0, IoError,
                "The run in {} asked for candidate {} ({:016x}), which the data set does not hold; "
                "give the run's own data.",
                o.folder.string(), candidate.index, candidate.id);
    candidate.index = index;
  };
  each_round([&](RoundRecord& round) {
    for (Pick& pick : round.picks) {
      locate(pick.candidate);
      AIFT_EXPECT(
          role(pick.candidate.index) == Role::pool, IoError,
          "Candidate {} was asked for in the run in {} and is not of the pool now, or asked "
          "for twice; give the run's own data and split.",
          pick.candidate.index, o.folder.string());
      role(pick.candidate.index) = Role::asked;
      pick.path = o.data->paths[static_cast<std::size_t>(pick.candidate.index)];
      pick.group = group_name(pick.candidate.index);
    }
  });
  for (ExcludedCandidate& e : state.excluded) {
    locate(e.candidate);
    e.path = o.data->paths[static_cast<std::size_t>(e.candidate.index)];
  }
}

void ActiveLearner::Impl::load_model() {
  const auto last = std::find_if(state.rounds.rbegin(), state.rounds.rend(),
                                 [](const RoundRecord& round) { return round.trained; });
  if (last == state.rounds.rend()) return;
  current = o.load(folder->model_path(last->model_file));
  AIFT_EXPECT(current != nullptr && current->info().classes == classes(), IoError,
              "{} must hold a model of {} classes, as this run wrote it.",
              folder->model_path(last->model_file).string(), classes());
}

// ------------------------------------------------------------------ stopping and committing

std::optional<StopReason> ActiveLearner::Impl::why_stop(const RunState& of, index_t left) const {
  if (of.pending) return std::nullopt;
  const LoopStatus status{of.rounds, of.labels(), left};
  for (const auto& rule : o.stopping) {
    if (std::optional<std::string> reason = rule->check(status))
      return StopReason{std::string(rule->name()), std::move(*reason)};
  }
  return std::nullopt;
}

void ActiveLearner::Impl::commit(RunState next) {
  if (folder) folder->write_state(next);
  state = std::move(next);
}

}  // namespace aift
