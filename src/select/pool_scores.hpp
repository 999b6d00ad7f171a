// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

#include <aift/core/error.hpp>
#include <aift/select/score_selector.hpp>

namespace aift::detail {

/// The scores that a selector picks by: the pool's, else its own, made into `scored`.
/// throws ValueError: scores of another selector, NaN
inline const ScoreTable& pool_scores(const ScoreSelector& selector, const PoolView& pool,
                                     ScoreTable& scored) {
  if (pool.scores == nullptr) selector.score(*pool.predictions, scored);
  const ScoreTable& table = pool.scores != nullptr ? *pool.scores : scored;
  AIFT_EXPECT(table.name.empty() || table.name == selector.name(), ValueError,
              "The selector {} needs a score table of its own; this one was made by {}.",
              selector.name(), table.name);
  for (std::size_t i = 0; i < table.score.size(); ++i) {
    AIFT_EXPECT(!std::isnan(table.score[i]), ValueError,
                "Scores must be numbers; candidate {} has NaN.", i);
  }
  return table;
}

/// Adds candidate i with what the table says of it.
inline void push_pick(const ScoreTable& table, index_t i, Selection& out) {
  const auto at = static_cast<std::size_t>(i);
  out.indices.push_back(i);
  out.score.push_back(table.score[at]);
  if (!table.entropy.empty()) out.entropy.push_back(table.entropy[at]);
  if (!table.diversity.empty()) out.diversity.push_back(table.diversity[at]);
  if (!table.dominant.empty()) out.dominant.push_back(table.dominant[at]);
}

}  // namespace aift::detail
