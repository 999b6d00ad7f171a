// SPDX-License-Identifier: Apache-2.0
#include "src/augment/render_engine.hpp"

namespace aift::render {

namespace {
#include "src/augment/render_engine_body.hpp"
}  // namespace

Engine baseline_engine() noexcept { return {fill_canvas, render_patch}; }

Engine best_engine() noexcept {
#if defined(AIFT_HAS_AVX2_RENDER)
  if (avx2_supported()) return avx2_engine();
#endif
  return baseline_engine();
}

}  // namespace aift::render
