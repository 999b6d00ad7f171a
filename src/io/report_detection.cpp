// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "src/io/report_chart.hpp"
#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io::report {
namespace {

using Detection = RunRecord::Detection;

std::string with_interval(const Detection::Value& v) {
  if (!std::isfinite(v.low) || !std::isfinite(v.high)) return share(v.value);
  return fmt::format("{} [{}, {}]", share(v.value), share(v.low), share(v.high));
}

/// "1/8", "1", "4".
std::string rate(double value) { return value < 1 ? "1/" + figure(1 / value) : figure(value); }

CurveSeries curve_of(const Detection& one, int style) {
  CurveSeries line{fmt::format("{} labels", one.labels), style, false, {}};
  for (const auto& [at, found] : one.at) {
    line.points.push_back({at, found.value, found.low, found.high,
                           fmt::format("{}: {} at {} false positives per scan", line.name,
                                       with_interval(found), rate(at))});
  }
  return line;
}

}  // namespace

void write_detection(Page& page, const RunRecord& run, int level) {
  if (run.detections.empty()) return;
  page.heading(run, level, page.anchor(run, "detection"), "Detection (FROC)");
  const Detection& last = run.detections.back();
  const index_t missed = last.emboli - last.reachable;
  page.put(
      "<p>Emboli found on the {} test scans, by how many false marks a reader is shown. Each of "
      "the "
      "{} emboli counts once, and further hits of it are no false marks. {} A hit: {}. In "
      "brackets, "
      "and as bands, 95 % intervals over draws of whole scans.</p>",
      last.scans, last.emboli,
      missed == 0 ? std::string("All of them have a candidate.")
                  : fmt::format("{} no candidate: no network can find those.",
                                counted(missed, "of them has", "of them have")),
      escape(last.hit));
  std::vector<CurveSeries> series;
  std::string alternative = "Sensitivity over false positives per scan.";
  for (const Detection& one : run.detections) {
    series.push_back(curve_of(one, static_cast<int>(series.size())));
    alternative += fmt::format(" {} labels: mean {}.", one.labels, share(one.mean.value));
  }
  ChartText text{"Sensitivity", alternative, 1.0, "false positives per scan", 1e-3};
  page.put("<div class='panel'><figure>{}</figure>",
           learning_curve_svg(series, LabelAxis::log2, text));
  page.out += "<ul class='legend' aria-label='Legend'>";
  for (const CurveSeries& line : series)
    page.put("<li>{}<span>{}</span></li>", legend_svg(line.style), escape(line.name));
  page.out += "</ul></div>";
  std::vector<std::string> columns = {"Labels", "Candidate AUC"};
  for (const auto& [at, found] : last.at)
    columns.push_back("At " + rate(at));
  columns.emplace_back("Mean");
  Table table(page, "Sensitivity at so many false positives per scan, and the mean of them",
              columns);
  for (const Detection& one : run.detections) {
    std::vector<std::string> cells = {std::to_string(one.labels), with_interval(one.auc)};
    for (const auto& [at, found] : one.at)
      cells.push_back(share(found.value));
    cells.push_back(with_interval(one.mean));
    cells.resize(columns.size());
    table.row(cells);
  }
}

}  // namespace aift::io::report
