// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/froc.hpp>

#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;

namespace {

Froc plain(std::vector<Finding> findings, std::vector<index_t> emboli) {
  return froc(findings, emboli, 0);
}

std::array<double, 7> rates(const Froc& f) {
  std::array<double, 7> out{};
  for (std::size_t r = 0; r < 7; ++r)
    out[r] = f.at_rates[r].value;
  return out;
}

std::array<double, 7> all(double value) {
  std::array<double, 7> out{};
  out.fill(value);
  return out;
}

constexpr index_t kNone = -1;

}  // namespace

TEST_CASE("FROC, worked by hand: all found first") {
  const Froc f = plain({{0, 0.9, 0}, {1, 0.8, 0}, {0, 0.1, kNone}}, {1, 1});
  CHECK(rates(f) == all(1));
  REQUIRE(f.curve.size() == 3);
  CHECK(f.curve[0].sensitivity == 0.5);
  CHECK(f.curve[0].false_positives_per_scan == 0);
  CHECK(f.curve[2].false_positives_per_scan == 0.5);
}

TEST_CASE("FROC, worked by hand: no findings at all") {
  const Froc f = plain({}, {2, 0, 1});
  CHECK(rates(f) == all(0));
  CHECK(f.curve.empty());
  CHECK(f.reachable == 0);
  CHECK(f.emboli == 3);
}

TEST_CASE("FROC, worked by hand: several hits of an embolus count once and are not false") {
  const Froc f = plain({{0, 0.9, 0}, {0, 0.8, 0}, {0, 0.7, 0}, {0, 0.6, 1}}, {2});
  CHECK(f.curve.back().false_positives_per_scan == 0);
  CHECK(f.curve[0].sensitivity == 0.5);
  CHECK(f.curve[2].sensitivity == 0.5);
  CHECK(f.curve[3].sensitivity == 1);
  CHECK(rates(f) == all(1));
}

TEST_CASE("FROC, worked by hand: an embolus without a candidate is missed at any threshold") {
  const Froc f = plain({{0, 0.9, 0}}, {4});
  CHECK(rates(f) == all(0.25));
  CHECK(f.reachable == 1);
}

TEST_CASE(
    "FROC, worked by hand: scans without findings and without emboli are in the denominator") {
  // one false mark above the hit: 1 per scan alone, 1/8 per scan among eight
  const std::vector<Finding> findings = {{0, 0.9, kNone}, {0, 0.5, 0}};
  CHECK(rates(plain(findings, {1})) == std::array<double, 7>{0, 0, 0, 1, 1, 1, 1});
  CHECK(rates(plain(findings, {1, 0, 0, 0, 0, 0, 0, 0})) == all(1));
  CHECK(rates(plain(findings, {1, 0, 0, 0})) == std::array<double, 7>{0, 1, 1, 1, 1, 1, 1});
}

TEST_CASE("FROC, worked by hand: equal scores are one threshold") {
  // hit and false mark together: the hit is not to be had without the mark
  const Froc f = plain({{0, 0.5, 0}, {0, 0.5, kNone}}, {1});
  REQUIRE(f.curve.size() == 1);
  CHECK(f.curve[0].false_positives_per_scan == 1);
  CHECK(f.curve[0].sensitivity == 1);
  CHECK(rates(f) == std::array<double, 7>{0, 0, 0, 1, 1, 1, 1});
}

TEST_CASE("FROC, worked by hand: false marks alone") {
  const Froc f = plain({{0, 0.9, kNone}, {1, 0.8, kNone}}, {1, 1});
  CHECK(rates(f) == all(0));
  CHECK(f.curve[1].false_positives_per_scan == 1);
}

TEST_CASE("FROC, worked by hand: a staircase over two scans") {
  // by score: hit, false, false, hit, false, hit, (false x 4), hit;  4 emboli + 1 without candidate
  const Froc f = plain({{0, 0.99, 0},
                        {1, 0.9, kNone},
                        {0, 0.8, kNone},
                        {1, 0.7, 0},
                        {1, 0.6, kNone},
                        {0, 0.5, 1},
                        {0, 0.4, kNone},
                        {0, 0.39, kNone},
                        {1, 0.38, kNone},
                        {1, 0.37, kNone},
                        {1, 0.3, 1}},
                       {2, 3});
  // false marks per scan: 0 -> 1/5; 1 (two marks) -> 2/5; 1.5 -> 3/5; 3.5 -> 4/5
  CHECK(rates(f) == std::array<double, 7>{0.2, 0.2, 0.2, 0.4, 0.6, 0.8, 0.8});
  CHECK(f.mean.value == Catch::Approx((0.2 * 3 + 0.4 + 0.6 + 0.8 * 2) / 7));
  CHECK(f.reachable == 4);
}

TEST_CASE("FROC, worked by hand: the same number in two scans is two emboli") {
  const Froc f = plain({{0, 0.9, 0}, {1, 0.8, 0}}, {1, 1});
  CHECK(f.curve[0].sensitivity == 0.5);
  CHECK(f.curve[1].sensitivity == 1);
}

TEST_CASE("FROC, worked by hand: exactly at a rate counts") {
  // four false marks over two scans before the only hit: 2 per scan
  std::vector<Finding> findings = {
      {0, 0.9, kNone}, {0, 0.8, kNone}, {1, 0.7, kNone}, {1, 0.6, kNone}, {1, 0.5, 0}};
  CHECK(rates(plain(findings, {0, 1})) == std::array<double, 7>{0, 0, 0, 0, 1, 1, 1});
  findings.push_back({0, 0.55, kNone});
  CHECK(rates(plain(findings, {0, 1})) == std::array<double, 7>{0, 0, 0, 0, 0, 1, 1});
}

TEST_CASE("FROC, worked by hand: negative scores and the order of the list mean nothing") {
  const Froc a = plain({{0, -5, 0}, {0, -7, kNone}, {0, -6, 1}}, {2});
  const Froc b = plain({{0, -6, 1}, {0, -7, kNone}, {0, -5, 0}}, {2});
  CHECK(rates(a) == all(1));
  CHECK(rates(a) == rates(b));
  CHECK(a.curve.back().false_positives_per_scan == 1);
}

TEST_CASE("intervals hold the value, are the same for a seed, and know a certain case") {
  std::vector<Finding> findings;
  const KeyedRandom random(5, Purpose::test);
  std::vector<index_t> emboli(20, 1);
  for (index_t s = 0; s < 20; ++s) {
    if (s % 4 != 0) findings.push_back({s, random.uniform(2 * s, 0.3, 1), 0});
    for (index_t n = 0; n < 5; ++n)
      findings.push_back({s, random.uniform(1000 + 10 * s + n, 0, 0.8), kNone});
  }
  const Froc f = froc(findings, emboli, 500, 7);
  for (const Estimate& e : f.at_rates) {
    CHECK(e.low <= e.value);
    CHECK(e.value <= e.high);
  }
  CHECK(f.at_rates[3].high - f.at_rates[3].low > 0.05);
  CHECK(f.at_rates[6].value == 0.75);
  const Froc again = froc(findings, emboli, 500, 7);
  CHECK(again.mean.low == f.mean.low);
  const Froc other = froc(findings, emboli, 500, 8);
  CHECK((other.mean.low != f.mean.low || other.mean.high != f.mean.high ||
         other.at_rates[1].low != f.at_rates[1].low || other.at_rates[2].low != f.at_rates[2].low));
  const Froc certain = froc(std::vector<Finding>{{0, 1, 0}, {1, 1, 0}}, std::vector<index_t>{1, 1});
  CHECK(certain.mean.low == 1);
  CHECK(certain.mean.high == 1);
}

TEST_CASE("findings that are none are refused") {
  CHECK_THROWS_AS(plain({{0, std::nan(""), 0}}, {1}), ValueError);
  CHECK_THROWS_AS(plain({{1, 0, 0}}, {1}), ValueError);
  CHECK_THROWS_AS(plain({{0, 0, 1}}, {1}), ValueError);
  CHECK_THROWS_AS(plain({{0, 0, -2}}, {1}), ValueError);
  CHECK_THROWS_AS(plain({{0, 0, kNone}}, {0}), ValueError);
  CHECK_THROWS_AS(plain({}, {}), ValueError);
  CHECK_THROWS_AS(froc({}, std::vector<index_t>{1}, -1), ValueError);
}

TEST_CASE("candidate AUC with draws of whole patients") {
  const std::vector<double> scores = {0.9, 0.8, 0.3, 0.7, 0.2, 0.1};
  const std::vector<std::uint8_t> positive = {1, 1, 1, 0, 0, 0};
  const std::vector<index_t> groups = {0, 0, 1, 1, 2, 2};
  const Estimate e = candidate_auc(scores, positive, groups, 400, 1);
  CHECK(e.value == Catch::Approx(8.0 / 9));
  CHECK(e.low <= e.value);
  CHECK(e.high == 1);
  const Estimate one_class = candidate_auc(scores, std::vector<std::uint8_t>(6, 1), groups, 10, 1);
  CHECK(std::isnan(one_class.value));
  CHECK(std::isnan(one_class.low));
  CHECK_THROWS_AS(candidate_auc(scores, positive, std::vector<index_t>{0}, 10, 1), ShapeError);
}

TEST_CASE("a point hits the embolus whose voxel it lies in, or one near enough") {
  Volume labels = test::make_volume({20, 20, 10}, {1, 1, 2}, {0, 0, 0}, test::oblique_axes(),
                                    [](const Point&) { return 0; });
  const auto set = [&](index_t x, index_t y, index_t z, std::int16_t value) {
    labels.voxels[static_cast<std::size_t>((z * 20 + y) * 20 + x)] = value;
  };
  set(5, 5, 5, 1);
  set(9, 5, 5, 2);
  const auto at = [&](double x, double y, double z) { return labels.geometry.to_world({x, y, z}); };
  CHECK(embolus_at(labels, at(5.4, 5, 5.4), 0) == 0);  // within the voxel
  CHECK(embolus_at(labels, at(5.6, 5, 5), 0) == -1);
  CHECK(embolus_at(labels, at(6.9, 5, 5), 2) == 0);  // 1.9 mm
  CHECK(embolus_at(labels, at(6.9, 5, 5), 1.8) == -1);
  CHECK(embolus_at(labels, at(7, 5, 5), 2) == 0);  // both 2 mm: the smaller number
  CHECK(embolus_at(labels, at(7.1, 5, 5), 5) == 1);
  CHECK(embolus_at(labels, at(5, 5, 7.4), 5) == 0);  // 4.8 mm across thick slices
  CHECK(embolus_at(labels, at(-30, 5, 5), 5) == -1);
  CHECK(embolus_at(labels, {std::nan(""), 0, 0}, 5) == -1);
  CHECK_THROWS_AS(embolus_at(labels, at(5, 5, 5), -1), ValueError);
}

TEST_CASE("the curve as a table") {
  const Froc f = plain({{0, 0.5, 0}, {0, 0.25, kNone}}, {2});
  CHECK(froc_csv(f) == "score,false_positives_per_scan,sensitivity\n0.5,0,0.5\n0.25,1,0.5\n");
}
