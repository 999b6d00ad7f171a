// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include <aift/core/types.hpp>

namespace aift {

/// How good predictions are on labelled samples; NaN where a number is not defined.
struct Metrics {
  double auc = std::numeric_limits<double>::quiet_NaN();  ///< area under the ROC curve, in [0, 1]
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< share predicted right, in [0, 1]
  /// Mean of that share over the classes, in [0, 1].
  double balanced_accuracy = std::numeric_limits<double>::quiet_NaN();
  double log_loss = std::numeric_limits<double>::quiet_NaN();  ///< nats per sample, at least 0
  index_t samples = 0;                                         ///< n
};

/// The smallest probability that counts in a log loss; what lies below counts as this much. One
/// sample that is wrong with certainty therefore costs -ln(1e-15) = 34.5 nats, not infinity.
inline constexpr double kLogLossClip = 1e-15;

/// The metrics of a classifier from its class probabilities.
///
/// probabilities      [n, K] row-major, finite
/// labels             [n] in [0, K)
/// auc                K = 2: of P(class 1), see aift::auc. K > 2: one class against the rest, the
///                    unweighted mean over the classes that occur and are not alone
/// accuracy           share of samples whose largest probability is at the label; on a tie the
///                    lowest class is the prediction
/// balanced_accuracy  mean over the classes that occur of the share predicted right
/// log_loss           mean of -ln(max(p[label], kLogLossClip)), nats
/// NaN                auc when only one class occurs; everything when n = 0
/// throws ShapeError (sizes that disagree, K < 2), ValueError (label outside, value not finite)
/// cost   O(K n log n)
[[nodiscard]] Metrics evaluate(std::span<const double> probabilities,
                               std::span<const label_t> labels, index_t classes);

/// Area under the ROC curve: the chance that a positive sample scores above a negative one, ties
/// counted half (Mann-Whitney U over its largest value). Exact: U is counted in halves.
///
/// scores    [n], finite
/// positive  [n], 0 = negative
/// returns   in [0, 1]; NaN when one of the two is absent
/// throws ShapeError (sizes that disagree), ValueError (score not finite)
/// cost      O(n log n)
[[nodiscard]] double auc(std::span<const double> scores, std::span<const std::uint8_t> positive);

}  // namespace aift
