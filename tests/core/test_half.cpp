// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <aift/core/half.hpp>
#include <aift/core/rng.hpp>

using namespace aift;

namespace {

/// Value of a binary16 from its definition.
double value_of(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  const double sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
  if (exponent == 31) {
    return fraction == 0 ? sign * std::numeric_limits<double>::infinity()
                         : std::numeric_limits<double>::quiet_NaN();
  }
  return exponent == 0 ? sign * std::ldexp(fraction, -24)
                       : sign * std::ldexp(1024 + fraction, exponent - 25);
}

}  // namespace

TEST_CASE("every binary16 is read exactly and written back") {
  for (unsigned b = 0; b < 65536; ++b) {
    const half_t h{static_cast<std::uint16_t>(b)};
    const double want = value_of(h.bits);
    const float got = to_float(h);
    if (std::isnan(want)) {
      REQUIRE(std::isnan(got));
      REQUIRE(std::isnan(to_float(to_half(got))));
    } else {
      REQUIRE(static_cast<double>(got) == want);
      REQUIRE(std::signbit(got) == ((b & 0x8000) != 0));
      REQUIRE(to_half(got).bits == b);
      REQUIRE(to_half(want).bits == b);
    }
  }
}

TEST_CASE("binary16 rounds to nearest, ties to even") {
  // Between every two neighbours: the middle goes to the even one, anything else to the nearer one.
  for (unsigned b = 0; b < 0x7BFF; ++b) {
    const double low = value_of(static_cast<std::uint16_t>(b));
    const double high = value_of(static_cast<std::uint16_t>(b + 1));
    const double middle = (low + high) / 2;
    const unsigned even = b % 2 == 0 ? b : b + 1;
    REQUIRE(to_half(middle).bits == even);
    REQUIRE(to_half(static_cast<float>(middle)).bits == even);
    REQUIRE(to_half(-middle).bits == (even | 0x8000));
    REQUIRE(to_half(std::nextafter(middle, 0.0)).bits == b);
    REQUIRE(to_half(std::nextafter(middle, 1e9)).bits == b + 1);
    REQUIRE(to_half(std::nextafter(static_cast<float>(middle), 0.0F)).bits == b);
    REQUIRE(to_half(std::nextafter(static_cast<float>(middle), 1e9F)).bits == b + 1);
  }
}

TEST_CASE("binary16 overflows to infinity from the middle above 65504 on") {
  CHECK(to_half(65504.0F).bits == 0x7BFF);
  CHECK(to_half(std::nextafter(65520.0F, 0.0F)).bits == 0x7BFF);
  CHECK(to_half(65520.0F).bits == 0x7C00);
  CHECK(to_half(-1e30).bits == 0xFC00);
  CHECK(to_half(1e300).bits == 0x7C00);
  CHECK(to_half(std::numeric_limits<double>::infinity()).bits == 0x7C00);
  CHECK(to_half(0x1p-25).bits == 0);
  CHECK(to_half(std::nextafter(0x1p-25, 1.0)).bits == 1);
  CHECK(to_half(1e-300).bits == 0);
}

TEST_CASE("bfloat16 rounds to nearest, ties to even") {
  for (std::uint32_t b = 0; b < 0x7F7F; ++b) {
    std::uint32_t low_bits = b << 16;
    float low = 0;
    std::memcpy(&low, &low_bits, sizeof low);
    REQUIRE(to_float(bfloat16_t{static_cast<std::uint16_t>(b)}) == low);
    REQUIRE(to_bfloat16(low).bits == b);
    const std::uint32_t middle_bits = low_bits | 0x8000U;
    float middle = 0;
    std::memcpy(&middle, &middle_bits, sizeof middle);
    const std::uint32_t even = b % 2 == 0 ? b : b + 1;
    REQUIRE(to_bfloat16(middle).bits == even);
    REQUIRE(to_bfloat16(-middle).bits == (even | 0x8000U));
    REQUIRE(to_bfloat16(std::nextafter(middle, 0.0F)).bits == b);
    REQUIRE(to_bfloat16(std::nextafter(middle, std::numeric_limits<float>::infinity())).bits == b + 1);
    // A double a hair off the middle is rounded once, not first to the middle and then to even.
    REQUIRE(to_bfloat16(std::nextafter(static_cast<double>(middle), 1e300)).bits == b + 1);
  }
  CHECK(std::isnan(to_float(to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(to_bfloat16(std::numeric_limits<float>::max()).bits == 0x7F80);
  CHECK(to_bfloat16(-std::numeric_limits<float>::infinity()).bits == 0xFF80);
}
