// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/core/error.hpp>
#include <aift/select/prob_cover_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;

TEST_CASE("prob_cover takes the ball that covers most, then what is left") {
  // Within 1.5 of each: 2, 3 (of the point 1), 2; 2, 2; 1.
  const LinePool pool({0, 1, 2, 10, 11, 30});
  const Selection picks = ProbCoverSelector(false, 1.5).select(pool.view(), 3);
  CHECK(picks.indices == std::vector<index_t>{1, 3, 5});
  REQUIRE(picks.score.size() == 3);
  CHECK(picks.score[0] == Approx(3.0 / 6));
  CHECK(picks.score[1] == Approx(2.0 / 6));
  CHECK(picks.score[2] == Approx(1.0 / 6));

  LinePool labelled = pool;
  labelled.labels[1] = 0;  // covers the first three already
  CHECK(ProbCoverSelector(false, 1.5).select(labelled.view(), 1).indices ==
        std::vector<index_t>{3});
  CHECK_THROWS_AS(ProbCoverSelector(false, 0), ValueError);
}
