// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <type_traits>
#include <utility>

#include <aift/core/half.hpp>
#include <aift/core/types.hpp>

#include "distances_list.hpp"

#if defined(AIFT_X86_DISTANCES)

// GCC 12 takes the undefined sources of its own intrinsics for uninitialised variables.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

// The instruction set is no flag of the file, for the reason given in src/score/engine_avx2.cpp.
#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")
#endif

#include <aift/math/exp.hpp>

namespace aift::select::detail {
namespace {

#include "src/score/simd_lane.hpp"

#include "distances_body.hpp"

}  // namespace

extern const DistanceEngine kAvx512Distances = {"avx512", tile<Simd<float, 64>, 16, 4, false>,
                                                tile<Simd<float, 64>, 16, 4, true>,
                                                gaussian<Simd<float, 64>, 16>};

}  // namespace aift::select::detail

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
