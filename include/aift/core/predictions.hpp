// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/core/half.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// Element type of predictions.
enum class DType : std::uint8_t { f64, f32, f16, bf16 };

/// What the numbers are: rows that sum to one, or the values before the softmax.
enum class PredictionKind : std::uint8_t { probabilities, logits };

/// Which memory the values live in.
enum class Place : std::uint8_t { host, device };

/// The one structure between a model and a selector: a view, it owns nothing (DESIGN section 4).
///
/// values   row-major [rows, classes]; the rows of candidate i are [offsets[i], offsets[i+1]) when
///          ragged, [i * patches, (i+1) * patches) when dense
/// offsets  N + 1 row numbers in host memory, strictly increasing, first 0 (of a slice: its first
///          row), last `rows`; null when dense
/// ties, errors: the operators that read it validate it and name the first offender
struct PatchPredictions {
  const void* values = nullptr;                         ///< the first row
  DType dtype = DType::f64;                             ///< type of the values
  PredictionKind kind = PredictionKind::probabilities;  ///< probabilities or logits
  Place place = Place::host;                            ///< memory that `values` lies in
  index_t candidates = 0;                               ///< N
  index_t classes = 0;                                  ///< K
  index_t patches = 0;                                  ///< q when dense, 0 when ragged
  const index_t* offsets = nullptr;                     ///< [N + 1] when ragged
  index_t rows = 0;                                     ///< rows behind `values`

  /// [N, q, K] values; T is double, float, half_t or bfloat16_t.
  template <class T>
  [[nodiscard]] static PatchPredictions dense(const T* values, index_t candidates, index_t patches,
                                              index_t classes, PredictionKind kind);

  /// [sum q_i, K] values; offsets has N + 1 entries.
  template <class T>
  [[nodiscard]] static PatchPredictions ragged(std::span<const T> values,
                                               std::span<const index_t> offsets, index_t classes,
                                               PredictionKind kind);

  /// First row of candidate i; row_begin(candidates) is the end.
  [[nodiscard]] index_t row_begin(index_t i) const noexcept {
    return offsets != nullptr ? offsets[i] : i * patches;
  }
  /// q_i
  [[nodiscard]] index_t patch_count(index_t i) const noexcept {
    return row_begin(i + 1) - row_begin(i);
  }
  /// The candidates [first, first + count) as a view of their own, nothing copied. A ragged slice
  /// keeps the values and row numbers of the whole: its offsets start at row_begin(first), and `rows`
  /// ends with its last candidate. ShapeError when the range is not within the candidates.
  [[nodiscard]] PatchPredictions slice(index_t first, index_t count) const;
};

template <class T>
struct dtype_of;
/// DType of double.
template <>
struct dtype_of<double> {
  static constexpr DType value = DType::f64;  ///< binary64
};
/// DType of float.
template <>
struct dtype_of<float> {
  static constexpr DType value = DType::f32;  ///< binary32
};
/// DType of half_t.
template <>
struct dtype_of<half_t> {
  static constexpr DType value = DType::f16;  ///< binary16
};
/// DType of bfloat16_t.
template <>
struct dtype_of<bfloat16_t> {
  static constexpr DType value = DType::bf16;  ///< bfloat16
};

template <class T>
PatchPredictions PatchPredictions::dense(const T* values, index_t candidates, index_t patches,
                                         index_t classes, PredictionKind kind) {
  PatchPredictions p;
  p.values = values;
  p.dtype = dtype_of<T>::value;
  p.kind = kind;
  p.candidates = candidates;
  p.classes = classes;
  p.patches = patches;
  p.rows = candidates * patches;
  return p;
}

template <class T>
PatchPredictions PatchPredictions::ragged(std::span<const T> values,
                                          std::span<const index_t> offsets, index_t classes,
                                          PredictionKind kind) {
  PatchPredictions p;
  p.values = values.data();
  p.dtype = dtype_of<T>::value;
  p.kind = kind;
  p.candidates = offsets.empty() ? 0 : static_cast<index_t>(offsets.size()) - 1;
  p.classes = classes;
  p.offsets = offsets.data();
  p.rows = classes > 0 ? static_cast<index_t>(values.size()) / classes : 0;
  return p;
}

}  // namespace aift
