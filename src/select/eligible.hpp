// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/select/selector.hpp>

namespace aift::detail {

/// Candidates that may be picked, ascending.
inline std::vector<index_t> eligible_candidates(const PoolView& pool) {
  std::vector<index_t> eligible;
  eligible.reserve(static_cast<std::size_t>(pool.size));
  for (index_t i = 0; i < pool.size; ++i) {
    if (may_be_picked(pool, i)) eligible.push_back(i);
  }
  return eligible;
}

}  // namespace aift::detail
