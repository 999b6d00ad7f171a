// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>

#include <aift/core/error.hpp>
#include <aift/score/options.hpp>

using namespace aift;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("score options come from text") {
  Settings settings;
  for (const char* text : {"alpha=0.5", "lambda1=2", "lambda2=0", "eps=1e-6", "entropy=mean",
                           "pairs=unordered", "precision=single"}) {
    settings.set(text);
  }
  const ScoreOptions options = ScoreOptions::from(settings);
  CHECK(options == ScoreOptions{.alpha = 0.5,
                                .lambda1 = 2,
                                .lambda2 = 0,
                                .eps = 1e-6,
                                .entropy = EntropyAggregation::mean,
                                .pairs = PairCounting::unordered,
                                .precision = Precision::single});
  CHECK_NOTHROW(settings.expect_all_used("the test"));
  CHECK(ScoreOptions::from(Settings{}) == ScoreOptions{});
  CHECK(ScoreOptions::from(Settings{}, {.alpha = 1}).alpha == 1);
  CHECK(ScoreOptions{}.eps == std::numeric_limits<double>::epsilon());
}

TEST_CASE("options outside their range are refused by name") {
  const double nan = std::nan("");
  const double inf = std::numeric_limits<double>::infinity();
  for (const double alpha : {0.0, -0.1, 1.1, nan, inf}) {
    CHECK_THROWS_WITH(ScoreOptions{.alpha = alpha}.validate(), ContainsSubstring("alpha"));
  }
  for (const double bad : {-1.0, nan, inf}) {
    CHECK_THROWS_AS(ScoreOptions{.lambda1 = bad}.validate(), ValueError);
    CHECK_THROWS_AS(ScoreOptions{.lambda2 = bad}.validate(), ValueError);
    CHECK_THROWS_AS(ScoreOptions{.eps = bad}.validate(), ValueError);
  }
  CHECK_THROWS_AS((ScoreOptions{.lambda1 = 1e300, .precision = Precision::single}.validate()),
                  ValueError);
  CHECK_NOTHROW(ScoreOptions{.lambda1 = 1e300}.validate());
  CHECK_NOTHROW(ScoreOptions{.alpha = 1}.validate());
  CHECK_NOTHROW(ScoreOptions{.eps = 0}.validate());
  Settings settings;
  settings.set("entropy=median");
  CHECK_THROWS_WITH(ScoreOptions::from(settings), ContainsSubstring("sum or mean"));
  Settings zero;
  zero.set("alpha=0");
  CHECK_THROWS_AS(ScoreOptions::from(zero), ValueError);
}
