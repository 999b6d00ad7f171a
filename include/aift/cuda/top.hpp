// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/cuda/device_view.hpp>
#include <aift/cuda/status.hpp>
#include <aift/cuda/stream.hpp>

namespace aift::cuda {

/// The b best of scores that arrive chunk by chunk, best first: descending score, lowest index on a
/// tie, as top_b of <aift/select/score_selector.hpp>. The result depends neither on how the scores
/// are cut into chunks nor on the order in which the chunks come.
///
/// state   top_state_bytes(b) of device memory, the caller's: O(b), whatever N is
/// refused a NaN: FaultCode::score with the candidate's index in the status
/// stream, workspace, N = 0, checks: as in <aift/cuda/score.hpp>

/// Bytes of the state for b picks. throws ValueError: b < 0
[[nodiscard]] std::size_t top_state_bytes(index_t budget);

/// Bytes of workspace of top_update_async and top_b_async for chunks of up to `candidates` scores
/// on the current device: up to 1,024 picks (512 on devices with 64 KiB of shared memory) a few
/// megabytes, above that 48 bytes per score.
/// throws DeviceError, ValueError
[[nodiscard]] std::size_t top_workspace_bytes(index_t candidates, index_t budget);

/// Forgets all scores.
void top_reset_async(index_t budget, Workspace state, cudaStream_t stream);

/// Takes in the scores of the candidates first_index, first_index + 1, ...
/// cost  one read of the scores, if a sample of them tells well enough where the b-th best is, else
///       (scores in an unlikely order) another one and O(b) work per block; for large b a sort
void top_update_async(DeviceView<const double> scores, index_t first_index, index_t budget,
                      Workspace state, Status* status, Workspace workspace, cudaStream_t stream);

/// Writes the picks so far, best first. Fewer than b scores: the rest gets index -1 and score -inf.
/// indices  [b]
/// scores   [b], or empty; -0 is written as 0
void top_finish_async(index_t budget, Workspace state, DeviceView<index_t> indices,
                      DeviceView<double> scores, cudaStream_t stream);

/// All three for scores that are there at once; the workspace is top_workspace_bytes +
/// top_state_bytes (rounded up to kWorkspaceAlignment).
void top_b_async(DeviceView<const double> scores, index_t budget, DeviceView<index_t> indices,
                 DeviceView<double> best, Status* status, Workspace workspace, cudaStream_t stream);

/// Chances of ACFT's first draw over a pool of best scores: (a_i - a_last)/(a_first - a_last),
/// divided by their sum; equal scores give equal chances. As acft_pool of
/// <aift/select/score_selector.hpp>.
///
/// best         [w] scores of the pool, best first, from top_b_async with b = min(omega b, N)
/// probability  [w]
/// refused      a score that is not finite: FaultCode::score with its rank in the status
/// cost         the sum is taken by one lane, to have the bits of the CPU
void acft_weights_async(DeviceView<const double> best, DeviceView<double> probability,
                        Status* status, cudaStream_t stream);

}  // namespace aift::cuda
