// SPDX-License-Identifier: Apache-2.0
#pragma once

// The two loops of rendering, compiled once per instruction set from render_engine_body.hpp. Plain
// pointers: everything has been checked, memory has been provided. All engines give the same bits.

#include <cstddef>
#include <cstdint>

#include <aift/augment/batch_renderer.hpp>

#include "src/augment/render_pixel.hpp"

namespace aift::render {

/// Numbers that may be read and written behind an array in a vector's width.
inline constexpr std::size_t kSlack = 32;

/// A source averaged in boxes: red, green, blue and one unused value to a pixel, in steps of 1/256.
struct CanvasJob {
  ImageView image;
  std::int32_t box_x = 1;
  std::int32_t box_y = 1;
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::uint16_t* pixels = nullptr;  ///< [height, width, 4] and kSlack more
  std::uint16_t* sums = nullptr;    ///< [image.width * channels + kSlack], of rows
};

/// One patch from its canvas.
struct PatchJob {
  const Command* command = nullptr;
  Normal normal;
  const std::uint16_t* canvas = nullptr;  ///< a constant border's value behind its last pixel
  index_t channels = 3;
  std::int32_t height = 0;
  std::int32_t width = 0;
  void* out = nullptr;
  DType type = DType::f32;
  PatchLayout layout = PatchLayout::nchw;
  // Working memory, of width + kSlack numbers each; `lines` has three such lines.
  std::int32_t* column = nullptr;
  std::int32_t* row = nullptr;
  std::int32_t* offset = nullptr;
  float* column_part = nullptr;
  float* row_part = nullptr;
  float* lines = nullptr;
};

struct Engine {
  void (*fill)(const CanvasJob&) = nullptr;
  void (*render)(const PatchJob&) = nullptr;
};

[[nodiscard]] Engine baseline_engine() noexcept;
#if defined(__x86_64__) && defined(__GNUC__)
#define AIFT_HAS_AVX2_RENDER 1
[[nodiscard]] Engine avx2_engine() noexcept;  ///< for CPUs with AVX2 and F16C
[[nodiscard]] bool avx2_supported() noexcept;
#endif

/// The quickest engine of this machine.
[[nodiscard]] Engine best_engine() noexcept;

}  // namespace aift::render
