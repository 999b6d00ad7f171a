// SPDX-License-Identifier: Apache-2.0
// Entropies of all patches: a lane or a warp per row.
#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"
#include "patch_entropies_body.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 256;

/// Rows that a block takes at a time.
AIFT_HD int rows_at_once(const ScoreTask& task) {
  return task.wide() ? kThreads / math::kClassLanes : kThreads;
}

template <class T, bool kLogits>
__global__ __launch_bounds__(kThreads) void patch_entropies_kernel(
    const __grid_constant__ ScoreTask task) {
  const BlockGroup group;
  index_t origin = 0;
  if (task.offsets != nullptr) {
    origin = task.offsets[0];
    check_offsets(task, static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x,
                  static_cast<index_t>(gridDim.x) * blockDim.x);
    if (origin < 0 || origin > task.rows) return;  // refused
  }
  const index_t rows = task.rows - origin;
  const index_t step = rows_at_once(task);
  for (index_t first = blockIdx.x * step; first < rows; first += gridDim.x * step) {
    const index_t left = rows - first;
    patch_entropies_body<T, kLogits>(group, task, first, left < step ? left : step);
  }
}

}  // namespace

void launch_patch_entropies(const ScoreTask& task, bool single, int processors,
                            cudaStream_t stream) {
  const index_t wanted = (task.rows + rows_at_once(task) - 1) / rows_at_once(task);
  const index_t most = 32 * static_cast<index_t>(processors);
  const int blocks = static_cast<int>(wanted < most ? (wanted > 0 ? wanted : 1) : most);
  if (single) {
    task.logits ? patch_entropies_kernel<float, true><<<blocks, kThreads, 0, stream>>>(task)
                : patch_entropies_kernel<float, false><<<blocks, kThreads, 0, stream>>>(task);
  } else {
    task.logits ? patch_entropies_kernel<double, true><<<blocks, kThreads, 0, stream>>>(task)
                : patch_entropies_kernel<double, false><<<blocks, kThreads, 0, stream>>>(task);
  }
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace aift::cuda::detail
