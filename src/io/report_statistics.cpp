// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include <fmt/format.h>

namespace aift::io::report {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// P(|T| <= t) in closed form for a whole number of degrees of freedom.
double within(double t, index_t freedom) {
  const double n = static_cast<double>(freedom);
  const double theta = std::atan(t / std::sqrt(n));
  const double c = std::cos(theta), s = std::sin(theta);
  double term = 1, sum = 0;
  if (freedom % 2 == 1) {
    term = c;
    for (index_t k = 1; k <= freedom - 2; k += 2) {
      sum += term;
      term *= c * c * static_cast<double>(k + 1) / static_cast<double>(k + 2);
    }
    return 2 / std::numbers::pi * (theta + s * sum);
  }
  for (index_t k = 0; k <= freedom - 2; k += 2) {
    sum += term;
    term *= c * c * static_cast<double>(k + 1) / static_cast<double>(k + 2);
  }
  return s * sum;
}

using Settings = std::map<std::string, std::string>;

/// What runs of one group have in common.
Settings common(const RunRecord& run) {
  static const std::set<std::string> kOwn = {"run.seed", "run.out",     "run.threads",
                                             "run.data", "run.workers", "run.keep_models"};
  Settings settings;
  for (const auto& [table, facts] : run.settings) {
    if (table == "record") continue;
    for (const auto& [key, value] : facts) {
      if (!kOwn.contains(table + '.' + key)) settings[table + '.' + key] = value;
    }
  }
  settings["pool"] = std::to_string(run.pool);
  settings["test images"] = std::to_string(run.test);
  std::string classes;
  for (const std::string& name : run.classes)
    classes += name + ',';
  settings["classes"] = classes;
  return settings;
}

std::string short_key(const std::string& key) {
  const auto point = key.find_last_of('.');
  return point == std::string::npos ? key : key.substr(point + 1);
}

/// Adds to each name of a set of equal names the settings in which they differ.
void tell_apart(std::vector<RunGroup>& groups, const std::vector<Settings>& settings) {
  std::map<std::string, std::vector<std::size_t>> by_name;
  for (std::size_t g = 0; g < groups.size(); ++g)
    by_name[groups[g].name].push_back(g);
  for (const auto& [name, members] : by_name) {
    if (members.size() < 2) continue;
    std::set<std::string> keys;
    for (const std::size_t g : members) {
      for (const auto& [key, value] : settings[g])
        keys.insert(key);
    }
    for (const std::string& key : keys) {
      const auto value = [&](std::size_t g) {
        const auto at = settings[g].find(key);
        return at == settings[g].end() ? std::string() : at->second;
      };
      const std::string first = value(members.front());
      const bool differ = std::any_of(members.begin(), members.end(),
                                      [&](std::size_t g) { return value(g) != first; });
      if (!differ) continue;
      for (const std::size_t g : members) {
        const std::string text = value(g);
        groups[g].name += fmt::format(", {} {}", short_key(key), text.empty() ? "default" : text);
      }
    }
  }
}

}  // namespace

double student_t_975(index_t freedom) {
  double low = 0, high = 13;  // 12.706 is the largest, with one degree of freedom
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (within(middle, freedom) < 0.95 ? low : high) = middle;
  }
  return (low + high) / 2;
}

Estimate estimate(std::span<const double> values) {
  Estimate out{0, kNan, 0};
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    out.mean += value;
    ++out.count;
  }
  if (out.count == 0) return {kNan, kNan, 0};
  out.mean /= static_cast<double>(out.count);
  if (out.count < 2) return out;
  double squares = 0;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - out.mean) * (value - out.mean);
  }
  const auto n = static_cast<double>(out.count);
  out.half = student_t_975(out.count - 1) * std::sqrt(squares / (n - 1) / n);
  return out;
}

std::string metric_name(Metric metric) {
  switch (metric) {
    case Metric::auc:
      return "AUC";
    case Metric::accuracy:
      return "Accuracy";
    case Metric::balanced_accuracy:
      return "Balanced accuracy";
    case Metric::log_loss:
      return "Log loss";
  }
  return {};
}

std::string metric_key(Metric metric) {
  switch (metric) {
    case Metric::auc:
      return "auc";
    case Metric::accuracy:
      return "accuracy";
    case Metric::balanced_accuracy:
      return "balanced";
    case Metric::log_loss:
      return "logloss";
  }
  return {};
}

double value_of(const RunRecord::Round& round, Metric metric) {
  if (!round.metrics) return kNan;
  switch (metric) {
    case Metric::auc:
      return round.metrics->auc;
    case Metric::accuracy:
      return round.metrics->accuracy;
    case Metric::balanced_accuracy:
      return round.metrics->balanced_accuracy;
    case Metric::log_loss:
      return round.metrics->log_loss;
  }
  return kNan;
}

double curve_area(const RunRecord& run, Metric metric) {
  double area = 0, first = kNan, labels = kNan, value = kNan;
  for (const RunRecord::Round& round : run.rounds) {
    const double y = value_of(round, metric);
    if (!std::isfinite(y)) continue;
    const auto x = static_cast<double>(round.labels);
    if (std::isfinite(value)) {
      area += (x - labels) * (y + value) / 2;
    } else {
      first = x;
    }
    labels = x;
    value = y;
  }
  return labels > first ? area / (labels - first) : kNan;
}

std::optional<index_t> labels_to_reach(const RunRecord& run, double target) {
  for (const RunRecord::Round& round : run.rounds) {
    if (value_of(round, Metric::auc) >= target) return round.labels;
  }
  return std::nullopt;
}

std::string pairing(const RunRecord& run) {
  std::string text = run.setting("run", "seed");
  for (const auto& [name, value] : run.environment) {
    if (name == "data") text += '|' + value;
  }
  return text;
}

std::vector<RunGroup> group_runs(std::span<const RunRecord> runs) {
  std::vector<RunGroup> groups;
  std::vector<Settings> settings;
  for (const RunRecord& run : runs) {
    const Settings own = common(run);
    const auto at = std::find(settings.begin(), settings.end(), own);
    const auto g = static_cast<std::size_t>(at - settings.begin());
    if (at == settings.end() || run.settings.empty()) {  // without settings nothing is known equal
      const std::string selector = run.setting("run", "selector");
      groups.push_back({selector.empty() ? run.name : selector, {&run}, {}});
      settings.push_back(own);
      continue;
    }
    const bool there = std::any_of(groups[g].runs.begin(), groups[g].runs.end(),
                                   [&](const auto* one) { return pairing(*one) == pairing(run); });
    (there ? groups[g].repeated : groups[g].runs).push_back(&run);
  }
  tell_apart(groups, settings);
  return groups;
}

}  // namespace aift::io::report
