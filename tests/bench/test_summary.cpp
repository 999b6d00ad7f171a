// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include <aift/bench/report.hpp>
#include <aift/bench/summary.hpp>
#include <aift/core/error.hpp>

using namespace aift;
using namespace aift::bench;

namespace {

/// Points of a curve with an AUC per number of labels 10, 20, 30.
void add(std::vector<CurvePoint>& points, const std::string& task, const std::string& selector,
         std::uint64_t seed, const std::vector<double>& heights) {
  for (std::size_t i = 0; i < heights.size(); ++i) {
    CurvePoint p;
    p.task = task;
    p.selector = selector;
    p.seed = seed;
    p.round = static_cast<index_t>(i);
    p.labels = 10 * (p.round + 1);
    p.metrics.auc = p.metrics.accuracy = p.metrics.balanced_accuracy = heights[i];
    p.metrics.log_loss = 0.25;
    p.batch_classes = {6, 4};
    p.mislabelled = p.round == 0 ? 9 : 1;
    if (selector == "better") p.bytes_select = p.round == 0 ? 9999 : 100 * p.round;
    p.redundancy = 0.5;
    points.push_back(p);
  }
}

std::vector<CurvePoint> three_seeds() {
  std::vector<CurvePoint> points;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const double shift = 0.01 * static_cast<double>(seed);
    add(points, "a", "random", seed, {0.5 + shift, 0.6, 0.7});
    add(points, "a", "better", seed, {0.5 + shift, 0.8 + shift, 0.9});
    add(points, "a", "equal", seed, {0.5 + shift, 0.6, 0.7});
    add(points, "a", std::string(kAllLabels), seed, {1.0});
  }
  return points;
}

}  // namespace

TEST_CASE("a summary by hand: areas, savings, verdicts, ranks, penalties") {
  const auto points = three_seeds();
  const BenchSummary summary = summarise(points, "auc", "random");
  REQUIRE(summary.tasks.size() == 1);
  CHECK(summary.selectors == std::vector<std::string>{"random", "better", "equal"});
  const TaskSummary& task = summary.tasks[0];
  CHECK(task.labels == std::vector<index_t>{10, 20, 30});
  CHECK(task.all_labels.mean == 1);
  const SelectorResult& random = task.selectors[0];
  const SelectorResult& better = task.selectors[1];
  const SelectorResult& equal = task.selectors[2];
  CHECK(random.areas[0] == Approx((0.51 + 2 * 0.6 + 0.7) / 4));
  CHECK(random.curve[0].mean == Approx(0.52));
  const double between = std::log2(2.0), further = std::log2(1.5);
  CHECK(random.area_log2.mean ==
        Approx((between * (0.52 + 0.6) / 2 + further * 0.65) / std::log2(3.0)));
  CHECK(random.last.mean == Approx(0.7));
  CHECK(better.difference.mean == Approx((0.22 * 2 + 0.2) / 4));
  CHECK(better.seeds_ahead == 3);
  CHECK(better.verdict == Verdict::win);
  CHECK(better.p_holm == Approx(2 * better.p));
  CHECK(equal.p == 1);
  CHECK(equal.verdict == Verdict::tie);
  CHECK(random.verdict == Verdict::none);
  // 0.7 lies between 0.52 (10 labels) and 0.82 (20 labels).
  CHECK(better.labels_to_baseline_end == Approx(10 + 10 * 0.18 / 0.3));
  CHECK(better.saving.value == Approx(1 - 16.0 / 30));
  CHECK(better.saving.low <= better.saving.value);
  CHECK(better.saving.high >= better.saving.value);
  CHECK(equal.saving.value == 0);
  CHECK(better.labels_to_share[0] == Approx(30));  // 0.9 of 1
  CHECK(std::isinf(better.labels_to_share[1]));
  CHECK(summary.mean_rank == std::vector<double>{2.5, 1, 2.5});
  CHECK(summary.wins == std::vector<index_t>{0, 1, 0});
  CHECK(summary.ties == std::vector<index_t>{0, 0, 1});
  // "better" is ahead at two of the three points, for certain at the last: its differences agree.
  CHECK(summary.penalty[0][1] == Approx(2.0 / 3));
  CHECK(summary.penalty[1][0] == 0);
  CHECK(summary.penalty[0][2] == 0);
  // Batches after the initial set only.
  CHECK(better.class_share == std::vector<double>{0.6, 0.4});
  CHECK(better.mislabelled == Approx(0.1));
  CHECK(better.redundancy == 0.5);
  CHECK(better.bytes_select == 200);  // the most of a query; before round 0 there is none
  CHECK(std::isnan(random.bytes_select));
}

TEST_CASE("a loss is called a loss, and seeds without a partner do not count") {
  std::vector<CurvePoint> points;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    add(points, "a", "random", seed, {0.5, 0.6, 0.7 + 0.001 * static_cast<double>(seed)});
    if (seed < 4) add(points, "a", "worse", seed, {0.5, 0.5, 0.5});
  }
  add(points, "a", "worse", 4, {0.5, 0.9});  // interrupted
  const BenchSummary summary = summarise(points, "auc", "random");
  const SelectorResult& worse = summary.tasks[0].selectors[1];
  CHECK(worse.area.count == 3);
  CHECK(worse.seeds_compared == 3);
  CHECK(worse.verdict == Verdict::loss);
  CHECK(worse.saving.value == 0);
  CHECK(summary.losses[1] == 1);
  const BenchSummary alone = summarise(points, "auc", "nobody");
  CHECK(std::isnan(alone.tasks[0].selectors[1].p));
  CHECK_THROWS_WITH(summarise(points, "f1", "random"),
                    Catch::Matchers::ContainsSubstring("balanced_accuracy"));
}

TEST_CASE("curves read back as they were written") {
  auto points = three_seeds();
  points[0].task = "a, \"quoted\"";
  points[0].picks = {4, 0, 17};
  points[2].bytes_select = 123456;
  points[1].metrics.auc = std::numeric_limits<double>::quiet_NaN();
  const std::string text = curves_csv(points);
  const auto back = parse_curves(text, "curves");
  REQUIRE(back.size() == points.size());
  CHECK(back[0].task == points[0].task);
  CHECK(back[0].picks == points[0].picks);
  CHECK(std::isnan(back[1].metrics.auc));
  CHECK(back[1].bytes_select == -1);
  CHECK(back[2].bytes_select == 123456);
  CHECK(curves_csv(back) == text);
  CHECK_THROWS_WITH(parse_curves("task,selector\na,b\n", "x.csv"),
                    Catch::Matchers::ContainsSubstring("x.csv must have the column seed"));
}

TEST_CASE("the files of a summary hold its numbers") {
  const BenchSummary summary = summarise(three_seeds(), "auc", "random");
  const auto json = nlohmann::json::parse(summary_json(summary));
  CHECK(json["tasks"][0]["results"][1]["verdict"] == "win");
  CHECK(json["tasks"][0]["results"][1]["labels_to_share"][1].is_null());  // never
  const std::string csv = summary_csv(summary);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 4);
  const std::string curves = mean_curves_csv(summary);
  CHECK(std::count(curves.begin(), curves.end(), '\n') == 10);
  CHECK(summary_markdown(summary).find("| better | 0.7650") != std::string::npos);
}

TEST_CASE("names cannot break out of the page") {
  std::vector<CurvePoint> points;
  add(points, "</script><script>alert(1)</script>", "<b>", 1, {0.5, 0.6, 0.7});
  add(points, "</script><script>alert(1)</script>", "<b>", 2, {0.5, 0.6, 0.8});
  const std::vector<BenchSummary> all = {summarise(points, "auc", "<b>")};
  const std::string page = bench_report(all, {.title = "<i>", .synthetic = true, .protocol = "&"});
  CHECK(page.find("<script>alert") == std::string::npos);
  CHECK(page.find("<b>") == std::string::npos);
  CHECK(page.find("<i>&") == std::string::npos);
  CHECK(page.find("SYNTHETIC DATA") != std::string::npos);
}
