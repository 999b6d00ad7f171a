// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/metrics.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

using namespace aift;

namespace {

double auc_by_pairs(const std::vector<double>& s, const std::vector<std::uint8_t>& positive) {
  double wins = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < s.size(); ++i) {
    for (std::size_t j = 0; j < s.size(); ++j) {
      if (positive[i] == 0 || positive[j] != 0) continue;
      pairs += 1;
      wins += s[i] > s[j] ? 1 : s[i] == s[j] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

}  // namespace

TEST_CASE("AUC of small sets by hand") {
  using Bits = std::vector<std::uint8_t>;
  const std::vector<double> s = {0.1, 0.4, 0.35, 0.8};
  CHECK(auc(s, Bits{0, 0, 1, 1}) == 0.75);
  CHECK(auc(s, Bits{1, 1, 0, 0}) == 0.25);
  CHECK(auc(s, Bits{0, 1, 0, 1}) == 1);
  CHECK(auc(std::vector<double>{2, 2, 2}, Bits{0, 1, 1}) == 0.5);
  CHECK(auc(std::vector<double>{1, 2, 2, 3}, Bits{0, 1, 0, 1}) == 0.875);
  CHECK(std::isnan(auc(s, Bits{1, 1, 1, 1})));
  CHECK(std::isnan(auc(s, Bits{0, 0, 0, 0})));
  CHECK(std::isnan(auc({}, {})));
}

TEST_CASE("AUC equals the share of ordered pairs, ties counted half") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const KeyedRandom random(seed, Purpose::order);
    const index_t n = 2 + random.below(0, 60);
    const index_t values = 1 + random.below(1, 20);  // few values: many ties
    std::vector<double> s;
    std::vector<std::uint8_t> positive;
    for (index_t i = 0; i < n; ++i) {
      s.push_back(static_cast<double>(random.below(10 + 2 * i, values)) / 7.0);
      positive.push_back(i < 2 ? i == 1 : random.below(11 + 2 * i, 3) == 0);
    }
    CAPTURE(seed);
    CHECK(auc(s, positive) == Catch::Approx(auc_by_pairs(s, positive)).epsilon(1e-14));
  }
}

TEST_CASE("Metrics of two classes by hand") {
  // Predictions 0, 1, 0 (tie: the lower), 1; labels 0, 1, 1, 0.
  const std::vector<double> p = {0.9, 0.1, 0.2, 0.8, 0.5, 0.5, 0.3, 0.7};
  const std::vector<label_t> labels = {0, 1, 1, 0};
  const Metrics m = evaluate(p, labels, 2);
  CHECK(m.samples == 4);
  CHECK(m.accuracy == 0.5);
  CHECK(m.balanced_accuracy == 0.5);
  CHECK(m.auc == 0.75);  // positives 0.8, 0.5 against 0.1, 0.7
  CHECK(m.log_loss ==
        Catch::Approx(-(std::log(0.9) + std::log(0.8) + std::log(0.5) + std::log(0.3)) / 4)
            .epsilon(1e-15));
}

TEST_CASE("Metrics of three classes by hand") {
  const std::vector<double> p = {0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.4, 0.4,
                                 0.2, 0.1, 0.2, 0.7, 0.5, 0.2, 0.3};
  const std::vector<label_t> labels = {0, 1, 1, 2, 2};
  const Metrics m = evaluate(p, labels, 3);
  CHECK(m.accuracy == Catch::Approx(0.6));
  CHECK(m.balanced_accuracy == Catch::Approx((1 + 0.5 + 0.5) / 3));
  // class 0: 0.6 above all: 1; class 1: 0.5, 0.4 against 0.3, 0.2, 0.2: 1;
  // class 2: 0.7 above all, 0.3 above 0.1 and 0.2, tied with 0.3: (3 + 2.5) / 6
  CHECK(m.auc == Catch::Approx((1 + 1 + 5.5 / 6) / 3));
}

TEST_CASE("What is not defined is NaN, and an absent class does not count") {
  const std::vector<double> p = {0.6, 0.3, 0.1, 0.2, 0.5, 0.3};
  const Metrics absent = evaluate(p, std::vector<label_t>{0, 1}, 3);
  CHECK(absent.balanced_accuracy == 1);
  CHECK(absent.auc == 1);
  const Metrics alone = evaluate(p, std::vector<label_t>{0, 0}, 3);
  CHECK(std::isnan(alone.auc));
  CHECK(alone.accuracy == 0.5);
  CHECK(alone.balanced_accuracy == 0.5);
  const Metrics none = evaluate({}, {}, 2);
  CHECK(none.samples == 0);
  CHECK(std::isnan(none.accuracy));
  CHECK(std::isnan(none.log_loss));
}

TEST_CASE("The log loss of a certain mistake is finite") {
  const Metrics m = evaluate(std::vector<double>{1, 0}, std::vector<label_t>{1}, 2);
  CHECK(m.log_loss == -std::log(kLogLossClip));
  const Metrics right = evaluate(std::vector<double>{0, 1}, std::vector<label_t>{1}, 2);
  CHECK(right.log_loss == 0);
}

TEST_CASE("Metrics refuse what does not fit") {
  const std::vector<double> p = {0.5, 0.5};
  CHECK_THROWS_AS(evaluate(p, std::vector<label_t>{0, 1}, 2), ShapeError);
  CHECK_THROWS_AS(evaluate(p, std::vector<label_t>{0, 1}, 1), ShapeError);
  CHECK_THROWS_AS(evaluate(p, std::vector<label_t>{2}, 2), ValueError);
  CHECK_THROWS_AS(evaluate(p, std::vector<label_t>{-1}, 2), ValueError);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(evaluate(std::vector<double>{0.5, nan}, std::vector<label_t>{0}, 2), ValueError);
  CHECK_THROWS_AS(auc(std::vector<double>{nan}, std::vector<std::uint8_t>{0}), ValueError);
  CHECK_THROWS_AS(auc(p, std::vector<std::uint8_t>{0}), ShapeError);
}
