// SPDX-License-Identifier: Apache-2.0
#include <aift/select/stratified_selector.hpp>

#include "round_robin.hpp"

namespace aift {

using namespace select::detail;

std::unique_ptr<Selector> StratifiedSelector::make(const Settings& /*settings*/) {
  return std::make_unique<StratifiedSelector>();
}

void StratifiedSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                              Selection& out) const {
  const std::vector<index_t> order = canonical(pool, false);
  std::map<index_t, index_t> held;
  for (const index_t i : canonical(pool, true))
    ++held[pool.groups[at(i)]];
  std::vector<index_t> group;
  for (const index_t i : order)
    group.push_back(pool.groups[at(i)]);
  round_robin(
      order, group, luck_of(pool, order, context), std::move(held), budget, context,
      [](index_t, index_t count) {
        return fmt::format("drawn at random from a group with {} labelled or picked", count);
      },
      out);
}

}  // namespace aift
