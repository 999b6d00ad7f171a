// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/diversity_selector.hpp>

using namespace aift;

TEST_CASE("diversity ranks hand-computed candidates") {
  // Candidate 0: patches agree; 1: d = (1/4) ln 3 for its pair; 2: d = (1/2) 2 ln 3.
  const std::vector<double> p = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.75, 0.25, 0.75, 0.75, 0.25};
  const auto chunk = PatchPredictions::dense(p.data(), 3, 2, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &chunk;
  const DiversitySelector selector(ScoreOptions{.alpha = 1});
  const Selection selection = selector.select(pool, 3);
  CHECK(selection.selector == "diversity");
  CHECK(selection.indices == std::vector<index_t>{2, 1, 0});
  const std::vector<double> want = {2 * 1.0986122886681098, 2 * 0.25 * 1.0986122886681098, 0};
  REQUIRE(selection.score.size() == 3);
  for (std::size_t t = 0; t < 3; ++t) {
    CHECK(selection.score[t] == Approx(want[t]).epsilon(1e-12).margin(1e-14));
  }
  CHECK(selector.options().alpha == 1);
}
