// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "src/bench/statistics.hpp"

using namespace aift::bench;
using namespace aift::bench::detail;

namespace {
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Numbers = std::vector<double>;
}  // namespace

TEST_CASE("Student's t: tables and closed forms") {
  // Two-sided 5 % points of any table.
  CHECK(student_t_975(1) == Approx(12.7062).epsilon(1e-5));
  CHECK(student_t_975(4) == Approx(2.77645).epsilon(1e-5));
  CHECK(student_t_975(19) == Approx(2.09302).epsilon(1e-5));
  // One degree of freedom is Cauchy's distribution, two have a closed form.
  for (const double t : {0.0, 0.5, 3.0, 40.0}) {
    CHECK(student_p(t, 1) == Approx(1 - 2 / 3.14159265358979323846 * std::atan(t)).margin(1e-12));
    CHECK(student_p(t, 2) == Approx(1 - t / std::sqrt(2 + t * t)).margin(1e-12));
    CHECK(student_p(-t, 2) == student_p(t, 2));
  }
  CHECK(student_p(20, 19) == Approx(3.08e-14).epsilon(0.2));  // the tail does not cancel
  CHECK(std::isnan(student_p(kNan, 3)));
}

TEST_CASE("means, intervals and paired tests by hand") {
  const MeanInterval three = mean_interval(Numbers{1, 2, 3, kNan});
  CHECK(three.count == 3);
  CHECK(three.mean == 2);
  CHECK(three.half == Approx(4.302653 / std::sqrt(3.0)).epsilon(1e-6));
  CHECK(std::isnan(mean_interval(Numbers{1}).half));
  CHECK(std::isnan(mean_interval(Numbers{}).mean));
  // t = 2 / (1 / sqrt(3)) with 2 degrees of freedom.
  const double t = 2 * std::sqrt(3.0);
  CHECK(paired_p(Numbers{1, 2, 3}) == Approx(1 - t / std::sqrt(2 + t * t)).margin(1e-12));
  CHECK(paired_p(Numbers{0, 0}) == 1);
  CHECK(paired_p(Numbers{2, 2}) == 0);
  CHECK(std::isnan(paired_p(Numbers{1})));
}

TEST_CASE("Holm's correction by hand") {
  const auto p = holm(Numbers{0.01, kNan, 0.04, 0.03, 0.005});
  CHECK(p[4] == Approx(0.02));
  CHECK(p[0] == Approx(0.03));
  CHECK(p[3] == Approx(0.06));
  CHECK(p[2] == Approx(0.06));  // 1 x 0.04 would be less than the one before
  CHECK(std::isnan(p[1]));
  CHECK(holm(Numbers{0.9, 0.8})[0] == 1);
}

TEST_CASE("areas, targets, quantiles, ranks by hand") {
  CHECK(mean_height(Numbers{10, 20, 40}, Numbers{0, 1, 1}) == Approx((5 + 20) / 30.0));
  CHECK(std::isnan(mean_height(Numbers{10}, Numbers{1})));
  const Numbers x = {10, 20, 30};
  CHECK(first_reach(x, Numbers{0.5, 0.7, 0.9}, 0.8) == Approx(25));
  CHECK(first_reach(x, Numbers{0.5, 0.7, 0.9}, 0.1) == 10);
  CHECK(std::isinf(first_reach(x, Numbers{0.5, 0.7, 0.9}, 0.95)));
  CHECK(std::isnan(first_reach(x, Numbers{0.5, 0.7, 0.9}, kNan)));
  CHECK(quantile(Numbers{0, 1, 2, 3}, 0.5) == 1.5);
  CHECK(quantile(Numbers{0, 1, 2, 3}, 0.025) == Approx(0.075));
  const auto r = ranks(Numbers{0.9, 0.5, 0.9, kNan, 0.7});
  CHECK(r[0] == 1.5);
  CHECK(r[2] == 1.5);
  CHECK(r[4] == 3);
  CHECK(r[1] == 4);
  CHECK(std::isnan(r[3]));
}
