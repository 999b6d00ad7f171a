// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <set>

#include <aift/core/rng.hpp>
#include <aift/select/cluster_margin_selector.hpp>

#include "line_pool.hpp"
#include "src/select/linkage.hpp"

using namespace aift;
using aift::test::LinePool;

namespace {

/// The mean distance of the members, joined step by step, searched from scratch in every step.
std::vector<index_t> slow_linkage(const std::vector<float>& x, index_t count) {
  std::vector<std::vector<std::size_t>> clusters;
  for (std::size_t i = 0; i < x.size(); ++i)
    clusters.push_back({i});
  while (static_cast<index_t>(clusters.size()) > count) {
    double best = 1e300;
    std::size_t one = 0;
    std::size_t other = 0;
    for (std::size_t a = 0; a < clusters.size(); ++a) {
      for (std::size_t b = a + 1; b < clusters.size(); ++b) {
        double sum = 0;
        for (const std::size_t i : clusters[a]) {
          for (const std::size_t j : clusters[b])
            sum += std::fabs(static_cast<double>(x[i]) - static_cast<double>(x[j]));
        }
        const double mean = sum / static_cast<double>(clusters[a].size() * clusters[b].size());
        if (mean < best) {
          best = mean;
          one = a;
          other = b;
        }
      }
    }
    clusters[one].insert(clusters[one].end(), clusters[other].begin(), clusters[other].end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(other));
  }
  std::vector<index_t> of(x.size());
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    for (const std::size_t i : clusters[c])
      of[i] = static_cast<index_t>(c);
  }
  return of;
}

bool same_partition(const std::vector<index_t>& a, const std::vector<index_t>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if ((a[i] == a[j]) != (b[i] == b[j])) return false;
    }
  }
  return true;
}

}  // namespace

TEST_CASE("average linkage by chains gives the clusters of the plain search") {
  const KeyedRandom random(11, Purpose::order);
  for (index_t round = 0; round < 40; ++round) {
    const index_t n = 2 + random.below(1000 + round, 30);
    std::vector<float> x;
    for (index_t i = 0; i < n; ++i)
      x.push_back(static_cast<float>(random.uniform(round * 64 + i)));
    const LinePool pool(x);
    std::vector<index_t> all(x.size());
    std::iota(all.begin(), all.end(), index_t{0});
    const select::detail::Rows rows(pool.view(), all, false);
    for (const index_t count : {index_t{1}, index_t{2}, n / 2 + 1, n, n + 3}) {
      INFO("round " << round << ", " << n << " rows, " << count << " clusters");
      CHECK(same_partition(select::detail::average_linkage(rows, count, nullptr),
                           slow_linkage(x, count)));
    }
  }
}

TEST_CASE("cluster_margin goes round the clusters of the hardest, the smallest first") {
  // Undecided: five around 0, two around 10 and one at 30; the others are sure.
  LinePool pool({0, 1, 2, 3, 4, 10, 11, 30, 50, 60});
  pool.probabilities({0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.99, 0.01});
  const ClusterMarginSelector selector(false, 2, 8.0 / 3);  // the 8 hardest, 3 clusters
  const Selection picks = selector.select(pool.view(), 4, {.seed = 5});
  REQUIRE(picks.size() == 4);
  CHECK(picks.indices[0] == 7);
  CHECK((picks.indices[1] == 5 || picks.indices[1] == 6));
  CHECK(picks.indices[2] <= 4);
  CHECK((picks.indices[3] == 5 || picks.indices[3] == 6));  // the cluster of one is used up
  CHECK(picks.score == std::vector<double>(4, 1.0));
}

TEST_CASE("cluster_margin draws within a cluster by the seed") {
  LinePool pool({0, 1, 2, 3, 4, 5, 6, 7});
  pool.probabilities(std::vector<double>(8, 0.5));
  const ClusterMarginSelector selector(false, 8, 8);
  std::set<index_t> first;
  for (std::uint64_t seed = 0; seed < 40; ++seed)
    first.insert(selector.select(pool.view(), 1, {.seed = seed}).indices[0]);
  CHECK(first.size() >= 6);
}
