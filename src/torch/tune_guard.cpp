// SPDX-License-Identifier: Apache-2.0
#include "tune_guard.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include <aift/core/rng.hpp>
#include <aift/loop/bootstrap.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/splits.hpp>

#include "tune_head.hpp"

namespace aift::nn::tuning {
namespace {

/// Gain of `after` over `before` by the guard's metric.
double gain_of(const FineTuneOptions& options, std::span<const double> before,
               std::span<const double> after, std::span<const label_t> labels, index_t classes) {
  if (options.guard_metric == GuardMetric::auc)
    return evaluate(after, labels, classes).auc - evaluate(before, labels, classes).auc;
  return balanced_log_loss(before, labels, classes) - balanced_log_loss(after, labels, classes);
}

/// Standard error of that gain over the choice of held-out groups. (Of two folds the spread between
/// them says next to nothing: they may err to the same side.)
double gain_error(const Task& task, const std::vector<double>& before,
                  const std::vector<double>& after, const std::vector<index_t>& held_out,
                  index_t fold) {
  constexpr index_t kReplicates = 200;
  std::vector<index_t> groups;
  for (const index_t i : held_out)
    groups.push_back(task.groups[static_cast<std::size_t>(i)]);
  const KeyedRandom random(task.round.seed, Purpose::folds, task.round.round,
                           static_cast<std::uint64_t>(1 + fold));
  const auto gain = [&](std::span<const index_t> samples) {
    std::vector<double> first;
    std::vector<double> second;
    std::vector<label_t> labels;
    for (const index_t n : samples) {
      const auto from = static_cast<std::ptrdiff_t>(n * task.classes);
      first.insert(first.end(), before.begin() + from, before.begin() + from + task.classes);
      second.insert(second.end(), after.begin() + from, after.begin() + from + task.classes);
      labels.push_back(
          task.labels[static_cast<std::size_t>(held_out[static_cast<std::size_t>(n)])]);
    }
    return gain_of(task.options, first, second, labels, task.classes);
  };
  return grouped_bootstrap_error(groups, random, kReplicates, gain);
}

}  // namespace

GuardReport run_guard(Task& task, const Views& views, const Network& start, bool from_probe,
                      const std::vector<float>& features, double l2, const Schedule& schedule) {
  const FineTuneOptions& options = task.options;
  GuardReport report;
  const index_t width = start.head().weight.size(1);
  const std::vector<index_t> fold =
      grouped_folds(task.groups, task.labels, task.classes, options.guard_folds, task.round.seed,
                    task.round.round);
  const index_t folds = *std::max_element(fold.begin(), fold.end()) + 1;
  const index_t looked_at = std::min(views.count, options.guard_views);
  index_t judged = 0;
  for (index_t f = 0; f < folds; ++f) {
    std::vector<index_t> training;
    std::vector<index_t> held_out;
    for (index_t i = 0; i < task.size(); ++i)
      (fold[static_cast<std::size_t>(i)] == f ? held_out : training).push_back(i);
    const auto classes_in = [&](const std::vector<index_t>& members) {
      std::vector<label_t> present;
      for (const index_t i : members)
        present.push_back(task.labels[static_cast<std::size_t>(i)]);
      std::sort(present.begin(), present.end());
      return std::unique(present.begin(), present.end()) - present.begin();
    };
    if (classes_in(training) < classes_in(held_out) || classes_in(training) < 2 ||
        classes_in(held_out) < 2) {
      task.advance(schedule.steps);
      continue;
    }
    std::vector<float> rows;
    Head probe = {start.head().weight, start.head().bias};
    if (options.probe) {
      for (const index_t i : training) {
        const auto first = features.begin() + static_cast<std::ptrdiff_t>(i * views.count * width);
        rows.insert(rows.end(), first, first + static_cast<std::ptrdiff_t>(views.count * width));
      }
      probe = to_head(fit_probe(task, rows, width, training, views.count, l2));
    }
    std::shared_ptr<Network> network = copy_of(start);
    if (from_probe) set_head(*network, probe);
    const std::shared_ptr<Network> origin = copy_of(*network);
    (void)tune(task, views, *network, training, {}, schedule, /*stream=*/1 + f);
    // As far from the start as this many candidates would go.
    mix_into(*origin, *network, schedule_for(options, std::ssize(training), false).mix);
    if (options.probe && options.calibrate) calibrate(task, views, *network, training, rows, probe);

    std::vector<float> seen;
    std::vector<label_t> labels;
    if (!options.probe) seen = features_of(task, views, start, held_out, looked_at);
    for (const index_t i : held_out) {
      labels.push_back(task.labels[static_cast<std::size_t>(i)]);
      if (!options.probe) continue;
      const auto first = features.begin() + static_cast<std::ptrdiff_t>(i * views.count * width);
      seen.insert(seen.end(), first, first + static_cast<std::ptrdiff_t>(looked_at * width));
    }
    const index_t n = std::ssize(held_out);
    const std::vector<double> before = mean_probabilities(seen, width, probe, n, looked_at);
    const Network::Head head = network->head();
    const std::vector<double> after =
        mean_probabilities(features_of(task, views, *network, held_out, looked_at), width,
                           {head.weight, head.bias}, n, looked_at);
    const double auc[2] = {evaluate(before, labels, task.classes).auc,
                           evaluate(after, labels, task.classes).auc};
    const double loss[2] = {balanced_log_loss(before, labels, task.classes),
                            balanced_log_loss(after, labels, task.classes)};
    report.probe_auc += auc[0];
    report.tuned_auc += auc[1];
    report.probe_log_loss += loss[0];
    report.tuned_log_loss += loss[1];
    report.gains.push_back(gain_of(options, before, after, labels, task.classes));
    report.errors.push_back(gain_error(task, before, after, held_out, f));
    ++judged;
  }
  if (judged == 0) return report;
  report.possible = true;
  for (double* value :
       {&report.probe_auc, &report.tuned_auc, &report.probe_log_loss, &report.tuned_log_loss})
    *value /= static_cast<double>(judged);
  return report;
}

bool harmful(const FineTuneOptions& options, const GuardReport& report) {
  const auto n = static_cast<double>(report.gains.size());
  const double mean = std::accumulate(report.gains.begin(), report.gains.end(), 0.0) / n;
  double between = 0;
  for (const double gain : report.gains)
    between += (gain - mean) * (gain - mean);
  double within = 0;
  for (const double error : report.errors)
    within += error * error;
  const double error =
      std::max(n > 1 ? std::sqrt(between / (n - 1) / n) : 0, std::sqrt(within) / n);
  return mean < -std::max(options.guard_tolerance, options.guard_errors * error);
}

}  // namespace aift::nn::tuning
