// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that shared memory does not hold: a block each, working memory in the
// workspace.
#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"
#include "score_body.hpp"

namespace aift::cuda::detail {

namespace {

template <class T, bool kLogits, int kMost>
__global__ __launch_bounds__(
    most_threads(ScoreForm::direct, sizeof(T) == 4, kMost == kWide),
    least_blocks(ScoreForm::direct, sizeof(T) == 4,
                 kMost == kWide)) void score_direct_kernel(const __grid_constant__ ScoreTask task,
                                                           std::byte* workspace,
                                                           std::size_t slice) {
  Tile<T> tile;
  carve<Form::direct>(workspace + blockIdx.x * slice, task, tile);
  const BlockGroup group;
  ScoreBody<T, T, kLogits, false, kMost, BlockGroup> body(group, task, tile);
  for (index_t i = blockIdx.x; i < task.candidates; i += gridDim.x)
    body.run(i, task.candidates);
}

template <class T, bool kLogits>
void launch(const ScoreTask& task, const ScorePlan& plan, std::byte* workspace,
            cudaStream_t stream) {
  if (task.wide()) {
    score_direct_kernel<T, kLogits, kWide>
        <<<plan.blocks, plan.threads, 0, stream>>>(task, workspace, plan.tile_bytes);
  } else {
    score_direct_kernel<T, kLogits, kNarrowClasses>
        <<<plan.blocks, plan.threads, 0, stream>>>(task, workspace, plan.tile_bytes);
  }
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
      return single ? launch_resident_single(task, plan, stream)
                    : launch_resident_double(task, plan, stream);
    case ScoreForm::direct:
      return launch_direct(task, single, plan, workspace, stream);
  }
}

}  // namespace aift::cuda::detail
