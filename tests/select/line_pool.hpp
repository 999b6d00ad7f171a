// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/select/selector.hpp>

namespace aift::test {

/// Candidates on a line, so that picks can be worked out by hand. Two classes.
struct LinePool {
  std::vector<float> points;
  std::vector<label_t> labels;     ///< all unlabelled at first
  std::vector<index_t> groups;     ///< may stay empty
  std::vector<Standing> standing;  ///< may stay empty
  std::vector<double> mean;        ///< [N, 2], may stay empty

  explicit LinePool(std::vector<float> at)
      : points(std::move(at)), labels(points.size(), kUnlabelled) {}
  /// Mean probability of class 1 of every candidate.
  LinePool& probabilities(const std::vector<double>& of_one) {
    for (const double p : of_one)
      mean.insert(mean.end(), {1 - p, p});
    return *this;
  }
  [[nodiscard]] PoolView view() const {
    PoolView pool;
    pool.size = static_cast<index_t>(points.size());
    pool.classes = 2;
    pool.features = points;
    pool.feature_size = 1;
    pool.labels = labels;
    pool.groups = groups;
    pool.standing = standing;
    pool.mean_probabilities = mean;
    return pool;
  }
};

/// Seven points around 3 and five around 22.
inline LinePool two_clusters() { return LinePool({0, 1, 2, 3, 4, 5, 6, 20, 21, 22, 23, 24}); }

}  // namespace aift::test
