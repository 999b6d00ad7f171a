// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <aift/core/types.hpp>

namespace aift {

/// What a linear probe is fitted on. Owns nothing.
struct ProbeData {
  std::span<const float> features;  ///< [n, feature_size] row-major, finite
  index_t feature_size = 0;         ///< d
  std::span<const label_t> labels;  ///< [n] in [0, classes)
  std::span<const index_t> groups;  ///< [n]; never split between folds
  index_t classes = 0;              ///< K
  /// Rows per candidate: each candidate's views are consecutive rows (same label, same group).
  /// Cross-validation judges the mean probability of a candidate's views.
  index_t views = 1;
};

/// Every choice of the fit, by name.
struct ProbeOptions {
  /// Penalties tried in cross-validation; sorted from strong to weak before use. One value: it is
  /// used and nothing is cross-validated.
  std::vector<double> l2_grid = {10,  3.1622776601683795,   1,   0.31622776601683794,
                                 0.1, 0.031622776601683791, 0.01};
  double default_l2 = 1;         ///< when folds are impossible
  index_t folds = 5;             ///< at most; never more than there are groups
  bool standardise = true;       ///< each feature to unit variance before the penalty counts
  bool balance_classes = true;   ///< every class weighs the same, however many samples it has
  index_t max_iterations = 500;  ///< of L-BFGS, for the final fit
  double tolerance = 1e-7;  ///< of the final fit: norm of the gradient over max(1, that at zero)
  index_t cv_max_iterations = 100;  ///< of L-BFGS, for each fit of the cross-validation
  double cv_tolerance = 1e-3;       ///< of the fits of the cross-validation
};

/// A linear classifier on features, ready for raw (not standardised) features.
struct LinearProbe {
  index_t classes = 0;              ///< K
  index_t features = 0;             ///< d
  std::vector<double> weights;      ///< [K, d]
  std::vector<double> bias;         ///< [K]; sums to 0 over the classes that occurred
  double l2 = 0;                    ///< the penalty used
  bool cross_validated = false;     ///< false: a single grid value, or default_l2
  bool converged = false;           ///< the gradient got below the tolerance
  index_t iterations = 0;           ///< of the final fit
  std::vector<double> cv_log_loss;  ///< parallel to l2_grid sorted from strong to weak; or empty
  std::vector<double> l2_grid;      ///< the grid in that order; empty with cv_log_loss

  /// Logits of n rows of features: out [n, K]. throws ShapeError. Summed in feature order.
  void logits(std::span<const float> features, index_t n, std::span<double> out) const;
};

/// Multinomial logistic regression with an L2 penalty; convex, so the result does not depend on a
/// start, and every run gives the same bits.
///
///   minimise  sum_i w_i (-ln softmax(W z_i + b)[y_i]) + l2/2 |W|^2,   z = (x - mean) / scale
///
/// w_i    sums to 1; balanced: 1 / (classes that occur * rows of the class of i), else 1 / n.
///        The penalty is therefore relative to a *mean* loss: the same l2 means the same shrinkage
///        whatever n is. The bias is not penalised.
/// scale  standardise: the standard deviation of the feature over all rows, at least 1e-3 of the
///        root mean square over features, so that nearly constant features do not explode; a
///        feature that never varies gets weight 0. Otherwise 1.
/// l2     the grid value with the smallest mean log loss of held-out candidates (weighted like w),
///        over grouped folds; on a tie the stronger one. Mean and scale are those of all rows
///        (labels do not enter them). Candidates of a class that is absent from the other folds are
///        not judged. If fewer than two classes have two groups or more: default_l2.
/// absent a class without a single row gets weights 0 and bias -ln(2 n): unlikely, not impossible.
///
/// Solved by L-BFGS (Nocedal and Wright, 2006, ch. 7) with a line search on the exact one-
/// dimensional function, which costs no product with the features; for n <= 1.5 d in the span of
/// the rows through their Gram matrix (Kimeldorf and Wahba, 1971), shared by all folds and
/// penalties.
///
/// throws ShapeError (sizes), ValueError (one class only, label outside, feature not finite,
///        options outside their range)
/// cost   n min(n, 2 d) K multiplications per iteration (half that for K = 2), and n^2 d / 2 once;
///        memory about 2 n min(1.5 d, n) doubles. One core: n = 1600, d = 1280, K = 2, 7 penalties
///        x 5 folds in about 0.8 s
[[nodiscard]] LinearProbe fit_linear_probe(const ProbeData& data, const ProbeOptions& options,
                                           std::uint64_t seed, index_t round);

/// The function that fit_linear_probe minimises, and its gradient, at a probe (in raw features,
/// with the probe's l2): a plain second implementation, to check a fit or to compare optimisers.
/// Classes without a row are left out. gradient_weights [K, d], gradient_bias [K], or both empty.
[[nodiscard]] double probe_objective(const ProbeData& data, const ProbeOptions& options,
                                     const LinearProbe& at, std::span<double> gradient_weights = {},
                                     std::span<double> gradient_bias = {});

}  // namespace aift
