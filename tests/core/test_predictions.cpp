// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <array>

#include <aift/core/error.hpp>
#include <aift/core/predictions.hpp>

using namespace aift;

TEST_CASE("views know their rows") {
  const std::array<float, 12> values{};
  const auto dense = PatchPredictions::dense(values.data(), 2, 3, 2, PredictionKind::logits);
  CHECK(dense.dtype == DType::f32);
  CHECK(dense.kind == PredictionKind::logits);
  CHECK(dense.rows == 6);
  CHECK(dense.row_begin(1) == 3);
  CHECK(dense.patch_count(1) == 3);

  const std::array<index_t, 4> offsets = {0, 1, 4, 6};
  const auto ragged =
      PatchPredictions::ragged<float>(values, offsets, 2, PredictionKind::probabilities);
  CHECK(ragged.candidates == 3);
  CHECK(ragged.rows == 6);
  CHECK(ragged.patch_count(0) == 1);
  CHECK(ragged.patch_count(1) == 3);
  CHECK(ragged.row_begin(3) == 6);
}

TEST_CASE("a slice is a view of its own") {
  const std::array<double, 12> values{};
  const auto dense = PatchPredictions::dense(values.data(), 3, 2, 2, PredictionKind::logits);
  const auto part = dense.slice(1, 2);
  CHECK(part.candidates == 2);
  CHECK(part.rows == 4);
  CHECK(part.values == values.data() + 4);

  const std::array<half_t, 12> halves{};
  CHECK(
      PatchPredictions::dense(halves.data(), 3, 2, 2, PredictionKind::logits).slice(2, 1).values ==
      halves.data() + 8);

  const std::array<index_t, 4> offsets = {0, 1, 4, 6};
  const auto ragged = PatchPredictions::ragged<double>(values, offsets, 2, PredictionKind::logits);
  const auto middle = ragged.slice(1, 1);
  CHECK(middle.candidates == 1);
  CHECK(middle.values == values.data());
  CHECK(middle.row_begin(0) == 1);
  CHECK(middle.patch_count(0) == 3);
  CHECK(middle.rows == 4);
  CHECK(ragged.slice(3, 0).candidates == 0);

  CHECK_THROWS_AS(dense.slice(2, 2), ShapeError);
  CHECK_THROWS_AS(dense.slice(-1, 1), ShapeError);
  CHECK_THROWS_AS(dense.slice(0, -1), ShapeError);
}
