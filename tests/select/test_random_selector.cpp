// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <set>

#include <aift/select/random_selector.hpp>

#include "pools.hpp"

using namespace aift;

TEST_CASE("random picks depend on seed, round and ids") {
  const auto pool = test::full_pool(1, 100, 2);
  const RandomSelector selector;
  const auto picks = [&](std::uint64_t seed, index_t round) {
    return selector.select(pool.view(), 10, {.seed = seed, .round = round}).indices;
  };
  CHECK(picks(1, 0) == picks(1, 0));
  CHECK(picks(1, 0) != picks(2, 0));
  CHECK(picks(1, 0) != picks(1, 1));
  PoolView bare;
  bare.size = 100;
  CHECK(selector.select(bare, 10, {.seed = 1}).indices != picks(1, 0));
  CHECK(selector.select(bare, 10, {.seed = 1}).size() == 10);
}

TEST_CASE("a label takes no luck from the others") {
  auto pool = test::full_pool(2, 40, 2);
  const RandomSelector selector;
  const auto all = selector.select(pool.view(), 40, {.seed = 5}).indices;
  pool.labels[static_cast<std::size_t>(all[0])] = 1;
  pool.labels[static_cast<std::size_t>(all[7])] = 0;
  std::vector<index_t> rest = all;
  rest.erase(rest.begin() + 7);
  rest.erase(rest.begin());
  CHECK(selector.select(pool.view(), 40, {.seed = 5}).indices == rest);
}

TEST_CASE("every candidate is drawn about as often as any other") {
  PoolView pool;
  pool.size = 20;
  std::vector<int> count(20, 0);
  const RandomSelector selector;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    for (const index_t i : selector.select(pool, 5, {.seed = 3, .round = round}).indices) {
      ++count[static_cast<std::size_t>(i)];
    }
  }
  // Each is drawn with probability 1/4: mean 1000, standard deviation 27.
  for (const int n : count)
    CHECK(std::abs(n - 1000) < 5 * 27.4);
}
