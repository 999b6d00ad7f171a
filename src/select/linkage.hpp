// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rows.hpp"

namespace aift::select::detail {

/// Average linkage (UPGMA) on Euclidean distances, cut into `count` clusters: the two clusters with
/// the smallest mean distance of their members are joined until `count` are left.
///
/// Source: nearest-neighbour chains (Benzecri, 1982; Müllner, 2011), which give the same tree as
/// the search for the smallest of all distances in every step.
/// returns  [N] cluster of every row, numbered as they first occur
/// cost     O(N^2 d) for the distances, O(N^2) for the tree; memory 2 N^2 bytes
[[nodiscard]] std::vector<index_t> average_linkage(const Rows& rows, index_t count,
                                                   Executor* executor);

}  // namespace aift::select::detail
