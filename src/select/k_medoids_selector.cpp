// SPDX-License-Identifier: Apache-2.0
#include <aift/select/k_medoids_selector.hpp>

#include <aift/core/error.hpp>

#include "k_means.hpp"

namespace aift {

using namespace select::detail;

std::unique_ptr<Selector> KMedoidsSelector::make(const Settings& /*settings*/) {
  return std::make_unique<KMedoidsSelector>();
}

void KMedoidsSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                            Selection& out) const {
  const Rows rows(pool, canonical(pool, false), false);
  const KeyedRandom random(context.seed, Purpose::selection, context.round);
  const Clusters clusters = k_means(rows, budget, random, 100, context.executor);
  auto members = clusters.members();
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (auto& list : members) {
    std::stable_sort(list.begin(), list.end(), [&](index_t a, index_t b) {
      return clusters.squared[at(a)] < clusters.squared[at(b)];
    });
  }
  for (std::size_t depth = 0; static_cast<index_t>(out.indices.size()) < budget; ++depth) {
    for (const auto& list : members) {
      if (depth >= list.size() || static_cast<index_t>(out.indices.size()) == budget) continue;
      const double away = std::sqrt(static_cast<double>(clusters.squared[at(list[depth])]));
      out.indices.push_back(rows.candidate(list[depth]));
      out.score.push_back(-away);
      out.reason.push_back(
          fmt::format("distance {:.4g} from the centre of a cluster of {}", away, list.size()));
    }
  }
}

}  // namespace aift
