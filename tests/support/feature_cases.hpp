// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/select/selector.hpp>

namespace aift::test {

/// Rows of features for tests of distances. Every third seed: few values, so that distances tie and
/// rows repeat; every fifth: very different lengths; every seventh: all rows equal.
inline std::vector<float> feature_rows(std::uint64_t seed, index_t rows, index_t columns) {
  const KeyedRandom random(seed, Purpose::order);
  std::vector<float> out;
  for (index_t i = 0; i < rows * columns; ++i) {
    double x = random.normal(i);
    if (seed % 3 == 0) x = std::round(x);
    if (seed % 5 == 0) x *= std::exp2(static_cast<double>(random.below(i / columns, 41) - 20));
    if (seed % 7 == 0) x = 0.3 * static_cast<double>(i % columns);
    out.push_back(static_cast<float>(x));
  }
  return out;
}

/// Candidates, and behind them rows that are labelled, as a selector gets them.
struct LabelledFeatures {
  std::vector<float> features;
  std::vector<label_t> labels;
  PoolView view;

  LabelledFeatures(std::vector<float> candidates, const std::vector<float>& labelled,
                   index_t columns)
      : features(std::move(candidates)), labels(features.size() / columns, kUnlabelled) {
    features.insert(features.end(), labelled.begin(), labelled.end());
    labels.resize(features.size() / columns, 0);
    view.size = static_cast<index_t>(labels.size());
    view.classes = 2;
    view.features = features;
    view.feature_size = columns;
    view.labels = labels;
  }
  LabelledFeatures(const LabelledFeatures&) = delete;
  LabelledFeatures& operator=(const LabelledFeatures&) = delete;
};

}  // namespace aift::test
