// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/select/class_balanced_selector.hpp>

#include "line_pool.hpp"

using namespace aift;
using aift::test::LinePool;

TEST_CASE("class_balanced asks for as many of each predicted class") {
  LinePool pool(std::vector<float>(8, 0));
  pool.probabilities({0.1, 0.2, 0.3, 0.4, 0.1, 0.2, 0.9, 0.6});  // six of class 0, two of 1
  const ClassBalancedSelector selector;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto of_one = [&](index_t budget) {
      index_t count = 0;
      for (const index_t i : selector.select(pool.view(), budget, {.seed = seed}).indices)
        count += i >= 6 ? 1 : 0;
      return count;
    };
    CHECK(of_one(2) == 1);
    CHECK(of_one(4) == 2);
    CHECK(of_one(7) == 2);  // there are no more
  }
}
