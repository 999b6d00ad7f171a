// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that fit into shared memory: one precision is compiled in each .cu file.
#pragma once

#include "cuda/core/block_group.cuh"
#include "cuda/core/launch_shared.cuh"
#include "launch.hpp"
#include "score_body.hpp"

namespace aift::cuda::detail {

namespace {

template <class T, class S, bool kLogits, int kMost>
__global__ __launch_bounds__(
    most_threads(ScoreForm::resident, sizeof(T) == 4, kMost == kWide),
    least_blocks(ScoreForm::resident, sizeof(T) == 4,
                 kMost ==
                     kWide)) void score_resident_kernel(const __grid_constant__ ScoreTask task) {
  extern __shared__ __align__(16) std::byte memory[];
  Tile<T, S> tile;
  carve<Form::resident>(memory, task, tile);
  const BlockGroup group;
  ScoreBody<T, S, kLogits, true, kMost, BlockGroup> body(group, task, tile);
  const index_t step = static_cast<index_t>(gridDim.x) * task.tile;
  for (index_t first = static_cast<index_t>(blockIdx.x) * task.tile; first < task.candidates;
       first += step) {
    body.run(first, first + step);
  }
}

template <class T, class S, bool kLogits>
void launch_resident(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  with_most_classes(task.classes, [&](auto most) {
    launch_shared(score_resident_kernel<T, S, kLogits, most.value>, plan.blocks, plan.threads,
                  plan.tile_bytes, stream, task);
  });
}

}  // namespace

}  // namespace aift::cuda::detail
