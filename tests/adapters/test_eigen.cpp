// SPDX-License-Identifier: Apache-2.0
#include <aift/adapters/eigen.hpp>

#include <vector>

#include "support/catch.hpp"

using namespace aift;

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

TEST_CASE("An Eigen matrix is viewed where it lies") {
  RowMatrix m = RowMatrix::Constant(6, 2, 0.5);
  const PatchPredictions p = adapters::predictions_view(m, 3, PredictionKind::probabilities);
  CHECK(p.values == m.data());
  CHECK(p.candidates == 2);
  CHECK(p.dtype == DType::f64);
  CHECK_THROWS_AS(adapters::predictions_view(m, 4, PredictionKind::logits), ShapeError);
  CHECK_THROWS_AS(adapters::predictions_view(m, 0, PredictionKind::logits), ShapeError);

  std::vector<double> memory(24);
  using Strided = Eigen::Map<RowMatrix, 0, Eigen::OuterStride<>>;
  const Strided tight(memory.data(), 6, 2, Eigen::OuterStride<>(2));
  CHECK(adapters::predictions_view(tight, 3, PredictionKind::logits).values == memory.data());
  const Strided gaps(memory.data(), 6, 2, Eigen::OuterStride<>(4));
  CHECK_THROWS_AS(adapters::predictions_view(gaps, 3, PredictionKind::logits), ShapeError);

  Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> f(4, 7);
  CHECK(adapters::features_view(f).data() == f.data());
  CHECK(adapters::features_view(f).size() == 28);
}
