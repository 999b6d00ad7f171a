// SPDX-License-Identifier: Apache-2.0
#pragma once

// Sums over feature rows and the draw of k-means++, in an order that host and device share.

#include <aift/core/types.hpp>

namespace aift::select::detail {

/// Sums over rows run over parts of this many in ascending order, and then over the parts.
inline constexpr index_t kSumPart = 256;

AIFT_HD index_t sum_parts(index_t rows) { return (rows + kSumPart - 1) / kSumPart; }

/// Behind the last row of the part that begins at `begin`.
AIFT_HD index_t part_end(index_t begin, index_t rows) {
  return begin + kSumPart < rows ? begin + kSumPart : rows;
}

/// Sum of the squared distances of a part.
AIFT_HD double part_sum(const float* squared, index_t rows, index_t part) {
  const index_t begin = part * kSumPart;
  const index_t end = part_end(begin, rows);
  double sum = 0;
  for (index_t p = begin; p < end; ++p)
    sum += static_cast<double>(squared[p]);
  return sum;
}

/// A row drawn with chances in proportion to `squared`; -1 when all of these are 0.
///
/// running  [sum_parts(rows)] sums of the parts up to and including each
/// share    uniform in [0, 1)
AIFT_HD index_t draw_row(const float* squared, index_t rows, const double* running, double share) {
  const index_t parts = sum_parts(rows);
  const double total = running[parts - 1];
  if (!(total > 0)) return -1;
  const double target = share * total;
  index_t low = 0;  // the first part that reaches beyond the target; the last that adds anything
  index_t high = parts - 1;
  while (low < high) {
    const index_t middle = (low + high) / 2;
    if (running[middle] > target || !(running[middle] < total)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  double run = low > 0 ? running[low - 1] : 0;
  const index_t begin = low * kSumPart;
  const index_t end = part_end(begin, rows);
  index_t chosen = -1;
  for (index_t p = begin; p < end; ++p) {
    if (!(squared[p] > 0)) continue;
    chosen = p;
    run += static_cast<double>(squared[p]);
    if (run > target) break;
  }
  return chosen;
}

}  // namespace aift::select::detail
