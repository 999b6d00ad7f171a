// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include <aift/bench/run.hpp>
#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/support/temp_dir.hpp"

using namespace aift;
using namespace aift::bench;
namespace fs = std::filesystem;

namespace {

Plan small_plan() {
  return parse_plan(R"(
seeds = 2
initial = 6
budget = 5
rounds = 3
l2 = 0.1
selectors = ["random", "margin", "badge"]
[[tasks]]
generate = "noise_cluster"
pool = 120
test = 150
[[tasks]]
name = "noisy"
generate = "thin_boundary"
pool = 100
test = 150
label_noise = 0.2
)",
                    "", "plan");
}

/// Everything but seconds and bytes.
std::string without_times(std::vector<CurvePoint> points) {
  for (CurvePoint& point : points)
    point.seconds_fit = point.seconds_select = 0, point.bytes_select = -1;
  return curves_csv(points);
}

RunOutcome run(const Plan& plan, const fs::path& out, int threads) {
  Progress quiet;
  return run_plan(plan, SelectorRegistry::with_builtin(), {.out = out, .threads = threads}, quiet);
}

/// Asks to stop after so many curves.
class Stopper final : public Progress {
 public:
  explicit Stopper(index_t after) : after_(after) {}
  void report(std::string_view, index_t done, index_t) override { done_ = done; }
  [[nodiscard]] bool cancelled() const override { return done_ >= after_; }

 private:
  index_t after_;
  index_t done_ = 0;
};

/// Always refuses.
class Refusing final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "refusing"; }

 protected:
  void pick(const PoolView&, index_t, const SelectContext&, Selection&) const override {
    throw ValueError("no, thank you");
  }
};

}  // namespace

TEST_CASE("a plan runs: paired starts, whole curves, no candidate twice") {
  const test::TempDir folder;
  const Plan plan = small_plan();
  const RunOutcome outcome = run(plan, folder.path(), 1);
  CHECK(outcome.curves == 2 * 2 * 4);
  CHECK(outcome.found == 0);
  CHECK(outcome.failures.empty());
  CHECK(outcome.synthetic);
  REQUIRE(outcome.points.size() == 2 * 2 * (3 * 4 + 1));
  std::map<std::pair<std::string, std::uint64_t>, std::vector<index_t>> first;
  std::map<std::string, std::set<index_t>> picked;
  for (const CurvePoint& point : outcome.points) {
    if (point.selector == kAllLabels) {
      CHECK(point.labels == (point.task == "noisy" ? 100 : 120));
      continue;
    }
    CHECK(point.labels == 6 + 5 * point.round);
    CHECK(point.metrics.auc >= 0);
    CHECK(point.metrics.auc <= 1);
    const auto size = static_cast<index_t>(point.picks.size());
    CHECK(size == (point.round == 0 ? 6 : 5));
    index_t in_classes = 0;
    for (const index_t count : point.batch_classes)
      in_classes += count;
    CHECK(in_classes == size);
    auto& mine = picked[fmt::format("{} {} {}", point.task, point.selector, point.seed)];
    for (const index_t i : point.picks)
      CHECK(mine.insert(i).second);
    if (point.round == 0) {
      auto& start = first[{point.task, point.seed}];
      if (start.empty()) start = point.picks;
      CHECK(start == point.picks);
      CHECK(point.seconds_select == 0);
    }
  }
  CHECK(first[{"noisy", 1}] != first[{"noisy", 2}]);
  CHECK(without_times(read_curves(folder.path() / "curves.csv")) == without_times(outcome.points));
}

TEST_CASE("a meter measures every query and nothing else") {
  class Counting final : public MemoryMeter {
   public:
    int starts = 0;
    int stops = 0;
    void start() override { ++starts; }
    index_t stop() override { return 1000 + ++stops; }
  } meter;
  const test::TempDir folder;
  Progress quiet;
  const RunOutcome outcome = run_plan(small_plan(), SelectorRegistry::with_builtin(),
                                      {.out = folder.path(), .threads = 1, .meter = &meter}, quiet);
  CHECK(meter.starts == 2 * 2 * 3 * 3);  // tasks, seeds, selectors, rounds
  CHECK(meter.stops == meter.starts);
  std::set<index_t> values;
  for (const CurvePoint& point : outcome.points) {
    const bool asked = point.selector != kAllLabels && point.round > 0;
    CHECK((point.bytes_select > 1000) == asked);
    if (asked) values.insert(point.bytes_select);
  }
  CHECK(static_cast<int>(values.size()) == meter.stops);  // each at its own query
}

TEST_CASE("threads, interruptions and repetitions do not change the curves") {
  const Plan plan = small_plan();
  const test::TempDir straight;
  const std::string expected = without_times(run(plan, straight.path(), 1).points);
  const test::TempDir broken;
  Stopper stopper(5);
  CHECK_THROWS_AS(run_plan(plan, SelectorRegistry::with_builtin(),
                           {.out = broken.path(), .threads = 2}, stopper),
                  CancelledError);
  const RunOutcome rest = run(plan, broken.path(), 2);
  CHECK(rest.found >= 5);
  CHECK(rest.found < rest.curves);
  CHECK(without_times(rest.points) == expected);
  const RunOutcome again = run(plan, broken.path(), 2);
  CHECK(again.found == again.curves);
  CHECK(without_times(again.points) == expected);
}

TEST_CASE("a curve is made again when what it depends on has changed, and no other") {
  Plan plan = small_plan();
  const test::TempDir folder;
  (void)run(plan, folder.path(), 2);
  plan.tasks[0].protocol.budget = 4;
  RunOutcome outcome = run(plan, folder.path(), 2);
  CHECK(outcome.found == outcome.curves - 3 * 2);  // the reference has no budget
  plan.selectors[2].name = "k_center";             // under the label it had
  outcome = run(plan, folder.path(), 2);
  CHECK(outcome.found == outcome.curves - 4);
  // A damaged file is an error, not a curve.
  const fs::path one = folder.path() / "cells" / "noisy" / "random" / "1.csv";
  const std::string text = io::read_text_file(one);
  io::write_file_atomically(one, text.substr(0, text.size() / 2));
  CHECK_THROWS_AS(run(plan, folder.path(), 1), Error);
  fs::remove(one);
  CHECK(run(plan, folder.path(), 1).failures.empty());
}

TEST_CASE("a selector that fails is reported, and the others go on") {
  auto registry = SelectorRegistry::with_builtin();
  registry.add(
      {"refusing", "refuses", "", [](const Settings&) { return std::make_unique<Refusing>(); }});
  Plan plan = small_plan();
  plan.selectors.push_back({"refusing", "refusing", {}, {}});
  const test::TempDir folder;
  Progress quiet;
  const RunOutcome outcome = run_plan(plan, registry, {.out = folder.path(), .threads = 2}, quiet);
  REQUIRE(outcome.failures.size() == 4);
  CHECK_THAT(outcome.failures[0], Catch::Matchers::ContainsSubstring("no, thank you"));
  CHECK(outcome.points.size() == 2 * 2 * (3 * 4 + 1));
}

TEST_CASE("nothing is labelled at first, or a single class: every candidate looks alike") {
  Plan plan = small_plan();
  plan.tasks.resize(1);
  plan.tasks[0].protocol.initial = 0;
  plan.seeds = {1};
  const test::TempDir folder;
  const RunOutcome outcome = run(plan, folder.path(), 1);
  CHECK(outcome.failures.empty());
  for (const CurvePoint& point : outcome.points) {
    if (point.labels == 0) CHECK(point.metrics.auc == 0.5);
  }
}

TEST_CASE("stratified initial labels hold every class before any class twice") {
  Plan plan = small_plan();
  plan.tasks.resize(1);
  plan.tasks[0].protocol.first = "stratified";
  const test::TempDir folder;
  for (const CurvePoint& point : run(plan, folder.path(), 1).points) {
    if (point.round == 0 && point.selector == "random") {
      const auto [least, most] =
          std::minmax_element(point.batch_classes.begin(), point.batch_classes.end());
      CHECK(*least == 1);
      CHECK(*most == 2);
    }
  }
}

TEST_CASE("the traps hold: uncertainty asks about the noise, farthest-first about the outliers") {
  Plan plan = parse_plan(R"(
seeds = 6
initial = 20
budget = 20
rounds = 4
l2 = 0.1
selectors = ["random", "margin", "k_center"]
[[tasks]]
generate = "noise_cluster"
pool = 600
test = 300
[[tasks]]
generate = "outliers"
pool = 600
test = 300
)",
                         "", "plan");
  const test::TempDir folder;
  std::map<std::string, double> ambiguous;
  std::map<std::string, double> all;
  for (const CurvePoint& point : run(plan, folder.path(), 0).points) {
    if (point.round == 0) continue;
    ambiguous[point.task + " " + point.selector] += static_cast<double>(point.ambiguous);
    all[point.task + " " + point.selector] += static_cast<double>(point.picks.size());
  }
  const auto share = [&](const std::string& who) { return ambiguous[who] / all[who]; };
  CHECK(share("noise_cluster random") == Approx(0.25).margin(0.06));
  CHECK(share("noise_cluster margin") > 1.5 * share("noise_cluster random"));
  CHECK(share("outliers random") == Approx(0.05).margin(0.04));
  CHECK(share("outliers k_center") > 4 * share("outliers random"));
}
