// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/core/rng.hpp>
#include <aift/math/log.hpp>
#include <aift/select/selector.hpp>

namespace aift::detail {

/// Stable number of a candidate for keyed randomness: its id, else its place in the pool.
inline std::uint64_t id_of(const PoolView& pool, index_t i) noexcept {
  return pool.ids.empty() ? static_cast<std::uint64_t>(i) : pool.ids[static_cast<std::size_t>(i)];
}

/// A uniform number for every one of `candidates`, keyed by seed, round and id.
inline std::vector<double> luck_of(const PoolView& pool, const std::vector<index_t>& candidates,
                                   const SelectContext& context) {
  std::vector<double> luck;
  luck.reserve(candidates.size());
  for (const index_t i : candidates) {
    luck.push_back(
        KeyedRandom(context.seed, Purpose::selection, context.round, id_of(pool, i)).uniform(0));
  }
  return luck;
}

/// Standard Gumbel number of a candidate, keyed by seed, round and id: -ln(-ln(u)), u in (0, 1).
inline double gumbel_of(const PoolView& pool, index_t i, const SelectContext& context) {
  const KeyedRandom random(context.seed, Purpose::selection, context.round, id_of(pool, i));
  return -math::log(-math::log(random.uniform(0) + 0x1p-54));
}

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
