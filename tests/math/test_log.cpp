// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <aift/core/rng.hpp>
#include <aift/math/log.hpp>

#include "ulp.hpp"

using namespace aift;
using aift::test::ulp_error;
using aift::test::Worst;

// Documented bounds (include/aift/math/log.hpp). Measured over 10^8 random numbers and over every
// float: see the header.
constexpr double kLogDouble = 1.0;
constexpr double kLogFloat = 1.0;

namespace {

double from_bits(std::uint64_t bits) {
  double x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

float float_from_bits(std::uint32_t bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace

TEST_CASE("log of special numbers") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(math::log(1.0) == 0);
  CHECK_FALSE(std::signbit(math::log(1.0)));
  CHECK(math::log(0.0) == -inf);
  CHECK(math::log(-0.0) == -inf);
  CHECK(math::log(inf) == inf);
  CHECK(std::isnan(math::log(-1.0)));
  CHECK(std::isnan(math::log(-inf)));
  CHECK(std::isnan(math::log(std::nan(""))));
  CHECK(math::log(1 + 0x1p-52) == 0x1p-52 - 0x1p-105);
  CHECK(math::log(0x1p-52) == Approx(-36.04365338911715).epsilon(1e-15));

  const float inff = std::numeric_limits<float>::infinity();
  CHECK(math::log(1.0F) == 0);
  CHECK(math::log(0.0F) == -inff);
  CHECK(math::log(-0.0F) == -inff);
  CHECK(math::log(inff) == inff);
  CHECK(std::isnan(math::log(-1.0F)));
  CHECK(std::isnan(math::log(-inff)));
  CHECK(std::isnan(math::log(std::nanf(""))));
}

TEST_CASE("log is accurate over all doubles") {
  Worst worst;
  const auto see = [&](double x) {
    worst.see(ulp_error(math::log(x), std::log(static_cast<long double>(x))), x);
  };
  const KeyedRandom random(1, Purpose::order);
  for (index_t i = 0; i < 100000; ++i) {
    see(from_bits(random.bits(i) % 0x7FF0000000000000ULL));  // every exponent alike
    see(from_bits(random.bits(i) % 0x0010000000000000ULL));  // subnormal
    see(random.uniform(i, 0.5, 2));                          // where the logarithm is small
    see(random.uniform(i, 0.70, 0.71));                      // the edges of the reduced range
    see(random.uniform(i, 1.41, 1.42));
    see(1 + random.uniform(i, -1, 1) * std::ldexp(1.0, -static_cast<int>(i % 53)));  // near 1
  }
  for (int e = -1074; e <= 1023; ++e) {
    for (const double f : {1.0, 1.25, std::sqrt(2.0), 1.75, 2 - 0x1p-52})
      see(std::ldexp(f, e));
  }
  INFO("largest error " << worst.error << " ulp at " << worst.at);
  CHECK(worst.error <= kLogDouble);
  CHECK(worst.error >= 0.5);  // the measurement itself works
}

TEST_CASE("log is accurate over all floats") {
  Worst worst;
  const auto see = [&](float x) {
    worst.see(ulp_error(math::log(x), std::log(static_cast<long double>(x))),
              static_cast<double>(x));
  };
  const KeyedRandom random(2, Purpose::order);
  for (index_t i = 0; i < 200000; ++i) {
    see(float_from_bits(static_cast<std::uint32_t>(random.bits(i) % 0x7F800000U)));
    see(float_from_bits(static_cast<std::uint32_t>(random.bits(i) % 0x00800000U)));
    see(static_cast<float>(random.uniform(i, 0.5, 2)));
  }
  for (std::uint32_t b = 0; b < 0x7F800000U; b += 4093)
    see(float_from_bits(b));
  INFO("largest error " << worst.error << " ulp at " << worst.at);
  CHECK(worst.error <= kLogFloat);
  CHECK(worst.error >= 0.5);
}

TEST_CASE("log1p is accurate for everything from nothing to large") {
  Worst worst;
  Worst worst_float;
  const KeyedRandom random(3, Purpose::order);
  const auto see = [&](double r) {
    worst.see(ulp_error(math::log1p(r), std::log1p(static_cast<long double>(r))), r);
    const float f = static_cast<float>(std::min(r, 0x1p125));
    worst_float.see(ulp_error(math::log1p(f), std::log1p(static_cast<long double>(f))),
                    static_cast<double>(f));
  };
  for (index_t i = 0; i < 100000; ++i) {
    see(random.uniform(i) * std::ldexp(1.0, -static_cast<int>(i % 120)));
    see(random.uniform(i, 0.3, 0.6));
    see(random.uniform(i) * std::ldexp(1.0, static_cast<int>(i % 100)));
  }
  see(0);
  CHECK(math::log1p(0.0) == 0);
  CHECK(math::log1p(5e-324) == 5e-324);
  CHECK(math::log1p(1e-300) == 1e-300);
  worst.see(ulp_error(math::log1p(0x1.fp1021), std::log(0x1.fp1021L)), 0x1.fp1021);
  see(0x1.fp125);
  INFO("double " << worst.error << " ulp at " << worst.at << ", float " << worst_float.error
                 << " ulp at " << worst_float.at);
  CHECK(worst.error <= kLogDouble);
  CHECK(worst_float.error <= kLogFloat);
}

TEST_CASE("log without special cases agrees bit for bit where it may be used") {
  const KeyedRandom random(4, Purpose::order);
  for (index_t i = 0; i < 100000; ++i) {
    const std::uint64_t span = 0x7FF0000000000000ULL - 0x0010000000000000ULL;
    const double x = from_bits(0x0010000000000000ULL + random.bits(i) % span);
    REQUIRE(math::log_normal_lane<math::Lane<double>>(x) == math::log(x));
    const float f =
        float_from_bits(static_cast<std::uint32_t>(0x00800000U + random.bits(i) % 0x7F000000U));
    REQUIRE(math::log_normal_lane<math::Lane<float>>(f) == math::log(f));
  }
}
