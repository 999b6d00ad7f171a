// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "group.hpp"

namespace aift::cuda::detail {

#define AIFT_DEVICE_BODY __host__ __device__ __forceinline__

/// A warp that shares a row: lane a holds partial sum a.
class WarpTeam {
 public:
  AIFT_DEVICE_BODY bool leads() const { return lane() == 0; }
  template <class F>
  AIFT_DEVICE_BODY void each(int classes, const F& f) const {
    for (int k = lane(); k < classes; k += math::kClassLanes)
      f(k);
    sync();
  }
  template <class T, class F>
  AIFT_DEVICE_BODY T class_sum(int classes, const F& f) const {
    T partial{0};
    AIFT_UNROLL_4
    for (int k = lane(); k < classes; k += math::kClassLanes)
      partial = f(k, partial);
    // Both partners add the same two numbers, so all lanes end with the sum of the tree.
    AIFT_UNROLL
    for (int stride = math::kClassLanes / 2; stride > 0; stride /= 2)
      partial += other(partial, stride);
    return partial;
  }
  template <class T, class F>
  AIFT_DEVICE_BODY Two<T> class_sums(int classes, const F& f) const {
    Two<T> partial{T{0}, T{0}};
    AIFT_UNROLL_4
    for (int k = lane(); k < classes; k += math::kClassLanes)
      partial = f(k, partial);
    AIFT_UNROLL
    for (int stride = math::kClassLanes / 2; stride > 0; stride /= 2) {
      partial.first += other(partial.first, stride);
      partial.second += other(partial.second, stride);
    }
    return partial;
  }
  template <class F>
  AIFT_DEVICE_BODY bool any(int classes, const F& f) const {
    bool found = false;
    for (int k = lane(); k < classes; k += math::kClassLanes)
      found = found || f(k);
    return vote(found);
  }
  AIFT_DEVICE_BODY bool vote(bool flag) const {
#if defined(__CUDA_ARCH__)
    return __any_sync(0xFFFFFFFFU, flag) != 0;
#else
    return flag;
#endif
  }
  template <class T, class F>
  AIFT_DEVICE_BODY Located<T> largest(int classes, const F& f) const {
    // A lane without a class repeats class 0, which changes nothing.
    const int first = lane() < classes ? lane() : 0;
    Located<T> best{f(first), first};
    for (int k = lane() + math::kClassLanes; k < classes; k += math::kClassLanes) {
      const T x = f(k);
      if (x > best.value) best = {x, k};
    }
    AIFT_UNROLL
    for (int stride = math::kClassLanes / 2; stride > 0; stride /= 2) {
      const T x = other(best.value, stride);
      const int k = other(best.index, stride);
      if (x > best.value || (x == best.value && k < best.index)) best = {x, k};
    }
    return best;
  }
  template <class T, class F>
  AIFT_DEVICE_BODY Two<T> top_two(int classes, const F& f) const {
    // Below every mean probability: lanes without a class.
    Two<T> top{T{-1}, T{-1}};
    for (int k = lane(); k < classes; k += math::kClassLanes)
      LaneTeam<kNarrowClasses>::take(top, f(k));
    AIFT_UNROLL
    for (int stride = math::kClassLanes / 2; stride > 0; stride /= 2) {
      const T a = other(top.first, stride);
      const T b = other(top.second, stride);
      LaneTeam<kNarrowClasses>::take(top, a);
      LaneTeam<kNarrowClasses>::take(top, b);
    }
    return top;
  }

 private:
  static AIFT_DEVICE_BODY void sync() {
#if defined(__CUDA_ARCH__)
    __syncwarp();
#endif
  }
  static AIFT_DEVICE_BODY int lane() {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(threadIdx.x) % math::kClassLanes;
#else
    return 0;
#endif
  }
  template <class T>
  static AIFT_DEVICE_BODY T other(T x, int stride) {
#if defined(__CUDA_ARCH__)
    return __shfl_xor_sync(0xFFFFFFFFU, x, stride);
#else
    return x;
#endif
  }
};

/// The threads of a one-dimensional block of whole warps.
class BlockGroup {
 public:
  AIFT_DEVICE_BODY int size() const {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(blockDim.x);
#else
    return 1;
#endif
  }
  template <class F>
  AIFT_DEVICE_BODY void each(index_t n, const F& f) const {
    const int count = static_cast<int>(n);
    for (int i = rank(); i < count; i += size())
      f(i);
  }
  template <int kMost, class F>
  AIFT_DEVICE_BODY void rows(index_t n, const F& f) const {
    const int count = static_cast<int>(n);
    if constexpr (kMost == kWide) {
      for (int row = rank() / math::kClassLanes; row < count; row += size() / math::kClassLanes)
        f(WarpTeam{}, row);
    } else {
      for (int row = rank(); row < count; row += size())
        f(LaneTeam<kMost>{}, row);
    }
  }
  template <class Load, class Store>
  AIFT_DEVICE_BODY void batches(index_t n, const Load& load, const Store& store) const {
    constexpr int kAtOnce = 4;
    const int count = static_cast<int>(n);
    int i = rank();
    for (; i + (kAtOnce - 1) * size() < count; i += kAtOnce * size()) {
      decltype(load(0)) loaded[kAtOnce];
      AIFT_UNROLL
      for (int a = 0; a < kAtOnce; ++a)
        loaded[a] = load(i + a * size());
      AIFT_UNROLL
      for (int a = 0; a < kAtOnce; ++a)
        store(i + a * size(), loaded[a]);
    }
    for (; i < count; i += size())
      store(i, load(i));
  }
  template <class F>
  AIFT_DEVICE_BODY int count(index_t n, const F& f) const {
    const int items = static_cast<int>(n);
    int found = 0;
#if defined(__CUDA_ARCH__)
    for (int first = 0; first < items; first += size()) {
      const int i = first + rank();
      found += __syncthreads_count(i < items && f(i) ? 1 : 0);
    }
#else
    for (int i = 0; i < items; ++i)
      found += f(i) ? 1 : 0;
#endif
    return found;
  }
  AIFT_DEVICE_BODY void sync() const {
#if defined(__CUDA_ARCH__)
    __syncthreads();
#endif
  }

 private:
  static AIFT_DEVICE_BODY int rank() {
#if defined(__CUDA_ARCH__)
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }
};

#undef AIFT_DEVICE_BODY

}  // namespace aift::cuda::detail
