// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/report.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include <aift/core/version.hpp>

#include "src/bench/report_script.hpp"
#include "src/io/report_html.hpp"
#include "src/io/report_style.hpp"

namespace aift::bench {

namespace {

using io::report::escape;

constexpr std::string_view kOwnStyle =
    "#keys{display:grid;grid-template-columns:repeat(auto-fill,minmax(190px,1fr));gap:2px 14px}"
    "#keys label{cursor:pointer;padding:3px 0}input[type=checkbox]{accent-color:var(--accent)}"
    ".win{color:var(--kept);font-weight:600}.loss{color:var(--wrong);font-weight:600}"
    ".wide{overflow-x:auto}.bars{display:inline-flex;width:96px;height:11px;border-radius:3px;"
    "overflow:hidden;"
    "background:var(--line);vertical-align:middle}.bars "
    "i{display:block;height:100%;background:currentColor;"
    "border-right:1px solid var(--card)}#figure{min-height:200px}.controls{margin-top:16px}"
    "header .sub{margin-top:10px}";

std::string metric_words(const std::string& metric) {
  if (metric == "auc") return "AUC";
  if (metric == "balanced_accuracy") return "balanced accuracy";
  return metric;
}

std::string interval(const MeanInterval& value, bool sign = false) {
  if (std::isnan(value.mean)) return "n/a";
  std::string out = sign ? fmt::format("{:+.4f}", value.mean) : fmt::format("{:.4f}", value.mean);
  if (std::isfinite(value.half)) out += fmt::format(" ± {:.4f}", value.half);
  return out;
}

std::string labels(double value, index_t most) {
  if (std::isnan(value)) return "n/a";
  return std::isinf(value) ? fmt::format("&gt; {}", most) : fmt::format("{:.0f}", value);
}

std::string percent(double share) {
  return std::isnan(share) ? "n/a" : fmt::format("{:.1f} %", 100 * share);
}

std::string p_text(double p) {
  if (std::isnan(p)) return "";
  return p < 0.0001 ? "&lt; 0.0001" : fmt::format("{:.4f}", p);
}

const char* verdict_class(Verdict verdict) {
  return verdict == Verdict::win ? "win" : (verdict == Verdict::loss ? "loss" : "");
}

/// Table rows of cells with the column's name for narrow screens.
class Table {
 public:
  Table(std::string caption, std::vector<std::string> columns) : columns_(std::move(columns)) {
    out_ = fmt::format("<table><caption>{}</caption><thead><tr>", caption);
    for (const std::string& column : columns_)
      out_ += fmt::format("<th scope='col'>{}</th>", column);
    out_ += "</tr></thead><tbody>";
  }
  void begin(std::size_t row) { begin(fmt::format(" data-row='{}'", row)); }
  void begin(const std::string& fields) {
    out_ += fmt::format("<tr{}>", fields);
    next_ = 0;
  }
  void cell(const std::string& html, const char* style = "") {
    out_ += fmt::format("<td data-th='{}' class='{}'>{}</td>", columns_[next_++], style, html);
  }
  void end() { out_ += "</tr>"; }
  [[nodiscard]] std::string finish() { return out_ + "</tbody></table>"; }

 private:
  std::vector<std::string> columns_;
  std::string out_;
  std::size_t next_ = 0;
};

std::vector<std::size_t> by_rank(const BenchSummary& summary) {
  std::vector<std::size_t> order(summary.selectors.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = summary.mean_rank[a];
    const double y = summary.mean_rank[b];
    if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
    return x < y;
  });
  return order;
}

std::string overview(const BenchSummary& summary) {
  std::vector<std::string> columns = {"Selector", "Mean rank", "Win / tie / loss"};
  for (const TaskSummary& task : summary.tasks)
    columns.push_back(escape(task.task));
  Table table(fmt::format("Area: mean {} over the labels, mean of the seeds ± 95 %. ▲ ▼: better or "
                          "worse than {} (paired t-test on the areas, Holm over the whole table, "
                          "p &lt; 0.05).",
                          metric_words(summary.metric), escape(summary.baseline)),
              columns);
  for (const std::size_t s : by_rank(summary)) {
    table.begin("");
    table.cell(escape(summary.selectors[s]));
    table.cell(std::isnan(summary.mean_rank[s]) ? "n/a"
                                                : fmt::format("{:.2f}", summary.mean_rank[s]));
    table.cell(
        summary.selectors[s] == summary.baseline
            ? std::string("baseline")
            : fmt::format("{} / {} / {}", summary.wins[s], summary.ties[s], summary.losses[s]));
    for (const TaskSummary& task : summary.tasks) {
      const SelectorResult& r = task.selectors[s];
      const char* mark =
          r.verdict == Verdict::win ? " ▲" : (r.verdict == Verdict::loss ? " ▼" : "");
      table.cell(interval(r.area) + mark, verdict_class(r.verdict));
    }
    table.end();
  }
  table.begin("");
  table.cell("all labels of the pool");
  table.cell("");
  table.cell("");
  for (const TaskSummary& task : summary.tasks)
    table.cell(interval(task.all_labels));
  table.end();
  return table.finish();
}

std::string penalties(const BenchSummary& summary) {
  const std::vector<std::size_t> order = by_rank(summary);
  std::vector<std::string> columns = {"is behind"};
  for (const std::size_t j : order)
    columns.push_back(escape(summary.selectors[j]));
  columns.emplace_back("sum");
  Table table(
      fmt::format(
          "Penalties: row i, column j: on how many of the {} tasks, in shares of the points of "
          "the curve, j is ahead of i by a paired t-test at 95 %, not corrected (Ash et al., "
          "ICLR 2020). A small sum is good.",
          summary.tasks.size()),
      columns);
  for (const std::size_t i : order) {
    table.begin("");
    table.cell(escape(summary.selectors[i]));
    double sum = 0;
    for (const std::size_t j : order) {
      table.cell(i == j ? std::string() : fmt::format("{:.1f}", summary.penalty[i][j]));
      sum += summary.penalty[i][j];
    }
    table.cell(fmt::format("{:.1f}", sum));
    table.end();
  }
  return table.finish();
}

std::string bars(const std::vector<double>& shares) {
  std::string out = "<span class='bars s0' role='img' aria-label='";
  for (std::size_t k = 0; k < shares.size(); ++k)
    out += fmt::format("{}{:.1f} %", k == 0 ? "" : ", ", 100 * shares[k]);
  out += "'>";
  for (std::size_t k = 0; k < shares.size(); ++k)
    out += fmt::format("<i style='width:{:.2f}%;opacity:{}'></i>", 100 * shares[k],
                       k % 2 == 0 ? "1" : ".45");
  return out + "</span>";
}

std::string curve_table(const BenchSummary& summary, const TaskSummary& task) {
  const index_t most = task.labels.empty() ? 0 : task.labels.back();
  Table table(
      fmt::format("{} labels at the end, {} seeds. Labels to 90, 95, 99 %: of the score with all "
                  "labels, {}. Saving: of the labels that {} needs for its last score, with a "
                  "bootstrap interval; 0: none.",
                  most, task.seeds.size(), interval(task.all_labels), escape(summary.baseline)),
      {"Selector", "Area", "Area, log2", "Last", "Difference", "p (Holm)", "Verdict", "Seeds ahead",
       "Rank", "to 90 %", "to 95 %", "to 99 %", "Saving"});
  for (std::size_t s = 0; s < task.selectors.size(); ++s) {
    const SelectorResult& r = task.selectors[s];
    const bool base = r.selector == summary.baseline;
    table.begin(s);
    table.cell(escape(r.selector));
    table.cell(interval(r.area));
    table.cell(interval(r.area_log2));
    table.cell(interval(r.last));
    table.cell(base ? std::string() : interval(r.difference, true), verdict_class(r.verdict));
    table.cell(p_text(r.p_holm));
    table.cell(base ? "baseline" : std::string(to_string(r.verdict)), verdict_class(r.verdict));
    table.cell(base ? std::string() : fmt::format("{} of {}", r.seeds_ahead, r.seeds_compared));
    table.cell(std::isnan(r.rank) ? "n/a" : fmt::format("{:.2f}", r.rank));
    for (const double reached : r.labels_to_share)
      table.cell(labels(reached, most));
    table.cell(base || std::isnan(r.saving.value)
                   ? std::string()
                   : fmt::format("{} [{}, {}]", percent(r.saving.value), percent(r.saving.low),
                                 percent(r.saving.high)));
    table.end();
  }
  return table.finish();
}

std::string pick_table(const TaskSummary& task) {
  Table table(fmt::format("What was picked after the initial labels. Classes of the pool: {}. "
                          "Redundancy: mean cosine of a pick to the most similar other one of its "
                          "batch. Times: medians; memory: the most that one query had in use, the "
                          "pool not counted.",
                          bars(task.pool_classes)),
              {"Selector", "Classes", "Mislabelled", "Near-copies", "Ambiguous", "Redundancy",
               "Query, ms", "Query, MiB", "Fit, ms"});
  for (std::size_t s = 0; s < task.selectors.size(); ++s) {
    const SelectorResult& r = task.selectors[s];
    table.begin(s);
    table.cell(escape(r.selector));
    table.cell(bars(r.class_share));
    table.cell(percent(r.mislabelled));
    table.cell(percent(r.duplicates));
    table.cell(percent(r.ambiguous));
    table.cell(std::isnan(r.redundancy) ? "n/a" : fmt::format("{:.3f}", r.redundancy));
    table.cell(fmt::format("{:.2f}", 1000 * r.seconds_select));
    table.cell(std::isnan(r.bytes_select) ? "n/a"
                                          : fmt::format("{:.2f}", r.bytes_select / 1048576));
    table.cell(fmt::format("{:.2f}", 1000 * r.seconds_fit));
    table.end();
  }
  return table.finish();
}

/// What the figure is drawn from; nothing in it can end the element that holds it.
std::string figure_data(std::span<const BenchSummary> summaries) {
  std::string out = "[";
  for (const BenchSummary& summary : summaries) {
    if (out.size() > 1) out += ',';
    std::string json = summary_json(summary);
    for (std::size_t at = 0; (at = json.find('<', at)) != std::string::npos;)
      json.replace(at, 1, "\\u003c");
    out += json;
  }
  return out + "]";
}

}  // namespace

std::string bench_report(std::span<const BenchSummary> summaries,
                         const BenchReportOptions& options) {
  const std::string title = escape(options.title);
  std::string out = fmt::format(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">"
      "<meta name='viewport' content='width=device-width,initial-scale=1'>"
      "<meta name='generator' content='aift {}'><title>{} - AIFT benchmark</title>"
      "<style>{}{}</style></head><body><a class='skip' href='#main'>Skip to the content</a>"
      "<header><div class='in'><div class='top'><div class='brand'>AIFT benchmark</div>"
      "<button type='button' id='theme' hidden aria-pressed='false'>Dark</button></div>"
      "<h1>{}</h1>",
      kBenchScriptHash, version(), title, io::report::kStyle, kOwnStyle, title);
  if (options.synthetic) {
    out +=
        "<p class='notice synthetic'><strong>SYNTHETIC DATA.</strong> Some of these tasks are "
        "generated, not from patients; the protocol says which.</p>";
  }
  out += fmt::format(
      "<p class='notice'>For research. Nothing here is cleared for clinical use.</p>"
      "<p class='sub'>{}</p><nav aria-label='Contents'><a href='#overview'>Overview</a>"
      "<a href='#curves'>Learning curves</a><a href='#penalties'>Penalties</a></nav></div></header>"
      "<main id='main' tabindex='-1'>",
      escape(options.protocol));

  out +=
      "<div class='filter controls' hidden><label for='metric'>Metric</label><select id='metric'>";
  for (std::size_t m = 0; m < summaries.size(); ++m)
    out += fmt::format("<option value='{}'>{}</option>", m, metric_words(summaries[m].metric));
  out += "</select></div><h2 id='overview'>Overview</h2>";
  for (std::size_t m = 0; m < summaries.size(); ++m)
    out +=
        fmt::format("<div class='panel wide' data-metric='{}'>{}</div>", m, overview(summaries[m]));

  out +=
      "<h2 id='curves'>Learning curves</h2><div class='panel'>"
      "<div class='filter controls' hidden><label for='task'>Task</label><select id='task'>";
  for (std::size_t t = 0; t < summaries.front().tasks.size(); ++t)
    out +=
        fmt::format("<option value='{}'>{}</option>", t, escape(summaries.front().tasks[t].task));
  out +=
      "</select><fieldset><legend>Labels</legend>"
      "<label><input type='radio' name='x' id='x-linear' checked>linear</label>"
      "<label><input type='radio' name='x' id='x-log2'>logarithmic</label></fieldset>"
      "<button type='button' id='show-all'>All selectors</button>"
      "<button type='button' id='show-base'>Baseline only</button></div>"
      "<figure id='figure'><noscript>The figure is drawn by a script; the tables hold the "
      "numbers.</noscript></figure><p class='sub'>Bands are 95 % intervals over the seeds, shown "
      "for "
      "up to six selectors; the dashed line is the score with all labels of the pool.</p>"
      "<ul class='legend' id='keys'></ul></div>";
  for (std::size_t m = 0; m < summaries.size(); ++m) {
    for (std::size_t t = 0; t < summaries[m].tasks.size(); ++t) {
      const TaskSummary& task = summaries[m].tasks[t];
      out += fmt::format(
          "<div data-metric='{}' data-task='{}'><h3>{}, {}</h3><div class='panel wide'>{}</div>"
          "<div class='panel wide'>{}</div></div>",
          m, t, escape(task.task), metric_words(summaries[m].metric),
          curve_table(summaries[m], task), pick_table(task));
    }
  }
  out += "<h2 id='penalties'>Penalties</h2>";
  for (std::size_t m = 0; m < summaries.size(); ++m)
    out += fmt::format("<div class='panel wide' data-metric='{}'>{}</div>", m,
                       penalties(summaries[m]));
  out += fmt::format(
      "</main><footer><p><strong>Not for clinical use.</strong> Made by aift {}. This file is "
      "complete in itself: it loads nothing. All numbers can be computed again from curves.csv."
      "</p></footer><script type='application/json' id='data'>{}</script><script>{}</script>"
      "</body></html>\n",
      version(), figure_data(summaries), kBenchScript);
  return out;
}

}  // namespace aift::bench
