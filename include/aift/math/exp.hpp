// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/math/lane.hpp>

namespace aift::math {

namespace detail {

/// Q(r) of exp(r) = 1 + r + r^2 (1/2 + r Q(r)) on [-ln(2)/2, ln(2)/2]; even and odd powers apart.
/// Coefficients: src/math/coefficients.py.
template <class L>
AIFT_MATH typename L::Real exp_polynomial(typename L::Real r, typename L::Real r2,
                                          double /*format*/) noexcept {
  auto even = L::fma(r2, L::real(0x1.af4ddd8487bd5p-26), L::real(0x1.71de023756570p-19));
  auto odd = L::fma(r2, L::real(0x1.1f72fc7307c55p-29), L::real(0x1.27e4db67b4325p-22));
  even = L::fma(r2, even, L::real(0x1.a01a01abe62ddp-13));
  odd = L::fma(r2, odd, L::real(0x1.a01a01a6d7808p-16));
  even = L::fma(r2, even, L::real(0x1.11111111100dfp-7));
  odd = L::fma(r2, odd, L::real(0x1.6c16c16c162d6p-10));
  even = L::fma(r2, even, L::real(0x1.5555555555557p-3));
  odd = L::fma(r2, odd, L::real(0x1.5555555555556p-5));
  return L::fma(r, odd, even);
}

/// The same for float.
template <class L>
AIFT_MATH typename L::Real exp_polynomial(typename L::Real r, typename L::Real r2,
                                          float /*format*/) noexcept {
  auto even = L::fma(r2, L::real(0x1.a09ae6p-13F), L::real(0x1.111138p-7F));
  const auto odd = L::fma(r2, L::real(0x1.6d31b2p-10F), L::real(0x1.5554fep-5F));
  even = L::fma(r2, even, L::real(0x1.555556p-3F));
  return L::fma(r, odd, even);
}

/// Where exp is 0 and where it is infinite, with room; the number whose ulp is 1; and an even
/// number that makes an exponent positive.
template <class S>
struct ExpRange;
template <>
struct ExpRange<double> {
  static constexpr double kLow = -746.0;
  static constexpr double kHigh = 710.0;
  static constexpr double kRound = 0x1.8p52;
  static constexpr double kLog2E = 0x1.71547652b82fep+0;
  static constexpr std::uint64_t kRoundBits = 0x4338000000000000U;
  static constexpr std::uint64_t kShift = 2048;
};
template <>
struct ExpRange<float> {
  static constexpr float kLow = -105.0F;
  static constexpr float kHigh = 89.0F;
  static constexpr float kRound = 0x1.8p23F;
  static constexpr float kLog2E = 0x1.715476p+0F;
  static constexpr std::uint32_t kRoundBits = 0x4B400000U;
  static constexpr std::uint32_t kShift = 256;
};

}  // namespace detail

namespace detail {

/// x = k ln 2 + r, and exp(r). `rounded` holds k in the lowest bits of its fraction.
template <class L>
struct ExpParts {
  typename L::Real rounded;
  typename L::Real y;
};

template <class L>
AIFT_MATH ExpParts<L> exp_parts(typename L::Real x) noexcept {
  using S = typename L::Scalar;
  using F = Format<S>;
  using R = ExpRange<S>;
  // k = x / ln 2 to the nearest integer, both as a real number and in the bits of `rounded`.
  const auto rounded = L::fma(x, L::real(R::kLog2E), L::real(R::kRound));
  const auto k = rounded - L::real(R::kRound);
  const auto high_part = L::fma(k, L::real(-F::kLn2High), x);  // exact
  const auto low_part = k * L::real(F::kLn2Low);
  const auto r = high_part - low_part;
  const auto r2 = r * r;
  const auto one = L::real(S{1});
  const auto sum = one + high_part;
  const auto rest = ((one - sum) + high_part) - low_part;
  return {rounded,
          sum + L::fma(r2, L::fma(r, exp_polynomial<L>(r, r2, S{}), L::real(S{0.5})), rest)};
}

}  // namespace detail

/// Exponential over a lane type, all of its range: subnormal results rounded once more, 0 below,
/// infinity above; NaN stays NaN.
template <class L>
AIFT_MATH typename L::Real exp_lane(typename L::Real x) noexcept {
  using S = typename L::Scalar;
  using F = Format<S>;
  using R = detail::ExpRange<S>;
  const auto low = L::real(R::kLow);
  const auto high = L::real(R::kHigh);
  x = L::select(L::less(x, low), low, x);
  x = L::select(L::less(high, x), high, x);
  const auto parts = detail::exp_parts<L>(x);
  // 2^k in two steps, the first of them exact: a subnormal result is rounded once.
  const auto shifted = (L::to_bits(parts.rounded) - L::bits(R::kRoundBits)) + L::bits(R::kShift);
  const auto first = L::template shift_right<1>(shifted);
  const auto second = shifted - first;
  const auto to_scale = L::bits(F::kBias - R::kShift / 2);
  const auto scale1 = L::from_bits(L::template shift_left<F::kFraction>(first + to_scale));
  const auto scale2 = L::from_bits(L::template shift_left<F::kFraction>(second + to_scale));
  return (parts.y * scale1) * scale2;
}

/// From here to 0 every result of exp is a normal number.
template <class S>
inline constexpr S kExpNormal = static_cast<S>(sizeof(S) == 8 ? -708.0 : -87.0);

namespace detail {

/// Q(r) of exp(r) = 1 + r + r^2 Q(r) on [-ln(2)/2, ln(2)/2]; even and odd powers apart.
/// Coefficients: src/math/coefficients.py.
template <class L>
AIFT_MATH typename L::Real short_exp_polynomial(typename L::Real r, typename L::Real r2,
                                                double /*format*/) noexcept {
  auto even = L::fma(r2, L::real(0x1.28a2c0a720907p-22), L::real(0x1.a019a66a75dd5p-16));
  auto odd = L::fma(r2, L::real(0x1.af4ddd84873ffp-26), L::real(0x1.71de023756574p-19));
  even = L::fma(r2, even, L::real(0x1.6c16c17f43a58p-10));
  odd = L::fma(r2, odd, L::real(0x1.a01a01abe62ddp-13));
  even = L::fma(r2, even, L::real(0x1.55555555520afp-5));
  odd = L::fma(r2, odd, L::real(0x1.11111111100dfp-7));
  even = L::fma(r2, even, L::real(0x1.0000000000005p-1));
  odd = L::fma(r2, odd, L::real(0x1.5555555555557p-3));
  return L::fma(r, odd, even);
}

/// The same for float.
template <class L>
AIFT_MATH typename L::Real short_exp_polynomial(typename L::Real r, typename L::Real r2,
                                                float /*format*/) noexcept {
  auto even = L::fma(r2, L::real(0x1.6c82e6p-10F), L::real(0x1.5555bep-5F));
  const auto odd = L::fma(r2, L::real(0x1.122528p-7F), L::real(0x1.5554b2p-3F));
  even = L::fma(r2, even, L::real(0x1.000000p-1F));
  return L::fma(r, odd, even);
}

}  // namespace detail

/// Exponential of x <= 0 over a lane type; `exp_nonpositive` says more.
template <class L>
AIFT_MATH typename L::Real exp_nonpositive_lane(typename L::Real x) noexcept {
  using S = typename L::Scalar;
  using F = Format<S>;
  using R = detail::ExpRange<S>;
  const auto rounded = L::fma(x, L::real(R::kLog2E), L::real(R::kRound));
  const auto k = rounded - L::real(R::kRound);
  const auto r = L::fma(k, L::real(-F::kLn2Low), L::fma(k, L::real(-F::kLn2High), x));
  const auto r2 = r * r;
  const auto y = L::real(S{1}) + L::fma(r2, detail::short_exp_polynomial<L>(r, r2, S{}), r);
  // The power of two goes into the exponent; above it the shift leaves nothing of `rounded`.
  const auto scaled =
      L::from_bits(L::to_bits(y) + L::template shift_left<F::kFraction>(L::to_bits(rounded)));
  return L::select(L::less(x, L::real(kExpNormal<S>)), L::real(S{0}), scaled);
}

/// Exponential of x <= 0, at half the cost of `exp`: what a softmax needs once the largest logit
/// is subtracted. The same bits on every machine.
///
/// range   x <= 0; exactly 1 at 0. Below -708 (float: -87), where `exp` nears the smallest normal
///         number, it is 0. A positive x or NaN gives a meaningless number.
/// error   at most 1.1 ulp; largest measured 1.059 (double, 4 10^6 random numbers), 1.080 (every
/// seventh float)
AIFT_MATH double exp_nonpositive(double x) noexcept {
  return exp_nonpositive_lane<Lane<double>>(x);
}
/// The same for float.
AIFT_MATH float exp_nonpositive(float x) noexcept { return exp_nonpositive_lane<Lane<float>>(x); }

/// Exponential, the library's own: the same bits on every machine.
///
/// range   everything: 0 from -745.14 down, infinity from 709.79 up (float: -103.98, 88.73)
/// error   at most 0.8 ulp; largest measured 0.770 (double, 1.2 10^8 random numbers), 0.765 (every
/// float)
AIFT_MATH double exp(double x) noexcept { return exp_lane<Lane<double>>(x); }
/// The same for float.
AIFT_MATH float exp(float x) noexcept { return exp_lane<Lane<float>>(x); }

}  // namespace aift::math
