// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <clocale>
#include <cmath>
#include <limits>

#include <aift/core/rng.hpp>
#include <aift/io/numbers.hpp>

#include "tests/support/catch.hpp"

using namespace aift;

TEST_CASE("a number prints as its shortest text", "[numbers]") {
  CHECK(io::shortest(0.1) == "0.1");
  CHECK(io::shortest(0.1F) == "0.1");
  CHECK(io::shortest(1.0) == "1");
  CHECK(io::shortest(-0.0) == "-0");
  CHECK(io::shortest(0.1 + 0.2) == "0.30000000000000004");
  CHECK(io::shortest(0x1p-52) == "2.220446049250313e-16");
  CHECK(io::shortest(1e300) == "1e+300");
  CHECK(io::shortest(5e-324) == "5e-324");
  CHECK(io::shortest(std::numeric_limits<double>::infinity()) == "inf");
  CHECK(io::shortest(-std::numeric_limits<double>::quiet_NaN()) == "nan");
}

TEST_CASE("every double reads back to itself", "[numbers]") {
  const KeyedRandom random(7, Purpose::test);
  for (index_t i = 0; i < 20'000; ++i) {
    const auto x = std::bit_cast<double>(random.bits(i));
    const auto back = io::parse_number(io::shortest(x));
    REQUIRE(back.has_value());
    if (x != x) {
      REQUIRE(std::isnan(*back));
    } else {
      REQUIRE(std::bit_cast<std::uint64_t>(*back) == std::bit_cast<std::uint64_t>(x));
    }
  }
}

TEST_CASE("a decimal comma of the locale changes nothing", "[numbers]") {
  const char* const found = std::setlocale(LC_NUMERIC, "de_DE.UTF-8");
  CHECK(io::shortest(0.5) == "0.5");
  CHECK(io::parse_number("0.5") == 0.5);
  CHECK_FALSE(io::parse_number("0,5"));
  if (found != nullptr) std::setlocale(LC_NUMERIC, "C");
}

TEST_CASE("numbers are parsed as a whole or not at all", "[numbers]") {
  CHECK(io::parse_number("-2.5e3") == -2500.0);
  CHECK(io::parse_number(".5") == 0.5);
  CHECK(std::isinf(io::parse_number("inf").value()));
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "0x10", "1e", "1e999", "--1", "1,5"}) {
    INFO(text);
    CHECK_FALSE(io::parse_number(text));
  }
  CHECK(io::parse_integer("-17") == -17);
  CHECK(io::parse_integer("9223372036854775807") == std::numeric_limits<index_t>::max());
  for (const char* text : {"", "1.0", "+1", " 1", "9223372036854775808", "1e3"}) {
    INFO(text);
    CHECK_FALSE(io::parse_integer(text));
  }
}
