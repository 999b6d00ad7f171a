// SPDX-License-Identifier: Apache-2.0
#pragma once

// Scores from their definitions, pair by pair, in long double; and random predictions.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include <aift/core/predictions.hpp>
#include <aift/core/rng.hpp>
#include <aift/score/scores.hpp>

namespace aift::test {

using Real = long double;

/// Rows of one candidate.
using Rows = std::vector<std::vector<Real>>;

/// What the definitions say about one candidate.
struct Reference {
  index_t dominant = 0;
  std::vector<std::int32_t> kept;  ///< most confident first
  Real entropy = 0, diversity = 0, least_confidence = 0, margin = 0, bald = 0;
};

/// Softmax of a row.
inline std::vector<Real> softmax(const std::vector<Real>& z) {
  const Real top = *std::max_element(z.begin(), z.end());
  std::vector<Real> p;
  for (const Real x : z)
    p.push_back(std::exp(x - top));
  const Real sum = std::accumulate(p.begin(), p.end(), Real{0});
  for (Real& x : p)
    x /= sum;
  return p;
}

/// The definitions of DESIGN section 5 (sum, ordered). `rows` are probabilities, or logits.
inline Reference reference(const Rows& rows, PredictionKind kind, double alpha, double eps) {
  const std::size_t q = rows.size();
  const std::size_t classes = rows[0].size();
  Rows p;
  Rows l;
  for (const auto& row : rows) {
    if (kind == PredictionKind::logits) {
      const Real top = *std::max_element(row.begin(), row.end());
      Real others = 0;
      bool left_out = false;
      for (const Real x : row) {
        if (x == top && !left_out) {
          left_out = true;
        } else {
          others += std::exp(x - top);
        }
      }
      p.push_back(softmax(row));
      l.emplace_back();
      for (const Real x : row)
        l.back().push_back((x - top) - std::log1p(others));
    } else {
      p.push_back(row);
      l.emplace_back();
      for (const Real x : row)
        l.back().push_back(std::log(x + eps));
    }
  }
  Reference out;
  std::vector<Real> sums(classes, 0);
  for (const auto& row : p) {
    for (std::size_t k = 0; k < classes; ++k)
      sums[k] += row[k];
  }
  out.dominant = std::max_element(sums.begin(), sums.end()) - sums.begin();
  const auto c = static_cast<std::size_t>(out.dominant);
  std::vector<std::int32_t> order(q);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return p[static_cast<std::size_t>(a)][c] > p[static_cast<std::size_t>(b)][c];
  });
  const auto m = static_cast<std::size_t>(std::min(
      static_cast<double>(q), std::max(1.0, std::floor(alpha * static_cast<double>(q) + 0.5))));
  out.kept.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(m));
  std::vector<Real> mean(classes, 0);
  for (const std::int32_t a : out.kept) {
    const auto j = static_cast<std::size_t>(a);
    for (std::size_t k = 0; k < classes; ++k) {
      if (p[j][k] > 0) out.entropy -= p[j][k] * l[j][k];
      mean[k] += p[j][k] / static_cast<Real>(m);
    }
    for (const std::int32_t b : out.kept) {
      const auto i = static_cast<std::size_t>(b);
      for (std::size_t k = 0; k < classes; ++k) {
        out.diversity += (p[j][k] - p[i][k]) * (l[j][k] - l[i][k]);
      }
    }
  }
  Real mean_entropy = 0;
  for (const Real x : mean) {
    const Real inside = kind == PredictionKind::logits ? x : x + static_cast<Real>(eps);
    if (x > 0) mean_entropy -= x * std::log(inside);
  }
  std::sort(mean.begin(), mean.end());
  out.least_confidence = 1 - mean[classes - 1];
  out.margin = 1 - (mean[classes - 1] - mean[classes - 2]);
  out.bald = mean_entropy - out.entropy / static_cast<Real>(m);
  return out;
}

/// A pool of random predictions with the numbers of patches as given.
struct RandomPool {
  std::vector<double> logits;         ///< [rows, K]
  std::vector<double> probabilities;  ///< [rows, K]
  std::vector<index_t> offsets;
  index_t classes = 0;

  [[nodiscard]] index_t candidates() const { return static_cast<index_t>(offsets.size()) - 1; }
  [[nodiscard]] PatchPredictions ragged(PredictionKind kind = PredictionKind::probabilities) const {
    return PatchPredictions::ragged<double>(kind == PredictionKind::logits ? logits : probabilities,
                                            offsets, classes, kind);
  }
  [[nodiscard]] Rows rows_of(index_t i, PredictionKind kind) const {
    const auto& values = kind == PredictionKind::logits ? logits : probabilities;
    Rows rows;
    for (index_t r = offsets[static_cast<std::size_t>(i)];
         r < offsets[static_cast<std::size_t>(i) + 1]; ++r) {
      const auto* row = values.data() + r * classes;
      rows.emplace_back(row, row + classes);
    }
    return rows;
  }
};

/// Candidates around random centres: spread of the centres and of the patches around them.
inline RandomPool random_pool(std::uint64_t seed, const std::vector<index_t>& patches,
                              index_t classes, double centre = 1.5, double spread = 1) {
  const KeyedRandom random(seed, Purpose::order);
  index_t drawn = 0;
  RandomPool pool;
  pool.classes = classes;
  pool.offsets.push_back(0);
  for (const index_t q : patches) {
    std::vector<double> middle;
    for (index_t k = 0; k < classes; ++k)
      middle.push_back(centre * random.normal(drawn++));
    for (index_t j = 0; j < q; ++j) {
      std::vector<Real> z;
      for (index_t k = 0; k < classes; ++k) {
        pool.logits.push_back(middle[static_cast<std::size_t>(k)] +
                              spread * random.normal(drawn++));
        z.push_back(pool.logits.back());
      }
      for (const Real p : softmax(z))
        pool.probabilities.push_back(static_cast<double>(p));
    }
    pool.offsets.push_back(pool.offsets.back() + q);
  }
  return pool;
}

/// `count` numbers of patches in [1, most].
inline std::vector<index_t> random_patches(std::uint64_t seed, index_t count, index_t most) {
  const KeyedRandom random(seed, Purpose::folds);
  std::vector<index_t> patches;
  for (index_t i = 0; i < count; ++i)
    patches.push_back(1 + random.below(i, most));
  return patches;
}

/// Score table of one call.
inline ScoreTable scored(ScoreKind kind, const PatchPredictions& chunk, const ScoreOptions& options,
                         const ScoreRequest& request = {.kept = true, .mean_probabilities = true}) {
  ScoreTable table;
  table.request = request;
  score::compute(kind, chunk, options, table);
  return table;
}

/// Whether two tables agree bit for bit in everything they hold.
inline bool identical(const ScoreTable& a, const ScoreTable& b) {
  return a.name == b.name && a.classes == b.classes && a.form == b.form && a.options == b.options &&
         a.score == b.score && a.entropy == b.entropy && a.diversity == b.diversity &&
         a.dominant == b.dominant && a.kept == b.kept && a.kept_offsets == b.kept_offsets &&
         a.patches == b.patches && a.mean_probabilities == b.mean_probabilities;
}

}  // namespace aift::test
