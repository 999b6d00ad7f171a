// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>
#include <aift/score/options.hpp>

namespace aift::score {

/// Patches kept out of q: min(q, max(1, floor(alpha q + 0.5))), the product in double arithmetic
/// (0.29 * 50 is 14.499999999999998 and keeps 14).
/// q >= 1, alpha in (0, 1]; not checked
[[nodiscard]] index_t kept_count(index_t q, double alpha) noexcept;

/// Which patches of every candidate speak for it.
struct Majority {
  std::vector<label_t> dominant;      ///< [N]
  std::vector<index_t> kept_offsets;  ///< [N + 1], first 0
  std::vector<std::int32_t> kept;     ///< patch numbers within the candidate, most confident first

  /// Candidates.
  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(dominant.size()); }
  /// Kept patches of candidate i.
  [[nodiscard]] std::span<const std::int32_t> kept_of(index_t i) const {
    const auto first = static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i)]);
    const auto last = static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i) + 1]);
    return std::span<const std::int32_t>(kept).subspan(first, last - first);
  }
};

/// Majority selection: the dominant class c has the largest mean probability over all patches
/// (lowest class on a tie); kept are the kept_count(q, alpha) patches of largest P_jc, lowest patch
/// number on a tie. For two classes: top alpha if the mean of class 1 is above one half, else
/// bottom alpha. Augmentation sometimes spoils a patch; patches that contradict the majority are
/// left out.
///
/// Source: Zhou et al., CVPR 2017, majority selection; for K > 2 the dominant class is ours.
/// throws  ShapeError, ValueError naming candidate and patch
/// cost    O(q K) per candidate, and O(q log q) for the order of the kept patches
[[nodiscard]] Majority majority(const PatchPredictions& chunk, const ScoreOptions& options,
                                Executor* executor = nullptr);

}  // namespace aift::score
