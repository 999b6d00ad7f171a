// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <aift/core/error.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/select/bald_selector.hpp>
#include <aift/select/score_selector.hpp>

#include "pools.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("the b largest, lowest index on a tie") {
  const std::vector<double> scores = {1, 3, 3, -2, 3, 0.5};
  CHECK(top_b(scores, 2) == std::vector<index_t>{1, 2});
  CHECK(top_b(scores, 4) == std::vector<index_t>{1, 2, 4, 0});
  CHECK(top_b(scores, 100) == std::vector<index_t>{1, 2, 4, 0, 5, 3});
  CHECK(top_b(scores, 0).empty());
  CHECK(top_b(std::span<const double>{}, 3).empty());
  CHECK_THROWS_AS(top_b(scores, -1), ValueError);
  const std::vector<double> bad = {1, 2, std::nan("")};
  CHECK_THROWS_WITH(top_b(bad, 1), ContainsSubstring("candidate 2"));
  const std::vector<double> ends = {0, std::numeric_limits<double>::infinity(), -0.0};
  CHECK(top_b(ends, 3) == std::vector<index_t>{1, 0, 2});
}

TEST_CASE("the b largest of many agree with a stable sort") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const KeyedRandom random(seed, Purpose::order);
    std::vector<double> scores;
    for (index_t i = 0; i < 500; ++i)
      scores.push_back(static_cast<double>(random.below(i, 40)));
    std::vector<index_t> order(500);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) {
      return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(1 + random.below(1000, 400)));
    INFO("seed " << seed);
    CHECK(top_b(scores, static_cast<index_t>(order.size())) == order);
  }
}

TEST_CASE("ACFT's pool and draw by hand") {
  const std::vector<double> scores = {5, 1, 3, 2};
  const AcftPool pool = acft_pool(scores, 1, 3);
  CHECK(pool.indices == std::vector<index_t>{0, 2, 3});
  CHECK(pool.probability == std::vector<double>{0.75, 0.25, 0});
  const auto draw = [&](index_t budget, double omega, std::vector<double> u) {
    return acft_draw(scores, budget, omega,
                     [&](index_t t) { return u[static_cast<std::size_t>(t)]; });
  };
  CHECK(draw(1, 3, {0.74}) == std::vector<index_t>{0});
  CHECK(draw(1, 3, {0.75}) == std::vector<index_t>{2});  // the running sum must exceed u
  CHECK(draw(1, 3, {0.9999999}) == std::vector<index_t>{2});
  // A pool of all four, weights 1, 1/2, 1/4, 0; drawn one after the other from what is left, and
  // what has no weight last.
  CHECK(draw(4, 1, {0.99, 0.0, 0.5, 0.5}) == std::vector<index_t>{3, 0, 2, 1});
  CHECK(draw(9, 5, {0, 0, 0, 0}) == std::vector<index_t>{0, 2, 3, 1});
  const std::vector<double> equal = {2, 2, 2, 2};
  CHECK(acft_pool(equal, 2, 2).probability == std::vector<double>(4, 0.25));
  CHECK(acft_draw(equal, 2, 2, [](index_t) { return 0.5; }) == std::vector<index_t>{2, 1});
  CHECK(acft_draw({}, 2, 2, [](index_t) { return 0.5; }).empty());
  CHECK(acft_draw(scores, 0, 2, [](index_t) { return 0.5; }).empty());
  CHECK_THROWS_AS(draw(1, 0.5, {0}), ValueError);
  CHECK_THROWS_AS(draw(-1, 5, {0}), ValueError);
  const std::vector<double> infinite = {1, std::numeric_limits<double>::infinity()};
  CHECK_THROWS_WITH(acft_pool(infinite, 1, 2), ContainsSubstring("candidate 1"));
  CHECK(acft_pool(scores, 1000000, 1e300).indices.size() == 4);
  const std::vector<double> far = {1.5e308, -1.5e308, 0};
  CHECK(acft_pool(far, 3, 1).probability == std::vector<double>{2.0 / 3, 1.0 / 3, 0});
}

TEST_CASE("a selector with ACFT's rule draws from the omega b best by seed and round") {
  const auto pool = test::full_pool(3, 60, 2);
  const AiftSelector top;
  const AiftSelector drawing(ScoreOptions{}, {.kind = PickRule::Kind::acft, .omega = 4});
  const auto best = top.select(pool.view(), 20).indices;
  std::vector<std::vector<index_t>> draws;
  for (index_t round = 0; round < 10; ++round) {
    const Selection selection = drawing.select(pool.view(), 5, {.seed = 1, .round = round});
    REQUIRE(selection.size() == 5);
    for (const index_t i : selection.indices) {
      CHECK(std::find(best.begin(), best.end(), i) != best.end());
    }
    CHECK(std::is_sorted(selection.score.rbegin(), selection.score.rend()));  // best first
    CHECK_THAT(selection.reason[0], ContainsSubstring("ACFT"));
    draws.push_back(selection.indices);
  }
  CHECK(std::set<std::vector<index_t>>(draws.begin(), draws.end()).size() > 5);
  CHECK(drawing.select(pool.view(), 5, {.seed = 1, .round = 3}).indices == draws[3]);
}

TEST_CASE("scoring by chunks and picking from the table is scoring the pool") {
  const auto pool = test::full_pool(4, 50, 3);
  const AiftSelector selector;
  ScoreTable table;
  table.request.kept = true;
  for (index_t first = 0; first < 50; first += 7) {
    selector.score(pool.chunk.slice(first, std::min<index_t>(7, 50 - first)), table);
  }
  const Selection direct = selector.select(pool.view(), 8);
  PoolView scored = pool.view();
  scored.predictions = nullptr;
  scored.scores = &table;
  const Selection from_table = selector.select(scored, 8);
  CHECK(direct.indices == from_table.indices);
  CHECK(direct.score == from_table.score);
  CHECK(direct.kept == from_table.kept);
  CHECK(direct.dropped == from_table.dropped);
  CHECK(direct.reason == from_table.reason);

  // A table of another score is not mistaken for one's own, and NaN never ranks.
  CHECK_THROWS_WITH(BaldSelector().select(scored, 8), ContainsSubstring("made by aift"));
  table.score[13] = std::nan("");
  CHECK_THROWS_WITH(selector.select(scored, 8), ContainsSubstring("candidate 13"));
}

TEST_CASE("a bad chunk leaves the table as it was and is counted over all chunks") {
  auto pool = test::full_pool(5, 10, 3);
  const AiftSelector selector;
  ScoreTable table;
  selector.score(pool.chunk.slice(0, 6), table);
  const index_t row = pool.chunk.row_begin(7);
  pool.predictions.probabilities[static_cast<std::size_t>(row * 3)] = std::nan("");
  CHECK_THROWS_WITH(selector.score(pool.chunk.slice(6, 4), table),
                    ContainsSubstring("candidate 7, patch 0"));
  CHECK(table.size() == 6);
}

TEST_CASE("a score of one's own needs one function") {
  class CountSelector final : public ScoreSelector {
   public:
    [[nodiscard]] std::string_view name() const noexcept override { return "count"; }

   protected:
    void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
      for (index_t i = 0; i < chunk.candidates; ++i) {
        out.score.push_back(static_cast<double>(chunk.patch_count(i)));
      }
    }
  };
  const auto pool = test::full_pool(6, 30, 2);
  const Selection selection = CountSelector().select(pool.view(), 30);
  REQUIRE(selection.size() == 30);
  CHECK(std::is_sorted(selection.score.rbegin(), selection.score.rend()));
  CHECK(selection.entropy.empty());
  CHECK(selection.kept.empty());
  CHECK(selection.reason.size() == 30);

  class ForgetfulSelector final : public ScoreSelector {
   public:
    [[nodiscard]] std::string_view name() const noexcept override { return "forgetful"; }

   protected:
    void score_into(const PatchPredictions& /*chunk*/, ScoreTable& out) const override {
      out.score.push_back(1);
    }
  };
  CHECK_THROWS_AS(ForgetfulSelector().select(pool.view(), 3), ShapeError);
}
