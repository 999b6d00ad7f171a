// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <aift/bench/summary.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

namespace aift::bench {

namespace {

using Json = nlohmann::ordered_json;

/// JSON has no NaN and no infinity: null.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
Json numbers(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double value : values)
    out.push_back(number(value));
  return out;
}
Json interval(const MeanInterval& value) {
  return {{"mean", number(value.mean)}, {"half", number(value.half)}, {"count", value.count}};
}

std::string mean_text(const MeanInterval& value, bool sign = false) {
  if (std::isnan(value.mean)) return "";
  std::string out = sign ? fmt::format("{:+.4f}", value.mean) : fmt::format("{:.4f}", value.mean);
  if (std::isfinite(value.half)) out += fmt::format(" ± {:.4f}", value.half);
  return out;
}

}  // namespace

std::string summary_csv(const BenchSummary& summary) {
  std::string out =
      "task,selector,metric,seeds,area,area_half,area_log2,area_log2_half,last,last_half,"
      "difference,difference_half,p,p_holm,verdict,seeds_ahead,seeds_compared,rank,"
      "labels_to_90,labels_to_95,labels_to_99,labels_to_baseline_end,saving,saving_low,saving_high,"
      "seconds_select,bytes_select,seconds_fit,mislabelled,duplicates,ambiguous,redundancy\n";
  for (const TaskSummary& task : summary.tasks) {
    for (const SelectorResult& r : task.selectors) {
      std::vector<std::string> fields = {task.task, r.selector, summary.metric,
                                         fmt::format("{}", r.area.count)};
      const auto add = [&](double value) { fields.push_back(io::shortest(value)); };
      for (const MeanInterval* value : {&r.area, &r.area_log2, &r.last, &r.difference}) {
        add(value->mean);
        add(value->half);
      }
      add(r.p);
      add(r.p_holm);
      fields.emplace_back(to_string(r.verdict));
      fields.push_back(fmt::format("{}", r.seeds_ahead));
      fields.push_back(fmt::format("{}", r.seeds_compared));
      add(r.rank);
      for (const double labels : r.labels_to_share)
        add(labels);
      for (const double value :
           {r.labels_to_baseline_end, r.saving.value, r.saving.low, r.saving.high, r.seconds_select,
            r.bytes_select, r.seconds_fit, r.mislabelled, r.duplicates, r.ambiguous, r.redundancy})
        add(value);
      out += io::csv_line(fields);
    }
  }
  return out;
}

std::string mean_curves_csv(const BenchSummary& summary) {
  std::string out = "task,selector,labels,metric,mean,half,seeds\n";
  for (const TaskSummary& task : summary.tasks) {
    for (const SelectorResult& r : task.selectors) {
      for (std::size_t i = 0; i < task.labels.size(); ++i) {
        const std::vector<std::string> fields = {task.task,
                                                 r.selector,
                                                 fmt::format("{}", task.labels[i]),
                                                 summary.metric,
                                                 io::shortest(r.curve[i].mean),
                                                 io::shortest(r.curve[i].half),
                                                 fmt::format("{}", r.curve[i].count)};
        out += io::csv_line(fields);
      }
    }
  }
  return out;
}

std::string summary_json(const BenchSummary& summary) {
  Json out = {{"metric", summary.metric},       {"baseline", summary.baseline},
              {"selectors", summary.selectors}, {"mean_rank", numbers(summary.mean_rank)},
              {"wins", summary.wins},           {"ties", summary.ties},
              {"losses", summary.losses}};
  Json penalty = Json::array();
  for (const auto& row : summary.penalty)
    penalty.push_back(numbers(row));
  out["penalty"] = std::move(penalty);
  Json tasks = Json::array();
  for (const TaskSummary& task : summary.tasks) {
    Json one = {{"task", task.task},
                {"labels", task.labels},
                {"seeds", task.seeds},
                {"all_labels", interval(task.all_labels)},
                {"pool_classes", numbers(task.pool_classes)}};
    Json selectors = Json::array();
    for (const SelectorResult& r : task.selectors) {
      std::vector<double> mean;
      std::vector<double> half;
      for (const MeanInterval& point : r.curve) {
        mean.push_back(point.mean);
        half.push_back(point.half);
      }
      selectors.push_back({{"selector", r.selector},
                           {"mean", numbers(mean)},
                           {"half", numbers(half)},
                           {"areas", numbers(r.areas)},
                           {"area", interval(r.area)},
                           {"area_log2", interval(r.area_log2)},
                           {"last", interval(r.last)},
                           {"difference", interval(r.difference)},
                           {"p", number(r.p)},
                           {"p_holm", number(r.p_holm)},
                           {"verdict", to_string(r.verdict)},
                           {"seeds_ahead", r.seeds_ahead},
                           {"seeds_compared", r.seeds_compared},
                           {"rank", number(r.rank)},
                           {"labels_to_share", numbers(r.labels_to_share)},
                           {"labels_to_baseline_end", number(r.labels_to_baseline_end)},
                           {"saving", numbers({r.saving.value, r.saving.low, r.saving.high})},
                           {"seconds_select", r.seconds_select},
                           {"bytes_select", number(r.bytes_select)},
                           {"seconds_fit", r.seconds_fit},
                           {"class_share", numbers(r.class_share)},
                           {"mislabelled", r.mislabelled},
                           {"duplicates", r.duplicates},
                           {"ambiguous", r.ambiguous},
                           {"redundancy", number(r.redundancy)}});
    }
    one["results"] = std::move(selectors);
    tasks.push_back(std::move(one));
  }
  out["tasks"] = std::move(tasks);
  return out.dump() + "\n";
}

std::string summary_markdown(const BenchSummary& summary) {
  std::vector<std::size_t> order(summary.selectors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return summary.mean_rank[a] < summary.mean_rank[b];
  });
  std::string out = fmt::format(
      "Mean {} over the labels, mean of the seeds ± 95 %.\n\n| selector |", summary.metric);
  std::string rule = "\n|---|";
  for (const TaskSummary& task : summary.tasks) {
    out += fmt::format(" {} |", task.task);
    rule += "---|";
  }
  out += " mean rank | win / tie / loss |" + rule + "---|---|\n";
  for (const std::size_t s : order) {
    out += fmt::format("| {} |", summary.selectors[s]);
    for (const TaskSummary& task : summary.tasks) {
      const SelectorResult& r = task.selectors[s];
      const char* mark =
          r.verdict == Verdict::win ? " ▲" : (r.verdict == Verdict::loss ? " ▼" : "");
      out += fmt::format(" {}{} |", mean_text(r.area), mark);
    }
    const bool base = summary.selectors[s] == summary.baseline;
    out += fmt::format(
        " {} | {} |\n",
        std::isfinite(summary.mean_rank[s]) ? fmt::format("{:.2f}", summary.mean_rank[s])
                                            : std::string(),
        base ? std::string("baseline")
             : fmt::format("{} / {} / {}", summary.wins[s], summary.ties[s], summary.losses[s]));
  }
  out += "| all labels |";
  for (const TaskSummary& task : summary.tasks)
    out += fmt::format(" {} |", mean_text(task.all_labels));
  out += " | |\n";
  return out;
}

}  // namespace aift::bench
