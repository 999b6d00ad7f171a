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
  std::vector<index_t> size(at(clusters.count), 0);
  for (const index_t c : clusters.of)
    ++size[at(c)];
  for (const index_t p : nearest_to_centres(clusters, budget)) {
    const double away = std::sqrt(static_cast<double>(clusters.squared[at(p)]));
    out.indices.push_back(rows.candidate(p));
    out.score.push_back(-away);
    out.reason.push_back(fmt::format("distance {:.4g} from the centre of a cluster of {}", away,
                                     size[at(clusters.of[at(p)])]));
  }
}

}  // namespace aift
