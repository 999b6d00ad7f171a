// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that shared memory does not hold: a block each, working memory in the
// workspace.
#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

template <class T, bool kLogits>
__global__ __launch_bounds__(kScoreThreads) void score_direct_kernel(
    const __grid_constant__ ScoreTask task, std::byte* workspace, std::size_t slice) {
  Tile<T> tile;
  carve<T, false>(workspace + blockIdx.x * slice, task, tile);
  const BlockGroup group;
  ScoreBody<T, kLogits, false, BlockGroup> body(group, task, tile);
  for (index_t i = blockIdx.x; i < task.candidates; i += gridDim.x)
    body.run(i);
}

template <class T, bool kLogits>
void launch(const ScoreTask& task, const ScorePlan& plan, std::byte* workspace,
            cudaStream_t stream) {
  score_direct_kernel<T, kLogits>
      <<<plan.blocks, plan.threads, 0, stream>>>(task, workspace, plan.tile_bytes);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace

void launch_direct(const ScoreTask& task, bool single, const ScorePlan& plan, std::byte* workspace,
                   cudaStream_t stream) {
  if (single) {
    task.logits ? launch<float, true>(task, plan, workspace, stream)
                : launch<float, false>(task, plan, workspace, stream);
  } else {
    task.logits ? launch<double, true>(task, plan, workspace, stream)
                : launch<double, false>(task, plan, workspace, stream);
  }
}

void launch_score(const ScoreTask& task, bool single, const ScorePlan& plan, std::byte* workspace,
                  cudaStream_t stream) {
  switch (plan.form) {
    case ScoreForm::lane:
      return launch_lanes(task, single, plan, stream);
    case ScoreForm::resident:
      return launch_resident(task, single, plan, stream);
    case ScoreForm::direct:
      return launch_direct(task, single, plan, workspace, stream);
  }
}

}  // namespace aift::cuda::detail
