// SPDX-License-Identifier: Apache-2.0
// What Selector::select checks before any selector sees the pool.
#include "tests/support/catch.hpp"

#include <limits>

#include <aift/core/error.hpp>
#include <aift/select/selector.hpp>

#include "pools.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Needs everything, does nothing.
class GreedySelector final : public Selector {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "greedy"; }
  [[nodiscard]] Needs needs() const override { return needs_; }
  Needs needs_ = {
      .scores = true, .mean_probabilities = true, .features = true, .labels = true, .groups = true};

 protected:
  void pick(const PoolView& /*pool*/, index_t budget, const SelectContext& /*context*/,
            Selection& out) const override {
    REQUIRE(budget >= 1);
    for (index_t i = 0; i < budget; ++i)
      out.indices.push_back(i);
  }
};

}  // namespace

TEST_CASE("a pool whose parts disagree is refused") {
  const auto pool = test::full_pool(1, 6, 3);
  const GreedySelector selector;
  REQUIRE_NOTHROW(selector.select(pool.view(), 2));
  const auto refuse = [&](const char* what, auto change) {
    PoolView view = pool.view();
    change(view);
    CHECK_THROWS_WITH(selector.select(view, 2), ContainsSubstring(what));
  };
  refuse("at least 2 classes", [](PoolView& v) { v.classes = 1; });
  refuse("classes of the pool", [](PoolView& v) { v.classes = 4; });
  refuse("Predictions must cover", [](PoolView& v) { v.size = 5; });
  refuse("cannot have", [](PoolView& v) { v.size = -1; });
  refuse("Features", [](PoolView& v) { v.features = v.features.first(29); });
  refuse("feature size", [](PoolView& v) { v.feature_size = 0; });
  refuse("Labels", [](PoolView& v) { v.labels = v.labels.first(5); });
  refuse("Groups", [](PoolView& v) { v.groups = v.groups.first(5); });
  refuse("Ids", [](PoolView& v) { v.ids = v.ids.first(5); });
  refuse("Mean probabilities",
         [](PoolView& v) { v.mean_probabilities = v.mean_probabilities.first(17); });
  const std::vector<double> costs(5, 1.0);
  refuse("Costs", [&](PoolView& v) { v.costs = costs; });
  ScoreTable table;
  table.score.resize(4);
  refuse("score table must cover", [&](PoolView& v) { v.scores = &table; });
}

TEST_CASE("what a selector needs must be there and finite") {
  auto pool = test::full_pool(1, 6, 3);
  const GreedySelector selector;
  const auto refuse = [&](const char* what, auto change) {
    PoolView view = pool.view();
    change(view);
    CHECK_THROWS_WITH(selector.select(view, 2),
                      ContainsSubstring(what) && ContainsSubstring("greedy"));
  };
  refuse("needs predictions", [](PoolView& v) { v.predictions = nullptr; });
  refuse("needs mean probabilities", [](PoolView& v) { v.mean_probabilities = {}; });
  refuse("needs features", [](PoolView& v) { v.features = {}; });
  refuse("needs labels", [](PoolView& v) { v.labels = {}; });
  refuse("needs groups", [](PoolView& v) { v.groups = {}; });
  pool.features[12] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(selector.select(pool.view(), 2), ContainsSubstring("candidate 2"));
}

TEST_CASE("the budget is clipped to what has no label") {
  auto pool = test::full_pool(1, 6, 3);
  const GreedySelector selector;
  CHECK(selector.select(pool.view(), 100).size() == 6);
  pool.labels[3] = 0;
  CHECK(selector.select(pool.view(), 100).size() == 5);
  CHECK(selector.select(pool.view(), 0).size() == 0);
  CHECK_THROWS_AS(selector.select(pool.view(), -2), ValueError);
}
