// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "top_body.hpp"

namespace aift::cuda::detail {

/// Queues "no picks" into a state.
void launch_clear(Pick* state, index_t budget, cudaStream_t stream);
/// Queues a sieve, and behind it, in case that it does not succeed, the levels of a plan.
/// `lists`  room for twice most_picks
void launch_top(const SievePlan& sieve_plan, const Sieve& sieve, const TopPlan& plan,
                const ScoreInput& input, index_t candidates, index_t budget, Pick* state,
                Pick* lists, int processors, cudaStream_t stream);
/// Bytes for launch_top_sorted.
[[nodiscard]] std::size_t sorted_bytes(index_t candidates, index_t budget);
/// Queues the same for any b, by sorting chunk and state.
void launch_top_sorted(const ScoreInput& input, index_t candidates, index_t budget, Pick* state,
                       std::byte* workspace, std::size_t bytes, cudaStream_t stream);
/// Queues the picks of a state as indices and scores (null: not wanted).
void launch_finish(const Pick* state, index_t budget, index_t* indices, double* scores,
                   cudaStream_t stream);
/// Queues the chances of ACFT's draw.
void launch_acft_weights(const double* best, index_t count, double* probability,
                         std::uint64_t* status, cudaStream_t stream);

}  // namespace aift::cuda::detail
