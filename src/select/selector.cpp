// SPDX-License-Identifier: Apache-2.0
#include <aift/select/selector.hpp>

#include <algorithm>
#include <cmath>

#include <aift/core/error.hpp>

namespace aift {

namespace {

/// A column of the pool is either not given or has one entry per candidate (and column).
void check_extent(std::string_view what, std::size_t got, index_t size, index_t columns) {
  if (got == 0) return;
  AIFT_EXPECT(got == static_cast<std::size_t>(size) * static_cast<std::size_t>(columns), ShapeError,
              "{} of a pool of {} candidates need {} x {} entries; got {}.", what, size, size,
              columns, got);
}

template <class T>
void check_finite(std::string_view what, std::span<const T> values, index_t columns) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    AIFT_EXPECT(std::isfinite(values[i]), ValueError, "{} must be finite; candidate {} has {}.",
                what, i / static_cast<std::size_t>(columns), values[i]);
  }
}

void check_pool(const PoolView& pool) {
  AIFT_EXPECT(pool.size >= 0, ShapeError, "A pool cannot have {} candidates.", pool.size);
  AIFT_EXPECT(
      pool.classes == 0 || pool.classes >= 2, ShapeError,
      "A pool needs at least 2 classes; got {}. For one sigmoid output use the classes 1 - p "
      "and p.",
      pool.classes);
  if (pool.predictions != nullptr) {
    AIFT_EXPECT(pool.predictions->candidates == pool.size, ShapeError,
                "Predictions must cover the {} candidates of the pool; got {}.", pool.size,
                pool.predictions->candidates);
    AIFT_EXPECT(pool.classes == 0 || pool.predictions->classes == pool.classes, ShapeError,
                "Predictions must have the {} classes of the pool; got {}.", pool.classes,
                pool.predictions->classes);
  }
  if (pool.scores != nullptr) {
    AIFT_EXPECT(pool.scores->size() == pool.size, ShapeError,
                "A score table must cover the {} candidates of the pool; got {}.", pool.size,
                pool.scores->size());
    AIFT_EXPECT(
        pool.classes == 0 || pool.scores->classes == 0 || pool.scores->classes == pool.classes,
        ShapeError, "A score table must have the {} classes of the pool; got {}.", pool.classes,
        pool.scores->classes);
  }
  AIFT_EXPECT(pool.mean_probabilities.empty() || pool.classes >= 2, ShapeError,
              "Mean probabilities need the pool's number of classes; got {}.", pool.classes);
  AIFT_EXPECT(pool.features.empty() || pool.feature_size >= 1, ShapeError,
              "Features need a feature size of at least 1; got {}.", pool.feature_size);
  check_extent("Mean probabilities", pool.mean_probabilities.size(), pool.size, pool.classes);
  check_extent("Features", pool.features.size(), pool.size, pool.feature_size);
  check_extent("Labels", pool.labels.size(), pool.size, 1);
  check_extent("Groups", pool.groups.size(), pool.size, 1);
  check_extent("Costs", pool.costs.size(), pool.size, 1);
  check_extent("Ids", pool.ids.size(), pool.size, 1);
  check_extent("Times", pool.times.size(), pool.size, 1);
  check_extent("Sequences", pool.sequences.size(), pool.size, 1);
  check_extent("Standings", pool.standing.size(), pool.size, 1);
}

void check_needs(const PoolView& pool, const Needs& needs, std::string_view name) {
  const auto require = [&](bool needed, bool given, std::string_view what) {
    AIFT_EXPECT(!needed || given, ValueError, "The selector {} needs {}; the pool has none.", name,
                what);
  };
  require(needs.scores, pool.predictions != nullptr || pool.scores != nullptr,
          "predictions or a score table");
  require(needs.mean_probabilities, !pool.mean_probabilities.empty(), "mean probabilities");
  require(needs.features, !pool.features.empty(), "features");
  require(needs.labels, !pool.labels.empty(), "labels");
  require(needs.groups, !pool.groups.empty(), "groups");
  if (needs.mean_probabilities) {
    check_finite("Mean probabilities", pool.mean_probabilities, pool.classes);
  }
  if (needs.features) check_finite("Features", pool.features, pool.feature_size);
}

}  // namespace

Selection Selector::select(const PoolView& pool, index_t budget,
                           const SelectContext& context) const {
  check_pool(pool);
  AIFT_EXPECT(budget >= 0, ValueError, "The budget must be at least 0; got {}.", budget);
  Selection out;
  out.selector = name();
  index_t eligible = 0;
  for (index_t i = 0; i < pool.size; ++i)
    eligible += may_be_picked(pool, i) ? 1 : 0;
  if (pool.size == 0) return out;
  check_needs(pool, needs(), name());
  budget = std::min(budget, eligible);
  if (budget == 0) return out;
  pick(pool, budget, context, out);
  return out;
}

}  // namespace aift
