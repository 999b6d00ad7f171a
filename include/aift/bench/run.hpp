// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <aift/bench/curves.hpp>
#include <aift/bench/memory_meter.hpp>
#include <aift/bench/plan.hpp>
#include <aift/core/progress.hpp>
#include <aift/select/registry.hpp>

namespace aift::bench {

/// One curve: a task, a selector and a seed, on linear probes of frozen features.
///
/// Round 0 is fitted on the initial set; every further one on all labels so far. With labels of one
/// class only, every candidate gets that set's class frequencies, each class counted once more.
/// Depends on (data, protocol, selector, rules, seed) alone, but for seconds and bytes.
/// meter   what counts the bytes of a query; null: they are not known
/// throws as the selector and fit_linear_probe; CancelledError between rounds
[[nodiscard]] std::vector<CurvePoint> run_curve(const TaskData& data, const Protocol& protocol,
                                                const SelectorSpec& spec, const Selector& selector,
                                                std::string_view task, std::uint64_t seed,
                                                const Progress& progress,
                                                MemoryMeter* meter = nullptr);
/// The single point of the whole pool's labels (kAllLabels).
[[nodiscard]] std::vector<CurvePoint> run_all_labels(const TaskData& data, const Protocol& protocol,
                                                     std::string_view task, std::uint64_t seed);

/// Where and how a plan is run.
struct RunOptions {
  std::filesystem::path out;     ///< folder of the results, made where it is missing
  int threads = 0;               ///< curves at a time; 0: all processors
  bool only_collect = false;     ///< run nothing, take the curves that are there
  MemoryMeter* meter = nullptr;  ///< counts the memory of queries, for each thread on its own
};

/// What became of a plan.
struct RunOutcome {
  index_t curves = 0;                 ///< of the plan, references included
  index_t found = 0;                  ///< that were there already
  std::vector<std::string> failures;  ///< one sentence per curve that could not be made
  std::vector<CurvePoint> points;     ///< of all curves that are there, in the order of the plan
  bool synthetic = false;             ///< some data are generated
};

/// Runs what is missing of a plan, seeds in turn, so that whole seeds can be compared at any time.
///
/// out       <out>/cells/<task>/<selector>/<seed>.csv, each written at once when its curve is done
///           and never run again while its key (data, protocol, selector, seed) stays the same;
///           <out>/curves.csv, all of them
/// result    does not depend on the threads nor on interruptions, but for the seconds and
///           bytes
/// progress  called by several threads, one at a time
/// throws    CancelledError, IoError; a curve that fails is reported and the others go on
[[nodiscard]] RunOutcome run_plan(const Plan& plan, const SelectorRegistry& registry,
                                  const RunOptions& options, Progress& progress);

}  // namespace aift::bench
