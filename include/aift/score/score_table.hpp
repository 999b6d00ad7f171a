// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include <aift/core/predictions.hpp>
#include <aift/score/options.hpp>

namespace aift {

/// What a ScoreTable holds besides the numbers that every score needs.
struct ScoreRequest {
  bool kept = false;  ///< indices of the kept patches, and how many patches there were
  bool mean_probabilities = false;  ///< mean prediction of the kept patches, [N, K]
  friend bool operator==(const ScoreRequest&, const ScoreRequest&) = default;  ///< of every field
};

/// One row per candidate, memory O(N): the result of scoring and the input of picking.
///
/// Chunks are appended one after another (`append`), so a pool never has to be in memory as a whole.
/// score      what the selector ranks by; larger = label first
/// entropy    nats, over the kept patches, aggregated as the options say
/// diversity  nats, over pairs of kept patches, counted as the options say; never negative
/// dominant   class of the largest mean probability over *all* patches, lowest index on a tie
/// kept       patch numbers within the candidate, most confident first (lowest index on a tie)
struct ScoreTable {
  ScoreRequest request;                                 ///< what it holds besides the numbers
  PredictionKind form = PredictionKind::probabilities;  ///< which of the two formulas made it
  ScoreOptions options;                                 ///< with which it was made
  std::string name;                   ///< of the score ("aift"); empty until the first row
  index_t first_candidate = 0;        ///< number of row 0 in the pool: error messages count from it
  index_t classes = 0;                ///< K
  std::vector<double> score;          ///< [N]
  std::vector<double> entropy;        ///< [N]
  std::vector<double> diversity;      ///< [N]
  std::vector<label_t> dominant;      ///< [N]
  std::vector<index_t> kept_offsets;  ///< [N + 1] when request.kept, else empty
  std::vector<std::int32_t> kept;     ///< [kept_offsets[N]]
  std::vector<std::int32_t> patches;  ///< q of every candidate, [N] when request.kept, else empty
  std::vector<double> mean_probabilities;  ///< [N, K] when requested, else empty

  /// N: rows so far.
  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(score.size()); }
  /// Kept patches of candidate i; empty unless request.kept.
  [[nodiscard]] std::span<const std::int32_t> kept_of(index_t i) const {
    if (kept_offsets.empty()) return {};
    return std::span<const std::int32_t>(kept).subspan(
        static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i)]),
        static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i) + 1] -
                                 kept_offsets[static_cast<std::size_t>(i)]));
  }
  /// Patches of candidate i that the majority rule left out, ascending; empty without request.kept.
  [[nodiscard]] std::vector<std::int32_t> dropped_of(index_t i) const;

  /// Rows of `chunk` behind the rows held. A table without rows takes over what the chunk is; else
  /// name, classes, form, options and request must agree (ShapeError).
  void append(const ScoreTable& chunk);

  /// No rows; what the table asks for and where it begins stay, and so does its memory.
  void clear() noexcept;
  /// The memory of a table that is no longer needed; this table then has no rows.
  void reuse(ScoreTable& other) noexcept;
};

}  // namespace aift
