// SPDX-License-Identifier: Apache-2.0
#pragma once

// Random chunks of every type, shape and form, and what the CPU says about them: the oracle of the
// kernel bodies on the host and of the kernels on a GPU. No fmt, no Catch2: nvcc reads it too.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include <aift/core/half.hpp>
#include <aift/core/predictions.hpp>
#include <aift/core/rng.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>
#include <aift/score/scores.hpp>

namespace aift::test {

struct ScoreCase {
  std::uint64_t seed = 0;
  DType dtype = DType::f64;
  PredictionKind kind = PredictionKind::probabilities;
  bool dense = true;
  index_t classes = 2;
  index_t patches = 1;           ///< when dense
  std::vector<index_t> offsets;  ///< [N + 1], always
  std::vector<double> storage;   ///< the values' bytes, aligned
  ScoreOptions options;
  ScoreKind rank = ScoreKind::aift;

  [[nodiscard]] index_t candidates() const { return static_cast<index_t>(offsets.size()) - 1; }
  [[nodiscard]] index_t rows() const { return offsets.back(); }
  [[nodiscard]] std::size_t element() const {
    return dtype == DType::f64 ? 8 : dtype == DType::f32 ? 4 : 2;
  }
  [[nodiscard]] std::size_t bytes() const {
    return static_cast<std::size_t>(rows() * classes) * element();
  }
  [[nodiscard]] index_t most_patches() const {
    index_t most = 0;
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
      most = std::max(most, offsets[i + 1] - offsets[i]);
    return most;
  }
  [[nodiscard]] PatchPredictions host() const {
    PatchPredictions p;
    p.values = storage.data();
    p.dtype = dtype;
    p.kind = kind;
    p.candidates = candidates();
    p.classes = classes;
    p.patches = dense ? patches : 0;
    p.offsets = dense ? nullptr : offsets.data();
    p.rows = rows();
    return p;
  }
  void set(index_t at, double x) {
    char* const to =
        reinterpret_cast<char*>(storage.data()) + static_cast<std::size_t>(at) * element();
    const auto put = [&](auto value) { std::memcpy(to, &value, sizeof value); };
    if (dtype == DType::f64) put(x);
    if (dtype == DType::f32) put(static_cast<float>(x));
    if (dtype == DType::f16) put(to_half(x));
    if (dtype == DType::bf16) put(to_bfloat16(x));
  }
  [[nodiscard]] std::string name() const {
    static const char* const types[] = {"f64", "f32", "f16", "bf16"};
    std::ostringstream out;
    out << "seed " << seed << ", N " << candidates() << ", q " << most_patches() << ", K "
        << classes << (dense ? ", dense " : ", ragged ") << types[static_cast<int>(dtype)]
        << (kind == PredictionKind::logits ? " logits, " : " probabilities, ")
        << to_string(options.precision) << ", alpha " << options.alpha << ", eps " << options.eps
        << ", " << to_string(rank);
    return out.str();
  }
};

/// A chunk and options from a seed. `most` bounds q.
inline ScoreCase random_case(std::uint64_t seed, index_t candidates, index_t classes,
                             index_t most) {
  const KeyedRandom random(seed, Purpose::split);
  index_t drawn = 0;
  ScoreCase c;
  c.seed = seed;
  c.dtype = static_cast<DType>(random.below(drawn++, 4));
  c.kind = random.below(drawn++, 2) == 0 ? PredictionKind::probabilities : PredictionKind::logits;
  c.dense = random.below(drawn++, 2) == 0;
  c.classes = classes;
  c.patches = 1 + random.below(drawn++, most);
  c.offsets.push_back(0);
  for (index_t i = 0; i < candidates; ++i)
    c.offsets.push_back(c.offsets.back() + (c.dense ? c.patches : 1 + random.below(drawn++, most)));
  const double alphas[] = {0.25, 1.0, 0.29, 0.5, 0.01, 0.75};
  c.options.alpha = alphas[random.below(drawn++, 6)];
  c.options.precision = random.below(drawn++, 2) == 0 ? Precision::single : Precision::double_;
  const double eps[] = {0x1p-52, 0x1p-52, 1e-3, 1e-310};
  c.options.eps = eps[random.below(drawn++, 4)];
  // Subnormal in the arithmetic, not 0: a probability of 0 would be refused.
  if (c.options.eps == 1e-310 && c.options.precision == Precision::single) c.options.eps = 1e-40;
  c.options.lambda1 = random.below(drawn++, 2) == 0 ? 1 : 0.3;
  c.options.lambda2 = random.below(drawn++, 2) == 0 ? 1 : 0.7;
  if (random.below(drawn++, 3) == 0) c.options.entropy = EntropyAggregation::mean;
  if (random.below(drawn++, 3) == 0) c.options.pairs = PairCounting::unordered;
  c.rank = kScoreKinds[static_cast<std::size_t>(random.below(drawn++, 6))];
  const double spread = std::pow(10.0, random.uniform(drawn++, -5, 1.7));
  c.storage.resize((c.bytes() + 7) / 8 + 1);
  std::vector<double> z(static_cast<std::size_t>(classes));
  std::vector<double> middle(z.size());
  for (index_t i = 0; i < candidates; ++i) {
    for (double& x : middle)
      x = 1.5 * random.normal(drawn++);
    std::vector<double> previous;
    for (index_t row = c.offsets[static_cast<std::size_t>(i)];
         row < c.offsets[static_cast<std::size_t>(i) + 1]; ++row) {
      for (std::size_t k = 0; k < z.size(); ++k)
        z[k] = middle[k] + spread * random.normal(drawn++);
      if (!previous.empty() && random.below(drawn++, 4) == 0) z = previous;  // ties
      previous = z;
      double sum = 1;
      double top = 0;
      if (c.kind == PredictionKind::probabilities) {
        top = *std::max_element(z.begin(), z.end());
        sum = 0;
        for (const double x : z)
          sum += std::exp(x - top);
      }
      for (index_t k = 0; k < classes; ++k) {
        const double x = z[static_cast<std::size_t>(k)];
        c.set(row * classes + k, c.kind == PredictionKind::logits ? x : std::exp(x - top) / sum);
      }
    }
  }
  return c;
}

/// Everything that the operators write.
struct ScoreAnswer {
  std::vector<double> score, entropy, diversity, mean, matrix, patch_entropy;
  std::vector<label_t> dominant;
  std::vector<std::int32_t> kept, kept_ascending;
  std::vector<index_t> kept_offsets, matrix_offsets;
};

/// What the CPU says.
inline ScoreAnswer expected_answer(const ScoreCase& c, bool with_matrix) {
  ScoreAnswer answer;
  ScoreTable table;
  table.request = {.kept = true, .mean_probabilities = true};
  score::compute(c.rank, c.host(), c.options, table);
  answer.score = table.score;
  answer.entropy = table.entropy;
  answer.diversity = table.diversity;
  answer.mean = table.mean_probabilities;
  answer.dominant = table.dominant;
  answer.kept = table.kept;
  answer.kept_offsets = table.kept_offsets;
  score::patch_entropies(c.host(), c.options, answer.patch_entropy);
  if (with_matrix) {
    score::MatrixTable matrices;
    score::matrix(c.host(), c.options, matrices);
    answer.matrix = matrices.cells;
    answer.kept_ascending = matrices.kept;
    answer.matrix_offsets = matrices.offsets;
  }
  return answer;
}

template <class T>
bool equal_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// Names of what differs; empty when all bits agree.
inline std::string difference(const ScoreAnswer& a, const ScoreAnswer& b) {
  std::string out;
  const auto compare = [&](const auto& x, const auto& y, const char* name) {
    if (equal_bits(x, y)) return;
    std::ostringstream what;
    what.precision(17);
    what << ' ' << name;
    if (x.size() != y.size()) {
      what << " (sizes)";
    } else {
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::memcmp(&x[i], &y[i], sizeof x[i]) == 0) continue;
        what << '[' << i << "]: " << x[i] << " for " << y[i];
        break;
      }
    }
    out += what.str();
  };
  compare(a.score, b.score, "score");
  compare(a.entropy, b.entropy, "entropy");
  compare(a.diversity, b.diversity, "diversity");
  compare(a.mean, b.mean, "mean");
  compare(a.dominant, b.dominant, "dominant");
  compare(a.kept, b.kept, "kept");
  compare(a.patch_entropy, b.patch_entropy, "patch_entropy");
  if (!b.matrix.empty()) {
    compare(a.matrix, b.matrix, "matrix");
    compare(a.kept_ascending, b.kept_ascending, "kept_ascending");
  }
  return out;
}

}  // namespace aift::test
