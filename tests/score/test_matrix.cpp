// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>

#include <aift/score/matrix.hpp>

#include "reference.hpp"

using namespace aift;
using aift::test::scored;

TEST_CASE("cells of a hand-computed matrix") {
  const std::vector<double> p = {0.5, 0.5, 0.25, 0.75};
  const auto view = PatchPredictions::dense(p.data(), 1, 2, 2, PredictionKind::probabilities);
  score::MatrixTable table;
  score::matrix(view, {.alpha = 1, .lambda1 = 2, .lambda2 = 4, .eps = 0}, table);
  const double ln2 = 0.693147180559945309;
  const double ln3 = 1.09861228866810969;
  REQUIRE(table.size() == 1);
  CHECK(table.extent(0) == 2);
  CHECK(table.of(0)[0] == Approx(2 * ln2).epsilon(1e-15));
  CHECK(table.of(0)[3] == Approx(2 * (2 * ln2 - 0.75 * ln3)).epsilon(1e-14));
  CHECK(table.of(0)[1] == Approx(4 * ln3 / 4).epsilon(1e-14));
  CHECK(table.of(0)[2] == table.of(0)[1]);
}

TEST_CASE("the sum of all cells is the score") {
  for (const PredictionKind kind : {PredictionKind::probabilities, PredictionKind::logits}) {
    for (const Precision precision : {Precision::double_, Precision::single}) {
      const auto pool = test::random_pool(11, test::random_patches(11, 9, 70), 6);
      const ScoreOptions options{
          .alpha = 0.5, .lambda1 = 0.7, .lambda2 = 1.3, .precision = precision};
      score::MatrixTable table;
      score::matrix(pool.ragged(kind).slice(0, 4), options, table);
      score::matrix(pool.ragged(kind).slice(4, 5), options, table);
      const ScoreTable scores = scored(ScoreKind::aift, pool.ragged(kind), options);
      REQUIRE(table.size() == 9);
      for (index_t i = 0; i < 9; ++i) {
        const auto cells = table.of(i);
        const double sum = std::accumulate(cells.begin(), cells.end(), 0.0);
        const double tolerance = precision == Precision::single ? 2e-6 : 1e-13;
        CHECK(sum == Approx(scores.score[static_cast<std::size_t>(i)]).epsilon(tolerance));
        // Rows stand for the kept patches in ascending number.
        const auto kept = table.kept_of(i);
        CHECK(std::is_sorted(kept.begin(), kept.end()));
        std::vector<std::int32_t> by_number(scores.kept_of(i).begin(), scores.kept_of(i).end());
        std::sort(by_number.begin(), by_number.end());
        CHECK(std::vector<std::int32_t>(kept.begin(), kept.end()) == by_number);
        const index_t m = table.extent(i);
        for (index_t j = 0; j < m; ++j) {
          for (index_t l = 0; l < m; ++l) {
            CHECK(cells[static_cast<std::size_t>(j * m + l)] ==
                  cells[static_cast<std::size_t>(l * m + j)]);
            if (j != l) CHECK(cells[static_cast<std::size_t>(j * m + l)] >= 0);
          }
        }
      }
    }
  }
}
