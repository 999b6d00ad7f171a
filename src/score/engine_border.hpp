// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, behind simd_lane.hpp.
//
// The m-th largest of up to kMostSorted values in every lane, by sorting networks: blocks of eight
// values are sorted in registers and merged into a list of those that may still be it. Where more
// than half of the values are wanted, it is found from below.

/// Values that are sorted; more are selected one candidate at a time.
inline constexpr index_t kMostSorted = 64;

/// kDescending: large values come first, else small ones.
template <class S, bool kDescending>
struct Border {
  using V = typename S::Real;
  static constexpr int kBlock = 8;
  static constexpr int kMostBlocks = static_cast<int>(kMostSorted) / 2 / kBlock;
  V list[kMostBlocks * kBlock];  // the first values so far, in order
  int blocks = 0;                // so many blocks of them

  static AIFT_MATH V first(V a, V b) { return kDescending ? S::max(a, b) : S::min(a, b); }
  static AIFT_MATH V second(V a, V b) { return kDescending ? S::min(a, b) : S::max(a, b); }
  static AIFT_MATH void order(V& a, V& b) {
    const V x = a;
    a = first(x, b);
    b = second(x, b);
  }

  static AIFT_MATH void sort_four(V* x) {
    order(x[0], x[2]), order(x[1], x[3]);
    order(x[0], x[1]), order(x[2], x[3]);
    order(x[1], x[2]);
  }
  static AIFT_MATH void sort_eight(V* x) {  // 19 comparators, the fewest there are
    order(x[0], x[2]), order(x[1], x[3]), order(x[4], x[6]), order(x[5], x[7]);
    order(x[0], x[4]), order(x[1], x[5]), order(x[2], x[6]), order(x[3], x[7]);
    order(x[0], x[1]), order(x[2], x[3]), order(x[4], x[5]), order(x[6], x[7]);
    order(x[2], x[4]), order(x[3], x[5]);
    order(x[1], x[4]), order(x[3], x[6]);
    order(x[1], x[2]), order(x[3], x[4]), order(x[5], x[6]);
  }
  /// Eight values that go up and then down, or the other way, by ordering those 4, 2 and 1 apart.
  static AIFT_MATH void sort_bitonic(V* x) {
    order(x[0], x[4]), order(x[1], x[5]), order(x[2], x[6]), order(x[3], x[7]);
    order(x[0], x[2]), order(x[1], x[3]), order(x[4], x[6]), order(x[5], x[7]);
    order(x[0], x[1]), order(x[2], x[3]), order(x[4], x[5]), order(x[6], x[7]);
  }
  /// Two blocks in order become one of twice the length.
  static AIFT_MATH void merge(V* ahead, V* behind) {
    V a[kBlock], b[kBlock];
#pragma GCC unroll 8
    for (int i = 0; i < kBlock; ++i) {
      const V y = behind[kBlock - 1 - i];
      a[i] = first(ahead[i], y);
      b[i] = second(ahead[i], y);
    }
    sort_bitonic(a);
    sort_bitonic(b);
#pragma GCC unroll 8
    for (int i = 0; i < kBlock; ++i) {
      ahead[i] = a[i];
      behind[i] = b[i];
    }
  }
  /// Eight values more; the list keeps the first `most` blocks.
  AIFT_MATH void add(const V* values, int most) {
    V x[kBlock];
#pragma GCC unroll 8
    for (int i = 0; i < kBlock; ++i)
      x[i] = values[i];
    sort_eight(x);
    if (blocks == most) {
      V* const last = list + (most - 1) * kBlock;
#pragma GCC unroll 8
      for (int i = 0; i < kBlock; ++i)
        x[i] = first(x[i], last[kBlock - 1 - i]);
      sort_bitonic(x);
    } else {
      ++blocks;
    }
    V* const last = list + (blocks - 1) * kBlock;
#pragma GCC unroll 8
    for (int i = 0; i < kBlock; ++i)
      last[i] = x[i];
    for (V* at = last; at != list; at -= kBlock)
      merge(at - kBlock, at);
  }
  /// The rank-th of all values, counted from 1: rank <= (q + 1) / 2.
  AIFT_MATH V find(const V* values, index_t q, index_t rank) {
    const index_t before = (q - 1) / kBlock * kBlock;
    const int most = static_cast<int>((rank + kBlock - 1) / kBlock);
    for (index_t j = 0; j < before; j += kBlock)
      add(values + j, most);
    // The last block needs no merging. Of i values of it and rank - i of the list, the first of each,
    // the last is no further ahead than the rank-th of all, and for one i it is that one.
    const index_t rest = q - before;
    const V never = S::real(kDescending ? -std::numeric_limits<typename S::Scalar>::infinity()
                                        : std::numeric_limits<typename S::Scalar>::infinity());
    V x[kBlock];
    for (index_t i = 0; i < kBlock; ++i)
      x[i] = i < rest ? values[before + i] : never;
    if (rest <= 4) {
      sort_four(x);
    } else {
      sort_eight(x);
    }
    if (before == 0) return x[rank - 1];
    V found = list[rank - 1];
    for (index_t i = 1; i <= smaller(rest, rank); ++i)
      found = first(found, i < rank ? second(list[rank - i - 1], x[i - 1]) : x[i - 1]);
    return found;
  }
};

/// The m-th largest of q values, 1 <= m <= q <= kMostSorted.
template <class S>
AIFT_MATH typename S::Real border_of(const typename S::Real* values, index_t q, index_t m) {
  if (2 * m <= q + 1) {
    Border<S, true> border;
    return border.find(values, q, m);
  }
  Border<S, false> border;
  return border.find(values, q, q + 1 - m);
}
