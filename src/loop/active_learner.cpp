// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/active_learner.hpp>

#include <utility>

#include <aift/core/error.hpp>

#include "learner.hpp"

namespace aift {

ActiveLearner::Impl::Impl(LearnerOptions options, Progress& progress) : o(std::move(options)) {
  check_options();
  state.seed = o.seed;
  state.class_names = o.data->class_names;
  state.synthetic = o.data->synthetic;
  state.fingerprint = fingerprint();
  if (!o.folder.empty()) folder.emplace(o.folder, o.open);
  const bool resumed = folder && folder->found();

  assign_roles(progress);
  if (resumed) {
    adopt(std::move(*folder->found()), progress);
  }
  exclude_known(progress);
  list_members();
  if (!resumed) {
    state.pool = pool.size();
    state.test = static_cast<index_t>(test.size());
    state.pool_classes = count_pool_classes();
    check_classes(progress);
  }
  expect_readable_enough(state);
  state.stop = why_stop(state, pool_left());

  if (folder) {
    if (resumed) {
      load_model();
    } else {
      folder->try_saving(*o.initial);
    }
    folder->write_state(state);
    folder->remove_orphans(state, o.keep, o.initial->info().file_type);
    folder->write_tables(state);
  }
}

ActiveLearner::ActiveLearner(LearnerOptions options, Progress& progress)
    : impl_(std::make_unique<Impl>(std::move(options), progress)) {}

ActiveLearner::~ActiveLearner() = default;
ActiveLearner::ActiveLearner(ActiveLearner&&) noexcept = default;
ActiveLearner& ActiveLearner::operator=(ActiveLearner&&) noexcept = default;

bool ActiveLearner::step(Progress& progress) {
  if (stopped()) return false;
  AIFT_EXPECT(impl_->o.oracle != nullptr, ValueError,
              "step() and run() need an oracle that answers; without one use query(), submit() and "
              "train().");
  if (!impl_->state.pending && !impl_->open_query(progress)) return false;
  if (!impl_->state.answered) {
    std::vector<CandidateRef> asked;
    for (const Pick& pick : impl_->state.pending->picks)
      asked.push_back(pick.candidate);
    throw_if_cancelled(progress);
    impl_->asked_at = detail::Clock::now();
    impl_->submit(impl_->o.oracle->label(asked, impl_->state.pending->round, progress));
  }
  impl_->train(progress);
  return true;
}

const StopReason& ActiveLearner::run(Progress& progress) {
  while (step(progress)) {
  }
  return *impl_->state.stop;
}

const RoundRecord& ActiveLearner::query(Progress& progress) {
  impl_->train_on_start_set(progress);
  if (impl_->state.pending) return *impl_->state.pending;
  AIFT_EXPECT(!stopped(), ValueError, "The run has ended, nobody is asked any more: {}",
              impl_->state.stop->reason);
  AIFT_EXPECT(impl_->open_query(progress), ValueError,
              "The run has ended, nobody is asked any more: {}", impl_->state.stop->reason);
  return *impl_->state.pending;
}

void ActiveLearner::submit(std::span<const label_t> labels) { impl_->submit(labels); }

const RoundRecord& ActiveLearner::train(Progress& progress) { return impl_->train(progress); }

bool ActiveLearner::stopped() const noexcept { return impl_->state.stop.has_value(); }
const RunState& ActiveLearner::state() const noexcept { return impl_->state; }
const Model& ActiveLearner::model() const noexcept { return impl_->model(); }
index_t ActiveLearner::pool_left() const noexcept { return impl_->pool_left(); }
std::span<const CandidateRef> ActiveLearner::test_set() const noexcept { return impl_->test; }

}  // namespace aift
