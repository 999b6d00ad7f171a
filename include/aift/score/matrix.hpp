// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>
#include <aift/score/options.hpp>

namespace aift::score {

/// The matrices R of some candidates, one after another.
struct MatrixTable {
  std::vector<index_t> offsets;       ///< [N + 1] first cell of each candidate, first 0
  std::vector<double> cells;          ///< m_i x m_i each, row-major, symmetric
  std::vector<index_t> kept_offsets;  ///< [N + 1], first 0
  std::vector<std::int32_t> kept;     ///< patch number of every row, ascending

  /// Candidates.
  [[nodiscard]] index_t size() const noexcept {
    return offsets.empty() ? 0 : static_cast<index_t>(offsets.size()) - 1;
  }
  /// m_i, the number of rows of matrix i.
  [[nodiscard]] index_t extent(index_t i) const {
    return kept_offsets[static_cast<std::size_t>(i) + 1] -
           kept_offsets[static_cast<std::size_t>(i)];
  }
  /// Cells of matrix i.
  [[nodiscard]] std::span<const double> of(index_t i) const {
    const auto first = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i)]);
    const auto last = static_cast<std::size_t>(offsets[static_cast<std::size_t>(i) + 1]);
    return std::span<const double>(cells).subspan(first, last - first);
  }
  /// Patch numbers of the rows of matrix i.
  [[nodiscard]] std::span<const std::int32_t> kept_of(index_t i) const {
    const auto first = static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i)]);
    const auto last = static_cast<std::size_t>(kept_offsets[static_cast<std::size_t>(i) + 1]);
    return std::span<const std::int32_t>(kept).subspan(first, last - first);
  }
};

/// R of every candidate over its kept patches in ascending patch number, appended to `out`:
/// R_jj = lambda1 e_j, R_jl = lambda2 d(j, l). With the conventions `sum` and `ordered` the sum of
/// its cells is `score::aift` up to rounding; it is computed pair by pair, not in the closed form.
///
/// unit    nats
/// throws  ShapeError, ValueError naming candidate (counted over what `out` holds) and patch; `out`
///         is then as it was
/// cost    O(m^2 K) per candidate; 8 m^2 bytes each
void matrix(const PatchPredictions& chunk, const ScoreOptions& options, MatrixTable& out,
            Executor* executor = nullptr);

}  // namespace aift::score
