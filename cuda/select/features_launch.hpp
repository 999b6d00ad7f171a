// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "features_body.hpp"

namespace aift::cuda::detail {

/// Queues the refusal of rows with a value that is not finite; row 0 is number first_candidate.
void launch_refuse(const FeatureRows& rows, index_t first_candidate, std::uint64_t* status,
                   cudaStream_t stream);
/// Queues all squared distances.
void launch_distances(const FeatureRows& rows, const FeatureRows& centres, float* out,
                      cudaStream_t stream);

/// Memory of farthest-first.
struct KCenterMemory {
  float* nearest = nullptr;        ///< [candidates]
  std::uint64_t* words = nullptr;  ///< [budget]
  double* sums = nullptr;          ///< [parts, columns]
  float* centre = nullptr;         ///< [columns]
};
/// Queues the picks; the budget is at least 1.
void launch_k_center(const FeatureRows& candidates, const FeatureRows& labelled, index_t budget,
                     const KCenterMemory& memory, index_t* indices, double* distances,
                     int processors, cudaStream_t stream);

/// Queues all of k-means: seeds, with the share that seed i draws in shares[i], then iterations.
void launch_k_means(const KMeans& task, index_t first_seed, const double* shares,
                    index_t iterations, cudaStream_t stream);

}  // namespace aift::cuda::detail
