// SPDX-License-Identifier: Apache-2.0
#include "typical.hpp"

#include <limits>

#include <aift/core/error.hpp>

#include "k_means.hpp"

namespace aift::select::detail {

namespace {

constexpr index_t kIterations = 100;  // of k-means
constexpr index_t kSmallCluster = 5;  // clusters below come last
constexpr index_t kRowsAtATime = 64;

/// 1 / mean distance to the nearest neighbours, for the members of one cluster.
std::vector<double> typicality(const Rows& rows, const std::vector<index_t>& members,
                               index_t neighbours) {
  const auto n = static_cast<index_t>(members.size());
  std::vector<const float*> points;
  for (const index_t p : members)
    points.push_back(rows.row(p));
  const index_t k = std::min(neighbours, n - 1);
  std::vector<double> out(at(n), std::numeric_limits<double>::max());
  if (k < 1) return out;
  std::vector<float> tile(at(kRowsAtATime * n));
  for (index_t first = 0; first < n; first += kRowsAtATime) {
    const index_t count = std::min(kRowsAtATime, n - first);
    distances().squared(points.data() + first, count, points.data(), n, rows.columns(),
                        tile.data());
    for (index_t r = 0; r < count; ++r) {
      float* row = tile.data() + r * n;
      row[first + r] = std::numeric_limits<float>::infinity();  // not its own neighbour
      std::partial_sort(row, row + k, row + n);
      double sum = 0;
      for (index_t j = 0; j < k; ++j)
        sum += std::sqrt(static_cast<double>(row[j]));
      if (sum > 0) {
        out[at(first + r)] =
            std::min(static_cast<double>(k) / sum, std::numeric_limits<double>::max());
      }
    }
  }
  return out;
}

}  // namespace

void Typicality::validate() const {
  AIFT_EXPECT(neighbours >= 1, ValueError, "neighbours must be at least 1; got {}.", neighbours);
  AIFT_EXPECT(max_clusters >= 1, ValueError, "max_clusters must be at least 1; got {}.",
              max_clusters);
}

Typicality Typicality::from(const Settings& settings) {
  Typicality how;
  how.normalise = settings.flag("normalise", how.normalise);
  how.neighbours = settings.integer("neighbours", how.neighbours);
  how.max_clusters = settings.integer("max_clusters", how.max_clusters);
  return how;
}

void pick_typical(const PoolView& pool, index_t budget, const SelectContext& context,
                  const Typicality& how, Selection& out) {
  // Everybody together, in one order.
  PoolView unlabelled = pool;
  unlabelled.labels = {};
  unlabelled.standing = {};
  const Rows rows(pool, canonical(unlabelled, false), how.normalise);
  index_t labelled = 0;
  std::vector<char> taken(at(rows.size()), 0);
  for (index_t p = 0; p < rows.size(); ++p) {
    if (may_be_picked(pool, rows.candidate(p))) continue;
    taken[at(p)] = 1;
    labelled += counts_as_labelled(pool, rows.candidate(p)) ? 1 : 0;
  }
  const KeyedRandom random(context.seed, Purpose::selection, context.round);
  const Clusters clusters = k_means(rows, std::min(labelled + budget, how.max_clusters), random,
                                    kIterations, context.executor);
  const auto members = clusters.members();
  std::vector<std::vector<double>> typical(members.size());
  in_parts(context.executor, clusters.count, 1, [&](index_t c, index_t) {
    typical[at(c)] = typicality(rows, members[at(c)], how.neighbours);
  });
  std::vector<index_t> held(members.size(), 0);
  std::vector<index_t> left(members.size(), 0);
  for (std::size_t c = 0; c < members.size(); ++c) {
    for (const index_t p : members[c]) {
      held[c] += counts_as_labelled(pool, rows.candidate(p)) ? 1 : 0;
      left[c] += taken[at(p)] == 0 ? 1 : 0;
    }
  }
  for (index_t step = 0; step < budget; ++step) {
    index_t best = -1;
    const auto ahead = [&](std::size_t a, std::size_t b) {
      const bool small_a = static_cast<index_t>(members[a].size()) < kSmallCluster;
      const bool small_b = static_cast<index_t>(members[b].size()) < kSmallCluster;
      if (small_a != small_b) return small_b;
      if (held[a] != held[b]) return held[a] < held[b];
      return members[a].size() > members[b].size();
    };
    for (std::size_t c = 0; c < members.size(); ++c) {
      if (left[c] > 0 && (best < 0 || ahead(c, at(best)))) best = static_cast<index_t>(c);
    }
    const auto& from = members[at(best)];
    std::size_t chosen = from.size();
    for (std::size_t m = 0; m < from.size(); ++m) {
      if (taken[at(from[m])] != 0) continue;
      if (chosen == from.size() || typical[at(best)][m] > typical[at(best)][chosen]) chosen = m;
    }
    taken[at(from[chosen])] = 1;
    ++held[at(best)];
    --left[at(best)];
    out.indices.push_back(rows.candidate(from[chosen]));
    out.score.push_back(typical[at(best)][chosen]);
    out.reason.push_back(
        fmt::format("typicality {:.4g} in a cluster of {} with {} labelled or picked",
                    typical[at(best)][chosen], from.size(), held[at(best)] - 1));
  }
}

}  // namespace aift::select::detail
