// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>

#include <aift/select/typiclust_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;
using aift::test::two_clusters;

TEST_CASE("typiclust picks the middle of each cluster, the larger one first") {
  const LinePool pool = two_clusters();
  const TypiclustSelector selector(false);
  const Selection picks = selector.select(pool.view(), 2);
  CHECK(picks.indices == std::vector<index_t>{3, 9});
  REQUIRE(picks.score.size() == 2);
  // 1 / mean distance to the others of the cluster: 12 / 6 and 6 / 4.
  CHECK(picks.score[0] == Approx(0.5).epsilon(1e-5));
  CHECK(picks.score[1] == Approx(2.0 / 3).epsilon(1e-5));

  LinePool labelled = pool;
  labelled.labels[0] = 1;  // the large cluster has a label: the other one is next
  CHECK(selector.select(labelled.view(), 1).indices == std::vector<index_t>{9});
  LinePool barred = pool;
  barred.standing.assign(12, Standing::open);
  barred.standing[3] = Standing::barred;  // still two clusters, but not this one
  const Selection other = selector.select(barred.view(), 2);
  CHECK(std::find(other.indices.begin(), other.indices.end(), 3) == other.indices.end());
  CHECK(std::find(other.indices.begin(), other.indices.end(), 9) != other.indices.end());
  // A barred candidate is no label of its cluster.
  barred.labels[0] = 1;
  barred.standing[3] = Standing::open;
  barred.standing[11] = Standing::barred;
  CHECK(selector.select(barred.view(), 1).indices == std::vector<index_t>{9});
}
