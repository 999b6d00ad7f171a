// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <aift/core/rng.hpp>

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

}  // namespace aift::test
