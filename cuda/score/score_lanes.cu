// SPDX-License-Identifier: Apache-2.0
// Fused score of two classes: a thread per candidate, predictions in shared memory.
#include "cuda/core/block_group.cuh"
#include "cuda/core/launch_shared.cuh"
#include "launch.hpp"
#include "score_lane.hpp"

namespace aift::cuda::detail {

namespace {

template <class T, bool kLogits>
__global__ __launch_bounds__(
    most_threads(ScoreForm::lane, sizeof(T) == 4,
                 false)) void score_lanes_kernel(const __grid_constant__ ScoreTask task) {
  extern __shared__ __align__(16) std::byte memory[];
  Tile<T> tile;
  carve<Form::lane>(memory, task, tile);
  const BlockGroup group;
  LaneBody<T, kLogits, BlockGroup> body(group, task, tile);
  const index_t step = static_cast<index_t>(gridDim.x) * task.tile;
  for (index_t first = static_cast<index_t>(blockIdx.x) * task.tile; first < task.candidates;
       first += step) {
    body.run(first);
  }
}

template <class T, bool kLogits>
void launch(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  launch_shared(score_lanes_kernel<T, kLogits>, plan.blocks, plan.threads, plan.tile_bytes, stream,
                task);
}

}  // namespace

void launch_lanes(const ScoreTask& task, bool single, const ScorePlan& plan, cudaStream_t stream) {
  if (single) {
    task.logits ? launch<float, true>(task, plan, stream)
                : launch<float, false>(task, plan, stream);
  } else {
    task.logits ? launch<double, true>(task, plan, stream)
                : launch<double, false>(task, plan, stream);
  }
}

}  // namespace aift::cuda::detail
