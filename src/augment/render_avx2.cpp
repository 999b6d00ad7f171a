// SPDX-License-Identifier: Apache-2.0
#include "src/augment/render_engine.hpp"

#if defined(AIFT_HAS_AVX2_RENDER)

#include <immintrin.h>

#include "src/core/cpu.hpp"

#define AIFT_RENDER_AVX2 1

// From here on, and only for what is defined here: the instruction set is no flag of the file, so
// that no inline function of a header is compiled for it and then shared with the rest of the
// program.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,f16c")
#endif

namespace aift::render {

namespace {
#include "src/augment/render_engine_body.hpp"
}  // namespace

Engine avx2_engine() noexcept { return {fill_canvas, render_patch}; }

}  // namespace aift::render

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

namespace aift::render {

bool avx2_supported() noexcept {
  return __builtin_cpu_supports("avx2") && aift::detail::cpu_has_f16c();
}

}  // namespace aift::render

#endif
