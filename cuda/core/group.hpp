// SPDX-License-Identifier: Apache-2.0
#pragma once

// Kernel bodies are written over a *group*: what a block of a GPU does together, or what a host
// thread does in its stead, so that every body runs in tests without a GPU.
//
// A body is a sequence of phases. In a phase `group.each(n, f)` calls f(i) for every i < n, spread
// over the lanes in no order that a body may rely on; between phases `group.sync()`. What one phase
// writes the next one reads, through memory of the group. `group.rows(n, wide, f)` calls
// f(team, row): the lanes of a *team* (one lane, or the kClassLanes lanes of a warp when wide)
// share a row and reduce over its classes in the order of aift/math/sum.hpp.

#include <aift/math/sum.hpp>

#if defined(__CUDA_ARCH__)
#define AIFT_UNROLL _Pragma("unroll")
#else
#define AIFT_UNROLL
#endif

namespace aift::cuda::detail {

/// Rows up to this many classes are one lane's work.
inline constexpr int kNarrowClasses = 16;

/// A value and where it stands.
template <class T>
struct Located {
  T value;
  int index;
};

/// Largest and second largest.
template <class T>
struct TopTwo {
  T first;
  T second;
};

/// One lane that has a row of 2 to kNarrowClasses classes for itself: few enough for the partial
/// sums to stay in registers.
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
    if (classes == 2) return f(0, T{0}) + f(1, T{0});
    T partial[kNarrowClasses];
    AIFT_UNROLL
    for (int a = 0; a < kNarrowClasses; ++a)
      partial[a] = a < classes ? f(a, T{0}) : T{0};
    AIFT_UNROLL
    for (int stride = kNarrowClasses / 2; stride > 0; stride /= 2) {
      AIFT_UNROLL
      for (int a = 0; a < kNarrowClasses / 2; ++a) {
        if (a < stride) partial[a] += partial[a + stride];
      }
    }
    return partial[0];
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
  AIFT_HD TopTwo<T> top_two(int classes, const F& f) const {
    const T a = f(0);
    const T b = f(1);
    TopTwo<T> top = a > b ? TopTwo<T>{a, b} : TopTwo<T>{b, a};
    for (int k = 2; k < classes; ++k)
      take(top, f(k));
    return top;
  }
  template <class T>
  static AIFT_HD void take(TopTwo<T>& top, T x) {
    top.second = x > top.first ? top.first : (x > top.second ? x : top.second);
    top.first = x > top.first ? x : top.first;
  }
};

/// kClassLanes lanes that share a row, run one after another on the host: the oracle of WarpTeam.
class SerialTeam {
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
  template <class F>
  bool any(int classes, const F& f) const {
    return LaneTeam{}.any(classes, f);
  }
  bool vote(bool flag) const { return flag; }  // one variable stands for that of every lane
  template <class T, class F>
  Located<T> largest(int classes, const F& f) const {
    return LaneTeam{}.largest<T>(classes, f);
  }
  template <class T, class F>
  TopTwo<T> top_two(int classes, const F& f) const {
    return LaneTeam{}.top_two<T>(classes, f);
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
  template <class F>
  void rows(index_t n, bool wide, const F& f) const {
    if (!wide) {
      each(n, [&](int row) { f(LaneTeam{}, row); });
      return;
    }
    for (index_t row = n - 1; row >= 0; --row)
      f(SerialTeam{}, static_cast<int>(row));
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
