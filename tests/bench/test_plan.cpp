// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/bench/plan.hpp>
#include <aift/core/error.hpp>

using namespace aift;
using namespace aift::bench;

namespace {

Plan parse(const std::string& text) { return parse_plan(text, "/data", "bench.toml"); }

const std::string kTasks = "[[tasks]]\ngenerate = \"outliers\"\n";

}  // namespace

TEST_CASE("a plan with everything in it") {
  const Plan plan = parse(R"(
title = "Everything"
seeds = [3, 5]
baseline = "chance"
metric = "balanced_accuracy"
initial = 4
first = "stratified"
budget = 7
rounds = 2
l2 = 0.1
selectors = [
  "margin",
  { name = "random", label = "chance" },
  { name = "aift", set = { alpha = 0.5, pairs = "unordered" }, batch = { max_per_group = 1, audit_share = 0.2 } },
]
[[tasks]]
name = "polyps"
features = "polyps/features.npy"
candidates = "polyps/candidates.csv"
pool = 300
label_noise = 0.1
budget = 9
[[tasks]]
generate = "outliers"
imbalance = 20
duplicates = 0.5
)");
  CHECK(plan.title == "Everything");
  CHECK(plan.seeds == std::vector<std::uint64_t>{3, 5});
  REQUIRE(plan.tasks.size() == 2);
  CHECK(plan.tasks[0].spec.features == "/data/polyps/features.npy");
  CHECK(plan.tasks[0].spec.pool == 300);
  CHECK(plan.tasks[0].spec.label_noise == 0.1);
  CHECK(plan.tasks[0].protocol.budget == 9);
  CHECK(plan.tasks[1].protocol.budget == 7);
  CHECK(plan.tasks[1].protocol.first == "stratified");
  CHECK(plan.tasks[1].protocol.probe.l2_grid == std::vector<double>{0.1});
  CHECK(plan.tasks[1].spec.name == "outliers");
  CHECK(plan.tasks[1].spec.imbalance == 20);
  REQUIRE(plan.selectors.size() == 3);
  CHECK(plan.selectors[1].label == "chance");
  CHECK(plan.selectors[2].settings.at("alpha") == "0.5");
  CHECK(plan.selectors[2].settings.at("pairs") == "unordered");
  CHECK(plan.selectors[2].rules.max_per_group == 1);
}

TEST_CASE("what is wrong with a plan is said with its place") {
  const auto wrong = [](const std::string& text, const std::string& expected) {
    INFO(text);
    CHECK_THROWS_WITH(parse(text), Catch::Matchers::ContainsSubstring(expected));
  };
  wrong("seeds = 2\nselectors = [\"random\"]\n", "must have tasks");
  wrong(kTasks, "must have selectors");
  wrong("sedes = 2\nselectors = [\"random\"]\n" + kTasks, "there is no key \"sedes\"");
  wrong("selectors = [\"random\"]\n" + kTasks + "sizze = 3\n", "task 1: there is no key \"sizze\"");
  wrong("selectors = [\"margin\"]\n" + kTasks, "The baseline \"random\" is not among");
  wrong("selectors = [\"random\", \"random\"]\n" + kTasks, "comes twice");
  wrong("seeds = 0\nselectors = [\"random\"]\n" + kTasks, "seeds");
  wrong("seeds = [1, 1]\nselectors = [\"random\"]\n" + kTasks, "each once");
  wrong("rounds = \"two\"\nselectors = [\"random\"]\n" + kTasks, "rounds must be a whole number");
  wrong("first = \"best\"\nselectors = [\"random\"]\n" + kTasks, "random or stratified");
  wrong("selectors = [\"random\"]\n[[tasks]]\nfeatures = \"f.npy\"\nname = \"f\"\n",
        "features need candidates");
  wrong("selectors = [\"random\"\n", "line");
}
