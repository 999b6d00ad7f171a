// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "rows.hpp"

namespace aift::select::detail {

/// Class of the largest mean probability (the lowest on a tie) and 1 - the difference of the two
/// largest.
struct MeanMargin {
  index_t dominant = 0;
  double doubt = 0;
};

inline MeanMargin mean_margin(const PoolView& pool, index_t i) {
  const double* p = pool.mean_probabilities.data() + i * pool.classes;
  MeanMargin out;
  double second = -std::numeric_limits<double>::infinity();
  for (index_t k = 1; k < pool.classes; ++k) {
    if (p[k] > p[out.dominant]) {
      second = p[out.dominant];
      out.dominant = k;
    } else {
      second = std::max(second, p[k]);
    }
  }
  out.doubt = 1 - (p[out.dominant] - second);
  return out;
}

}  // namespace aift::select::detail
