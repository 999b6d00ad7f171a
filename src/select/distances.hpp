// SPDX-License-Identifier: Apache-2.0
#pragma once

// Products and distances of feature rows, compiled once per instruction set. All of them give the
// same bits: lane l of sixteen takes the features l, l + 16, ... in ascending order by fused
// multiply-adds, and the lanes are added pairwise (8 apart, then 4, 2, 1).

#include <span>

#include <aift/core/types.hpp>

namespace aift::select::detail {

/// Rows against centres, out[row * centres + centre].
using TileFunction = void (*)(const float* const* rows, index_t row_count,
                              const float* const* centres, index_t centre_count, index_t d,
                              float* out);

/// A way to compute distances.
struct DistanceEngine {
  const char* name;
  /// sum_f (x_f - c_f)^2: exactly 0 for equal rows, and symmetric.
  TileFunction squared;
  /// sum_f x_f c_f
  TileFunction dot;
  /// values[i] = exp(-scale values[i])
  void (*gaussian)(float* values, index_t count, float scale);
};

/// What this CPU can run, the slowest first.
[[nodiscard]] std::span<const DistanceEngine* const> distance_engines() noexcept;
/// The one that belongs to the engine of the scores (environment variable AIFT_SIMD).
[[nodiscard]] const DistanceEngine& distances();

}  // namespace aift::select::detail
