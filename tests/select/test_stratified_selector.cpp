// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cstdint>

#include <aift/select/stratified_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;

TEST_CASE("stratified asks the groups with fewest labels first") {
  LinePool pool(std::vector<float>(9, 0));
  pool.groups = {0, 0, 0, 0, 1, 1, 1, 2, 2};
  pool.labels[0] = 1;
  pool.labels[4] = 1;
  const StratifiedSelector selector;
  const auto group_of = [&](const Selection& picks, std::size_t t) {
    return pool.groups[static_cast<std::size_t>(picks.indices[t])];
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Selection picks = selector.select(pool.view(), 7, {.seed = seed});
    REQUIRE(picks.size() == 7);
    CHECK(group_of(picks, 0) == 2);  // no label yet
    std::vector<index_t> held = {1, 1, 1};
    for (std::size_t t = 1; t < 4; ++t)
      ++held[static_cast<std::size_t>(group_of(picks, t))];
    CHECK(held == std::vector<index_t>{2, 2, 2});
    CHECK(group_of(picks, 6) == 0);  // the others are used up
  }
  // Within a group the draw depends on the seed.
  const auto first = [&](std::uint64_t seed) {
    return selector.select(pool.view(), 1, {.seed = seed}).indices[0];
  };
  bool seven = false, eight = false;
  for (std::uint64_t seed = 1; seed <= 40; ++seed)
    (first(seed) == 7 ? seven : eight) = true;
  CHECK(seven);
  CHECK(eight);
}
