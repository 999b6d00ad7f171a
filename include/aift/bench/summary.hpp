// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/bench/curves.hpp>

namespace aift::bench {

/// A mean over seeds and its 95 % interval, mean - half to mean + half (Student's t).
struct MeanInterval {
  double mean = std::numeric_limits<double>::quiet_NaN();  ///< NaN without values
  double half = std::numeric_limits<double>::quiet_NaN();  ///< NaN with fewer than two values
  index_t count = 0;                                       ///< values
};

/// Outcome of a comparison with the baseline.
enum class Verdict : std::uint8_t {
  none,  ///< not compared: the baseline itself, or too few seeds
  tie,   ///< no difference beyond chance, which is no proof of equality
  win,   ///< the larger area
  loss   ///< the smaller one
};
/// "win", "tie" or "loss"; nothing for Verdict::none.
[[nodiscard]] std::string_view to_string(Verdict verdict) noexcept;

/// A number with the interval of a bootstrap over the seeds.
struct Bootstrapped {
  double value = std::numeric_limits<double>::quiet_NaN();  ///< of all seeds
  double low = std::numeric_limits<double>::quiet_NaN();    ///< 2.5 % point
  double high = std::numeric_limits<double>::quiet_NaN();   ///< 97.5 % point
};

/// One selector on one task.
struct SelectorResult {
  std::string selector;             ///< its label
  std::vector<MeanInterval> curve;  ///< at TaskSummary::labels
  std::vector<double> areas;        ///< per seed of TaskSummary::seeds; NaN: no curve
  MeanInterval area;                ///< mean height of the curve over the labels
  MeanInterval area_log2;           ///< the same over log2(labels), from the first point > 0 on
  MeanInterval last;                ///< height of the last point
  MeanInterval difference;          ///< of the areas to the baseline's, paired by seed
  double p = std::numeric_limits<double>::quiet_NaN();       ///< of the paired t-test, two-sided
  double p_holm = std::numeric_limits<double>::quiet_NaN();  ///< corrected over tasks x selectors
  Verdict verdict = Verdict::none;  ///< p_holm < 0.05 and the sign of the difference
  index_t seeds_ahead = 0;          ///< seeds in which its area was the larger one
  index_t seeds_compared = 0;       ///< seeds with both
  /// Labels at which the mean curve reaches a target (linear between points), infinite: never.
  double labels_to_baseline_end = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> labels_to_share;  ///< of kShares of the score with all labels; NaN without it
  /// 1 - labels_to_baseline_end / the baseline's labels at its end; 0: it never gets there earlier.
  Bootstrapped saving;
  double rank = std::numeric_limits<double>::quiet_NaN();  ///< mean over seeds, 1: largest area
  double seconds_select = 0;                               ///< median of a query
  double bytes_select = std::numeric_limits<double>::quiet_NaN();  ///< largest of a query
  double seconds_fit = 0;                                          ///< median of a fit
  std::vector<double> class_share;  ///< [K] of all picks after the initial set
  double mislabelled = 0;           ///< share of these picks
  double duplicates = 0;            ///< the same
  double ambiguous = 0;             ///< the same
  double redundancy = 0;            ///< mean of CurvePoint::redundancy over the batches
};

/// One task.
struct TaskSummary {
  std::string task;                       ///< its name
  std::vector<index_t> labels;            ///< numbers of labels that all curves have
  std::vector<std::uint64_t> seeds;       ///< seeds that occur
  std::vector<SelectorResult> selectors;  ///< in the order of BenchSummary::selectors
  MeanInterval all_labels;                ///< score with the labels of the whole pool
  std::vector<double> pool_classes;       ///< [K] share of the classes in the pool
};

/// Everything that the tables and figures of a comparison rest on, for one metric.
struct BenchSummary {
  std::string metric;                  ///< auc, balanced_accuracy or accuracy
  std::string baseline;                ///< label of the selector that others are compared with
  std::vector<std::string> selectors;  ///< labels, in the order of the curves
  std::vector<TaskSummary> tasks;      ///< in the order of the curves
  /// penalty[i][j]: number of tasks, in shares of their points, in which j is ahead of i by a paired
  /// t-test at 95 %. Source: Ash et al., ICLR 2020 (BADGE), section on the evaluation.
  std::vector<std::vector<double>> penalty;
  std::vector<double> mean_rank;  ///< over tasks, of selectors that all tasks have; else NaN
  std::vector<index_t> wins;      ///< per selector: tasks on which it beat the baseline
  std::vector<index_t> ties;      ///< the same for ties
  std::vector<index_t> losses;    ///< the same for losses
};

/// Shares of the score with all labels that labels_to_share is about.
inline constexpr double kShares[] = {0.90, 0.95, 0.99};

/// Statistics of curves, from the points alone; anybody can recompute them.
///
/// metric     auc, balanced_accuracy or accuracy
/// baseline   what the others are compared with; a label without curves leaves comparisons empty
/// curves     of a seed count where they have all numbers of labels of their task
/// area       trapezoids over the labels divided by their span: the mean height
/// Holm       over all comparisons with the baseline (tasks x selectors). Source: Holm, 1979
/// bootstrap  2,000 draws of seeds with replacement, the same for selector and baseline, by Philox
/// cost       O(points + tasks selectors^2 seeds points)
[[nodiscard]] BenchSummary summarise(std::span<const CurvePoint> points, const std::string& metric,
                                     const std::string& baseline);

/// summary.csv: one line per task and selector.
[[nodiscard]] std::string summary_csv(const BenchSummary& summary);
/// mean_curves.csv: one line per task, selector and number of labels.
[[nodiscard]] std::string mean_curves_csv(const BenchSummary& summary);
/// Everything as JSON.
[[nodiscard]] std::string summary_json(const BenchSummary& summary);
/// Tables for a page of documentation: areas per task, verdicts, ranks.
[[nodiscard]] std::string summary_markdown(const BenchSummary& summary);

}  // namespace aift::bench
