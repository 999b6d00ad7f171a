// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <Eigen/Core>

#include <aift/core/error.hpp>
#include <aift/core/predictions.hpp>

namespace aift::adapters {

/// Patch predictions as a view of an Eigen matrix [N q, K], row-major without gaps (double or float),
/// which must outlive it; nothing is copied. Expressions and column-major matrices do not compile.
///
/// patches  q, so many rows per candidate
/// throws   ShapeError: rows that are no multiple of q, a block with gaps, fewer than 2 classes
template <class Matrix>
[[nodiscard]] PatchPredictions predictions_view(const Eigen::PlainObjectBase<Matrix>& matrix,
                                                index_t patches, PredictionKind kind) {
  static_assert(Matrix::IsRowMajor, "predictions are row-major: Eigen::Matrix<..., Eigen::RowMajor>");
  AIFT_EXPECT(patches >= 1 && matrix.rows() % patches == 0 && matrix.cols() >= 2, ShapeError,
              "Predictions must be [N q, K] with K >= 2; got [{}, {}] for q = {}.", matrix.rows(),
              matrix.cols(), patches);
  return PatchPredictions::dense(matrix.data(), matrix.rows() / patches, patches, matrix.cols(), kind);
}

/// The same for a mapped block; its rows must follow each other without a gap.
template <class Plain, int Options, class Stride>
[[nodiscard]] PatchPredictions predictions_view(const Eigen::Map<Plain, Options, Stride>& matrix,
                                                index_t patches, PredictionKind kind) {
  static_assert(Plain::IsRowMajor, "predictions are row-major: Eigen::Matrix<..., Eigen::RowMajor>");
  AIFT_EXPECT(patches >= 1 && matrix.rows() % patches == 0 && matrix.cols() >= 2, ShapeError,
              "Predictions must be [N q, K] with K >= 2; got [{}, {}] for q = {}.", matrix.rows(),
              matrix.cols(), patches);
  AIFT_EXPECT(matrix.innerStride() == 1 &&
                  (matrix.outerStride() == matrix.cols() || matrix.rows() <= 1),
              ShapeError, "Predictions must lie without gaps; the mapped rows of {} are {} apart.",
              matrix.cols(), matrix.outerStride());
  return PatchPredictions::dense(matrix.data(), matrix.rows() / patches, patches, matrix.cols(), kind);
}

/// float features [N, d] as a view of a row-major matrix.
template <class Matrix>
[[nodiscard]] std::span<const float> features_view(const Eigen::PlainObjectBase<Matrix>& matrix) {
  static_assert(Matrix::IsRowMajor && std::is_same_v<typename Matrix::Scalar, float>,
                "features are float, row-major");
  return {matrix.data(), static_cast<std::size_t>(matrix.size())};
}

}  // namespace aift::adapters
