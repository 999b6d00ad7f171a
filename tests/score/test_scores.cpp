// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <numeric>

#include <aift/core/error.hpp>
#include <aift/score/scores.hpp>

#include "reference.hpp"

using namespace aift;
using aift::test::scored;

namespace {

/// One candidate, two classes, from the probability of class 1.
std::vector<double> binary(const std::vector<double>& p1) {
  std::vector<double> p;
  for (const double x : p1) {
    p.push_back(1 - x);
    p.push_back(x);
  }
  return p;
}

PatchPredictions one(const std::vector<double>& values, index_t classes,
                     PredictionKind kind = PredictionKind::probabilities) {
  return PatchPredictions::dense(values.data(), 1, static_cast<index_t>(values.size()) / classes,
                                 classes, kind);
}

constexpr double kLn2 = 0.693147180559945309;
constexpr double kLn3 = 1.09861228866810969;

}  // namespace

TEST_CASE("scores of hand-computed patches") {
  // p = (1/2, 1/2) and (1/4, 3/4): e = ln 2 and (1/4) ln 4 + (3/4) ln(4/3) = 2 ln 2 - (3/4) ln 3;
  // d = (1/4)(ln(1/2) - ln(1/4)) + (-1/4)(ln(1/2) - ln(3/4)) = (1/4) ln 3.
  const auto p = binary({0.5, 0.75});
  const double e = 3 * kLn2 - 0.75 * kLn3;
  const double d = kLn3 / 4;
  const ScoreOptions all{.alpha = 1, .eps = 0};
  const ScoreTable table = scored(ScoreKind::aift, one(p, 2), all);
  CHECK(table.entropy[0] == Approx(e).epsilon(1e-14));
  CHECK(table.diversity[0] == Approx(2 * d).epsilon(1e-14));
  CHECK(table.score[0] == Approx(e + 2 * d).epsilon(1e-14));
  CHECK(table.dominant[0] == 1);
  CHECK(table.kept == std::vector<std::int32_t>{1, 0});
  CHECK(table.mean_probabilities[0] == 0.375);
  CHECK(table.mean_probabilities[1] == 0.625);
  CHECK(table.name == "aift");
  CHECK(table.classes == 2);

  SECTION("conventions by name") {
    ScoreOptions options = all;
    options.entropy = EntropyAggregation::mean;
    CHECK(scored(ScoreKind::entropy, one(p, 2), options).score[0] == Approx(e / 2).epsilon(1e-14));
    options.pairs = PairCounting::unordered;
    CHECK(scored(ScoreKind::diversity, one(p, 2), options).score[0] == Approx(d).epsilon(1e-14));
    options.lambda1 = 3;
    options.lambda2 = 0.5;
    CHECK(scored(ScoreKind::aift, one(p, 2), options).score[0] ==
          Approx(3 * e / 2 + 0.5 * d).epsilon(1e-14));
    // The weights belong to the sum alone.
    CHECK(scored(ScoreKind::entropy, one(p, 2), options).score[0] == Approx(e / 2).epsilon(1e-14));
  }
  SECTION("scores of the mean prediction") {
    CHECK(scored(ScoreKind::least_confidence, one(p, 2), all).score[0] == 0.375);
    CHECK(scored(ScoreKind::margin, one(p, 2), all).score[0] == 0.75);
    const double mean_entropy = -0.375 * std::log(0.375) - 0.625 * std::log(0.625);
    CHECK(scored(ScoreKind::bald, one(p, 2), all).score[0] ==
          Approx(mean_entropy - e / 2).epsilon(1e-13));
  }
  SECTION("eps is added inside the logarithm") {
    const ScoreOptions options{.alpha = 1, .eps = 0.25};
    const double with_eps = -(0.5 * std::log(0.75) + 0.5 * std::log(0.75) + 0.25 * std::log(0.5) +
                              0.75 * std::log(1.0));
    CHECK(scored(ScoreKind::entropy, one(p, 2), options).score[0] ==
          Approx(with_eps).epsilon(1e-14));
  }
}

TEST_CASE("three classes: margin and least confidence look at the right columns") {
  const std::vector<double> p = {0.125, 0.5, 0.375, 0.375, 0.25, 0.375};
  const ScoreOptions all{.alpha = 1};  // means 0.25, 0.375, 0.375
  CHECK(scored(ScoreKind::least_confidence, one(p, 3), all).score[0] == 0.625);
  CHECK(scored(ScoreKind::margin, one(p, 3), all).score[0] == 1);
  CHECK(scored(ScoreKind::margin, one(p, 3), all).dominant[0] == 1);  // lowest class on the tie
}

TEST_CASE("a certain patch has an entropy of minus eps, equal patches no diversity at all") {
  const auto certain = binary({1, 1, 1, 1, 1});
  const ScoreTable table = scored(ScoreKind::aift, one(certain, 2), {.alpha = 1});
  CHECK(table.entropy[0] == Approx(-5 * 0x1p-52).epsilon(1e-9));
  CHECK(table.diversity[0] == 0);
  const auto equal = binary({0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3});
  CHECK(scored(ScoreKind::diversity, one(equal, 2), {.alpha = 1}).score[0] == 0);
  CHECK(scored(ScoreKind::bald, one(equal, 2), {.alpha = 1}).score[0] == Approx(0).margin(1e-15));
  const auto mixed = binary({1, 0});
  CHECK(scored(ScoreKind::diversity, one(mixed, 2), {.alpha = 1}).score[0] ==
        Approx(4 * 52 * kLn2).epsilon(1e-14));
}

TEST_CASE("from logits: certain and even patches") {
  const std::vector<double> z = {0, 0, 1000, 0, 5, 5};
  const auto predictions = one(z, 2, PredictionKind::logits);
  std::vector<double> e;
  score::patch_entropies(predictions, {}, e);
  CHECK(e == std::vector<double>{kLn2, 0, kLn2});  // no eps: a saturated patch has exactly 0
  // The probability of the other class is exp(-40), far below an ulp of 1: still not lost.
  const std::vector<double> far = {0, -40};
  e.clear();
  score::patch_entropies(one(far, 2, PredictionKind::logits), {}, e);
  CHECK(e[0] == Approx(41 * std::exp(-40.0)).epsilon(1e-14));
  const ScoreTable table = scored(ScoreKind::aift, predictions, {.alpha = 1});
  CHECK(table.form == PredictionKind::logits);
  CHECK(std::isfinite(table.score[0]));
}

TEST_CASE("logits at the ends of their type still give a number") {
  const std::vector<double> z = {1.7e308, -1.7e308, -1.7e308, 1.7e308};
  const std::vector<float> f = {3e38F, -3e38F, -3e38F, 3e38F};
  for (const ScoreKind kind : kScoreKinds) {
    CHECK(std::isfinite(scored(kind, one(z, 2, PredictionKind::logits), {.alpha = 1}).score[0]));
    const auto floats = PatchPredictions::dense(f.data(), 1, 2, 2, PredictionKind::logits);
    const ScoreOptions options{.alpha = 1, .precision = Precision::single};
    CHECK(std::isfinite(scored(kind, floats, options).score[0]));
  }
}

TEST_CASE("random pools agree with the definitions evaluated pair by pair in long double") {
  for (const PredictionKind kind : {PredictionKind::probabilities, PredictionKind::logits}) {
    for (const index_t classes : {2, 3, 7, 32, 33, 100}) {
      const std::uint64_t seed = 100 + static_cast<std::uint64_t>(classes);
      const auto pool = test::random_pool(seed, test::random_patches(seed, 12, 80), classes, 2, 3);
      for (const double alpha : {0.25, 0.6, 1.0}) {
        INFO("seed " << seed << " classes " << classes << " alpha " << alpha);
        const ScoreOptions options{.alpha = alpha};
        std::vector<ScoreTable> tables;
        for (const ScoreKind score : kScoreKinds) {
          tables.push_back(scored(score, pool.ragged(kind), options));
        }
        for (index_t i = 0; i < pool.candidates(); ++i) {
          const auto at = static_cast<std::size_t>(i);
          const auto want = test::reference(pool.rows_of(i, kind), kind, alpha, options.eps);
          const auto near = [](double got, long double expected) {
            return std::abs(got - static_cast<double>(expected)) <=
                   1e-12 * std::max(1.0, std::abs(static_cast<double>(expected)));
          };
          REQUIRE(tables[0].dominant[at] == want.dominant);
          const auto kept = tables[0].kept_of(i);
          REQUIRE(std::vector<std::int32_t>(kept.begin(), kept.end()) == want.kept);
          REQUIRE(near(tables[0].score[at], want.entropy));
          REQUIRE(near(tables[1].score[at], want.diversity));
          REQUIRE(near(tables[2].score[at], want.entropy + want.diversity));
          REQUIRE(near(tables[3].score[at], want.least_confidence));
          REQUIRE(near(tables[4].score[at], want.margin));
          REQUIRE(near(tables[5].score[at], want.bald));
        }
      }
    }
  }
}

TEST_CASE("both forms agree until the softmax saturates") {
  const auto pool = test::random_pool(7, test::random_patches(7, 40, 30), 5, 1, 2);
  for (const ScoreKind kind : kScoreKinds) {
    const auto a = scored(kind, pool.ragged(PredictionKind::probabilities), {});
    const auto b = scored(kind, pool.ragged(PredictionKind::logits), {});
    for (std::size_t i = 0; i < a.score.size(); ++i) {
      CHECK(a.score[i] == Approx(b.score[i]).epsilon(1e-10).margin(1e-11));
    }
  }
}

TEST_CASE("entropies of single patches are summed by the entropy score") {
  const auto pool = test::random_pool(8, {3, 1, 9}, 4);
  std::vector<double> e;
  score::patch_entropies(pool.ragged(), {.alpha = 0.1}, e);
  REQUIRE(e.size() == 13);
  const auto table = scored(ScoreKind::entropy, pool.ragged(), {.alpha = 1});
  CHECK(table.score[0] == Approx(e[0] + e[1] + e[2]).epsilon(1e-14));
  CHECK(table.score[1] == Approx(e[3]).epsilon(1e-14));
  score::patch_entropies(pool.ragged().slice(1, 1), {}, e);
  REQUIRE(e.size() == 14);
  CHECK(e[13] == e[3]);
}

TEST_CASE("scores have names") {
  for (const ScoreKind kind : kScoreKinds)
    CHECK(score_kind(to_string(kind)) == kind);
  CHECK_THROWS_WITH(score_kind("entropie"),
                    Catch::Matchers::ContainsSubstring("entropy, diversity"));
}
