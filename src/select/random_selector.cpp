// SPDX-License-Identifier: Apache-2.0
#include <aift/select/random_selector.hpp>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/select/score_selector.hpp>

#include "eligible.hpp"

namespace aift {

void RandomSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                          Selection& out) const {
  const std::vector<index_t> eligible = detail::eligible_candidates(pool);
  const std::vector<double> luck = detail::luck_of(pool, eligible, context);
  for (const index_t position : top_b(luck, budget)) {
    out.indices.push_back(eligible[static_cast<std::size_t>(position)]);
    out.score.push_back(luck[static_cast<std::size_t>(position)]);
    out.reason.push_back(
        fmt::format("drawn at random (seed {}, round {})", context.seed, context.round));
  }
}

}  // namespace aift
