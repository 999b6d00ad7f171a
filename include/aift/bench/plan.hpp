// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <aift/bench/task.hpp>
#include <aift/loop/linear_probe.hpp>
#include <aift/select/batch_rules.hpp>

namespace aift::bench {

/// How a curve is made, the same for every selector of a task.
struct Protocol {
  index_t initial = 10;          ///< labels before the first query, the same for every selector
  std::string first = "random";  ///< how they are drawn: random, or stratified (evenly by class)
  index_t budget = 10;           ///< labels per round
  index_t rounds = 10;           ///< queries
  ProbeOptions probe;            ///< the classifier, fitted from nothing in every round

  /// Of the probe's defaults three penalties and a gradient of 1e-5 of that at zero: thousands of
  /// fits stay short.
  Protocol() {
    probe.l2_grid = {1, 0.1, 0.01};
    probe.tolerance = 1e-5;
  }
};

/// A strategy that is compared.
struct SelectorSpec {
  std::string label;                            ///< in all results
  std::string name;                             ///< in the registry
  std::map<std::string, std::string> settings;  ///< its options
  BatchRules rules;                             ///< of its batches
};

/// A task and its protocol.
struct PlannedTask {
  TaskSpec spec;      ///< what it is
  Protocol protocol;  ///< how its curves are made
};

/// Tasks x selectors x seeds.
struct Plan {
  std::string title;                    ///< of the report
  std::vector<std::uint64_t> seeds;     ///< all different
  std::vector<PlannedTask> tasks;       ///< names all different
  std::vector<SelectorSpec> selectors;  ///< labels all different
  std::string baseline = "random";      ///< label of the selector that others are compared with
  std::string metric = "auc";           ///< auc, balanced_accuracy or accuracy

  /// throws ValueError naming what is wrong
  void validate() const;
};

/// Reads a plan; paths in it are relative to its folder. docs/bench.md describes the format.
/// throws IoError, ValueError naming file, table and key
[[nodiscard]] Plan read_plan(const std::filesystem::path& file);
/// The same from text; `folder` is what paths are relative to, `name` how messages call it.
[[nodiscard]] Plan parse_plan(std::string_view text, const std::filesystem::path& folder,
                              std::string_view name);

}  // namespace aift::bench
