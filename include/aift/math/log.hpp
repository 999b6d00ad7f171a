// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include <aift/math/lane.hpp>

namespace aift::math {

namespace detail {

/// P(f) of log1p(f) = f + f^2 (-1/2 + f P(f)) on [sqrt(1/2) - 1, sqrt(2) - 1], even and odd powers
/// apart to halve the chain of dependent operations. Coefficients: src/math/coefficients.py.
template <class L>
AIFT_MATH typename L::Real log_polynomial(typename L::Real f, typename L::Real f2,
                                          double /*format*/) noexcept {
  auto even = L::fma(f2, L::real(0x1.d2aff36fa46b5p-5), L::real(0x1.bbacf7c26bcd1p-5));
  auto odd = L::fma(f2, L::real(-0x1.8dbdb469a27e7p-6), L::real(-0x1.0106866bd408dp-4));
  even = L::fma(f2, even, L::real(0x1.dc97bf3d4c498p-5));
  odd = L::fma(f2, odd, L::real(-0x1.b45ea88c456bfp-5));
  even = L::fma(f2, even, L::real(0x1.1169ffab31577p-4));
  odd = L::fma(f2, odd, L::real(-0x1.00cfa187498f9p-4));
  even = L::fma(f2, even, L::real(0x1.3b0d78e6b73a0p-4));
  odd = L::fma(f2, odd, L::real(-0x1.24894c642afa2p-4));
  even = L::fma(f2, even, L::real(0x1.745d58ce8529dp-4));
  odd = L::fma(f2, odd, L::real(-0x1.555576b27c948p-4));
  even = L::fma(f2, even, L::real(0x1.c71c702e3774bp-4));
  odd = L::fma(f2, odd, L::real(-0x1.99999aa0e9ddep-4));
  even = L::fma(f2, even, L::real(0x1.249249275d162p-3));
  odd = L::fma(f2, odd, L::real(-0x1.fffffff3a531bp-4));
  even = L::fma(f2, even, L::real(0x1.9999999994dccp-3));
  odd = L::fma(f2, odd, L::real(-0x1.555555556b1efp-3));
  even = L::fma(f2, even, L::real(0x1.555555555556bp-2));
  odd = L::fma(f2, odd, L::real(-0x1.ffffffffffe7bp-3));
  return L::fma(f, odd, even);
}

/// The same for float.
template <class L>
AIFT_MATH typename L::Real log_polynomial(typename L::Real f, typename L::Real f2,
                                          float /*format*/) noexcept {
  auto even = L::fma(f2, L::real(0x1.145796p-4F), L::real(0x1.e6f06ap-4F));
  auto odd = L::fma(f2, L::real(-0x1.de3c04p-4F), L::real(-0x1.fc220ap-4F));
  even = L::fma(f2, even, L::real(0x1.233768p-3F));
  odd = L::fma(f2, odd, L::real(-0x1.555c4ep-3F));
  even = L::fma(f2, even, L::real(0x1.99a4b6p-3F));
  odd = L::fma(f2, odd, L::real(-0x1.000006p-2F));
  even = L::fma(f2, even, L::real(0x1.555548p-2F));
  return L::fma(f, odd, even);
}

/// k ln 2 + log1p(f + low), low far below f, without low where kWhole;
/// sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
template <class L, bool kWhole>
AIFT_MATH typename L::Real log_assemble(typename L::Real k, typename L::Real f,
                                        typename L::Real low) noexcept {
  using S = typename L::Scalar;
  const auto f2 = f * f;
  const auto tail = f2 * L::fma(f, log_polynomial<L>(f, f2, S{}), L::real(S{-0.5}));
  // k times the high part of ln 2 is exact: it needs no rounding of its own.
  const auto sum = L::fma(k, L::real(Format<S>::kLn2High), f);
  auto rest = f - L::fma(k, L::real(-Format<S>::kLn2High), sum);  // what the sum lost
  if constexpr (!kWhole) rest = rest + low;
  return sum + (rest + L::fma(k, L::real(Format<S>::kLn2Low), tail));
}

/// Exponent and fraction: x = 2^k m with sqrt(1/2) <= m < sqrt(2), for a positive normal x.
template <class L>
struct Split {
  typename L::Bits biased;  ///< k + bias
  typename L::Real k;       ///< k, less `scaled`
  typename L::Real m;
};

template <class L>
AIFT_MATH Split<L> log_split(typename L::Real x, typename L::Real offset) noexcept {
  using S = typename L::Scalar;
  using F = Format<S>;
  const auto shifted = L::to_bits(x) + L::bits(F::kOne - F::kSqrtHalf);
  Split<L> split;
  split.biased = L::template shift_right<F::kFraction>(shifted);
  // An integer below 2^fraction, put into the fraction of 2^fraction, is a real number at once.
  split.k = L::from_bits(split.biased | L::bits(F::kTwoFraction)) - offset;
  split.m = L::from_bits((shifted & L::bits(F::kFractionMask)) + L::bits(F::kSqrtHalf));
  return split;
}

/// 2^fraction + bias: what the trick above adds to k.
template <class S>
inline constexpr S kLogOffset = static_cast<S>((std::uint64_t{1} << Format<S>::kFraction) +
                                               Format<S>::kBias);

}  // namespace detail

/// Natural logarithm of a positive, normal, finite x; anything else gives a meaningless number.
/// error  as `log`, with which it agrees bit for bit there
template <class L>
AIFT_MATH typename L::Real log_normal_lane(typename L::Real x) noexcept {
  using S = typename L::Scalar;
  const auto split = detail::log_split<L>(x, L::real(detail::kLogOffset<S>));
  return detail::log_assemble<L, true>(split.k, split.m - L::real(S{1}), L::real(S{0}));
}

/// Natural logarithm over a lane type, all of its range: log(0) = -inf, log(inf) = inf, NaN for
/// negative numbers and NaN.
template <class L>
AIFT_MATH typename L::Real log_lane(typename L::Real x) noexcept {
  using S = typename L::Scalar;
  using Limits = std::numeric_limits<S>;
  constexpr S kUp = static_cast<S>(std::uint64_t{4} << Format<S>::kFraction);  // normalises
  const auto tiny = L::less(x, L::real(Limits::min()));
  const auto scaled = L::select(tiny, x * L::real(kUp), x);
  constexpr S kOffset = detail::kLogOffset<S>;
  const auto offset =
      L::select(tiny, L::real(kOffset + S{2 + Format<S>::kFraction}), L::real(kOffset));
  const auto split = detail::log_split<L>(scaled, offset);
  const auto y = detail::log_assemble<L, true>(split.k, split.m - L::real(S{1}), L::real(S{0}));
  const auto zero = L::real(S{0});
  const auto infinity = L::real(Limits::infinity());
  const auto above = L::select(L::less(x, infinity), y, infinity);
  const auto nan = L::real(Limits::quiet_NaN());
  const auto not_above = L::select(L::less(x, zero), nan, x - infinity);  // 0: -inf; NaN: NaN
  return L::select(L::less(zero, x), above, not_above);
}

/// log(1 + r) over a lane type, 0 <= r < 2^1022 (float: 2^126): accurate for tiny r as well.
template <class L>
AIFT_MATH typename L::Real log1p_lane(typename L::Real r) noexcept {
  using S = typename L::Scalar;
  using F = Format<S>;
  const auto one = L::real(S{1});
  const auto u = one + r;
  const auto lost = L::select(L::less(r, one), r - (u - one), one - (u - r));  // 1 + r - u, exactly
  const auto split = detail::log_split<L>(u, L::real(detail::kLogOffset<S>));
  // 2^-k
  const auto shrink =
      L::from_bits(L::template shift_left<F::kFraction>(L::bits(2 * F::kBias) - split.biased));
  const auto m1 = split.m - one;
  const auto part = lost * shrink;
  const auto f = m1 + part;
  return detail::log_assemble<L, false>(split.k, f, part - (f - m1));
}

/// Natural logarithm, the library's own: the same bits on every machine.
///
/// range   everything, subnormals included; log(0) = -inf, log(inf) = inf, NaN for negative numbers
/// error   at most 1 ulp; largest measured 0.906 (double, 1.8 10^8 random numbers), 0.892 (every
/// float)
AIFT_MATH double log(double x) noexcept { return log_lane<Lane<double>>(x); }
/// The same for float.
AIFT_MATH float log(float x) noexcept { return log_lane<Lane<float>>(x); }

/// log(1 + r), 0 <= r < 2^1022 (float: 2^126); anything else gives a meaningless number.
/// error   at most 1 ulp; largest measured 0.937 (double, 6 10^7 random numbers), 0.992 (every
/// float)
AIFT_MATH double log1p(double r) noexcept { return log1p_lane<Lane<double>>(r); }
/// The same for float.
AIFT_MATH float log1p(float r) noexcept { return log1p_lane<Lane<float>>(r); }

}  // namespace aift::math
