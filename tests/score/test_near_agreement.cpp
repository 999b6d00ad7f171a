// SPDX-License-Identifier: Apache-2.0
// Patches that nearly agree, the usual case of a trained network: the diversity is a small
// difference of large numbers there, and an uncentred formula returns noise. Against long double,
// pair by pair.
#include "tests/support/catch.hpp"

#include <cmath>

#include "reference.hpp"

using namespace aift;
using aift::test::scored;

namespace {

/// Largest relative deviation of entropy, diversity and their sum over a pool whose values are
/// rounded to T first: what is measured is the arithmetic.
template <class T>
double worst_deviation(PredictionKind kind, double noise, double offset, Precision precision) {
  double worst = 0;
  for (const index_t classes : {2, 3, 10}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      auto pool = test::random_pool(seed, std::vector<index_t>(10, 24), classes, 1.5, noise);
      std::vector<T> values;
      if (kind == PredictionKind::logits) {
        for (const double z : pool.logits)
          values.push_back(static_cast<T>(z + offset));
        pool.logits.assign(values.begin(), values.end());
      } else {
        for (const double p : pool.probabilities)
          values.push_back(static_cast<T>(p));
        pool.probabilities.assign(values.begin(), values.end());
      }
      const auto predictions = PatchPredictions::ragged<T>(values, pool.offsets, classes, kind);
      for (const double alpha : {0.5, 1.0}) {
        const ScoreOptions options{.alpha = alpha, .precision = precision};
        const ScoreTable table = scored(ScoreKind::aift, predictions, options);
        for (index_t i = 0; i < pool.candidates(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          auto rows = pool.rows_of(i, kind);
          // The kept patches are those of the library: where confidences differ by less than the
          // precision the reference may rank them otherwise.
          test::Rows kept;
          for (const std::int32_t j : table.kept_of(i))
            kept.push_back(rows[static_cast<std::size_t>(j)]);
          const auto want = test::reference(kept, kind, 1, options.eps);
          const auto deviation = [](double got, long double expected) {
            return static_cast<double>(std::abs((got - expected) / expected));
          };
          worst = std::max({worst, deviation(table.entropy[at], want.entropy),
                            deviation(table.diversity[at], want.diversity),
                            deviation(table.score[at], want.entropy + want.diversity)});
        }
      }
    }
  }
  return worst;
}

void check(const char* what, double worst, double tolerance) {
  INFO(what << ": largest relative deviation " << worst << ", stated " << tolerance);
  CHECK(worst <= tolerance);
}

}  // namespace

// Tolerances grow as 1/noise: deviations are differences of neighbouring numbers of the type.
// Measured: double 4e-13 and 5e-12, single 2e-4 and 1.7e-3, at a noise of 1e-3 and 1e-4.
TEST_CASE("nearly agreeing patches, double arithmetic") {
  constexpr auto kProbabilities = PredictionKind::probabilities;
  constexpr auto kLogits = PredictionKind::logits;
  check("probabilities 1e-3", worst_deviation<double>(kProbabilities, 1e-3, 0, Precision::double_),
        2e-12);
  check("probabilities 1e-4", worst_deviation<double>(kProbabilities, 1e-4, 0, Precision::double_),
        2e-11);
  check("logits 1e-3", worst_deviation<double>(kLogits, 1e-3, 0, Precision::double_), 2e-12);
  check("logits 1e-4", worst_deviation<double>(kLogits, 1e-4, 0, Precision::double_), 2e-11);
  check("logits 1e-3 + 300", worst_deviation<double>(kLogits, 1e-3, 300, Precision::double_),
        2e-12);
  check("logits 1e-4 + 300", worst_deviation<double>(kLogits, 1e-4, 300, Precision::double_),
        2e-11);
  check("f32 logits 1e-3 + 300", worst_deviation<float>(kLogits, 1e-3, 300, Precision::double_),
        2e-12);
}

TEST_CASE("nearly agreeing patches, single arithmetic") {
  constexpr auto kProbabilities = PredictionKind::probabilities;
  constexpr auto kLogits = PredictionKind::logits;
  check("probabilities 1e-3", worst_deviation<float>(kProbabilities, 1e-3, 0, Precision::single),
        6e-4);
  check("probabilities 1e-4", worst_deviation<float>(kProbabilities, 1e-4, 0, Precision::single),
        6e-3);
  check("logits 1e-3", worst_deviation<float>(kLogits, 1e-3, 0, Precision::single), 6e-4);
  check("logits 1e-4", worst_deviation<float>(kLogits, 1e-4, 0, Precision::single), 6e-3);
  check("logits 1e-3 + 300", worst_deviation<float>(kLogits, 1e-3, 300, Precision::single), 6e-4);
  check("logits 1e-4 + 300", worst_deviation<float>(kLogits, 1e-4, 300, Precision::single), 6e-3);
}
