// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/rng.hpp>

#include "rows.hpp"

namespace aift::select::detail {

/// Clusters of rows.
struct Clusters {
  index_t count = 0;           ///< clusters that have a member
  std::vector<float> centres;  ///< [count, d]
  std::vector<index_t> of;     ///< [N] cluster of every row
  std::vector<float> squared;  ///< [N] squared distance to its centre
  std::vector<std::vector<index_t>> members() const;
};

/// Lloyd's algorithm from a k-means++ start (Arthur and Vassilvitskii, 2007), keyed by `random`.
/// With fewer distinct rows than clusters there are fewer clusters; one that loses its last row
/// gets none again and is left out. The first of equally near centres wins; sums run in row order
/// by parts (mean_row), in double. aift::cuda::k_means_async gives the same bits.
/// cost O(iterations N k d), memory O(N + k d)
[[nodiscard]] Clusters k_means(const Rows& rows, index_t k, const KeyedRandom& random,
                               index_t iterations, Executor* executor);

/// `count` rows: from the largest cluster to the smallest the one nearest to the centre, then the
/// second nearest of each, and so on; the first of equals.
[[nodiscard]] std::vector<index_t> nearest_to_centres(const Clusters& clusters, index_t count);

}  // namespace aift::select::detail
