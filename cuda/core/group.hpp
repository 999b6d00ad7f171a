// SPDX-License-Identifier: Apache-2.0
#pragma once

// Kernel bodies are written over a *group*: what a block of a GPU does together, or what a host
// thread does in its stead, so that every body runs in tests without a GPU.
//
// A body is a sequence of phases. In a phase `group.each(n, f)` calls f(i) for every i < n, spread
// over the lanes in no order that a body may rely on; between phases `group.sync()`. What one phase
// writes the next one reads, through memory of the group. `group.rows<kMost>(n, f)` calls
// f(team, row): the lanes of a *team* (one lane for rows of up to kMost classes; the kClassLanes
// lanes of a warp when kMost is kWide) share a row and reduce over its classes in the order of
// aift/math/sum.hpp. `group.batches(n, load, store)` calls store(i, load(i)) for every i < n, with
// several loads under way.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include <aift/math/sum.hpp>

#include "src/core/unroll.hpp"

namespace aift::cuda::detail {

/// Rows up to this many classes are one lane's work.
inline constexpr int kNarrowClasses = 16;

/// A value and where it stands.
template <class T>
struct Located {
  T value;
  int index;
};

/// Two sums, or the largest number and the second largest.
template <class T>
struct Two {
  T first;
  T second;
};

template <class T>
AIFT_HD bool is_finite(T x) {
  return std::fabs(x) <= std::numeric_limits<T>::max();
}

/// For rows of any number of classes: a warp works on each.
inline constexpr int kWide = 0;

/// One lane that has a row of 2 to kMost classes for itself: few enough for the partial sums to stay
/// in registers.
template <int kMost>
class LaneTeam {
 public:
  /// Whether this lane writes the results of its team.
  AIFT_HD bool leads() const { return true; }
  /// f(k) for every class.
  template <class F>
  AIFT_HD void each(int classes, const F& f) const {
    for (int k = 0; k < classes; ++k)
      f(k);
  }
  /// Sum over classes: acc = f(k, acc) in the order of math/sum.hpp.
  template <class T, class F>
  AIFT_HD T class_sum(int classes, const F& f) const {
    T partial[kMost];
    AIFT_UNROLL
    for (int a = 0; a < kMost; ++a)
      partial[a] = a < classes ? f(a, T{0}) : T{0};
    AIFT_UNROLL
    for (int stride = 16; stride > 0; stride /= 2) {
      AIFT_UNROLL
      for (int a = 0; a < kMost; ++a) {
        if (a < stride && a + stride < kMost) partial[a] += partial[a + stride];
      }
    }
    return partial[0];
  }
  /// Two sums at a time: acc = f(k, acc).
  template <class T, class F>
  AIFT_HD Two<T> class_sums(int classes, const F& f) const {
    T second[kMost] = {};
    const T first = class_sum<T>(classes, [&](int k, T acc) {
      const Two<T> both = f(k, {acc, T{0}});
      second[k] = both.second;
      return both.first;
    });
    return {first, class_sum<T>(classes, [&](int k, T) { return second[k]; })};
  }
  /// Whether f(k) holds for any class.
  template <class F>
  AIFT_HD bool any(int classes, const F& f) const {
    bool found = false;
    for (int k = 0; k < classes; ++k)
      found = found || f(k);
    return found;
  }
  /// Whether a flag of any lane is set.
  AIFT_HD bool vote(bool flag) const { return flag; }
  /// Largest f(k), lowest k on a tie.
  template <class T, class F>
  AIFT_HD Located<T> largest(int classes, const F& f) const {
    Located<T> best{f(0), 0};
    for (int k = 1; k < classes; ++k) {
      const T x = f(k);
      if (x > best.value) best = {x, k};
    }
    return best;
  }
  /// Largest and second largest f(k).
  template <class T, class F>
  AIFT_HD Two<T> top_two(int classes, const F& f) const {
    const T a = f(0);
    const T b = f(1);
    Two<T> top = a > b ? Two<T>{a, b} : Two<T>{b, a};
    for (int k = 2; k < classes; ++k)
      take(top, f(k));
    return top;
  }
  template <class T>
  static AIFT_HD void take(Two<T>& top, T x) {
    top.second = x > top.first ? top.first : (x > top.second ? x : top.second);
    top.first = x > top.first ? x : top.first;
  }
};

/// kClassLanes lanes that share a row, run one after another on the host: the oracle of WarpTeam.
class SerialTeam {
  using OneLane = LaneTeam<kNarrowClasses>;

 public:
  bool leads() const { return true; }
  template <class F>
  void each(int classes, const F& f) const {
    for (int lane = math::kClassLanes - 1; lane >= 0; --lane) {  // no order to rely on
      for (int k = lane; k < classes; k += math::kClassLanes)
        f(k);
    }
  }
  template <class T, class F>
  T class_sum(int classes, const F& f) const {
    T partial[math::kClassLanes];
    for (int lane = 0; lane < math::kClassLanes; ++lane) {
      partial[lane] = T{0};
      for (int k = lane; k < classes; k += math::kClassLanes)
        partial[lane] = f(k, partial[lane]);
    }
    // Every lane adds its partner's sum, as the lanes of a warp do.
    for (int stride = math::kClassLanes / 2; stride > 0; stride /= 2) {
      T next[math::kClassLanes];
      for (int lane = 0; lane < math::kClassLanes; ++lane)
        next[lane] = partial[lane] + partial[lane ^ stride];
      for (int lane = 0; lane < math::kClassLanes; ++lane)
        partial[lane] = next[lane];
    }
    return partial[math::kClassLanes - 1];
  }
  template <class T, class F>
  Two<T> class_sums(int classes, const F& f) const {
    T second[math::kClassLanes] = {};
    const T first = class_sum<T>(classes, [&](int k, T acc) {
      const Two<T> both = f(k, {acc, second[k % math::kClassLanes]});
      second[k % math::kClassLanes] = both.second;
      return both.first;
    });
    return {first, class_sum<T>(math::kClassLanes, [&](int k, T) { return second[k]; })};
  }
  template <class F>
  bool any(int classes, const F& f) const {
    return OneLane{}.any(classes, f);
  }
  bool vote(bool flag) const { return flag; }  // one variable stands for that of every lane
  template <class T, class F>
  Located<T> largest(int classes, const F& f) const {
    return OneLane{}.largest<T>(classes, f);
  }
  template <class T, class F>
  Two<T> top_two(int classes, const F& f) const {
    return OneLane{}.top_two<T>(classes, f);
  }
};

/// kLanes lanes, run one after another between two barriers, by a host thread.
template <int kLanes>
class HostGroup {
 public:
  int size() const { return kLanes; }
  template <class F>
  void each(index_t n, const F& f) const {
    for (int lane = kLanes - 1; lane >= 0; --lane) {  // no order to rely on
      for (index_t i = lane; i < n; i += kLanes)
        f(static_cast<int>(i));
    }
  }
  template <int kMost, class F>
  void rows(index_t n, const F& f) const {
    if constexpr (kMost != kWide) {
      each(n, [&](int row) { f(LaneTeam<kMost>{}, row); });
    } else {
      for (index_t row = n - 1; row >= 0; --row)
        f(SerialTeam{}, static_cast<int>(row));
    }
  }
  template <class Load, class Store>
  void batches(index_t n, const Load& load, const Store& store) const {
    each(n, [&](int i) { store(i, load(i)); });
  }
  /// How many i < n fulfil f; every lane gets the number. A barrier.
  template <class F>
  int count(index_t n, const F& f) const {
    int found = 0;
    for (index_t i = 0; i < n; ++i)
      found += f(static_cast<int>(i)) ? 1 : 0;
    return found;
  }
  void sync() const {}
};

/// Copies a unit of 8 or 16 bytes from a device's memory into the group's own; there after
/// `wait_copies` of the lane that called it.
template <class Unit>
AIFT_HD void copy_async(Unit* to, const Unit* from) {
  static_assert(sizeof(Unit) == 8 || sizeof(Unit) == 16);
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  if constexpr (sizeof(Unit) == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(address), "l"(from) : "memory");
  }
#else
  *to = *from;
#endif
}

/// Until the copies of this lane are there.
AIFT_HD void wait_copies() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/// Memory that is about to be read; nothing depends on it.
AIFT_HD void prefetch(const void* address) {
#if defined(__CUDA_ARCH__)
  asm volatile("prefetch.global.L2 [%0];" ::"l"(address));
#else
  static_cast<void>(address);
#endif
}

/// Sets bits of *word, whoever else does.
AIFT_HD void set_bits(std::uint32_t* word, std::uint32_t bits) {
#if defined(__CUDA_ARCH__)
  atomicOr(word, bits);
#else
  *word |= bits;
#endif
}

/// How many bits are set.
AIFT_HD int bits_in(std::uint32_t word) {
#if defined(__CUDA_ARCH__)
  return __popc(word);
#else
  return std::popcount(word);
#endif
}

/// Lowers *word to `value`, by whichever lane is first.
AIFT_HD void lower(std::uint64_t* word, std::uint64_t value) {
#if defined(__CUDA_ARCH__)
  atomicMin(reinterpret_cast<unsigned long long*>(word), static_cast<unsigned long long>(value));
#else
  if (value < *word) *word = value;
#endif
}

/// *word += value; returns what stood there.
AIFT_HD std::uint32_t add(std::uint32_t* word, std::uint32_t value) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(word, value);
#else
  const std::uint32_t before = *word;
  *word += value;
  return before;
#endif
}

/// *word += value; returns what stood there.
AIFT_HD std::uint64_t add(std::uint64_t* word, std::uint64_t value) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(reinterpret_cast<unsigned long long*>(word),
                   static_cast<unsigned long long>(value));
#else
  const std::uint64_t before = *word;
  *word += value;
  return before;
#endif
}

}  // namespace aift::cuda::detail
