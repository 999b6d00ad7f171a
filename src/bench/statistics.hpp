// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <aift/bench/summary.hpp>

#include "src/io/report_statistics.hpp"

namespace aift::bench::detail {

/// Chance of a |T| of at least |t| with `freedom` >= 1 degrees of freedom.
/// Its density in the angle atan(t / sqrt(freedom)), by Simpson's rule: no cancellation in the tail.
[[nodiscard]] double student_p(double t, index_t freedom);
using io::report::student_t_975;
/// Of the finite values, as io::report::estimate.
[[nodiscard]] MeanInterval mean_interval(std::span<const double> values);
/// Two-sided p of the paired t-test against 0; NaN with fewer than two differences. Equal
/// differences: 1 when they are 0, else 0.
[[nodiscard]] double paired_p(std::span<const double> differences);
/// Holm's correction; NaN stays and does not count.
[[nodiscard]] std::vector<double> holm(std::span<const double> p);
/// Mean height of a curve over x; NaN with fewer than two points.
[[nodiscard]] double mean_height(std::span<const double> x, std::span<const double> y);
/// The first x at which the line through the points reaches the target; infinite: never.
[[nodiscard]] double first_reach(std::span<const double> x, std::span<const double> y,
                                 double target);
/// Of sorted values, linear between neighbours (as NumPy's default); NaN without values.
[[nodiscard]] double quantile(std::span<const double> sorted, double q);
/// Ranks, 1: the largest; equal values share their mean rank; NaN stays.
[[nodiscard]] std::vector<double> ranks(std::span<const double> values);

}  // namespace aift::bench::detail
