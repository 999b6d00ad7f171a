// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a batch to be rendered looks like in device memory, and the body of its two kernels: plain
// functions, so that the host runs and tests what the device runs. No fmt, no exceptions in here.

#include <cstddef>
#include <cstdint>

#include <aift/core/half.hpp>

#include "src/augment/render_pixel.hpp"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

/// Before a loop over arrays that are to stay in registers.
#if defined(__CUDA_ARCH__)
#define AIFT_UNROLL _Pragma("unroll")
#else
#define AIFT_UNROLL
#endif

namespace aift::render {

/// An image, its order of channels resolved.
struct ImageEntry {
  const std::uint8_t* data = nullptr;
  std::int64_t stride = 0;
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t red = 0;
  std::int32_t green = 0;
  std::int32_t blue = 0;
  std::int32_t channels = 0;
};

/// A source to be averaged.
struct CanvasEntry {
  std::int64_t first = 0;  ///< its first pixel in the workspace
  std::int32_t image = 0;
  std::int32_t box_x = 1;
  std::int32_t box_y = 1;
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int32_t reserved = 0;
};

/// A pixel of a canvas, in steps of 1/256 grey: one access of 64 bits.
struct alignas(8) CanvasPixel {
  std::uint16_t r = 0;
  std::uint16_t g = 0;
  std::uint16_t b = 0;
  std::uint16_t unused = 0;
};

/// The tables of a batch in device memory.
struct Tables {
  const Command* commands = nullptr;
  const ImageEntry* images = nullptr;
  const CanvasEntry* canvases = nullptr;
};

/// The shape of the output.
struct Shape {
  Normal normal;
  std::int32_t channels = 3;
  std::int32_t height = 0;
  std::int32_t width = 0;
  std::int32_t groups = 0;  ///< of kGroup pixels in a line
  bool planes = true;
  bool vectors = false;  ///< whole groups, aligned: written in one access
};

/// Output pixels side by side that one thread makes.
inline constexpr std::int32_t kGroup = 4;

/// kGroup values of the output's type: one access.
template <class T>
struct alignas(kGroup * sizeof(T)) Four {
  T value[kGroup];
};

AIFT_MATH void round_to(float x, float& out) noexcept { out = x; }
AIFT_MATH void round_to(float x, half_t& out) noexcept {
#if defined(__CUDA_ARCH__)
  out.bits = __half_as_ushort(__float2half_rn(x));
#else
  out = to_half(x);
#endif
}
AIFT_MATH void round_to(float x, bfloat16_t& out) noexcept {
#if defined(__CUDA_ARCH__)
  out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
#else
  out = to_bfloat16(x);
#endif
}

/// Pixel `index` of a canvas, averaged from its box.
AIFT_MATH CanvasPixel average_pixel(const ImageEntry& image, const CanvasEntry& canvas,
                                    std::int64_t index) noexcept {
  const std::int32_t row = static_cast<std::int32_t>(index / canvas.width);
  const std::int32_t column =
      static_cast<std::int32_t>(index - static_cast<std::int64_t>(row) * canvas.width);
  const std::int32_t x0 = column * canvas.box_x;
  const std::int32_t y0 = row * canvas.box_y;
  const std::int32_t wide = image.width - x0 < canvas.box_x ? image.width - x0 : canvas.box_x;
  const std::int32_t high = image.height - y0 < canvas.box_y ? image.height - y0 : canvas.box_y;
  std::uint64_t r = 0;
  std::uint64_t g = 0;
  std::uint64_t b = 0;
  const std::uint8_t* line =
      image.data + y0 * image.stride + static_cast<std::int64_t>(x0) * image.channels;
  for (std::int32_t i = 0; i < high; ++i, line += image.stride) {
    std::uint32_t line_r = 0;  // 2^24 values of 8 bits at most
    std::uint32_t line_g = 0;
    std::uint32_t line_b = 0;
    const std::uint8_t* p = line;
    for (std::int32_t j = 0; j < wide; ++j, p += image.channels) {
      line_r += p[image.red];
      line_g += p[image.green];
      line_b += p[image.blue];
    }
    r += line_r;
    g += line_g;
    b += line_b;
  }
  const float scale = kStepsPerGrey / static_cast<float>(static_cast<std::int64_t>(wide) * high);
  CanvasPixel pixel;
  pixel.r = box_average(r, scale);
  pixel.g = box_average(g, scale);
  pixel.b = box_average(b, scale);
  return pixel;
}

/// The colours of group `column` of line i, from pixels that `read` gives.
template <class Read>
AIFT_MATH void sample_group(const Command& command, std::int32_t i, std::int32_t first, float unit,
                            const Read& read, Rgb* colours) {
  std::int64_t x = command.x_start + i * command.x_across + first * command.x_along;
  std::int64_t y = command.y_start + i * command.y_across + first * command.y_along;
  AIFT_UNROLL
  for (std::int32_t t = 0; t < kGroup; ++t) {
    colours[t] = sample_at(command, x, y, unit, read);
    x += command.x_along;
    y += command.y_along;
  }
}

/// Group `group` of a patch (counted along the lines) into `out`, where the patch begins.
template <class T>
AIFT_MATH void render_group(const Tables& tables, const Shape& shape, std::int64_t patch,
                            std::int32_t group, const CanvasPixel* workspace, T* out) {
  const Command& command = tables.commands[patch];
  const std::int32_t i = group / shape.groups;
  const std::int32_t first = kGroup * (group - i * shape.groups);
  Rgb colours[kGroup];
  if (command.canvas >= 0) {
    const CanvasPixel* const canvas = workspace + command.canvas;
    const std::int32_t width = command.width;
    sample_group(
        command, i, first, kStepsPerGrey,
        [=](std::int32_t column, std::int32_t row) {
          const CanvasPixel p = canvas[static_cast<std::int64_t>(row) * width + column];
          return Rgb{static_cast<float>(p.r), static_cast<float>(p.g), static_cast<float>(p.b)};
        },
        colours);
  } else {
    const ImageEntry& image = tables.images[command.image];
    const std::uint8_t* const data = image.data;
    const std::int64_t stride = image.stride;
    const std::int32_t channels = image.channels;
    const std::int32_t red = image.red;
    const std::int32_t green = image.green;
    const std::int32_t blue = image.blue;
    sample_group(
        command, i, first, 1.0F,
        [=](std::int32_t column, std::int32_t row) {
          const std::uint8_t* const p = data + row * stride + column * channels;
          return Rgb{static_cast<float>(p[red]), static_cast<float>(p[green]),
                     static_cast<float>(p[blue])};
        },
        colours);
  }

  const std::int64_t plane = static_cast<std::int64_t>(shape.height) * shape.width;
  const std::int64_t at = static_cast<std::int64_t>(i) * shape.width + first;
  const std::int32_t left = shape.width - first;
  const std::int32_t count = left < kGroup ? left : kGroup;
  if (shape.planes || shape.channels == 1) {
    AIFT_UNROLL
    for (int c = 0; c < 3; ++c) {
      if (c >= shape.channels) break;
      Four<T> values;
      AIFT_UNROLL
      for (std::int32_t t = 0; t < kGroup; ++t)
        round_to(normalised(shape.normal, coloured(command, colours[t], c), c), values.value[t]);
      T* const to = out + c * plane + at;
      if (shape.vectors) {
        *reinterpret_cast<Four<T>*>(to) = values;
      } else {
        AIFT_UNROLL
        for (std::int32_t t = 0; t < kGroup; ++t) {
          if (t < count) to[t] = values.value[t];
        }
      }
    }
    return;
  }
  Four<T> values[3];
  AIFT_UNROLL
  for (int k = 0; k < 3 * kGroup; ++k) {
    round_to(normalised(shape.normal, coloured(command, colours[k / 3], k % 3), k % 3),
             values[k / kGroup].value[k % kGroup]);
  }
  T* const to = out + 3 * at;
  if (shape.vectors) {
    AIFT_UNROLL
    for (int k = 0; k < 3; ++k)
      reinterpret_cast<Four<T>*>(to)[k] = values[k];
  } else {
    AIFT_UNROLL
    for (std::int32_t k = 0; k < 3 * kGroup; ++k) {
      if (k < 3 * count) to[k] = values[k / kGroup].value[k % kGroup];
    }
  }
}

}  // namespace aift::render
