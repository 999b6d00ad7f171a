// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/uherding_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;

TEST_CASE("uherding covers where the network is undecided") {
  // Three sure ones at 0, an undecided one far away.
  LinePool pool({0, 0, 0, 50});
  pool.probabilities({0.01, 0.01, 0.01, 0.5});
  const UherdingSelector selector(false, 1);
  const Selection picks = selector.select(pool.view(), 2);
  CHECK(picks.indices == std::vector<index_t>{3, 0});
  REQUIRE(picks.score.size() == 2);
  CHECK(picks.score[0] == Approx(1.0 / 4));
  CHECK(picks.score[1] == Approx(3 * 0.02 / 4));
  // With equal doubts the three together weigh more.
  LinePool equal({0, 0, 0, 50});
  equal.probabilities({0.5, 0.5, 0.5, 0.5});
  CHECK(selector.select(equal.view(), 1).indices == std::vector<index_t>{0});
}
