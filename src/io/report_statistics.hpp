// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>

#include "src/io/report_record.hpp"

namespace aift::io::report {

/// Upper 2.5 % point of Student's t distribution with `freedom` >= 1 degrees of freedom: 12.706 for
/// 1, 2.776 for 4. Source: Abramowitz and Stegun, 26.7.3 and 26.7.4, solved by bisection.
[[nodiscard]] double student_t_975(index_t freedom);

/// Mean over seeds and half the width of its 95 % interval, t s / sqrt(n).
struct Estimate {
  double mean = 0;  ///< NaN without values
  double half = 0;  ///< NaN with fewer than two values: there is no interval
  index_t count = 0;
};
[[nodiscard]] Estimate estimate(std::span<const double> values);

/// The figures of a learning curve.
enum class Metric { auc, accuracy, balanced_accuracy, log_loss };
inline constexpr Metric kMetrics[] = {Metric::auc, Metric::accuracy, Metric::balanced_accuracy,
                                      Metric::log_loss};
[[nodiscard]] std::string metric_name(Metric metric);
[[nodiscard]] std::string metric_key(Metric metric);
[[nodiscard]] double value_of(const RunRecord::Round& round, Metric metric);

/// Mean height of a run's curve between its first and its last measured round: the area by the
/// trapezoid rule over the number of labels, divided by their range. NaN with fewer than two rounds.
[[nodiscard]] double curve_area(const RunRecord& run, Metric metric);

/// Labels of the first measured round with an AUC of at least `target`; nothing: never.
[[nodiscard]] std::optional<index_t> labels_to_reach(const RunRecord& run, double target);

/// Runs that differ in nothing but the seed: equal settings but for seed, data path, folder and
/// threads, equal classes, sizes of pool and test set.
struct RunGroup {
  std::string name;  ///< the selector, and what tells it from other groups with the same
  std::vector<const RunRecord*> runs;      ///< one per seed
  std::vector<const RunRecord*> repeated;  ///< of a seed that is there already: not averaged
};
[[nodiscard]] std::vector<RunGroup> group_runs(std::span<const RunRecord> runs);

/// Seed and data of a run: runs with equal ones may be paired.
[[nodiscard]] std::string pairing(const RunRecord& run);

/// `figure(run) - figure(its partner in the baseline)`, over the pairs in which both are finite.
template <class Figure>
Estimate paired_difference(const RunGroup& group, const RunGroup& baseline, const Figure& figure) {
  std::map<std::string, const RunRecord*> partners;
  for (const RunRecord* run : baseline.runs)
    partners.emplace(pairing(*run), run);
  std::vector<double> differences;
  for (const RunRecord* run : group.runs) {
    const auto partner = partners.find(pairing(*run));
    if (partner != partners.end()) differences.push_back(figure(*run) - figure(*partner->second));
  }
  return estimate(differences);
}

}  // namespace aift::io::report
