// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/predictions.hpp>
#include <aift/cuda/device_view.hpp>

namespace aift::cuda {

/// PatchPredictions whose values lie in device memory. A type of its own, because `offsets` of a
/// ragged chunk lie in device memory too: the host never reads them, kernels check them.
///
/// values        row-major [rows, classes], aligned to the element type
/// offsets       device memory, N + 1 row numbers, strictly increasing, last `rows`; null when dense
/// most_patches  upper bound of q_i (ragged); a candidate that exceeds it is refused in the status
struct DevicePredictions {
  const void* values = nullptr;                         ///< the first row, device memory
  DType dtype = DType::f64;                             ///< type of the values
  PredictionKind kind = PredictionKind::probabilities;  ///< probabilities or logits
  index_t candidates = 0;                               ///< N
  index_t classes = 0;                                  ///< K
  index_t patches = 0;                                  ///< q when dense, 0 when ragged
  const index_t* offsets = nullptr;                     ///< device memory, [N + 1] when ragged
  index_t rows = 0;                                     ///< patches of all candidates together
  index_t most_patches = 0;                             ///< largest q_i

  /// [N, q, K] values; T is double, float, half_t or bfloat16_t.
  template <class T>
  [[nodiscard]] static DevicePredictions dense(const T* values, index_t candidates, index_t patches,
                                               index_t classes, PredictionKind kind) {
    DevicePredictions p;
    p.values = values;
    p.dtype = dtype_of<T>::value;
    p.kind = kind;
    p.candidates = candidates;
    p.classes = classes;
    p.patches = patches;
    p.rows = candidates > 0 && patches > kMaxRows / candidates ? -1 : candidates * patches;
    p.most_patches = patches;
    return p;
  }

  /// [sum q_i, K] values; `offsets` has N + 1 entries in device memory.
  template <class T>
  [[nodiscard]] static DevicePredictions ragged(DeviceView<const T> values,
                                                DeviceView<const index_t> offsets, index_t classes,
                                                index_t most_patches, PredictionKind kind) {
    DevicePredictions p;
    p.values = values.data;
    p.dtype = dtype_of<T>::value;
    p.kind = kind;
    p.candidates = offsets.size > 0 ? offsets.size - 1 : 0;
    p.classes = classes;
    p.offsets = offsets.data;
    p.rows = classes > 0 ? values.size / classes : 0;
    p.most_patches = most_patches;
    return p;
  }

  /// From a descriptor with place = device. Ragged: its host offsets are read for the largest q,
  /// and `device_offsets` is the copy of them in device memory that the kernels use. throws
  /// ValueError: place is host; ShapeError: a ragged chunk without `device_offsets`
  [[nodiscard]] static DevicePredictions from(const PatchPredictions& predictions,
                                              const index_t* device_offsets = nullptr);

  /// More rows than any memory holds.
  static constexpr index_t kMaxRows = index_t{1} << 56;
};

}  // namespace aift::cuda
