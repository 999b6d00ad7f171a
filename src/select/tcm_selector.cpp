// SPDX-License-Identifier: Apache-2.0
#include <aift/select/tcm_selector.hpp>

#include <aift/core/error.hpp>
#include <aift/select/top_b.hpp>

#include "mean_margin.hpp"
#include "typical.hpp"

namespace aift {

using namespace select::detail;

TcmSelector::TcmSelector(bool normalise, index_t neighbours, index_t max_clusters, double switch_at)
    : normalise_(normalise),
      neighbours_(neighbours),
      max_clusters_(max_clusters),
      switch_at_(switch_at) {
  Typicality{normalise, neighbours, max_clusters}.validate();
  AIFT_EXPECT(switch_at >= 0, ValueError,
              "switch_at, labels per class, must be at least 0; got {}.", switch_at);
}

std::unique_ptr<Selector> TcmSelector::make(const Settings& settings) {
  const auto how = Typicality::from(settings);
  return std::make_unique<TcmSelector>(how.normalise, how.neighbours, how.max_clusters,
                                       settings.number("switch_at", 10));
}

void TcmSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                       Selection& out) const {
  const std::vector<index_t> eligible = canonical(pool, false);
  const auto labelled = static_cast<double>(canonical(pool, true).size());
  if (labelled < switch_at_ * static_cast<double>(pool.classes)) {
    pick_typical(pool, budget, context, Typicality{normalise_, neighbours_, max_clusters_}, out);
    return;
  }
  std::vector<double> doubt;
  for (const index_t i : eligible)
    doubt.push_back(mean_margin(pool, i).doubt);
  for (const index_t p : top_b(doubt, budget, context.executor)) {
    out.indices.push_back(eligible[at(p)]);
    out.score.push_back(doubt[at(p)]);
    out.reason.push_back(fmt::format("margin {:.4g} between two classes", 1 - doubt[at(p)]));
  }
}

}  // namespace aift
