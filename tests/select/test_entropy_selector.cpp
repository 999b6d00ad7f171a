// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/entropy_selector.hpp>

using namespace aift;

TEST_CASE("entropy ranks hand-computed candidates") {
  // Candidate 0: (1/4, 3/4) twice; 1: (1/2, 1/2) and certain; 2: (1/2, 1/2) twice.
  const std::vector<double> p = {0.25, 0.75, 0.25, 0.75, 0.5, 0.5, 1, 0, 0.5, 0.5, 0.5, 0.5};
  const auto chunk = PatchPredictions::dense(p.data(), 3, 2, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &chunk;
  const EntropySelector selector(ScoreOptions{.alpha = 1});
  const Selection selection = selector.select(pool, 3);
  CHECK(selection.selector == "entropy");
  CHECK(selection.indices == std::vector<index_t>{2, 0, 1});
  const std::vector<double> want = {2 * 0.6931471805599453, 2 * 0.5623351446188083,
                                    0.6931471805599453};
  REQUIRE(selection.score.size() == 3);
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(selection.score[t] == Approx(want[t]).epsilon(1e-12).margin(1e-14));
  }
  CHECK(selector.options().alpha == 1);
}
