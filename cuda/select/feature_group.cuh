// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cuda/core/block_group.cuh"
#include "features_body.hpp"

namespace aift::cuda::detail {

/// Half a warp that shares a row of features.
class FeatureTeam {
 public:
  __device__ __forceinline__ bool leads() const { return lane() == 0; }
  __device__ __forceinline__ float squared(const float* x, const float* y, index_t columns) const {
    float sum = 0;
    AIFT_UNROLL_4
    for (index_t f = lane(); f < columns; f += kFeatureLanes) {
      const float off = x[f] - y[f];
      sum = fmaf(off, off, sum);
    }
    // Both partners add the same two numbers. The other half of the warp may be elsewhere.
    const unsigned half = 0xFFFFU << (threadIdx.x & kFeatureLanes);
    AIFT_UNROLL
    for (int apart = kFeatureLanes / 2; apart > 0; apart /= 2)
      sum += __shfl_xor_sync(half, sum, apart);
    return sum;
  }

 private:
  static __device__ __forceinline__ int lane() {
    return static_cast<int>(threadIdx.x) % kFeatureLanes;
  }
};

/// A block of kTileThreads threads that works on features.
class FeatureBlock : public BlockGroup {
 public:
  template <class F>
  __device__ __forceinline__ void feature_rows(index_t n, const F& f) const {
    constexpr int kTeams = kTileThreads / kFeatureLanes;
    const int count = static_cast<int>(n);
    for (int row = static_cast<int>(threadIdx.x) / kFeatureLanes; row < count; row += kTeams)
      f(FeatureTeam{}, row);
  }
  template <class State>
  struct Lanes {
    State of;
  };
  template <class State>
  __device__ __forceinline__ Lanes<State> lanes() const {
    return {};
  }
  template <class F, class... State>
  __device__ __forceinline__ void each_lane(const F& f, Lanes<State>&... lanes) const {
    f(static_cast<int>(threadIdx.x), lanes.of...);
  }
};

}  // namespace aift::cuda::detail
