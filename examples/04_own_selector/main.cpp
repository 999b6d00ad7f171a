// SPDX-License-Identifier: Apache-2.0
// A selector of your own, compared with those of the library. Synthetic data only.
#include "doubt_and_distance_selector.hpp"

#include <cstdio>

#include <aift/bench/run.hpp>
#include <aift/bench/summary.hpp>
#include <aift/select/registry.hpp>

// [begin compare]
int main(int argc, char** argv) try {
  auto registry = aift::SelectorRegistry::with_builtin();
  registry.add({std::string(DoubtAndDistanceSelector::kName),
                std::string(DoubtAndDistanceSelector::kSummary),
                std::string(DoubtAndDistanceSelector::kOptions), DoubtAndDistanceSelector::make});

  const auto plan = aift::bench::parse_plan(R"(
    seeds = 5
    initial = 10
    budget = 10
    rounds = 5
    l2 = 0.1
    selectors = ["random", "margin", "k_center",
                 { name = "doubt_and_distance", set = { power = 0.5 } }]
    tasks = [{ generate = "thin_boundary", pool = 300, test = 300 },
             { generate = "outliers", pool = 300, test = 300 }]
  )",
                                            "", "the plan");
  aift::Progress quiet;
  const auto outcome =
      aift::bench::run_plan(plan, registry, {.out = argc > 1 ? argv[1] : "own_selector"}, quiet);
  const auto summary = aift::bench::summarise(outcome.points, plan.metric, plan.baseline);
  std::fputs(aift::bench::summary_markdown(summary).c_str(), stdout);
  return outcome.failures.empty() ? 0 : 1;
} catch (const aift::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
// [end compare]
