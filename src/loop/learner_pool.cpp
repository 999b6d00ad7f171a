// SPDX-License-Identifier: Apache-2.0
// Who can be asked for, who is tested on, and whose image cannot be read.
#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/loop/splits.hpp>

#include "learner.hpp"

namespace aift {

// ------------------------------------------------------------------ pool and test set

void ActiveLearner::Impl::assign_roles(Progress& progress) {
  const io::Dataset& data = *o.data;
  const index_t n = data.size();
  roles.assign(static_cast<std::size_t>(n), Role::pool);
  const bool given = std::any_of(data.split.begin(), data.split.end(), [](std::uint8_t split) {
    return split == static_cast<std::uint8_t>(io::Split::test);
  });
  if (given) {
    for (index_t i = 0; i < n; ++i) {
      if (data.split[static_cast<std::size_t>(i)] == static_cast<std::uint8_t>(io::Split::test))
        role(i) = Role::test;
    }
  } else if (o.test_share > 0) {
    split_by_group(progress);
  }
  expect_whole_groups();

  index_t unlabelled = 0;
  index_t untested = 0;
  for (index_t i = 0; i < n; ++i) {
    if (role(i) == Role::pool && o.oracle != nullptr && !o.oracle->can_label(data.ref(i))) {
      role(i) = Role::out;
      ++unlabelled;
    } else if (role(i) == Role::test && known_label(i) == kUnlabelled) {
      role(i) = Role::out;
      ++untested;
    }
  }
  if (unlabelled > 0) {
    progress.note(fmt::format(
        "{} candidates of the pool have no label that the {} reader could give; left out.",
        unlabelled, o.oracle->name()));
  }
  if (untested > 0) {
    progress.note(fmt::format("{} candidates of the test set have no label; left out.", untested));
  }
}

void ActiveLearner::Impl::split_by_group(Progress& progress) {
  std::vector<index_t> labelled;
  for (index_t i = 0; i < o.data->size(); ++i) {
    if (known_label(i) != kUnlabelled) labelled.push_back(i);
  }
  if (labelled.empty()) {
    progress.note("Nothing is labelled beforehand, so there is no test set and no metrics.");
    return;
  }
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  for (const index_t i : labelled) {
    groups.push_back(group_key(i));
    labels.push_back(known_label(i));
  }
  const std::vector<std::uint8_t> side =
      grouped_test_split(groups, labels, classes(), o.test_share, o.seed);
  std::set<index_t> tested;
  for (std::size_t j = 0; j < labelled.size(); ++j) {
    if (side[j] != 0) tested.insert(groups[j]);
  }
  // An unlabelled member of a test group leaves the pool with it.
  for (index_t i = 0; i < o.data->size(); ++i) {
    if (tested.contains(group_key(i))) role(i) = Role::test;
  }
}

void ActiveLearner::Impl::expect_whole_groups() {
  std::vector<Role> side(o.data->group_names.size(), Role::out);
  for (index_t i = 0; i < o.data->size(); ++i) {
    Role& first = side[static_cast<std::size_t>(o.data->groups[static_cast<std::size_t>(i)])];
    if (first == Role::out) first = role(i);
    AIFT_EXPECT(
        first == role(i), ValueError,
        "A group must be wholly in the pool or wholly in the test set; that of candidate {} "
        "is in both. Change its split.",
        i);
  }
}

void ActiveLearner::Impl::list_members() {
  std::vector<CandidateRef> in_pool;
  std::vector<CandidateRef> in_test;
  for (index_t i = 0; i < o.data->size(); ++i) {
    if (role(i) == Role::pool) in_pool.push_back(o.data->ref(i));
    if (role(i) == Role::test) in_test.push_back(o.data->ref(i));
  }
  pool = Members(std::move(in_pool));
  test = Members(std::move(in_test)).list();
}

void ActiveLearner::Impl::drop_members() {
  pool.remove_if([this](const CandidateRef& c) { return role(c.index) != Role::pool; });
  std::erase_if(test, [this](const CandidateRef& c) { return role(c.index) != Role::test; });
}

std::vector<index_t> ActiveLearner::Impl::count_pool_classes() const {
  std::vector<index_t> counts(static_cast<std::size_t>(classes()));
  for (index_t i = 0; i < pool.size(); ++i) {
    const label_t label = known_label(pool[i].index);
    if (label == kUnlabelled) return {};
    ++counts[static_cast<std::size_t>(label)];
  }
  return counts;
}

void ActiveLearner::Impl::check_classes(Progress& progress) const {
  AIFT_EXPECT(!pool.empty(), ValueError,
              "There is no candidate to ask for: all {} are of the test set, unreadable or without "
              "an answer.",
              o.data->size());
  std::vector<index_t> in_pool(static_cast<std::size_t>(classes()));
  std::vector<index_t> in_test(static_cast<std::size_t>(classes()));
  bool all_known = true;
  for (index_t i = 0; i < pool.size(); ++i) {
    const label_t label = known_label(pool[i].index);
    all_known = all_known && label != kUnlabelled;
    if (label != kUnlabelled) ++in_pool[static_cast<std::size_t>(label)];
  }
  for (const CandidateRef& c : test)
    ++in_test[static_cast<std::size_t>(known_label(c.index))];
  if (o.oracle != nullptr && all_known) {  // a simulation: what is not there cannot be learnt
    for (std::size_t k = 0; k < in_pool.size(); ++k) {
      AIFT_EXPECT(in_pool[k] > 0 || in_test[k] == 0, ValueError,
                  "Class {} has {} candidates in the test set and none in the pool, so it could "
                  "never be learnt; change the split or leave the class out.",
                  k, in_test[k]);
    }
    const auto present =
        std::count_if(in_pool.begin(), in_pool.end(), [](index_t count) { return count > 0; });
    AIFT_EXPECT(present >= 2, ValueError,
                "The pool must hold at least 2 classes; all of its {} candidates are of one.",
                pool.size());
  }
  if (!test.empty()) {
    for (std::size_t k = 0; k < in_test.size(); ++k) {
      if (in_test[k] == 0) {
        progress.note(fmt::format("The test set has no candidate of class {} ({}).", k,
                                  o.data->class_names[k]));
      }
    }
  }
}

// ------------------------------------------------------------------ unreadable images

void ActiveLearner::Impl::exclude(RunState& into, const CandidateRef& candidate,
                                  const std::string& reason, Progress& progress) const {
  const bool there =
      std::any_of(into.excluded.begin(), into.excluded.end(),
                  [&](const ExcludedCandidate& e) { return e.candidate.id == candidate.id; });
  if (there) return;
  const bool said = !into.excluded.empty() && into.excluded.back().reason == reason;
  into.excluded.push_back(
      {candidate, o.data->paths[static_cast<std::size_t>(candidate.index)], reason});
  if (!said) progress.note(reason);  // the missing frames of a video have one reason
}

void ActiveLearner::Impl::exclude_known(Progress& progress) {
  for (const io::BadImage& bad : o.unreadable) {
    AIFT_EXPECT(bad.index >= 0 && bad.index < o.data->size(), ValueError,
                "An unreadable image must be one of the {} candidates; got {}.", o.data->size(),
                bad.index);
    exclude(state, o.data->ref(bad.index), bad.reason, progress);
  }
  mark_excluded(state);
}

void ActiveLearner::Impl::mark_excluded(const RunState& from) {
  for (const ExcludedCandidate& e : from.excluded) {
    if (role(e.candidate.index) == Role::asked) continue;
    role(e.candidate.index) = Role::unreadable;
  }
}

bool ActiveLearner::Impl::is_excluded(const CandidateRef& candidate) const {
  return std::any_of(state.excluded.begin(), state.excluded.end(),
                     [&](const ExcludedCandidate& e) { return e.candidate.id == candidate.id; });
}

void ActiveLearner::Impl::expect_readable_enough(const RunState& of) const {
  const auto bad = static_cast<double>(of.excluded.size());
  const auto all = static_cast<double>(o.data->size());
  AIFT_EXPECT(bad <= o.max_unreadable * all, IoError,
              "{} of {} images cannot be read, more than the share of {} that is allowed; repair "
              "them or allow more.",
              of.excluded.size(), o.data->size(), o.max_unreadable);
}

void ActiveLearner::Impl::drop_unreadable(const Unreadable& bad, Progress& progress) {
  if (bad.empty()) return;
  RunState next = state;
  for (const auto& [candidate, reason] : bad)
    exclude(next, candidate, reason, progress);
  expect_readable_enough(next);
  commit(std::move(next));
  mark_excluded(state);
  drop_members();
}

detail::Unreadable ActiveLearner::Impl::unreadable_among(std::span<const CandidateRef> members,
                                                         index_t round, Progress& progress) const {
  Unreadable bad;
  const PatchFormat& format = o.initial->info().input;
  std::vector<float> patch(static_cast<std::size_t>(format.elements()));
  for (const CandidateRef& candidate : members) {
    throw_if_cancelled(progress);
    try {
      const PatchPlan plan = o.augmenter->plan(candidate, Purpose::scoring, round, 0);
      o.augmenter->render({&plan, 1}, *o.source, {patch.data(), 1, format});
    } catch (const IoError& error) {
      bad.emplace_back(candidate, error.what());
    }
  }
  return bad;
}

}  // namespace aift
