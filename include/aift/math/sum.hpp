// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/math/lane.hpp>

namespace aift::math {

/// The order of every sum of a score. It is part of the arithmetic: a version for vectors or for a
/// GPU must follow it, and then agrees bit for bit.
///
/// Over classes (k = 0 .. K-1): kClassLanes partial sums, all +0 at first. Term k goes to partial
/// sum k mod kClassLanes, in ascending k; a product goes there by fma. Then the partial sums are
/// added pairwise: for stride 16, 8, 4, 2, 1 partial a gets partial a + stride added, a < stride. A
/// partial sum that no term reached is +0 and adds nothing, so widths above the next power of two
/// of K may be left out (`class_width`). On a GPU the partial sums are the lanes of a warp, on a
/// CPU those of a few vectors; where lanes are candidates, each walks the tree on its own.
///
/// Over patches: kept patches in ascending number, in blocks of kPatchBlock positions. A block is
/// summed from +0 one term after the other; the sums of the blocks are added in ascending order,
/// the first to +0. (The first block needs no addition: +0 + x is x, and a block's sum is never
/// -0.) Up to kPatchBlock patches this is the plain ascending sum.
inline constexpr int kClassLanes = 32;
inline constexpr index_t kPatchBlock = 64;  ///< see kClassLanes

/// Partial sums that K classes need: min(kClassLanes, next power of two of K).
AIFT_MATH int class_width(index_t classes) noexcept {
  int width = 1;
  while (width < kClassLanes && width < classes)
    width *= 2;
  return width;
}

/// The pairwise half of the sum over classes; `partial` holds `width` sums and is overwritten.
template <class T>
AIFT_MATH T add_partials(T* partial, int width) noexcept {
  for (int stride = width / 2; stride > 0; stride /= 2) {
    for (int a = 0; a < stride; ++a)
      partial[a] += partial[a + stride];
  }
  return partial[0];
}

/// sum_k x_k in the order above.
template <class T>
AIFT_MATH T class_sum(const T* x, index_t classes) noexcept {
  if (classes == 2) return (x[0] + x[1]) + T{0};  // the tree of two; + 0 as there: never -0
  T partial[kClassLanes];
  const int width = class_width(classes);
  for (int a = 0; a < width; ++a)
    partial[a] = T{0};
  index_t k = 0;
  for (; k + width <= classes; k += width) {
    for (int a = 0; a < width; ++a)
      partial[a] += x[k + a];
  }
  for (int a = 0; k < classes; ++k, ++a)
    partial[a] += x[k];
  return add_partials(partial, width);
}

/// sum_k x_k y_k in the order above.
template <class T>
AIFT_MATH T class_dot(const T* x, const T* y, index_t classes) noexcept {
  if (classes == 2) return fma(x[0], y[0], T{0}) + fma(x[1], y[1], T{0});
  T partial[kClassLanes];
  const int width = class_width(classes);
  for (int a = 0; a < width; ++a)
    partial[a] = T{0};
  index_t k = 0;
  for (; k + width <= classes; k += width) {
    for (int a = 0; a < width; ++a)
      partial[a] = fma(x[k + a], y[k + a], partial[a]);
  }
  for (int a = 0; k < classes; ++k, ++a)
    partial[a] = fma(x[k], y[k], partial[a]);
  return add_partials(partial, width);
}

}  // namespace aift::math
