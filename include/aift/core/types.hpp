// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Marks functions that are compiled for host and device from one body (house style: plain scalars
/// and pointers only, no allocation, no exceptions).
#if defined(__CUDACC__)
#define AIFT_HD __host__ __device__ inline
#else
#define AIFT_HD inline
#endif

namespace aift {

/// Every size and every index of the library: signed, 64 bit, counted from 0.
using index_t = std::int64_t;

/// Class number of a label; kUnlabelled where nobody has looked yet.
using label_t = std::int32_t;

/// The label of a candidate that has none.
inline constexpr label_t kUnlabelled = -1;

}  // namespace aift
