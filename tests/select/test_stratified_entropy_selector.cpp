// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>

#include <aift/select/stratified_entropy_selector.hpp>

using namespace aift;

namespace {

/// 40 candidates of one patch; class 1 is predicted for the last four.
struct Pool {
  std::vector<double> values;
  PatchPredictions chunk;
  PoolView view;
  Pool() {
    for (int i = 0; i < 40; ++i) {
      const double sure = i < 36 ? 0.6 + 0.01 * i : 0.9;
      values.push_back(i < 36 ? sure : 1 - sure);
      values.push_back(i < 36 ? 1 - sure : sure);
    }
    chunk = PatchPredictions::dense(values.data(), 40, 1, 2, PredictionKind::probabilities);
    view.size = 40;
    view.classes = 2;
    view.predictions = &chunk;
  }
};

index_t of_last_four(const Selection& picks, std::size_t first, std::size_t last) {
  return std::count_if(picks.indices.begin() + static_cast<std::ptrdiff_t>(first),
                       picks.indices.begin() + static_cast<std::ptrdiff_t>(last),
                       [](index_t i) { return i >= 36; });
}

}  // namespace

TEST_CASE("stratified_entropy draws its share evenly over the predicted classes") {
  const Pool pool;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Selection picks = StratifiedEntropySelector().select(pool.view, 6, {.seed = seed});
    REQUIRE(picks.size() == 6);
    CHECK(of_last_four(picks, 0, 4) == 2);  // floor(0.66 * 6 + 0.5) = 4 by class
  }
}

TEST_CASE("stratified_entropy without a share and without noise is entropy") {
  const Pool pool;
  const StratifiedEntropySelector selector(ScoreOptions{.alpha = 1}, 1e9, 0);
  CHECK(selector.select(pool.view, 4, {.seed = 3}).indices == std::vector<index_t>{0, 1, 2, 3});
}

TEST_CASE("stratified_entropy draws with chances proportional to entropy to the power of beta") {
  // Two candidates of one class, entropies e0 and e1: the first pick is 0 with e0 / (e0 + e1).
  const std::vector<double> values = {0.6, 0.4, 0.99, 0.01};
  const auto chunk = PatchPredictions::dense(values.data(), 2, 1, 2, PredictionKind::probabilities);
  PoolView view;
  view.size = 2;
  view.classes = 2;
  view.predictions = &chunk;
  ScoreTable table;
  const StratifiedEntropySelector selector;
  selector.score(chunk, table);
  const double expected = table.score[0] / (table.score[0] + table.score[1]);
  int first = 0;
  constexpr int kTrials = 4000;
  for (int seed = 0; seed < kTrials; ++seed) {
    first += selector.select(view, 1, {.seed = static_cast<std::uint64_t>(seed)}).indices[0] == 0;
  }
  // Five standard errors.
  CHECK(first / double{kTrials} ==
        Approx(expected).margin(5 * std::sqrt(expected * (1 - expected) / kTrials)));
}

TEST_CASE("stratified_entropy refuses options out of range") {
  CHECK_THROWS_WITH(StratifiedEntropySelector(ScoreOptions{}, -1),
                    Catch::Matchers::ContainsSubstring("beta"));
  CHECK_THROWS_WITH(StratifiedEntropySelector(ScoreOptions{}, 1, 2),
                    Catch::Matchers::ContainsSubstring("share"));
}
