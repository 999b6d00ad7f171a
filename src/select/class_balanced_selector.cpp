// SPDX-License-Identifier: Apache-2.0
#include <aift/select/class_balanced_selector.hpp>

#include "mean_margin.hpp"
#include "round_robin.hpp"

namespace aift {

using namespace select::detail;

std::unique_ptr<Selector> ClassBalancedSelector::make(const Settings& /*settings*/) {
  return std::make_unique<ClassBalancedSelector>();
}

void ClassBalancedSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                                 Selection& out) const {
  const std::vector<index_t> order = canonical(pool, false);
  std::vector<index_t> dominant;
  for (const index_t i : order)
    dominant.push_back(mean_margin(pool, i).dominant);
  round_robin(
      order, dominant, luck_of(pool, order, context), {}, budget, context,
      [](index_t k, index_t) { return fmt::format("drawn at random from predicted class {}", k); },
      out);
}

}  // namespace aift
