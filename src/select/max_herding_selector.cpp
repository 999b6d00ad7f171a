// SPDX-License-Identifier: Apache-2.0
#include <aift/select/max_herding_selector.hpp>

#include "herding.hpp"

namespace aift {

MaxHerdingSelector::MaxHerdingSelector(bool normalise, double sigma)
    : normalise_(normalise), sigma_(sigma) {
  select::detail::expect_scale("sigma", sigma);
}

std::unique_ptr<Selector> MaxHerdingSelector::make(const Settings& settings) {
  const bool normalise = settings.flag("normalise", true);
  return std::make_unique<MaxHerdingSelector>(normalise, settings.number("sigma", 1));
}

void MaxHerdingSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                              Selection& out) const {
  select::detail::herd(pool, budget, context.executor, normalise_, {.scale = sigma_}, {}, out);
}

}  // namespace aift
