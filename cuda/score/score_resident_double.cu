// SPDX-License-Identifier: Apache-2.0
// Fused score of candidates that fit into shared memory, in double precision.
#include "score_resident.cuh"

namespace aift::cuda::detail {

void launch_resident_double(const ScoreTask& task, const ScorePlan& plan, cudaStream_t stream) {
  if (task.logits) return launch_resident<double, double, true>(task, plan, stream);
  if (task.narrow_store()) return launch_resident<double, float, false>(task, plan, stream);
  launch_resident<double, double, false>(task, plan, stream);
}

}  // namespace aift::cuda::detail
