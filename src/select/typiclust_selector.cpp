// SPDX-License-Identifier: Apache-2.0
#include <aift/select/typiclust_selector.hpp>

#include "typical.hpp"

namespace aift {

using select::detail::Typicality;

TypiclustSelector::TypiclustSelector(bool normalise, index_t neighbours, index_t max_clusters)
    : normalise_(normalise), neighbours_(neighbours), max_clusters_(max_clusters) {
  Typicality{normalise, neighbours, max_clusters}.validate();
}

std::unique_ptr<Selector> TypiclustSelector::make(const Settings& settings) {
  const auto how = Typicality::from(settings);
  return std::make_unique<TypiclustSelector>(how.normalise, how.neighbours, how.max_clusters);
}

void TypiclustSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                             Selection& out) const {
  select::detail::pick_typical(pool, budget, context,
                               Typicality{normalise_, neighbours_, max_clusters_}, out);
}

}  // namespace aift
