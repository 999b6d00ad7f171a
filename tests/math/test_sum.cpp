// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/math/sum.hpp>

using namespace aift;

namespace {

/// The order of math/sum.hpp, literally: 32 partial sums, always all of them.
template <class T>
T literal_sum(const std::vector<T>& x, const std::vector<T>* y) {
  T partial[32] = {};
  for (std::size_t k = 0; k < x.size(); ++k) {
    T& p = partial[k % 32];
    p = y == nullptr ? p + x[k] : std::fma(x[k], (*y)[k], p);
  }
  for (int stride = 16; stride >= 1; stride /= 2) {
    for (int a = 0; a < stride; ++a)
      partial[a] = partial[a] + partial[a + stride];
  }
  return partial[0];
}

template <class T>
void check_order() {
  const KeyedRandom random(6, Purpose::order);
  index_t drawn = 0;
  for (index_t classes = 1; classes <= 200; ++classes) {
    std::vector<T> x;
    std::vector<T> y;
    for (index_t k = 0; k < classes; ++k) {
      x.push_back(static_cast<T>(random.normal(drawn++)));
      y.push_back(static_cast<T>(random.normal(drawn++)));
    }
    INFO("classes " << classes);
    REQUIRE(math::class_sum(x.data(), classes) == literal_sum<T>(x, nullptr));
    REQUIRE(math::class_dot(x.data(), y.data(), classes) == literal_sum<T>(x, &y));
  }
}

}  // namespace

TEST_CASE("sums over classes follow the documented order") {
  check_order<double>();
  check_order<float>();
}

TEST_CASE("the width is the next power of two, at most 32") {
  CHECK(math::class_width(1) == 1);
  CHECK(math::class_width(2) == 2);
  CHECK(math::class_width(3) == 4);
  CHECK(math::class_width(17) == 32);
  CHECK(math::class_width(32) == 32);
  CHECK(math::class_width(10000) == 32);
}

TEST_CASE("a sum is never minus zero") {
  const double zeros[3] = {-0.0, -0.0, -0.0};
  CHECK_FALSE(std::signbit(math::class_sum(zeros, 2)));
  CHECK_FALSE(std::signbit(math::class_sum(zeros, 3)));
  const double ones[3] = {1, 1, 1};
  CHECK_FALSE(std::signbit(math::class_dot(zeros, ones, 2)));
  CHECK_FALSE(std::signbit(math::class_dot(zeros, ones, 3)));
}
