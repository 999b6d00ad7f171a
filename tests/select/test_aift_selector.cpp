// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>

#include <aift/select/aift_selector.hpp>

#include "pools.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("nine patches of one picture: six are kept, the three that contradict are named") {
  // The method's own example (Zhou et al., CVPR 2017): augmentation moved the object out of three
  // of nine patches, which are predicted 0.1 where the others are predicted 0.9.
  const std::vector<double> p1 = {0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9};
  std::vector<double> p;
  for (const double x : p1) {
    p.push_back(1 - x);
    p.push_back(x);
  }
  const auto chunk = PatchPredictions::dense(p.data(), 1, 9, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 1;
  pool.classes = 2;
  pool.predictions = &chunk;

  const AiftSelector majority(ScoreOptions{.alpha = 2.0 / 3});
  const Selection selection = majority.select(pool, 1);
  REQUIRE(selection.size() == 1);
  CHECK(selection.dominant[0] == 1);
  CHECK(selection.kept[0] == std::vector<std::int32_t>{0, 1, 3, 5, 6, 8});
  CHECK(selection.dropped[0] == std::vector<std::int32_t>{2, 4, 7});
  CHECK_THAT(selection.reason[0], ContainsSubstring("majority for class 1") &&
                                      ContainsSubstring("kept 6 of 9 patches (0 1 3 5 6 8)") &&
                                      ContainsSubstring("dropped 2 4 7"));
  CHECK(selection.diversity[0] == 0);  // the six agree

  // With every patch the picture looks contradictory: 18 pairs of 0.9 and 0.1, each counted twice.
  const AiftSelector everything(ScoreOptions{.alpha = 1});
  const Selection all = everything.select(pool, 1);
  CHECK(all.dropped[0].empty());
  CHECK(all.diversity[0] == Approx(2 * 18 * 1.6 * std::log(9.0)).epsilon(1e-12));
}

TEST_CASE("the patterns of the paper: majority selection turns contradiction into agreement") {
  // Patterns C, D and E and what was printed for them (Zhou et al., CVPR 2017, table of prediction
  // patterns): entropy and diversity over all patches, then over a quarter.
  struct Pattern {
    std::vector<double> p1;
    double entropy, entropy_quarter, diversity, diversity_quarter;
  };
  const std::vector<Pattern> patterns = {
      {{0.4, 0.4, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.6}, 7.52, 2.02, 4.38, 0.00},
      {{0.0, 0.1, 0.2, 0.3, 0.4, 0.4, 0.6, 0.7, 0.8, 1.0, 1.0}, 4.57, 0.83, 1237.21, 20.79},
      {{0.0, 0.0, 0.0, 0.1, 0.1, 0.9, 0.9, 1.0, 1.0, 1.0, 1.0}, 1.30, 0.00, 2816.66, 0.00},
      {{0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1}, 1.30, 0.00, 189.54, 0.00},
      {{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.9, 0.9, 0.9}, 1.30, 0.00, 189.54, 0.00},
      {{0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.3, 0.9, 1.0}, 3.24, 0.33, 1076.87, 13.54},
      {{0.0, 0.1, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9, 1.0, 1.0}, 3.24, 0.33, 1076.87, 13.54}};
  for (std::size_t n = 0; n < patterns.size(); ++n) {
    INFO("pattern " << static_cast<char>('A' + n));
    std::vector<double> p;
    for (const double x : patterns[n].p1) {
      p.push_back(1 - x);
      p.push_back(x);
    }
    const auto chunk = PatchPredictions::dense(p.data(), 1, 11, 2, PredictionKind::probabilities);
    const auto all = test::scored(ScoreKind::aift, chunk, {.alpha = 1});
    const auto quarter = test::scored(ScoreKind::aift, chunk, {.alpha = 0.25});
    CHECK(std::abs(all.entropy[0] - patterns[n].entropy) <= 0.005 + 1e-9);
    CHECK(std::abs(all.diversity[0] - patterns[n].diversity) <= 0.005 + 1e-9);
    CHECK(std::abs(quarter.entropy[0] - patterns[n].entropy_quarter) <= 0.005 + 1e-9);
    CHECK(std::abs(quarter.diversity[0] - patterns[n].diversity_quarter) <= 0.005 + 1e-9);
  }
}

TEST_CASE("the weights decide what ranks first") {
  // Candidate 0: undecided and of one mind. Candidate 1: certain, and of two minds.
  const std::vector<double> p = {0.5, 0.5, 0.5, 0.5, 0.99, 0.01, 0.01, 0.99};
  const auto chunk = PatchPredictions::dense(p.data(), 2, 2, 2, PredictionKind::probabilities);
  PoolView pool;
  pool.size = 2;
  pool.predictions = &chunk;
  const auto first = [&](double lambda1, double lambda2) {
    const AiftSelector selector(ScoreOptions{.alpha = 1, .lambda1 = lambda1, .lambda2 = lambda2});
    return selector.select(pool, 1).indices[0];
  };
  CHECK(first(1, 0) == 0);
  CHECK(first(0, 1) == 1);
  CHECK(first(1, 1) == 1);
}
