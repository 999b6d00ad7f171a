// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// The first batch, while no model is there: the candidates with the smallest numbers of their own.
class FirstDraw final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "random"; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override {
    std::vector<std::pair<std::uint64_t, index_t>> order;
    order.reserve(pool.ids.size());
    for (index_t i = 0; i < pool.size; ++i) {
      if (!may_be_picked(pool, i)) continue;
      const std::uint64_t id = pool.ids[static_cast<std::size_t>(i)];
      order.emplace_back(KeyedRandom(context.seed, Purpose::first_batch, context.round, id).bits(0),
                         i);
    }
    std::partial_sort(order.begin(), order.begin() + budget, order.end());
    for (index_t r = 0; r < budget; ++r) {
      out.indices.push_back(order[static_cast<std::size_t>(r)].second);
      out.reason.emplace_back("Drawn at random: no model is trained yet.");
    }
  }
};

}  // namespace aift
