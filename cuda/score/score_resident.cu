// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that fit into shared memory.
#include "score_shared.cuh"

namespace aift::cuda::detail {

void launch_resident(const ScoreTask& task, bool single, const ScorePlan& plan,
                     cudaStream_t stream) {
  launch_any<false>(task, single, plan, stream);
}

}  // namespace aift::cuda::detail
