// SPDX-License-Identifier: Apache-2.0
// Properties that hold whatever the numbers are: random shapes, the seed printed.
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference.hpp"

using namespace aift;
using aift::test::identical;
using aift::test::scored;

namespace {

struct Case {
  std::uint64_t seed = 0;
  index_t classes = 2;
  ScoreKind kind = ScoreKind::aift;
  PredictionKind form = PredictionKind::probabilities;
  ScoreOptions options;
};

/// Many cases with everything drawn at random.
template <class F>
void for_random_cases(std::uint64_t first_seed, int count, const F& f) {
  for (int n = 0; n < count; ++n) {
    Case c;
    c.seed = first_seed + static_cast<std::uint64_t>(n);
    const KeyedRandom random(c.seed, Purpose::split);
    const index_t some[] = {2, 2, 3, 5, 10, 31, 32, 40, 65};
    c.classes = some[random.below(0, 9)];
    c.kind = kScoreKinds[static_cast<std::size_t>(random.below(1, 6))];
    c.form = random.below(2, 2) == 0 ? PredictionKind::probabilities : PredictionKind::logits;
    const double alphas[] = {0.25, 0.5, 1.0, 0.01, 0.7};
    c.options.alpha = alphas[random.below(3, 5)];
    c.options.precision = random.below(4, 2) == 0 ? Precision::double_ : Precision::single;
    c.options.entropy =
        random.below(5, 2) == 0 ? EntropyAggregation::sum : EntropyAggregation::mean;
    c.options.pairs = random.below(6, 2) == 0 ? PairCounting::ordered : PairCounting::unordered;
    INFO("seed " << c.seed << " classes " << c.classes << " score " << to_string(c.kind) << " form "
                 << static_cast<int>(c.form) << " alpha " << c.options.alpha << " precision "
                 << to_string(c.options.precision));
    f(c);
  }
}

}  // namespace

TEST_CASE("any chunking gives the same bits") {
  for_random_cases(1000, 40, [](const Case& c) {
    const auto pool = test::random_pool(c.seed, test::random_patches(c.seed, 23, 90), c.classes);
    const auto all = pool.ragged(c.form);
    const ScoreTable whole = scored(c.kind, all, c.options);
    const KeyedRandom random(c.seed, Purpose::folds);
    ScoreTable pieces;
    pieces.request = whole.request;
    index_t first = 0;
    for (index_t t = 0; first < all.candidates; ++t) {
      const index_t count = std::min(all.candidates - first, random.below(t, 6));
      score::compute(c.kind, all.slice(first, count), c.options, pieces);
      first += count;
    }
    REQUIRE(identical(whole, pieces));
  });
}

TEST_CASE("dense and ragged give the same bits") {
  for_random_cases(2000, 30, [](const Case& c) {
    const index_t q = 1 + static_cast<index_t>(c.seed % 70);
    const auto pool = test::random_pool(c.seed, std::vector<index_t>(9, q), c.classes);
    const auto& values = c.form == PredictionKind::logits ? pool.logits : pool.probabilities;
    const auto dense = PatchPredictions::dense(values.data(), 9, q, c.classes, c.form);
    REQUIRE(identical(scored(c.kind, dense, c.options),
                      scored(c.kind, pool.ragged(c.form), c.options)));
  });
}

TEST_CASE("a candidate's row does not depend on the others") {
  for_random_cases(3000, 20, [](const Case& c) {
    const auto pool = test::random_pool(c.seed, test::random_patches(c.seed, 11, 50), c.classes);
    const auto all = pool.ragged(c.form);
    const ScoreTable whole = scored(c.kind, all, c.options);
    for (index_t i = 0; i < all.candidates; ++i) {
      const ScoreTable single = scored(c.kind, all.slice(i, 1), c.options);
      REQUIRE(single.score[0] == whole.score[static_cast<std::size_t>(i)]);
      REQUIRE(single.diversity[0] == whole.diversity[static_cast<std::size_t>(i)]);
    }
  });
}

TEST_CASE("values of a narrower type are widened exactly and once") {
  for_random_cases(4000, 20, [](const Case& c) {
    const auto pool = test::random_pool(c.seed, test::random_patches(c.seed, 7, 20), c.classes);
    const auto& values = c.form == PredictionKind::logits ? pool.logits : pool.probabilities;
    const auto check = [&](const auto& narrow, const std::vector<double>& wide) {
      using T = typename std::decay_t<decltype(narrow)>::value_type;
      const auto a = PatchPredictions::ragged<T>(narrow, pool.offsets, c.classes, c.form);
      auto b = PatchPredictions::ragged<double>(wide, pool.offsets, c.classes, c.form);
      REQUIRE(identical(scored(c.kind, a, c.options), scored(c.kind, b, c.options)));
    };
    std::vector<float> f32;
    std::vector<double> from_f32;
    std::vector<half_t> f16;
    std::vector<double> from_f16;
    std::vector<bfloat16_t> bf16;
    std::vector<double> from_bf16;
    for (const double x : values) {
      f32.push_back(static_cast<float>(x));
      from_f32.push_back(static_cast<double>(f32.back()));
      f16.push_back(to_half(x));
      from_f16.push_back(static_cast<double>(to_float(f16.back())));
      bf16.push_back(to_bfloat16(x));
      from_bf16.push_back(static_cast<double>(to_float(bf16.back())));
    }
    check(f32, from_f32);
    check(f16, from_f16);
    // Rows of bfloat16 probabilities may be off by 1e-2, those of doubles may not.
    if (c.form == PredictionKind::logits) check(bf16, from_bf16);
    const auto narrow = PatchPredictions::ragged<bfloat16_t>(bf16, pool.offsets, c.classes, c.form);
    REQUIRE_NOTHROW(scored(c.kind, narrow, c.options));
  });
}

TEST_CASE("the order of the patches changes a score by rounding at most") {
  for_random_cases(5000, 30, [](const Case& c) {
    const auto pool = test::random_pool(c.seed, {30}, c.classes);
    const auto all = pool.ragged(c.form);
    const auto& values = c.form == PredictionKind::logits ? pool.logits : pool.probabilities;
    std::vector<std::size_t> order(30);
    std::iota(order.begin(), order.end(), 0);
    const KeyedRandom random(c.seed, Purpose::order);
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return random.bits(static_cast<index_t>(a)) < random.bits(static_cast<index_t>(b));
    });
    const auto classes = static_cast<std::size_t>(c.classes);
    std::vector<double> shuffled;
    for (const std::size_t j : order) {
      shuffled.insert(shuffled.end(), values.begin() + static_cast<std::ptrdiff_t>(j * classes),
                      values.begin() + static_cast<std::ptrdiff_t>((j + 1) * classes));
    }
    const double a = scored(c.kind, all, c.options).score[0];
    const auto permuted = PatchPredictions::dense(shuffled.data(), 1, 30, c.classes, c.form);
    const ScoreTable table = scored(c.kind, permuted, c.options);
    const double tolerance = c.options.precision == Precision::single ? 2e-5 : 1e-12;
    REQUIRE(std::abs(table.score[0] - a) <= tolerance * std::max(1.0, std::abs(a)));
    // The kept patches are the same ones.
    std::vector<std::int32_t> back;
    for (const std::int32_t j : table.kept_of(0)) {
      back.push_back(static_cast<std::int32_t>(order[static_cast<std::size_t>(j)]));
    }
    const ScoreTable straight = scored(c.kind, all, c.options);
    const auto kept = straight.kept_of(0);
    REQUIRE(back == std::vector<std::int32_t>(kept.begin(), kept.end()));
  });
}

TEST_CASE("scores stay within their bounds") {
  for_random_cases(6000, 60, [](const Case& c) {
    const auto pool =
        test::random_pool(c.seed, test::random_patches(c.seed, 15, 40), c.classes, 3, 4);
    const auto all = pool.ragged(c.form);
    const ScoreTable table = scored(c.kind, all, c.options);
    const double slack = c.options.precision == Precision::single ? 1e-4 : 1e-11;
    const double ln_k = std::log(static_cast<double>(c.classes));
    for (index_t i = 0; i < all.candidates; ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double m = c.options.entropy == EntropyAggregation::mean
                           ? 1
                           : static_cast<double>(table.kept_of(i).size());
      REQUIRE(table.entropy[at] >= -slack);
      REQUIRE(table.entropy[at] <= m * ln_k + slack * m);
      REQUIRE(table.diversity[at] >= 0);
      if (table.kept_of(i).size() == 1) REQUIRE(table.diversity[at] == 0);
      const double k = static_cast<double>(c.classes);
      switch (c.kind) {
        case ScoreKind::entropy:
          REQUIRE(table.score[at] == table.entropy[at]);
          break;
        case ScoreKind::diversity:
          REQUIRE(table.score[at] == table.diversity[at]);
          break;
        case ScoreKind::aift:
          REQUIRE(table.score[at] ==
                  Approx(table.entropy[at] + table.diversity[at]).epsilon(1e-6).margin(1e-9));
          break;
        case ScoreKind::least_confidence:
          REQUIRE(table.score[at] >= -slack);
          REQUIRE(table.score[at] <= 1 - 1 / k + slack);
          break;
        case ScoreKind::margin:
          REQUIRE(table.score[at] >= -slack);
          REQUIRE(table.score[at] <= 1 + slack);
          break;
        case ScoreKind::bald:
          REQUIRE(table.score[at] >= -slack);
          REQUIRE(table.score[at] <= ln_k + slack);
          break;
      }
      double sum = 0;
      for (index_t k_index = 0; k_index < c.classes; ++k_index) {
        sum += table.mean_probabilities[static_cast<std::size_t>(i * c.classes + k_index)];
      }
      REQUIRE(sum == Approx(1).epsilon(1e-5));
    }
  });
}

TEST_CASE("adding one number to all logits of a patch changes nothing that matters") {
  for_random_cases(7000, 30, [](const Case& drawn) {
    Case c = drawn;
    c.form = PredictionKind::logits;
    c.options.precision = Precision::double_;
    const auto pool = test::random_pool(c.seed, {12, 5}, c.classes);
    std::vector<double> shifted = pool.logits;
    const KeyedRandom random(c.seed, Purpose::order);
    for (std::size_t i = 0; i < shifted.size(); ++i) {
      const auto row = static_cast<index_t>(i) / c.classes;
      shifted[i] += random.uniform(row, -300, 300);
    }
    const auto moved = PatchPredictions::ragged<double>(shifted, pool.offsets, c.classes, c.form);
    const ScoreTable a = scored(c.kind, pool.ragged(c.form), c.options);
    const ScoreTable b = scored(c.kind, moved, c.options);
    for (std::size_t i = 0; i < 2; ++i) {
      REQUIRE(a.score[i] == Approx(b.score[i]).epsilon(1e-11).margin(1e-12));
    }
  });
}

TEST_CASE("more classes than any vector, more patches than any block") {
  const auto wide = test::random_pool(1, {3, 2}, 1000);
  const auto many = test::random_pool(2, {2000, 1, 129}, 2);
  for (const auto* pool : {&wide, &many}) {
    for (const auto form : {PredictionKind::probabilities, PredictionKind::logits}) {
      const ScoreTable table = scored(ScoreKind::aift, pool->ragged(form), {.alpha = 0.5});
      for (index_t i = 0; i < pool->candidates(); ++i) {
        const auto want = test::reference(pool->rows_of(i, form), form, 0.5, 0x1p-52);
        const auto expected = static_cast<double>(want.entropy + want.diversity);
        CHECK(table.score[static_cast<std::size_t>(i)] == Approx(expected).epsilon(1e-11));
      }
    }
  }
}
