// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace aift::test {

/// Distance of `got` from the exact value in units in the last place of T at that value; the
/// reference carries at least 11 more bits than T. Infinity and NaN count as 0 where they are
/// right, else as huge.
template <class T>
double ulp_error(T got, long double want) {
  constexpr double kHuge = 1e9;
  if (std::isnan(want)) return std::isnan(got) ? 0 : kHuge;
  if (std::isnan(got)) return kHuge;
  const long double largest = std::numeric_limits<T>::max();
  if (std::isinf(got) || std::isinf(want) || std::abs(want) > largest * 1.5L) {
    const bool both = std::isinf(got) && std::abs(want) >= largest && (want > 0) == (got > 0);
    return both ? 0 : kHuge;
  }
  if (want == 0) return got == 0 ? 0 : kHuge;
  int exponent = 0;
  (void)std::frexp(want, &exponent);
  const int unit =
      std::max(exponent, std::numeric_limits<T>::min_exponent) - std::numeric_limits<T>::digits;
  return static_cast<double>(std::abs(std::ldexp(static_cast<long double>(got) - want, -unit)));
}

/// The largest error seen so far, and where.
struct Worst {
  double error = 0;
  double at = 0;
  void see(double e, double x) {
    if (e > error) {
      error = e;
      at = x;
    }
  }
};

}  // namespace aift::test
