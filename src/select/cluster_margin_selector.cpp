// SPDX-License-Identifier: Apache-2.0
#include <aift/select/cluster_margin_selector.hpp>

#include <aift/core/error.hpp>
#include <aift/select/top_b.hpp>

#include "linkage.hpp"
#include "mean_margin.hpp"

namespace aift {

using namespace select::detail;

ClusterMarginSelector::ClusterMarginSelector(bool normalise, double candidates, double cluster_size)
    : normalise_(normalise), candidates_(candidates), cluster_size_(cluster_size) {
  AIFT_EXPECT(candidates >= 1 && std::isfinite(candidates), ValueError,
              "candidates, in batches, must be finite and at least 1; got {}.", candidates);
  AIFT_EXPECT(cluster_size >= 1 && std::isfinite(cluster_size), ValueError,
              "cluster_size must be finite and at least 1; got {}.", cluster_size);
}

std::unique_ptr<Selector> ClusterMarginSelector::make(const Settings& settings) {
  const bool normalise = settings.flag("normalise", false);
  const double candidates = settings.number("candidates", 10);
  return std::make_unique<ClusterMarginSelector>(normalise, candidates,
                                                 settings.number("cluster_size", 10));
}

void ClusterMarginSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                                 Selection& out) const {
  const std::vector<index_t> eligible = canonical(pool, false);
  std::vector<double> doubt;
  doubt.reserve(eligible.size());
  for (const index_t i : eligible)
    doubt.push_back(mean_margin(pool, i).doubt);
  const double wanted = std::floor(candidates_ * static_cast<double>(budget));
  std::vector<index_t> hard =
      top_b(doubt, static_cast<index_t>(std::min(wanted, static_cast<double>(eligible.size()))),
            context.executor);
  std::sort(hard.begin(), hard.end());  // by id again
  std::vector<index_t> candidates;
  for (const index_t p : hard)
    candidates.push_back(eligible[at(p)]);
  const Rows rows(pool, candidates, normalise_);
  const auto clusters =
      static_cast<index_t>(std::ceil(static_cast<double>(rows.size()) / cluster_size_));
  const std::vector<index_t> of = average_linkage(rows, clusters, context.executor);

  std::vector<std::vector<index_t>> members(at(*std::max_element(of.begin(), of.end()) + 1));
  for (index_t p = 0; p < rows.size(); ++p)
    members[at(of[at(p)])].push_back(p);
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
  const std::vector<double> luck = luck_of(pool, candidates, context);
  std::vector<std::size_t> sizes;
  for (auto& list : members) {
    sizes.push_back(list.size());
    std::stable_sort(list.begin(), list.end(),
                     [&](index_t a, index_t b) { return luck[at(a)] > luck[at(b)]; });
  }
  for (std::size_t depth = 0; static_cast<index_t>(out.indices.size()) < budget; ++depth) {
    for (std::size_t c = 0; c < members.size(); ++c) {
      if (depth >= members[c].size() || static_cast<index_t>(out.indices.size()) == budget)
        continue;
      const index_t p = members[c][depth];
      const double margin_doubt = doubt[at(hard[at(p)])];
      out.indices.push_back(candidates[at(p)]);
      out.score.push_back(margin_doubt);
      out.reason.push_back(fmt::format("margin {:.4g}, drawn from a cluster of {} hard candidates",
                                       1 - margin_doubt, sizes[c]));
    }
  }
}

}  // namespace aift
