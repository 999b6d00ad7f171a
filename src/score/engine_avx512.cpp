// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <type_traits>
#include <utility>

#include <aift/core/half.hpp>
#include <aift/core/types.hpp>
#include <aift/score/majority.hpp>

#include "engine_list.hpp"

#if defined(AIFT_X86_ENGINES)

// GCC 12 takes the undefined sources of its own intrinsics for uninitialised variables.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

// From here on: the instruction set is no flag of the file, so that no inline function of a header
// above is compiled for it and then shared with the rest of the program.
#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")
#endif

#include "engine_simd.hpp"

namespace aift::score::detail {

extern const Engine kAvx512Engine = {"avx512", run_job<64>, scratch_of<64>, probe};

}  // namespace aift::score::detail

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
