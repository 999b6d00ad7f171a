// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/tcm_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;
using aift::test::two_clusters;

TEST_CASE("tcm goes by typicality until there are labels enough, then by margin") {
  LinePool pool = two_clusters();
  // The candidates 7 and 1 are undecided; all others are sure.
  pool.probabilities({0.1, 0.45, 0.1, 0.1, 0.1, 0.1, 0.1, 0.49, 0.9, 0.9, 0.9, 0.9});
  const TcmSelector selector(false, 20, 500, 1);  // one label per class
  CHECK(selector.select(pool.view(), 2).indices == std::vector<index_t>{3, 9});
  pool.labels[0] = 0;
  CHECK(selector.select(pool.view(), 1).indices == std::vector<index_t>{9});
  // Somebody who may not be picked has no label.
  pool.standing.assign(12, Standing::open);
  pool.standing[11] = Standing::barred;
  CHECK(selector.select(pool.view(), 1).indices == std::vector<index_t>{9});
  pool.standing.clear();
  pool.labels[11] = 1;
  const Selection picks = selector.select(pool.view(), 2);
  CHECK(picks.indices == std::vector<index_t>{7, 1});
  REQUIRE(picks.score.size() == 2);
  CHECK(picks.score[0] == Approx(0.98));
}
