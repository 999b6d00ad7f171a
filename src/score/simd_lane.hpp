// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, inside an anonymous namespace, between the
// pragmas that choose it (engine_avx2.cpp, engine_avx512.cpp). Needs <immintrin.h>.

/// kBytes of E. (A typedef whose element does not depend on a template is taken for one E by
/// GCC 12.)
template <class E, int kBytes>
struct VectorOf {
  typedef E type __attribute__((vector_size(kBytes)));
};

/// A vector register of T as a lane type of math/lane.hpp: kBytes wide, 32 or 64.
template <class T, int kBytes>
struct Simd {
  static constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));
  using Scalar = T;
  using Word = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  typedef T Real __attribute__((vector_size(kBytes)));
  typedef Word Bits __attribute__((vector_size(kBytes)));
  using Mask = decltype(Real{} < Real{});

  static AIFT_MATH Real real(T x) noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if constexpr (kBytes == 64) return (Real)_mm512_set1_ps(x);
      if constexpr (kBytes == 32) return (Real)_mm256_set1_ps(x);
    } else {
      if constexpr (kBytes == 64) return (Real)_mm512_set1_pd(x);
      if constexpr (kBytes == 32) return (Real)_mm256_set1_pd(x);
    }
  }
  static AIFT_MATH Bits bits(std::uint64_t x) noexcept { return Bits{} + static_cast<Word>(x); }
  static AIFT_MATH Real fma(Real a, Real b, Real c) noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if constexpr (kBytes == 64) return (Real)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
      if constexpr (kBytes == 32) return (Real)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    } else {
      if constexpr (kBytes == 64) return (Real)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
      if constexpr (kBytes == 32) return (Real)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
    }
  }
  /// a < b ? a : b, as the instruction does it: b where one of them is NaN.
  static AIFT_MATH Real min(Real a, Real b) noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if constexpr (kBytes == 64) return (Real)_mm512_min_ps((__m512)a, (__m512)b);
      if constexpr (kBytes == 32) return (Real)_mm256_min_ps((__m256)a, (__m256)b);
    } else {
      if constexpr (kBytes == 64) return (Real)_mm512_min_pd((__m512d)a, (__m512d)b);
      if constexpr (kBytes == 32) return (Real)_mm256_min_pd((__m256d)a, (__m256d)b);
    }
  }
  /// a > b ? a : b
  static AIFT_MATH Real max(Real a, Real b) noexcept {
    if constexpr (std::is_same_v<T, float>) {
      if constexpr (kBytes == 64) return (Real)_mm512_max_ps((__m512)a, (__m512)b);
      if constexpr (kBytes == 32) return (Real)_mm256_max_ps((__m256)a, (__m256)b);
    } else {
      if constexpr (kBytes == 64) return (Real)_mm512_max_pd((__m512d)a, (__m512d)b);
      if constexpr (kBytes == 32) return (Real)_mm256_max_pd((__m256d)a, (__m256d)b);
    }
  }
  static AIFT_MATH Mask less(Real a, Real b) noexcept { return a < b; }
  static AIFT_MATH Real select(Mask m, Real a, Real b) noexcept { return m ? a : b; }
  static AIFT_MATH Real magnitude(Real x) noexcept {
    return from_bits(to_bits(x) & bits(~Word{0} >> 1));
  }
  static AIFT_MATH Bits to_bits(Real x) noexcept { return (Bits)x; }
  static AIFT_MATH Real from_bits(Bits b) noexcept { return (Real)b; }
  template <int kCount>
  static AIFT_MATH Bits shift_left(Bits b) noexcept {
    return b << kCount;
  }
  template <int kCount>
  static AIFT_MATH Bits shift_right(Bits b) noexcept {
    return b >> kCount;
  }

  static AIFT_MATH Real load(const T* from) noexcept {
    Real x;
    __builtin_memcpy(&x, from, sizeof x);
    return x;
  }
  static AIFT_MATH void store(T* to, Real x) noexcept { __builtin_memcpy(to, &x, sizeof x); }

  /// kLanes values of another type, as `static_cast<T>` converts each.
  template <class In>
  static AIFT_MATH Real load_converted(const In* from) noexcept {
    if constexpr (std::is_same_v<In, T>) {
      return load(from);
    } else if constexpr (std::is_same_v<In, half_t>) {
      using Floats = typename VectorOf<float, kLanes * 4>::type;
      Floats wide;
      if constexpr (kLanes == 16) {
        wide = (Floats)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
      } else if constexpr (kLanes == 8) {
        wide = (Floats)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
      } else {
        wide = (Floats)_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
      }
      return __builtin_convertvector(wide, Real);
    } else if constexpr (std::is_same_v<In, bfloat16_t>) {
      using Halves = typename VectorOf<std::uint16_t, kLanes * 2>::type;
      using Words = typename VectorOf<std::uint32_t, kLanes * 4>::type;
      using Floats = typename VectorOf<float, kLanes * 4>::type;
      Halves halves;
      __builtin_memcpy(&halves, from, sizeof halves);
      const Floats wide = (Floats)(__builtin_convertvector(halves, Words) << 16);
      return __builtin_convertvector(wide, Real);
    } else {
      using Ins = typename VectorOf<In, kLanes* static_cast<int>(sizeof(In))>::type;
      Ins x;
      __builtin_memcpy(&x, from, sizeof x);
      return __builtin_convertvector(x, Real);
    }
  }

  static AIFT_MATH bool any(Mask m) noexcept {
    if constexpr (kBytes == 64) return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
    if constexpr (kBytes == 32) return _mm256_testz_si256((__m256i)m, (__m256i)m) == 0;
  }

  /// rows[a][b] becomes rows[b][a].
  static AIFT_MATH void transpose(Real (&rows)[kLanes]) noexcept {
    Real other[kLanes];
    // Round s exchanges the off-diagonal blocks of s x s within blocks of 2s x 2s.
    if constexpr (kLanes == 4) {
      exchange<1>(rows, other);
      exchange<2>(other, rows);
    } else {
      exchange<1>(rows, other);
      exchange<2>(other, rows);
      exchange<4>(rows, other);
      if constexpr (kLanes == 16) {
        exchange<8>(other, rows);
      } else {
        for (int a = 0; a < kLanes; ++a)
          rows[a] = other[a];
      }
    }
  }

 private:
  template <int kStep>
  static AIFT_MATH void exchange(const Real (&in)[kLanes], Real (&out)[kLanes]) noexcept {
#pragma GCC unroll 16
    for (int a = 0; a < kLanes; ++a) {
      if ((a & kStep) != 0) continue;
      out[a] = mix<kStep, 0>(in[a], in[a + kStep], std::make_integer_sequence<int, kLanes>{});
      out[a + kStep] =
          mix<kStep, kStep>(in[a], in[a + kStep], std::make_integer_sequence<int, kLanes>{});
    }
  }
  template <int kStep, int kFrom, int... kLane>
  static AIFT_MATH Real mix(Real a, Real b, std::integer_sequence<int, kLane...>) noexcept {
    // Lane l takes column (l with bit kStep set to kFrom's) of a where its own bit is 0, else of b.
    return __builtin_shufflevector(
        a, b, (((kLane & ~kStep) | kFrom) + ((kLane & kStep) != 0 ? kLanes : 0))...);
  }
};
