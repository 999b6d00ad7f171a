// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "rows.hpp"

namespace aift::select::detail {

/// How near two candidates are, in [0, 1].
struct Kernel {
  bool ball = false;  ///< 1 within `scale`, else 0; or exp(-distance^2 / scale^2)
  double scale = 1;
};

/// Greedy maximisation of sum_x weight(x) max_y kernel(x, y) over the unlabelled candidates x
/// and the labelled and picked y; empty weights count 1. `weights` is indexed by
/// candidate.
void herd(const PoolView& pool, index_t budget, Executor* executor, bool normalise, Kernel kernel,
          std::span<const double> weights, Selection& out);

/// throws ValueError unless positive and finite
void expect_scale(const char* name, double scale);

}  // namespace aift::select::detail
