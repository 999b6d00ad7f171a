// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <aift/core/rng.hpp>
#include <aift/math/exp.hpp>

#include "ulp.hpp"

using namespace aift;
using aift::test::ulp_error;
using aift::test::Worst;

// Documented bounds (include/aift/math/exp.hpp).
constexpr double kExpDouble = 0.8;
constexpr double kExpFloat = 0.8;
constexpr double kShortExp = 1.1;

TEST_CASE("exp of special numbers") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(math::exp(0.0) == 1);
  CHECK(math::exp(-0.0) == 1);
  CHECK(math::exp(inf) == inf);
  CHECK(math::exp(-inf) == 0);
  CHECK_FALSE(std::signbit(math::exp(-inf)));
  CHECK(std::isnan(math::exp(std::nan(""))));
  CHECK(math::exp(709.782712893384) < inf);
  CHECK(math::exp(709.7827128933841) == inf);
  CHECK(math::exp(1e308) == inf);
  CHECK(math::exp(-745.1332191019411) == 5e-324);
  CHECK(math::exp(-745.1332191019412) == 0);
  CHECK(math::exp(-1e308) == 0);
  CHECK(math::exp(5e-324) == 1);

  const float inff = std::numeric_limits<float>::infinity();
  CHECK(math::exp(0.0F) == 1);
  CHECK(math::exp(inff) == inff);
  CHECK(math::exp(-inff) == 0);
  CHECK(std::isnan(math::exp(std::nanf(""))));
  CHECK(math::exp(88.72283F) < inff);
  CHECK(math::exp(88.72284F) == inff);
  CHECK(math::exp(-103.972F) == 0x1p-149F);
  CHECK(math::exp(-103.98F) == 0);
}

TEST_CASE("exp is accurate over its whole range") {
  Worst worst;
  Worst worst_float;
  const auto see = [&](double x) {
    worst.see(ulp_error(math::exp(x), std::exp(static_cast<long double>(x))), x);
  };
  const auto see_float = [&](float x) {
    worst_float.see(ulp_error(math::exp(x), std::exp(static_cast<long double>(x))),
                    static_cast<double>(x));
  };
  const KeyedRandom random(1, Purpose::order);
  for (index_t i = 0; i < 150000; ++i) {
    see(random.uniform(i, -746, 710));
    see(random.uniform(i, -746, -708));  // subnormal results
    see(random.uniform(i, -1, 1));
    see((static_cast<double>(i % 2000) - 1000 + 0.5) * 0.6931471805599453 +
        random.uniform(i, -1e-9, 1e-9));  // the edges of the reduced range
    see(random.uniform(i, -1, 1) * std::ldexp(1.0, -static_cast<int>(i % 60)));
    see_float(static_cast<float>(random.uniform(i, -105, 89)));
    see_float(static_cast<float>(random.uniform(i, -105, -87)));
    see_float(static_cast<float>(random.uniform(i, -1, 1)));
  }
  for (std::uint32_t b = 0; b < 0x42D20000U; b += 1021) {  // floats up to 105, both signs
    float x = 0;
    std::memcpy(&x, &b, sizeof x);
    see_float(x);
    see_float(-x);
  }
  INFO("double " << worst.error << " ulp at " << worst.at << ", float " << worst_float.error
                 << " ulp at " << worst_float.at);
  CHECK(worst.error <= kExpDouble);
  CHECK(worst_float.error <= kExpFloat);
  CHECK(worst.error >= 0.5);  // the measurement itself works
  CHECK(worst_float.error >= 0.5);
}

TEST_CASE("exp_nonpositive is accurate, 1 at 0, and 0 where exp nears subnormal numbers") {
  const auto check = [](auto low, double bound) {
    using T = decltype(low);
    Worst worst;
    const auto see = [&](T x) {
      worst.see(ulp_error(math::exp_nonpositive(x), std::exp(static_cast<long double>(x))),
                static_cast<double>(x));
    };
    const KeyedRandom random(5, Purpose::selection);
    for (index_t i = 0; i < 200000; ++i) {
      const double share = random.uniform(i);
      see(static_cast<T>(static_cast<double>(low) * share));
      see(static_cast<T>(-std::exp2(-60 * share)));
      see(static_cast<T>(-2 * share));
      see(static_cast<T>((0.5 - static_cast<double>(1 + i % -static_cast<index_t>(low))) *
                             0.6931471805599453 -
                         1e-6 * share));  // the edges of the reduced range
    }
    see(low);
    INFO(worst.error << " ulp at " << worst.at);
    CHECK(worst.error <= bound);
    CHECK(worst.error >= 0.5);                // the measurement itself works
    CHECK(math::exp_nonpositive(T{0}) == 1);  // the engines count on it
    CHECK(math::exp_nonpositive(T{-0.0}) == 1);
    CHECK(math::exp_nonpositive(low) >= std::numeric_limits<T>::min());
    const T below[] = {std::nextafter(low, 2 * low), 2 * low, std::numeric_limits<T>::lowest(),
                       -std::numeric_limits<T>::infinity()};
    for (const T x : below) {
      CHECK(math::exp_nonpositive(x) == 0);
      CHECK_FALSE(std::signbit(math::exp_nonpositive(x)));
    }
  };
  check(math::kExpNormal<double>, kShortExp);
  check(math::kExpNormal<float>, kShortExp);
}
