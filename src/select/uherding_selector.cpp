// SPDX-License-Identifier: Apache-2.0
#include <aift/select/uherding_selector.hpp>

#include "herding.hpp"
#include "mean_margin.hpp"

namespace aift {

UherdingSelector::UherdingSelector(bool normalise, double sigma)
    : normalise_(normalise), sigma_(sigma) {
  select::detail::expect_scale("sigma", sigma);
}

std::unique_ptr<Selector> UherdingSelector::make(const Settings& settings) {
  const bool normalise = settings.flag("normalise", true);
  return std::make_unique<UherdingSelector>(normalise, settings.number("sigma", 1));
}

void UherdingSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                            Selection& out) const {
  std::vector<double> doubt;
  for (index_t i = 0; i < pool.size; ++i)
    doubt.push_back(std::max(0.0, select::detail::mean_margin(pool, i).doubt));
  select::detail::herd(pool, budget, context.executor, normalise_, {.scale = sigma_}, doubt, out);
}

}  // namespace aift
