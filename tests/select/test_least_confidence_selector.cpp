// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/least_confidence_selector.hpp>

using namespace aift;

TEST_CASE("least_confidence ranks hand-computed candidates") {
  // Mean of class 1: 1/2, 7/8, 5/8. All patches count unless alpha says otherwise.
  const std::vector<double> p = {0.25, 0.75, 0.75, 0.25, 0.25, 0.75, 0, 1, 0.5, 0.5, 0.25, 0.75};
  const auto chunk = PatchPredictions::dense(p.data(), 3, 2, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &chunk;
  const LeastConfidenceSelector selector;
  const Selection selection = selector.select(pool, 3);
  CHECK(selection.selector == "least_confidence");
  CHECK(selection.indices == std::vector<index_t>{0, 2, 1});
  const std::vector<double> want = {0.5, 0.375, 0.125};
  REQUIRE(selection.score.size() == 3);
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(selection.score[t] == Approx(want[t]).epsilon(1e-12).margin(1e-14));
  }
  CHECK(selector.options().alpha == 1);
}
