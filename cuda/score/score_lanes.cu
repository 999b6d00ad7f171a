// SPDX-License-Identifier: Apache-2.0
// Fused score of two classes: a thread per candidate, predictions in shared memory.
#include "score_shared.cuh"

namespace aift::cuda::detail {

void launch_lanes(const ScoreTask& task, bool single, const ScorePlan& plan, cudaStream_t stream) {
  launch_any<true>(task, single, plan, stream);
}

}  // namespace aift::cuda::detail
