// SPDX-License-Identifier: Apache-2.0
// Scores are the same bits on every machine, with every compiler and in every release. The numbers
// below were written down once; inputs use integer arithmetic and the library's own exp alone.
#include "tests/support/catch.hpp"

#include <cstring>

#include <aift/math/exp.hpp>

#include "reference.hpp"

using namespace aift;

namespace {

/// FNV-1a over the bits of what scoring returned.
class Digest {
 public:
  void add(const std::vector<double>& values) {
    for (const double x : values) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &x, sizeof bits);
      add(bits);
    }
  }
  void add(std::uint64_t bits) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ ((bits >> (8 * byte)) & 0xFF)) * 0x100000001B3ULL;
    }
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

std::uint64_t digest(PredictionKind kind, Precision precision) {
  Digest digest;
  for (const index_t classes : {2, 3, 10, 45, 128}) {
    const KeyedRandom random(static_cast<std::uint64_t>(classes), Purpose::order);
    std::vector<double> values;
    std::vector<index_t> offsets = {0};
    index_t drawn = 0;
    for (const index_t q : {1, 2, 9, 36, 70, 150}) {
      for (index_t j = 0; j < q; ++j) {
        std::vector<double> row;
        for (index_t k = 0; k < classes; ++k)
          row.push_back(random.uniform(drawn++, -9, 9));
        if (kind == PredictionKind::probabilities) {
          double sum = 0;
          for (double& x : row)
            sum += (x = math::exp(x));
          for (double& x : row)
            x /= sum;
        }
        values.insert(values.end(), row.begin(), row.end());
      }
      offsets.push_back(offsets.back() + q);
    }
    const auto chunk = PatchPredictions::ragged<double>(values, offsets, classes, kind);
    for (const double alpha : {0.25, 1.0}) {
      for (const ScoreKind score : kScoreKinds) {
        const ScoreTable table =
            test::scored(score, chunk, {.alpha = alpha, .precision = precision});
        digest.add(table.score);
        digest.add(table.entropy);
        digest.add(table.diversity);
        digest.add(table.mean_probabilities);
        for (const std::int32_t j : table.kept)
          digest.add(static_cast<std::uint64_t>(j));
      }
    }
  }
  return digest.value();
}

}  // namespace

TEST_CASE("the same bits everywhere") {
  CHECK(digest(PredictionKind::probabilities, Precision::double_) == 0x3CC72D65D302CE7DULL);
  CHECK(digest(PredictionKind::probabilities, Precision::single) == 0xB1B8C0EC2C0F640FULL);
  CHECK(digest(PredictionKind::logits, Precision::double_) == 0x64B65519DBDFB51AULL);
  CHECK(digest(PredictionKind::logits, Precision::single) == 0xE059F769AB2E6BB3ULL);
}
