// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/k_medoids_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;
using aift::test::two_clusters;

TEST_CASE("k_medoids picks the candidates nearest to the centres") {
  const LinePool pool = two_clusters();
  const Selection picks = KMedoidsSelector().select(pool.view(), 2);
  CHECK(picks.indices == std::vector<index_t>{3, 9});
  CHECK(picks.score == std::vector<double>{0, 0});
}
