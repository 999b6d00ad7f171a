// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <type_traits>

#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>
#include <aift/score/majority.hpp>

#include "engine.hpp"

#if defined(AIFT_HAS_AVX2_ENGINE)

// From here on, and only for what is defined here: the instruction set is no flag of the file, so
// that no inline function of a header is compiled for it and then shared with the rest of the
// program.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace aift::score::detail {

namespace {
#include "engine_body.hpp"
}  // namespace

Offender run_avx2(const Job& job) { return run_job(job); }

double contraction_probe_avx2(double a, double b, double c) noexcept { return probe(a, b, c); }

}  // namespace aift::score::detail

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
