// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <numeric>

#include <aift/score/majority.hpp>

#include "reference.hpp"

using namespace aift;

namespace {

score::Majority majority_of(const std::vector<double>& p1, double alpha) {
  std::vector<double> p;
  for (const double x : p1) {
    p.push_back(1 - x);
    p.push_back(x);
  }
  return score::majority(PatchPredictions::dense(p.data(), 1, static_cast<index_t>(p1.size()), 2,
                                                 PredictionKind::probabilities),
                         {.alpha = alpha});
}

}  // namespace

TEST_CASE("how many patches are kept") {
  CHECK(score::kept_count(1, 0.25) == 1);
  CHECK(score::kept_count(2, 0.25) == 1);
  CHECK(score::kept_count(10, 0.25) == 3);  // 2.5 rounds up
  CHECK(score::kept_count(11, 0.25) == 3);
  CHECK(score::kept_count(36, 0.25) == 9);
  CHECK(score::kept_count(4, 1e-9) == 1);
  CHECK(score::kept_count(7, 1.0) == 7);
  CHECK(score::kept_count(50, 0.29) == 14);  // the product is a double: 14.499999999999998
  for (index_t q = 1; q < 200; ++q)
    CHECK(score::kept_count(q, 0.9999999) <= q);
}

TEST_CASE("the method's own example: six patches against three") {
  // Nine patches of one picture, six predicted 0.9 and three 0.1: where augmentation spoiled a
  // patch the others still speak.
  const std::vector<double> p1 = {0.9, 0.9, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9};
  const auto six = majority_of(p1, 2.0 / 3);
  CHECK(six.dominant == std::vector<label_t>{1});
  CHECK(six.kept == std::vector<std::int32_t>{0, 1, 3, 5, 6, 8});
  CHECK(majority_of(p1, 0.25).kept == std::vector<std::int32_t>{0, 1});
  // The other way round the bottom is kept.
  std::vector<double> mirrored;
  for (const double x : p1)
    mirrored.push_back(1 - x);
  const auto other = majority_of(mirrored, 2.0 / 3);
  CHECK(other.dominant == std::vector<label_t>{0});
  CHECK(other.kept == std::vector<std::int32_t>{0, 1, 3, 5, 6, 8});
}

TEST_CASE("ties: the lower class, the lower patch") {
  CHECK(majority_of({0.25, 0.75}, 0.5).dominant[0] == 0);  // means exactly one half
  CHECK(majority_of({0.25, 0.75}, 0.5).kept == std::vector<std::int32_t>{0});
  CHECK(majority_of({0.75, 0.75, 0.875, 0.75}, 0.5).kept == std::vector<std::int32_t>{2, 0});
  CHECK(majority_of({1, 1, 1, 1, 1, 1, 1, 1}, 0.5).kept == std::vector<std::int32_t>{0, 1, 2, 3});
}

TEST_CASE("few patches are counted, many selected: the same patches") {
  // 64 and 65 patches take different ways; values from a small set make many ties.
  for (const index_t q : {3, 63, 64, 65, 66, 200, 1000}) {
    for (const double alpha : {0.05, 0.25, 0.5, 0.9}) {
      const KeyedRandom random(static_cast<std::uint64_t>(q), Purpose::order);
      std::vector<double> p1;
      for (index_t j = 0; j < q; ++j) {
        p1.push_back(0.5 + static_cast<double>(random.below(j, 8)) / 16);
      }
      std::vector<std::int32_t> order(static_cast<std::size_t>(q));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
        return p1[static_cast<std::size_t>(a)] > p1[static_cast<std::size_t>(b)];
      });
      order.resize(static_cast<std::size_t>(score::kept_count(q, alpha)));
      INFO("q " << q << " alpha " << alpha);
      CHECK(majority_of(p1, alpha).kept == order);
    }
  }
}

TEST_CASE("many candidates at once") {
  const auto pool = test::random_pool(3, {4, 1, 7}, 5);
  const auto majority = score::majority(pool.ragged(), {.alpha = 0.5});
  REQUIRE(majority.size() == 3);
  CHECK(majority.kept_offsets == std::vector<index_t>{0, 2, 3, 7});
  for (index_t i = 0; i < 3; ++i) {
    const auto want = test::reference(pool.rows_of(i, PredictionKind::probabilities),
                                      PredictionKind::probabilities, 0.5, 0x1p-52);
    const auto kept = majority.kept_of(i);
    CHECK(std::vector<std::int32_t>(kept.begin(), kept.end()) == want.kept);
  }
}
