// SPDX-License-Identifier: Apache-2.0
#include <aift/score/pool.hpp>

#include <algorithm>

#include <aift/core/error.hpp>

#include "engine.hpp"

namespace aift::score {

namespace {

std::string_view what(PredictionKind kind) {
  return kind == PredictionKind::logits ? "logits" : "probabilities";
}

ScoreTable score_chunks(const NextChunk& next, const PoolScoring& how, index_t total) {
  Progress silent;
  Progress& progress = how.progress != nullptr ? *how.progress : silent;
  ScoreTable table;
  table.request = how.request;
  PatchPredictions chunk;
  for (throw_if_cancelled(progress); next(chunk); throw_if_cancelled(progress)) {
    AIFT_EXPECT(
        table.size() == 0 || (chunk.classes == table.classes && chunk.kind == table.form),
        ShapeError,
        "All chunks of a pool must have {} classes and be {}; the one from candidate {} on has "
        "{} and holds {}.",
        table.classes, what(table.form), table.size(), chunk.classes, what(chunk.kind));
    compute(how.kind, chunk, how.options, table, how.executor);
    progress.report("score", table.size(), total);
  }
  return table;
}

}  // namespace

ScoreTable score_pool(const NextChunk& next, const PoolScoring& how) {
  return score_chunks(next, how, 0);
}

ScoreTable score_pool(const PatchPredictions& all, const PoolScoring& how, index_t chunk_bytes,
                      const std::function<void(index_t, index_t)>& scored) {
  AIFT_EXPECT(chunk_bytes > 0, ValueError, "A chunk needs a positive number of bytes; got {}.",
              chunk_bytes);
  if (all.candidates == 0) {  // nothing to score, but options and shape are still looked at
    ScoreTable table;
    table.request = how.request;
    compute(how.kind, all, how.options, table, how.executor);
    return table;
  }
  AIFT_EXPECT(all.row_begin(all.candidates) == all.rows, ShapeError,
              "The patches of all candidates must be the {} rows there are; they end at row {}.",
              all.rows, all.row_begin(all.candidates));
  const index_t row_bytes = all.classes * static_cast<index_t>(detail::bytes_of(all.dtype));
  const index_t rows = chunk_bytes / std::max<index_t>(1, row_bytes);
  index_t first = 0;
  index_t count = 0;
  const auto next = [&](PatchPredictions& chunk) {
    if (count > 0 && scored) scored(first, count);
    first += count;
    if (first == all.candidates) return false;
    count = 1;
    while (first + count < all.candidates &&
           all.row_begin(first + count + 1) - all.row_begin(first) <= rows) {
      ++count;
    }
    chunk = all.slice(first, count);
    return true;
  };
  return score_chunks(next, how, all.candidates);
}

}  // namespace aift::score
