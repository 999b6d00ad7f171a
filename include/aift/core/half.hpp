// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include <aift/core/types.hpp>

namespace aift {

/// IEEE 754 binary16 as it lies in memory: 1 sign, 5 exponent, 10 fraction bits. Storage only;
/// arithmetic happens after `to_float`.
struct half_t {
  std::uint16_t bits = 0;  ///< sign, exponent, fraction from the highest bit down
  friend constexpr bool operator==(half_t, half_t) = default;  ///< of the bits, so NaN == NaN
};

/// bfloat16 as it lies in memory: the upper half of a binary32. Storage only.
struct bfloat16_t {
  std::uint16_t bits = 0;  ///< upper half of the binary32
  friend constexpr bool operator==(bfloat16_t, bfloat16_t) = default;  ///< of the bits
};

/// Exact, every bit pattern included: subnormals, infinities, and NaN with its payload.
[[nodiscard]] constexpr AIFT_HD float to_float(half_t x) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (x.bits >> 10) & 0x1FU;
  const std::uint32_t fraction = x.bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction * 2^-24, exact in binary32
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide = exponent == 0x1FU ? 0xFFU : exponent + 112U;
  return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

/// Exact.
[[nodiscard]] constexpr AIFT_HD float to_float(bfloat16_t x) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// Nearest binary16, ties to even; beyond 65504 (from 65520 on) infinity; NaN stays (quiet) NaN.
[[nodiscard]] constexpr AIFT_HD half_t to_half(float x) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  std::uint32_t half = 0;
  if (magnitude > 0x7F800000U) {
    half = 0x7E00U | ((magnitude >> 13) & 0x1FFU);
  } else if (magnitude >= 0x477FF000U) {  // 65520 and above, infinity
    half = 0x7C00U;
  } else if (magnitude < 0x33000000U) {  // below 2^-25: zero (2^-25 itself is a tie, to even: zero)
    half = 0;
  } else {
    // The significand as an integer, shifted so that its last bit is the target's last bit.
    const std::uint32_t exponent = magnitude >> 23;
    const bool normal = exponent >= 113;
    const std::uint32_t significand = (magnitude & 0x7FFFFFU) | 0x800000U;
    const std::uint32_t shift = normal ? 13U : 126U - exponent;  // 13 .. 24
    const std::uint32_t kept = significand >> shift;
    const std::uint32_t rest = significand & ((1U << shift) - 1U);
    const std::uint32_t tie = 1U << (shift - 1U);
    const std::uint32_t up = rest > tie || (rest == tie && (kept & 1U) != 0) ? 1U : 0U;
    // kept holds the implicit bit of a normal number; adding lets a carry move into the exponent.
    half = (normal ? (exponent - 113U) << 10 : 0U) + kept + up;
  }
  return half_t{static_cast<std::uint16_t>(sign | half)};
}

/// Nearest bfloat16, ties to even; overflow to infinity; NaN stays (quiet) NaN.
[[nodiscard]] constexpr AIFT_HD bfloat16_t to_bfloat16(float x) noexcept {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) {
    return bfloat16_t{static_cast<std::uint16_t>((bits >> 16) | 0x40U)};
  }
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16) & 1U);
  return bfloat16_t{static_cast<std::uint16_t>(rounded >> 16)};
}

/// binary32 rounded to odd: a binary64 goes through it to a shorter type without rounding twice.
[[nodiscard]] constexpr AIFT_HD float round_to_odd(double x) noexcept {
  const float nearest = static_cast<float>(x);
  const double back = static_cast<double>(nearest);
  if (back == x || x != x) return nearest;
  std::uint32_t bits = std::bit_cast<std::uint32_t>(nearest);
  const bool away = (x > 0) ? back > x : back < x;  // true for an overflow to infinity as well
  if (away) --bits;                                 // towards zero ...
  return std::bit_cast<float>(bits | 1U);           // ... and the last bit says "not exact"
}

/// Nearest binary16 of a double, rounded once.
[[nodiscard]] constexpr AIFT_HD half_t to_half(double x) noexcept {
  return to_half(round_to_odd(x));
}

/// Nearest bfloat16 of a double, rounded once.
[[nodiscard]] constexpr AIFT_HD bfloat16_t to_bfloat16(double x) noexcept {
  return to_bfloat16(round_to_odd(x));
}

}  // namespace aift
