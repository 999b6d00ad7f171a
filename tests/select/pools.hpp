// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <numeric>

#include <aift/select/selector.hpp>
#include "tests/score/reference.hpp"

namespace aift::test {

/// A pool with everything a selector may ask for, and the view of it.
struct FullPool {
  RandomPool predictions;
  PatchPredictions chunk;
  std::vector<double> mean_probabilities;
  std::vector<float> features;
  index_t feature_size = 5;
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  std::vector<std::uint64_t> ids;

  [[nodiscard]] PoolView view() const {
    PoolView pool;
    pool.size = chunk.candidates;
    pool.classes = chunk.classes;
    pool.predictions = &chunk;
    pool.mean_probabilities = mean_probabilities;
    pool.features = features;
    pool.feature_size = feature_size;
    pool.groups = groups;
    pool.labels = labels;
    pool.ids = ids;
    return pool;
  }
};

/// The candidates of `pool` in the order given (a permutation, or some of them).
inline FullPool reorder(const FullPool& pool, const std::vector<index_t>& order) {
  FullPool out;
  out.feature_size = pool.feature_size;
  const index_t classes = pool.predictions.classes;
  out.predictions.classes = classes;
  out.predictions.offsets.push_back(0);
  const auto take = [](const auto& from, index_t first, index_t count, auto& to) {
    to.insert(to.end(), from.begin() + first, from.begin() + first + count);
  };
  for (const index_t i : order) {
    const index_t first = pool.chunk.row_begin(i);
    const index_t q = pool.chunk.patch_count(i);
    take(pool.predictions.logits, first * classes, q * classes, out.predictions.logits);
    take(pool.predictions.probabilities, first * classes, q * classes,
         out.predictions.probabilities);
    out.predictions.offsets.push_back(out.predictions.offsets.back() + q);
    take(pool.mean_probabilities, i * classes, classes, out.mean_probabilities);
    take(pool.features, i * pool.feature_size, pool.feature_size, out.features);
    out.groups.push_back(pool.groups[static_cast<std::size_t>(i)]);
    out.labels.push_back(pool.labels[static_cast<std::size_t>(i)]);
    out.ids.push_back(pool.ids[static_cast<std::size_t>(i)]);
  }
  out.chunk = out.predictions.ragged(pool.chunk.kind);
  return out;
}

/// `count` random candidates without labels.
inline FullPool full_pool(std::uint64_t seed, index_t count, index_t classes,
                          PredictionKind kind = PredictionKind::probabilities) {
  FullPool pool;
  pool.predictions = random_pool(seed, random_patches(seed, count, 12), classes);
  pool.chunk = pool.predictions.ragged(kind);
  const KeyedRandom random(seed, Purpose::folds);
  for (index_t i = 0; i < count; ++i) {
    double left = 1;
    for (index_t k = 0; k + 1 < classes; ++k) {
      const double p = left * random.uniform(i * 64 + k);
      pool.mean_probabilities.push_back(p);
      left -= p;
    }
    pool.mean_probabilities.push_back(left);
    for (index_t f = 0; f < pool.feature_size; ++f) {
      pool.features.push_back(static_cast<float>(random.normal(1000000 + i * 64 + f)));
    }
    pool.groups.push_back(i / 3);
    pool.labels.push_back(kUnlabelled);
    pool.ids.push_back(splitmix64(static_cast<std::uint64_t>(i) + seed));
  }
  return pool;
}

}  // namespace aift::test
