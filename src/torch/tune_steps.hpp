// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tune_views.hpp"

// The training steps themselves.
namespace aift::nn::tuning {

/// Numbers of the random streams of further members, behind those of the guard's folds.
inline constexpr index_t kMemberStreams = 100;

struct TuneReport {
  index_t steps = 0;
  double loss_first = 0;  ///< mean over the first eighth of the steps, or more
  double loss_last = 0;   ///< over the last
  bool held_out = false;
  double holdout_log_loss = 0;
  index_t best_step = 0;
};

/// What depends on the size of the labelled set and on the start.
struct Schedule {
  index_t steps = 0;
  double rate = 1;  ///< factor of both rates
  double mix = 1;
};

/// Trains stages [views.first_stage, ..) and the head of `network` in place.
TuneReport tune(Task& task, const Views& views, Network& network,
                const std::vector<index_t>& candidates, const std::vector<index_t>& holdout,
                const Schedule& schedule, index_t stream);

/// The schedule for so many labelled candidates; `continued`: the start was trained before.
Schedule schedule_for(const FineTuneOptions& options, index_t samples, bool continued);

}  // namespace aift::nn::tuning
