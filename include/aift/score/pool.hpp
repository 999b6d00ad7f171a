// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>
#include <aift/core/progress.hpp>
#include <aift/score/scores.hpp>

namespace aift::score {

/// How a pool is scored.
struct PoolScoring {
  ScoreKind kind = ScoreKind::aift;  ///< which score
  ScoreOptions options;              ///< its options
  ScoreRequest request;              ///< what the table holds besides
  Executor* executor = nullptr;      ///< runs the candidates of a chunk; null: the calling thread
  /// Told "score", candidates done, candidates in all (0 when only the source knows); asked between
  /// chunks whether to stop.
  Progress* progress = nullptr;
};

/// Points `chunk` to the next predictions, or says that there are none: where they come from, and
/// whether the same buffer is filled again and again, is the source's business. The predictions
/// must stay until the next call. All chunks have the same number of classes and the same kind.
using NextChunk = std::function<bool(PatchPredictions& chunk)>;

/// Scores a pool that never is in memory as a whole.
///
/// result  one row per candidate, in the order of the chunks; bit-identical however the pool is cut
/// memory  the table (28 bytes per candidate, and what `request` asks for), the source's chunk, and
///         the working memory of one chunk
/// throws  as `score::compute`, candidates counted over the whole pool; CancelledError; what the
///         source throws. Nothing is returned then: a result exists only if every chunk passed
[[nodiscard]] ScoreTable score_pool(const NextChunk& next, const PoolScoring& how);

/// The same for predictions that lie behind one pointer, such as a memory-mapped file.
///
/// chunk_bytes  predictions that are read at a time, at least one candidate
/// scored       called behind each chunk with its first candidate and their number: the place to let
///              mapped pages go
[[nodiscard]] ScoreTable score_pool(
    const PatchPredictions& all, const PoolScoring& how, index_t chunk_bytes = index_t{8} << 20,
    const std::function<void(index_t first, index_t count)>& scored = {});

}  // namespace aift::score
