// SPDX-License-Identifier: Apache-2.0
#include <aift/select/prob_cover_selector.hpp>

#include "herding.hpp"

namespace aift {

ProbCoverSelector::ProbCoverSelector(bool normalise, double delta)
    : normalise_(normalise), delta_(delta) {
  select::detail::expect_scale("delta", delta);
}

std::unique_ptr<Selector> ProbCoverSelector::make(const Settings& settings) {
  const bool normalise = settings.flag("normalise", true);
  return std::make_unique<ProbCoverSelector>(normalise, settings.number("delta", 0.75));
}

void ProbCoverSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                             Selection& out) const {
  select::detail::herd(pool, budget, context.executor, normalise_, {.ball = true, .scale = delta_},
                       {}, out);
}

}  // namespace aift
