// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tune_steps.hpp"

// Whether a training did harm, judged on folds that it did not see.
namespace aift::nn::tuning {

struct GuardReport {
  bool possible = false;
  std::vector<double> gains;   ///< of the tuned network by the guard's metric, fold by fold
  std::vector<double> errors;  ///< standard error of each by the choice of the held-out candidates
  double probe_auc = 0, tuned_auc = 0;
  double probe_log_loss = 0, tuned_log_loss = 0;
};

/// Probe (or, without one, the parent as it is) and tuned network, each fitted without a fold,
/// looked at on that fold. Means over folds, because the scale of the outputs differs between the
/// networks of different folds: candidates of several folds must not be ranked together.
GuardReport run_guard(Task& task, const Views& views, const Network& start, bool from_probe,
                      const std::vector<float>& features, double l2, const Schedule& schedule);

/// Whether tuning did harm: worse by more than the tolerance and by more than chance explains.
bool harmful(const FineTuneOptions& options, const GuardReport& report);

}  // namespace aift::nn::tuning
