// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that fit into shared memory.
#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

template <class T, bool kLogits>
__global__ __launch_bounds__(kScoreThreads) void score_resident_kernel(
    const __grid_constant__ ScoreTask task) {
  extern __shared__ __align__(16) std::byte memory[];
  Tile<T> tile;
  carve<T, true>(memory, task, tile);
  const BlockGroup group;
  ScoreBody<T, kLogits, true, BlockGroup> body(group, task, tile);
  const index_t step = static_cast<index_t>(gridDim.x) * task.tile;
  for (index_t first = static_cast<index_t>(blockIdx.x) * task.tile; first < task.candidates;
       first += step) {
    body.run(first);
  }
}

template <class T, bool kLogits>
void launch(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  const auto kernel = score_resident_kernel<T, kLogits>;
  const int shared = static_cast<int>(plan.tile_bytes);
  AIFT_CUDA_TRY(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize, shared));
  kernel<<<plan.blocks, plan.threads, static_cast<std::size_t>(shared), stream>>>(task);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace

void launch_resident(const ScoreTask& task, bool single, const ScorePlan& plan,
                     cudaStream_t stream) {
  if (single) {
    task.logits ? launch<float, true>(task, plan, stream)
                : launch<float, false>(task, plan, stream);
  } else {
    task.logits ? launch<double, true>(task, plan, stream)
                : launch<double, false>(task, plan, stream);
  }
}

}  // namespace aift::cuda::detail
