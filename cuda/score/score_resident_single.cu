// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that fit into shared memory, in single precision.
#include "score_resident.cuh"

namespace aift::cuda::detail {

void launch_resident_single(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  task.logits ? launch_resident<float, float, true>(task, plan, stream)
              : launch_resident<float, float, false>(task, plan, stream);
}

}  // namespace aift::cuda::detail
