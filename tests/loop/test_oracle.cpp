// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/oracle.hpp>

#include <aift/core/error.hpp>

#include "support/catch.hpp"

using namespace aift;

TEST_CASE("a simulated reader answers what is stored and nothing else") {
  SimulatedOracle oracle({1, kUnlabelled, 0});
  Progress progress;
  const std::vector<CandidateRef> asked = {{2, 20}, {0, 10}};
  CHECK(oracle.label(asked, 0, progress) == std::vector<label_t>{0, 1});
  CHECK(oracle.can_label({0, 10}));
  for (const index_t index : {1, 3, -1}) {
    const CandidateRef unknown{index, 1};
    CHECK_FALSE(oracle.can_label(unknown));
    CHECK_THROWS_AS(oracle.label({&unknown, 1}, 0, progress), ValueError);
  }
}
