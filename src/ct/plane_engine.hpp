// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <aift/augment/plane_sample.hpp>

namespace aift::ct {

/// Renders a plane, row by row. All engines give the same bits.
using PlaneEngine = void (*)(const PlaneJob& job, std::int32_t height, std::int32_t width,
                             float* out);

/// Any machine.
void render_plane_scalar(const PlaneJob& job, std::int32_t height, std::int32_t width, float* out);
#if defined(__x86_64__) && defined(__GNUC__)
#define AIFT_HAS_AVX2_PLANES 1
/// Machines with AVX2.
void render_plane_avx2(const PlaneJob& job, std::int32_t height, std::int32_t width, float* out);
[[nodiscard]] bool avx2_planes_supported() noexcept;
#endif
/// The quickest one of this machine.
[[nodiscard]] PlaneEngine best_plane_engine() noexcept;

}  // namespace aift::ct
