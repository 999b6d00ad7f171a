// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <aift/core/types.hpp>
#include <aift/store/settings.hpp>

namespace aift::store {

/// What the gate found.
struct GateDecision {
  bool accepted = true;         ///< the new model may take the place of the one before
  index_t reference = -1;       ///< number of the model it was compared with; -1: none
  double reference_value = 0;   ///< metric of the reference, on the samples both have predicted
  double value = 0;             ///< metric of the new model on the same samples
  double difference = 0;        ///< better is positive, whatever the metric
  double error = 0;             ///< standard error of the difference over the choice of groups
  index_t samples = 0;          ///< compared
  std::string reason;           ///< one sentence
};

/// Whether a model is no worse than a reference on the same labelled samples.
///
///   accepted  <=>  difference >= -tolerance * error
/// difference  metric(new) - metric(reference), the other way round for log_loss
/// error       of the paired difference: both models on the same groups drawn with replacement
///             (loop/bootstrap.hpp, 1,000 draws keyed by the seed); 0 when it cannot be estimated
/// probabilities, reference_probabilities  [n, K]
/// labels, groups                          [n]
/// undefined   a metric that is NaN for one of them (one class only) decides nothing: accepted
/// throws ShapeError, ValueError as evaluate()
[[nodiscard]] GateDecision pass_gate(const GateSettings& settings,
                                     std::span<const double> reference_probabilities,
                                     std::span<const double> probabilities,
                                     std::span<const label_t> labels,
                                     std::span<const index_t> groups, index_t classes,
                                     std::uint64_t seed);

}  // namespace aift::store
