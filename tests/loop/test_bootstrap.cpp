// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/bootstrap.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include <aift/core/error.hpp>

#include "tests/support/catch.hpp"

using namespace aift;

namespace {

/// Standard error of the mean of `values`.
double error_of_mean(const std::vector<double>& values, const std::vector<index_t>& groups,
                     index_t replicates = 4000) {
  return grouped_bootstrap_error(groups, KeyedRandom(1, Purpose::folds), replicates,
                                 [&](std::span<const index_t> samples) {
                                   double sum = 0;
                                   for (const index_t i : samples)
                                     sum += values[static_cast<std::size_t>(i)];
                                   return sum / static_cast<double>(samples.size());
                                 });
}

}  // namespace

TEST_CASE("the bootstrap gives the standard error of a mean") {
  // 0, 1, ..., 99: standard deviation sqrt((100^2 - 1) / 12) = 28.87, of the mean a tenth of it.
  std::vector<double> values(100);
  std::iota(values.begin(), values.end(), 0.0);
  std::vector<index_t> alone(100);
  std::iota(alone.begin(), alone.end(), index_t{0});
  CHECK(error_of_mean(values, alone) == Approx(2.887).epsilon(0.05));
}

TEST_CASE("samples of a group are drawn together") {
  // 20 groups of five equal samples know no more than 20 samples.
  std::vector<double> values;
  std::vector<index_t> groups;
  for (index_t g = 0; g < 20; ++g) {
    for (int i = 0; i < 5; ++i) {
      values.push_back(static_cast<double>(g));
      groups.push_back(7 * g);
    }
  }
  const double single = std::sqrt((20.0 * 20 - 1) / 12 / 20);
  CHECK(error_of_mean(values, groups) == Approx(single).epsilon(0.05));
  (void)grouped_bootstrap_error(groups, KeyedRandom(2, Purpose::folds), 50,
                                [&](std::span<const index_t> samples) {
                                  CHECK(samples.size() == 100);
                                  for (std::size_t i = 0; i < samples.size(); i += 5) {
                                    for (std::size_t j = 1; j < 5; ++j)
                                      CHECK(samples[i + j] == samples[i] + static_cast<index_t>(j));
                                  }
                                  return 0.0;
                                });
}

TEST_CASE("the bootstrap leaves undefined values out, and knows nothing of fewer than two") {
  const std::vector<index_t> groups = {0, 1, 2, 3};
  const auto error = [&](index_t replicates, const auto& statistic) {
    return grouped_bootstrap_error(groups, KeyedRandom(3, Purpose::folds), replicates, statistic);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(error(100, [&](std::span<const index_t>) { return nan; }) == 0);
  CHECK(error(1, [](std::span<const index_t> s) { return static_cast<double>(s[0]); }) == 0);
  int calls = 0;  // 1, NaN, 3, NaN, 1, ...: of the finite ones half are 1 and half are 3
  CHECK(error(400, [&](std::span<const index_t>) {
          ++calls;
          return calls % 2 == 0 ? nan : (calls % 4 == 1 ? 1.0 : 3.0);
        }) == Approx(std::sqrt(200.0 / 199)));
  CHECK(calls == 400);
  CHECK(error(0, [](std::span<const index_t>) { return 1.0; }) == 0);
  CHECK_THROWS_AS(error(-1, [](std::span<const index_t>) { return 1.0; }), ValueError);
}
