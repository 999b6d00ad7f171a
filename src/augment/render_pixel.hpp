// SPDX-License-Identifier: Apache-2.0
#pragma once

// The arithmetic of one output pixel, written once for host and device: coordinates are integers,
// so that no machine needs quick doubles; everything else is single + - * in a fixed order, never
// contracted. Whoever reads pixels another way (vectors, textures) must give these bits.

#include <cstdint>

#include <aift/core/types.hpp>
#include <aift/math/lane.hpp>

namespace aift::render {

/// Averages of boxes are kept in steps of 1/256 grey.
inline constexpr float kStepsPerGrey = 256.0F;

/// One patch, ready to be rendered: a plan that has met its image and its format.
struct Command {
  // Coordinates in pixels of the canvas (the source averaged in boxes), 32 fraction bits: of the
  // top left output pixel, and what a step to the right and a step down add.
  std::int64_t x_start = 0;
  std::int64_t x_along = 0;
  std::int64_t x_across = 0;
  std::int64_t y_start = 0;
  std::int64_t y_along = 0;
  std::int64_t y_across = 0;
  float matrix[9] = {};  ///< colour: row c makes output channel c from red, green, blue
  float offset = 0;      ///< added to every channel
  std::int32_t box_x = 1;
  std::int32_t box_y = 1;
  std::int32_t width = 0;  ///< of the canvas
  std::int32_t height = 0;
  std::int32_t image = 0;
  std::int32_t border_value = -1;  ///< 0 to 255, or -1: mirrored
  std::int32_t keep_colour = 0;    ///< 1: three channels as they are
  std::int32_t reserved = 0;
  std::int64_t canvas = -1;  ///< on devices: first pixel of its canvas; -1: the image itself
};

/// (x - mean) * factor per channel.
struct Normal {
  float mean[3] = {};
  float factor[3] = {};
};

struct Rgb {
  float r = 0;
  float g = 0;
  float b = 0;
};

/// Whole pixels of a coordinate, downwards.
AIFT_MATH std::int32_t whole(std::int64_t x) noexcept { return static_cast<std::int32_t>(x >> 32); }

/// What is left of it, in [0, 1), cut to 24 bits.
AIFT_MATH float part(std::int64_t x) noexcept {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) >> 8;
  return static_cast<float>(static_cast<std::int32_t>(bits)) * 0x1p-24F;
}

/// `reflected`, of any i: rare, and too long to be inlined.
#if defined(__CUDACC__)
__host__ __device__ __noinline__ inline
#else
inline
#endif
    std::int32_t
    reflected_far(std::int32_t i, std::int32_t n) noexcept {
  if (n == 1) return 0;
  const std::int32_t period = 2 * (n - 1);
  std::int32_t r = i % period;
  if (r < 0) r += period;
  return r < n ? r : period - r;
}

/// `reflected` where one mirror at either end is enough, else a negative number.
AIFT_MATH std::int32_t reflected_near(std::int32_t i, std::int32_t n) noexcept {
  const std::int32_t once = i < 0 ? -i : i;
  return once < n ? once : 2 * (n - 1) - once;
}

/// Position in [0, n) of pixel i of an endless row of mirrors; the edge pixel is not repeated.
AIFT_MATH std::int32_t reflected(std::int32_t i, std::int32_t n) noexcept {
  const std::int32_t near = reflected_near(i, n);
  return near >= 0 ? near : reflected_far(i, n);
}

/// 256 / area of a box, rounded to float.
AIFT_MATH float box_scale(std::int64_t area) noexcept {
  return kStepsPerGrey / static_cast<float>(area);
}

/// Average of a box in steps of 1/256 grey. `scale`: box_scale of its area.
AIFT_MATH std::uint16_t box_average(std::uint64_t sum, float scale) noexcept {
  return static_cast<std::uint16_t>(
      static_cast<std::int32_t>(static_cast<float>(sum) * scale + 0.5F));
}

/// Between the values upper left, upper right, lower left, lower right.
AIFT_MATH float between(float a, float b, float c, float d, float fx, float fy) noexcept {
  const float left = a + fy * (c - a);
  const float right = b + fy * (d - b);
  return left + fx * (right - left);
}

/// The colour at the coordinates x, y of a canvas. `read(column, row)` gives the Rgb of one of its
/// pixels, both within it; `unit` is what one grey step is in its values (1 or 256).
template <class Read>
AIFT_MATH Rgb sample_at(const Command& command, std::int64_t x, std::int64_t y, float unit,
                        const Read& read) {
  const std::int32_t column = whole(x);
  const std::int32_t row = whole(y);
  const float fx = part(x);
  const float fy = part(y);
  Rgb tap[4];
  const bool inside =
      column >= 0 && row >= 0 && column < command.width - 1 && row < command.height - 1;
  if (inside) {
    tap[0] = read(column, row);
    tap[1] = read(column + 1, row);
    tap[2] = read(column, row + 1);
    tap[3] = read(column + 1, row + 1);
  } else if (command.border_value < 0) {
    const std::int32_t left = reflected(column, command.width);
    const std::int32_t right = reflected(column + 1, command.width);
    const std::int32_t upper = reflected(row, command.height);
    const std::int32_t lower = reflected(row + 1, command.height);
    tap[0] = read(left, upper);
    tap[1] = read(right, upper);
    tap[2] = read(left, lower);
    tap[3] = read(right, lower);
  } else {
    const float grey = static_cast<float>(command.border_value) * unit;
    const Rgb beyond{grey, grey, grey};
    const bool left = column >= 0 && column < command.width;
    const bool right = column >= -1 && column < command.width - 1;
    const bool upper = row >= 0 && row < command.height;
    const bool lower = row >= -1 && row < command.height - 1;
    tap[0] = left && upper ? read(column, row) : beyond;
    tap[1] = right && upper ? read(column + 1, row) : beyond;
    tap[2] = left && lower ? read(column, row + 1) : beyond;
    tap[3] = right && lower ? read(column + 1, row + 1) : beyond;
  }
  const float grey_step = 1.0F / unit;  // a power of two: exact
  return {between(tap[0].r, tap[1].r, tap[2].r, tap[3].r, fx, fy) * grey_step,
          between(tap[0].g, tap[1].g, tap[2].g, tap[3].g, fx, fy) * grey_step,
          between(tap[0].b, tap[1].b, tap[2].b, tap[3].b, fx, fy) * grey_step};
}

/// The same for the output pixel in line i and column j.
template <class Read>
AIFT_MATH Rgb sample(const Command& command, std::int32_t i, std::int32_t j, float unit,
                     const Read& read) {
  return sample_at(command, command.x_start + i * command.x_across + j * command.x_along,
                   command.y_start + i * command.y_across + j * command.y_along, unit, read);
}

/// Output channel c before normalisation, in [0, 255].
AIFT_MATH float coloured(const Command& command, const Rgb& x, int c) noexcept {
  if (command.keep_colour != 0) return c == 0 ? x.r : c == 1 ? x.g : x.b;
  const float* m = command.matrix + 3 * c;
  const float value = m[0] * x.r + m[1] * x.g + m[2] * x.b + command.offset;
  const float positive = value < 0.0F ? 0.0F : value;
  return positive > 255.0F ? 255.0F : positive;
}

/// As the model wants it.
AIFT_MATH float normalised(const Normal& normal, float value, int c) noexcept {
  return (value - normal.mean[c]) * normal.factor[c];
}

}  // namespace aift::render
