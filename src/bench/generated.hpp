// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/bench/task.hpp>

namespace aift::bench::detail {

/// The draw of a seed, before anything is done to the pool. throws ValueError: no such task
[[nodiscard]] TaskData generate(const std::string& name, index_t pool, index_t test,
                                std::uint64_t seed);

/// Fills Candidates::mean_features.
void fill_mean_features(Candidates& side);

}  // namespace aift::bench::detail
