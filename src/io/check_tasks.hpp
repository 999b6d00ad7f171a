// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/io/image_source.hpp>

namespace aift::io::detail {

/// Runs the reading of candidate i and records an IoError as its reason; anything else is passed on.
using CheckReport = std::function<void(index_t i, const std::function<void()>& reading)>;
/// Reads one candidate or several, telling of each.
using CheckTask = std::function<void(const CheckReport& report)>;

/// Runs the tasks on `threads` threads; gives the candidates that could not be read, by index.
/// throws ValueError (threads < 1), whatever progress or a task throws
[[nodiscard]] std::vector<BadImage> run_checks(
    const std::vector<CheckTask>& tasks, index_t total, index_t threads,
    const std::function<void(index_t done, index_t total)>& progress);

}  // namespace aift::io::detail
