// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include <aift/core/types.hpp>

/// Marks the small functions of math/: host and device like AIFT_HD, and inlined into whatever
/// calls them, so that a caller compiled for a CPU with FMA gets that instruction and not a call of
/// `fma`.
#if defined(__CUDACC__)
#define AIFT_MATH __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define AIFT_MATH inline __attribute__((always_inline))
#else
#define AIFT_MATH inline
#endif

namespace aift::math {

/// a b + c, rounded once, on every machine: the instruction where there is one, the C library's
/// correct (slow) function where there is none. The only fused operation of the library.
AIFT_MATH double fma(double a, double b, double c) noexcept {
#if defined(__CUDA_ARCH__)
  return __fma_rn(a, b, c);
#elif defined(__GNUC__)
  return __builtin_fma(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

/// The same for float.
AIFT_MATH float fma(float a, float b, float c) noexcept {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#elif defined(__GNUC__)
  return __builtin_fmaf(a, b, c);
#else
  return std::fma(a, b, c);
#endif
}

/// What log and exp are written over: a *lane type* names a vector of reals, a vector of unsigned
/// integers of the same width and a mask, and the operations between them. Besides the functions
/// below a body uses + - * of Real and + - & | of Bits, nothing else; every one of these is exact
/// or correctly rounded, so that two lane types agree bit for bit.
///
/// `Lane<double>` and `Lane<float>` are one lane on host and device. A vector version supplies a
/// struct with the same members over its own types.
template <class T>
struct Lane;

/// One double.
template <>
struct Lane<double> {
  using Scalar = double;       ///< one value
  using Real = double;         ///< the vector of reals: here one
  using Bits = std::uint64_t;  ///< integers of the same width
  using Mask = bool;           ///< what `less` gives

  static AIFT_MATH Real real(Scalar x) noexcept { return x; }         ///< broadcast
  static AIFT_MATH Bits bits(std::uint64_t x) noexcept { return x; }  ///< broadcast
  /// a b + c, rounded once
  static AIFT_MATH Real fma(Real a, Real b, Real c) noexcept { return math::fma(a, b, c); }
  static AIFT_MATH Mask less(Real a, Real b) noexcept { return a < b; }  ///< false with a NaN
  static AIFT_MATH Real select(Mask m, Real a, Real b) noexcept {
    return m ? a : b;
  }  ///< m ? a : b
  /// The bits of a real.
  static AIFT_MATH Bits to_bits(Real x) noexcept {
    Bits b;
    std::memcpy(&b, &x, sizeof b);
    return b;
  }
  /// The real of these bits.
  static AIFT_MATH Real from_bits(Bits b) noexcept {
    Real x;
    std::memcpy(&x, &b, sizeof x);
    return x;
  }
  /// By kCount bits.
  template <int kCount>
  static AIFT_MATH Bits shift_left(Bits b) noexcept {
    return b << kCount;
  }
  template <int kCount>
  static AIFT_MATH Bits shift_right(Bits b) noexcept {  ///< zeros come in
    return b >> kCount;
  }
};

/// One float.
template <>
struct Lane<float> {
  using Scalar = float;        ///< one value
  using Real = float;          ///< the vector of reals: here one
  using Bits = std::uint32_t;  ///< integers of the same width
  using Mask = bool;           ///< what `less` gives

  static AIFT_MATH Real real(Scalar x) noexcept { return x; }         ///< broadcast
  static AIFT_MATH Bits bits(std::uint32_t x) noexcept { return x; }  ///< broadcast
  /// a b + c, rounded once
  static AIFT_MATH Real fma(Real a, Real b, Real c) noexcept { return math::fma(a, b, c); }
  static AIFT_MATH Mask less(Real a, Real b) noexcept { return a < b; }  ///< false with a NaN
  static AIFT_MATH Real select(Mask m, Real a, Real b) noexcept {
    return m ? a : b;
  }  ///< m ? a : b
  /// The bits of a real.
  static AIFT_MATH Bits to_bits(Real x) noexcept {
    Bits b;
    std::memcpy(&b, &x, sizeof b);
    return b;
  }
  /// The real of these bits.
  static AIFT_MATH Real from_bits(Bits b) noexcept {
    Real x;
    std::memcpy(&x, &b, sizeof x);
    return x;
  }
  /// By kCount bits.
  template <int kCount>
  static AIFT_MATH Bits shift_left(Bits b) noexcept {
    return b << kCount;
  }
  template <int kCount>
  static AIFT_MATH Bits shift_right(Bits b) noexcept {  ///< zeros come in
    return b >> kCount;
  }
};

/// What the bodies of log and exp know about a format.
template <class T>
struct Format;

/// binary64
template <>
struct Format<double> {
  static constexpr int kFraction = 52;                                ///< bits of the fraction
  static constexpr std::uint64_t kFractionMask = 0xFFFFFFFFFFFFFU;    ///< its bits
  static constexpr std::uint64_t kOne = 0x3FF0000000000000U;          ///< bits of 1
  static constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCDU;     ///< bits of sqrt(1/2)
  static constexpr std::uint64_t kTwoFraction = 0x4330000000000000U;  ///< bits of 2^52
  static constexpr std::uint64_t kBias = 1023;                        ///< of the exponent
  static constexpr double kLn2High = 0x1.62e42fefp-1;  ///< ln 2 to 32 bits: times an exponent exact
  static constexpr double kLn2Low = 0x1.473de6af278edp-34;  ///< the rest of ln 2
};

/// binary32
template <>
struct Format<float> {
  static constexpr int kFraction = 23;                        ///< bits of the fraction
  static constexpr std::uint32_t kFractionMask = 0x7FFFFFU;   ///< its bits
  static constexpr std::uint32_t kOne = 0x3F800000U;          ///< bits of 1
  static constexpr std::uint32_t kSqrtHalf = 0x3F3504F3U;     ///< bits of sqrt(1/2)
  static constexpr std::uint32_t kTwoFraction = 0x4B000000U;  ///< bits of 2^23
  static constexpr std::uint32_t kBias = 127;                 ///< of the exponent
  /// ln 2, short enough that its product with an exponent is exact
  static constexpr float kLn2High = 0x1.62e4p-1F;
  static constexpr float kLn2Low = 0x1.7f7d1cp-20F;  ///< the rest of ln 2
};

}  // namespace aift::math
