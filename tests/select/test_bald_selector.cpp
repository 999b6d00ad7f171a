// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/bald_selector.hpp>

using namespace aift;

TEST_CASE("bald ranks hand-computed candidates") {
  // Candidate 0: even patches of one mind; 1: certain patches of two minds; 2: in between, (1/4,
  // 3/4) and its mirror: ln 2 - (2 ln 2 - (3/4) ln 3).
  const std::vector<double> p = {0.5, 0.5, 0.5, 0.5, 1, 0, 0, 1, 0.25, 0.75, 0.75, 0.25};
  const auto chunk = PatchPredictions::dense(p.data(), 3, 2, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &chunk;
  const BaldSelector selector;
  const Selection selection = selector.select(pool, 3);
  CHECK(selection.selector == "bald");
  CHECK(selection.indices == std::vector<index_t>{1, 2, 0});
  const std::vector<double> want = {0.6931471805599453, 0.6931471805599453 - 0.5623351446188083, 0};
  REQUIRE(selection.score.size() == 3);
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(selection.score[t] == Approx(want[t]).epsilon(1e-12).margin(1e-14));
  }
  CHECK(selector.options().alpha == 1);
}
