// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "src/io/report_chart.hpp"
#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io::report {
namespace {

using Round = RunRecord::Round;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string group_name(const Page& page, const RunGroup& group) {
  return page.names.text(group.name);
}

double last_value(const RunRecord& run, Metric metric) {
  const Round* last = last_tested(run);
  return last == nullptr ? kNan : value_of(*last, metric);
}

/// Figures of all runs of a group, in their order.
template <class Figure>
std::vector<double> each(const RunGroup& group, const Figure& figure) {
  std::vector<double> values;
  for (const RunRecord* run : group.runs)
    values.push_back(figure(*run));
  return values;
}

const RunGroup* find_baseline(const Page& page, const std::vector<RunGroup>& groups) {
  const RunGroup* found = nullptr;
  for (const RunGroup& group : groups) {
    if (group.runs.front()->setting("run", "selector") != page.options.baseline) continue;
    const bool more =
        found == nullptr || group.runs.front()->rounds.size() > found->runs.front()->rounds.size();
    if (more) found = &group;
  }
  return found;
}

/// The target of the options, or the best mean of the last rounds minus 0.02.
double target_of(const Page& page, const std::vector<RunGroup>& groups) {
  if (std::isfinite(page.options.target)) return page.options.target;
  double best = kNan;
  for (const RunGroup& group : groups) {
    const double mean =
        estimate(each(group, [](const auto& run) { return last_value(run, Metric::auc); })).mean;
    if (std::isfinite(mean) && !(best >= mean)) best = mean;
  }
  return best - 0.02;
}

std::string reached(const RunGroup& group, double target) {
  std::vector<double> labels;
  for (const RunRecord* run : group.runs) {
    if (const auto at = labels_to_reach(*run, target)) labels.push_back(static_cast<double>(*at));
  }
  if (labels.empty()) return "not reached";
  const Estimate value = estimate(labels);
  std::string text = fmt::format("{:.0f}", value.mean);
  const bool all = labels.size() == group.runs.size();
  if (all && std::isfinite(value.half)) text += fmt::format(" ± {:.0f}", value.half);
  if (!all) text += fmt::format(" in {} of {} runs", labels.size(), group.runs.size());
  return text;
}

/// Range of labels over which the areas of a group's runs are taken.
std::string label_range(const RunGroup& group) {
  index_t low = std::numeric_limits<index_t>::max(), high = 0;
  for (const RunRecord* run : group.runs) {
    if (first_tested(*run) == nullptr) continue;
    low = std::min(low, first_tested(*run)->labels);
    high = std::max(high, last_tested(*run)->labels);
  }
  if (high == 0) return "n/a";
  return low == high ? fmt::format("{}", high) : fmt::format("{} to {}", low, high);
}

bool same_labels(const RunRecord& a, const RunRecord& b) {
  if (a.rounds.size() != b.rounds.size()) return false;
  for (std::size_t i = 0; i < a.rounds.size(); ++i) {
    if (a.rounds[i].labels != b.rounds[i].labels) return false;
  }
  return true;
}

/// "n/a" where no run has a partner of the same seed, data and numbers of labels.
std::string difference(const RunGroup& group, const RunGroup* baseline, Metric metric) {
  if (baseline == nullptr) return "no baseline";
  if (baseline == &group) return "baseline";
  if (!same_labels(*group.runs.front(), *baseline->runs.front())) return "other labels";
  const Estimate value = paired_difference(
      group, *baseline, [&](const RunRecord& run) { return curve_area(run, metric); });
  if (value.count == 0) return "no pairs";
  return interval(value, true);
}

// ------------------------------------------------------------------ curves

std::string hint(const Page& page, const RunRecord& run, const Round& round) {
  return fmt::format("{}round {}: {} labels, AUC {}, accuracy {}",
                     page.runs.size() > 1 ? page.names.run(run) + ", " : "", round.round,
                     round.labels, share(round.metrics->auc), share(round.metrics->accuracy));
}

CurveSeries single(const Page& page, const RunRecord& run, Metric metric, int style, bool thin) {
  CurveSeries line{page.names.run(run), style, thin, {}};
  for (const Round& round : run.rounds) {
    if (round.metrics)
      line.points.push_back({static_cast<double>(round.labels), value_of(round, metric), kNan, kNan,
                             hint(page, run, round)});
  }
  return line;
}

/// Mean and interval at each number of labels that all runs of the group have.
CurveSeries mean_curve(const Page& page, const RunGroup& group, Metric metric, int style) {
  CurveSeries mean{
      fmt::format("{} (mean of {})", group_name(page, group), group.runs.size()), style, false, {}};
  std::map<index_t, std::vector<double>> values;
  for (const RunRecord* run : group.runs) {
    for (const Round& round : run->rounds) {
      const double value = value_of(round, metric);
      if (std::isfinite(value)) values[round.labels].push_back(value);
    }
  }
  for (const auto& [labels, list] : values) {
    if (list.size() != group.runs.size()) continue;  // not all got there
    const Estimate value = estimate(list);
    mean.points.push_back({static_cast<double>(labels), value.mean, value.mean - value.half,
                           value.mean + value.half,
                           fmt::format("{}: {} labels, {} {}", mean.name, labels,
                                       metric_name(metric), interval(value))});
  }
  return mean;
}

std::vector<CurveSeries> curves(const Page& page, const std::vector<RunGroup>& groups,
                                Metric metric) {
  std::vector<CurveSeries> series;
  const bool with_single = groups.size() <= 3;  // more lines than that hide each other
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const RunGroup& group = groups[g];
    const bool several = group.runs.size() > 1;
    for (const RunRecord* run : group.runs) {
      if (!several || with_single)
        series.push_back(single(page, *run, metric, static_cast<int>(g), several));
    }
    if (several) series.push_back(mean_curve(page, group, metric, static_cast<int>(g)));
  }
  return series;
}

std::string alternative(const Page& page, const std::vector<RunGroup>& groups, Metric metric) {
  std::string text = fmt::format(
      "Learning curve: {} on the test images over the number of "
      "labelled images.",
      metric_name(metric));
  for (const RunGroup& group : groups) {
    const auto first = each(group, [&](const RunRecord& run) {
      return first_tested(run) == nullptr ? kNan : value_of(*first_tested(run), metric);
    });
    const auto last = each(group, [&](const RunRecord& run) { return last_value(run, metric); });
    text +=
        fmt::format(" {}: from {} to {}, {} labels.", group_name(page, group),
                    share(estimate(first).mean), share(estimate(last).mean), label_range(group));
  }
  return text;
}

void legend(Page& page, const std::vector<RunGroup>& groups) {
  if (page.runs.size() < 2) return;
  page.out += "<ul class='legend' aria-label='Legend'>";
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto n = static_cast<index_t>(groups[g].runs.size());
    page.put("<li>{}<span>{} <small>{}</small></span></li>", legend_svg(static_cast<int>(g)),
             escape(group_name(page, groups[g])),
             n == 1 ? "one seed, no interval" : fmt::format("mean of {} seeds, 95 % band", n));
  }
  page.out += "</ul>";
}

}  // namespace

void write_comparison(Page& page, const std::vector<RunGroup>& groups) {
  const RunGroup* baseline = find_baseline(page, groups);
  const double target = target_of(page, groups);
  page.heading(page.runs.front(), 2, "compared", "Comparison");
  const auto alone = std::count_if(groups.begin(), groups.end(),
                                   [](const RunGroup& group) { return group.runs.size() < 2; });
  page.put(
      "<p>Runs that differ only in their seed (and in the data path, when classes, pool and test "
      "set have equal sizes) form a group. ± is the half of a 95 % interval: Student's t over the "
      "seeds. {}</p>",
      alone == 0 ? ""
                 : fmt::format("{} one seed only: no interval can be given for {}.",
                               alone == 1 ? "One group has" : fmt::format("{} groups have", alone),
                               alone == 1 ? "it" : "them"));
  {
    Table table(
        page,
        fmt::format("Area: mean height of the AUC curve over the labels (trapezoid rule). "
                    "Difference: area minus that of {} in the run of the same seed and data, mean "
                    "of the pairs. Labels to reach: the first measured round with an AUC of {} or "
                    "more{}.",
                    baseline == nullptr ? fmt::format("the baseline {} (not among these runs)",
                                                      escape(page.options.baseline))
                                        : escape(group_name(page, *baseline)),
                    share(target),
                    std::isfinite(page.options.target) ? "" : " (the best last mean minus 0.02)"),
        {"<Group", "Seeds", "Labels", "Area", "Difference", "Last AUC", "Labels to reach"});
    for (const RunGroup& group : groups) {
      table.row({group_name(page, group), std::to_string(group.runs.size()), label_range(group),
                 interval(estimate(
                     each(group, [](const auto& run) { return curve_area(run, Metric::auc); }))),
                 difference(group, baseline, Metric::auc),
                 interval(estimate(
                     each(group, [](const auto& run) { return last_value(run, Metric::auc); }))),
                 reached(group, target)});
    }
  }
  {
    Table table(page, "Last measured round, mean of the seeds",
                {"<Group", "AUC", "Accuracy", "Balanced accuracy", "Log loss"});
    for (const RunGroup& group : groups) {
      std::vector<std::string> cells = {group_name(page, group)};
      for (const Metric metric : kMetrics) {
        cells.push_back(interval(
            estimate(each(group, [&](const auto& run) { return last_value(run, metric); }))));
      }
      table.row(cells);
    }
  }
  for (const RunGroup& group : groups) {
    if (group.repeated.empty()) continue;
    page.put("<p class='notice'>{}: {} of a seed that is there already; not in the mean.</p>",
             escape(group_name(page, group)),
             counted(static_cast<index_t>(group.repeated.size()), "run is", "runs are"));
  }
}

void write_curves(Page& page, const std::vector<RunGroup>& groups) {
  page.heading(page.runs.front(), 2, "curve", "Learning curve");
  page.out += "<div class='panel curves'>";
  std::string figures;
  for (const Metric metric : kMetrics) {
    const std::vector<CurveSeries> series = curves(page, groups, metric);
    for (const LabelAxis axis : {LabelAxis::linear, LabelAxis::log2}) {
      const std::string svg = learning_curve_svg(
          series, axis,
          {metric_name(metric) + " on test images", alternative(page, groups, metric),
           metric == Metric::log_loss ? std::numeric_limits<double>::infinity() : 1.0});
      if (svg.empty()) continue;
      figures += fmt::format("<figure class='m-{} x-{}'>{}</figure>", metric_key(metric),
                             axis == LabelAxis::linear ? "linear" : "log2", svg);
    }
  }
  if (figures.find("m-auc") == std::string::npos) {
    page.out +=
        "<p>No curve: no round has an AUC on test images (it needs labelled test images of at "
        "least two classes).</p></div>";
    return;
  }
  // radio buttons and style sheet do it: no script is needed
  page.out += "<fieldset><legend>Figure</legend>";
  for (const Metric metric : kMetrics) {
    page.put("<label><input type='radio' name='metric' id='m-{}'{}>{}</label>", metric_key(metric),
             metric == Metric::auc ? " checked" : "", metric_name(metric));
  }
  page.out +=
      "</fieldset><fieldset><legend>Labels</legend><label><input type='radio' name='axis' "
      "id='x-linear' checked>evenly spaced</label><label><input type='radio' name='axis' "
      "id='x-log2'>doubling</label></fieldset>";
  page.out += figures;
  legend(page, groups);
  page.out += "</div>";
}

void write_curve_table(Page& page, const RunRecord& run) {
  if (last_tested(run) == nullptr) return;
  Table table(page,
              "Measured on the test images, which are never trained on and share no group with the "
              "pool",
              {"Round", "Labels", "AUC", "Change", "Accuracy", "Balanced accuracy", "Log loss"});
  double before = kNan;
  for (const Round& round : run.rounds) {
    if (!round.metrics) continue;
    const RunRecord::Metrics& m = *round.metrics;
    table.row({std::to_string(round.round), std::to_string(round.labels), share(m.auc),
               std::isfinite(before) ? signed_share(m.auc - before) : "", share(m.accuracy),
               share(m.balanced_accuracy), share(m.log_loss)});
    before = m.auc;
  }
}

}  // namespace aift::io::report
