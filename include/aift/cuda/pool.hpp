// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <aift/core/predictions.hpp>
#include <aift/score/pool.hpp>

namespace aift::cuda {

/// score::score_pool on the GPU: scores predictions that lie in host memory, such as a memory-mapped
/// file, chunk by chunk, and gives the same table, bit for bit, and the same errors.
///
/// While one chunk is copied to the device and scored, the next one is copied into pinned memory;
/// each of the two has a stream of its own. The calling thread waits for the results, so this is
/// the one operator that synchronises (its own streams) and allocates.
///
/// all          place host, any type, dense or ragged
/// how          `executor` is not used; `progress` as on the CPU
/// chunk_bytes  predictions per chunk, at least one candidate
/// scored       called behind each chunk, in order, with its first candidate and their number
/// memory       two chunks and their results, pinned on the host and on the device; the table
/// throws       as score::score_pool (all offsets are looked at first); DeviceError (no device, out of memory, a failed launch)
[[nodiscard]] ScoreTable score_pool(
    const PatchPredictions& all, const score::PoolScoring& how,
    index_t chunk_bytes = index_t{32} << 20,
    const std::function<void(index_t first, index_t count)>& scored = {});

}  // namespace aift::cuda
