// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include <aift/core/error.hpp>

#include "rows.hpp"

namespace aift::select::detail {

/// Picks evenly over strata: always the best candidate of the stratum with fewest held so far;
/// among equal strata the one with the larger luck.
///
/// order    candidates; the first of equal scores wins
/// stratum  of every candidate of `order`
/// held     candidates that a stratum holds before the first pick
template <class Explain>
void round_robin(const std::vector<index_t>& order, const std::vector<index_t>& stratum,
                 const std::vector<double>& score, std::map<index_t, index_t> held, index_t budget,
                 const SelectContext& context, const Explain& explain, Selection& out) {
  struct Stratum {
    index_t name = 0;
    index_t held = 0;
    double luck = 0;
    std::vector<index_t> waiting;  // positions, the best last
  };
  std::map<index_t, Stratum> by_name;
  for (std::size_t p = 0; p < order.size(); ++p)
    by_name[stratum[p]].waiting.push_back(static_cast<index_t>(p));
  std::vector<Stratum> strata;
  for (auto& [name, one] : by_name) {
    one.name = name;
    one.held = held[name];
    one.luck = KeyedRandom(context.seed, Purpose::selection, context.round,
                           static_cast<std::uint64_t>(name))
                   .uniform(1);
    std::sort(one.waiting.begin(), one.waiting.end(), [&](index_t a, index_t b) {
      return score[at(a)] != score[at(b)] ? score[at(a)] < score[at(b)] : a > b;
    });
    strata.push_back(std::move(one));
  }
  for (index_t step = 0; step < budget; ++step) {
    Stratum* best = nullptr;
    for (Stratum& one : strata) {
      if (one.waiting.empty()) continue;
      if (best == nullptr || one.held < best->held ||
          (one.held == best->held && one.luck > best->luck)) {
        best = &one;
      }
    }
    const index_t p = best->waiting.back();
    best->waiting.pop_back();
    out.indices.push_back(order[at(p)]);
    out.score.push_back(score[at(p)]);
    out.reason.push_back(explain(best->name, best->held));
    ++best->held;
  }
}

}  // namespace aift::select::detail
