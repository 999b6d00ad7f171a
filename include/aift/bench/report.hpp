// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include <aift/bench/summary.hpp>

namespace aift::bench {

/// What a report says about where its curves come from.
struct BenchReportOptions {
  std::string title;       ///< of the page
  bool synthetic = false;  ///< some tasks are generated
  std::string protocol;    ///< one paragraph; plain text
};

/// One HTML page, complete in itself: no request leaves it, no script but its own runs.
///
/// summaries  one per metric; the first is shown first
[[nodiscard]] std::string bench_report(std::span<const BenchSummary> summaries,
                                       const BenchReportOptions& options);

}  // namespace aift::bench
