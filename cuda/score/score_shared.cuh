// SPDX-License-Identifier: Apache-2.0
// Launch of the fused score over candidates that lie in shared memory: of the two forms one is
// compiled in each .cu file.
#pragma once

#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

/// kLanes: a thread per candidate (two classes); else the block works on each.
template <class T, bool kLogits, bool kLanes>
__global__ __launch_bounds__(kScoreThreads) void score_shared_kernel(
    const __grid_constant__ ScoreTask task) {
  extern __shared__ __align__(16) std::byte memory[];
  Tile<T> tile;
  carve<T, true>(memory, task, tile);
  const BlockGroup group;
  ScoreBody<T, kLogits, true, BlockGroup> body(group, task, tile);
  const index_t step = static_cast<index_t>(gridDim.x) * task.tile;
  for (index_t first = static_cast<index_t>(blockIdx.x) * task.tile; first < task.candidates;
       first += step) {
    if constexpr (kLanes) {
      body.run_lanes(first);
    } else {
      body.run(first);
    }
  }
}

template <class T, bool kLogits, bool kLanes>
void launch_shared(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  const auto kernel = score_shared_kernel<T, kLogits, kLanes>;
  const int shared = static_cast<int>(plan.tile_bytes);
  AIFT_CUDA_TRY(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
  kernel<<<plan.blocks, plan.threads, static_cast<std::size_t>(shared), stream>>>(task);
  AIFT_CUDA_CHECK_LAUNCH();
}

template <bool kLanes>
void launch_any(const ScoreTask& task, bool single, const ScorePlan& plan, cudaStream_t stream) {
  if (single) {
    task.logits ? launch_shared<float, true, kLanes>(task, plan, stream)
                : launch_shared<float, false, kLanes>(task, plan, stream);
  } else {
    task.logits ? launch_shared<double, true, kLanes>(task, plan, stream)
                : launch_shared<double, false, kLanes>(task, plan, stream);
  }
}

}  // namespace

}  // namespace aift::cuda::detail
