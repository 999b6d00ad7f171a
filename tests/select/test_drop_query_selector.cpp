// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <set>

#include <aift/select/drop_query_selector.hpp>

using namespace aift;

namespace {

/// Six candidates of three patches; probability of class 1 of every patch.
constexpr double kOfOne[6][3] = {{0.1, 0.1, 0.1}, {0.1, 0.6, 0.2}, {0.9, 0.4, 0.8},
                                 {0.7, 0.8, 0.9}, {0.2, 0.9, 0.9}, {0.0, 0.0, 0.4}};

template <class T>
std::vector<T> rows() {
  std::vector<T> out;
  for (const auto& candidate : kOfOne) {
    for (const double p : candidate) {
      out.push_back(static_cast<T>(1 - p));
      out.push_back(static_cast<T>(p));
    }
  }
  return out;
}

template <class T>
void check_scores() {
  const auto values = rows<T>();
  const auto chunk = PatchPredictions::dense(values.data(), 6, 3, 2, PredictionKind::probabilities);
  ScoreTable table;
  DropQuerySelector().score(chunk, table);
  REQUIRE(table.size() == 6);
  const std::vector<double> expected = {0, 1.0 / 3, 1.0 / 3, 0, 1.0 / 3, 0};
  for (std::size_t i = 0; i < 6; ++i)
    CHECK(table.score[i] == expected[i]);
  CHECK(table.name == "drop_query");
}

}  // namespace

TEST_CASE("drop_query counts the patches that predict another class than their mean") {
  check_scores<double>();
  check_scores<float>();
}

TEST_CASE("drop_query spreads over those who disagree, and then over the others") {
  const auto values = rows<double>();
  const auto chunk = PatchPredictions::dense(values.data(), 6, 3, 2, PredictionKind::probabilities);
  // Candidates 1 and 2 look alike, 4 is elsewhere; of the others 3 stands in the middle.
  const std::vector<float> features = {7, 1, 1.1F, 8, 5, 9};
  PoolView pool;
  pool.size = 6;
  pool.classes = 2;
  pool.predictions = &chunk;
  pool.features = features;
  pool.feature_size = 1;
  const DropQuerySelector selector(false, 0);
  const auto two = selector.select(pool, 2).indices;
  REQUIRE(two.size() == 2);
  CHECK((two[0] == 1 || two[0] == 2));
  CHECK(two[1] == 4);
  const auto four = selector.select(pool, 4).indices;
  REQUIRE(four.size() == 4);
  CHECK(std::set<index_t>(four.begin(), four.begin() + 3) == std::set<index_t>{1, 2, 4});
  CHECK(four[3] == 3);
  CHECK_THROWS_WITH(DropQuerySelector(true, 1.5), Catch::Matchers::ContainsSubstring("disagree"));
}
