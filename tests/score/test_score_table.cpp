// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/core/error.hpp>

#include "reference.hpp"

using namespace aift;
using aift::test::scored;

TEST_CASE("chunks are appended only to a table of their kind") {
  const auto pool = test::random_pool(5, {4, 2, 6}, 3);
  const ScoreTable first = scored(ScoreKind::aift, pool.ragged().slice(0, 2), {});
  ScoreTable table = first;
  table.append(scored(ScoreKind::aift, pool.ragged().slice(2, 1), {}));
  CHECK(test::identical(table, scored(ScoreKind::aift, pool.ragged(), {})));

  const auto refuse = [&](const ScoreTable& other) {
    ScoreTable held = first;
    CHECK_THROWS_AS(held.append(other), ShapeError);
    CHECK(test::identical(held, first));
  };
  refuse(scored(ScoreKind::bald, pool.ragged(), {}));
  refuse(scored(ScoreKind::aift, pool.ragged(PredictionKind::logits), {}));
  refuse(scored(ScoreKind::aift, pool.ragged(), {.alpha = 0.5}));
  refuse(scored(ScoreKind::aift, pool.ragged(), {}, {.kept = false, .mean_probabilities = true}));
  const auto wide = test::random_pool(5, {4}, 4);
  refuse(scored(ScoreKind::aift, wide.ragged(), {}));

  ScoreTable empty;
  empty.first_candidate = 7;
  empty.append(first);
  CHECK(empty.first_candidate == 7);
  CHECK(test::identical(empty, first));
  table.append(ScoreTable{});
  CHECK(table.size() == 3);
}

TEST_CASE("dropped patches are those that are not kept") {
  const auto pool = test::random_pool(6, {9, 1}, 2);
  const ScoreTable table = scored(ScoreKind::aift, pool.ragged(), {.alpha = 0.5});
  const auto dropped = table.dropped_of(0);
  CHECK(dropped.size() == 4);
  CHECK(std::is_sorted(dropped.begin(), dropped.end()));
  for (const std::int32_t j : table.kept_of(0)) {
    CHECK(std::find(dropped.begin(), dropped.end(), j) == dropped.end());
  }
  CHECK(table.dropped_of(1).empty());
  const ScoreTable bare = scored(ScoreKind::aift, pool.ragged(), {}, {});
  CHECK(bare.kept_of(0).empty());
  CHECK(bare.dropped_of(0).empty());
  CHECK(bare.mean_probabilities.empty());
}
