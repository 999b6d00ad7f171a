// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a batch to be rendered looks like in device memory, and what one thread of its two kernels
// does: plain functions, so that the host runs and tests what the device runs. No fmt, no
// exceptions in here.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <aift/core/half.hpp>

#include "src/augment/render_pixel.hpp"
#include "src/core/unroll.hpp"

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
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
  float scale = 0;  ///< 256 / area of a whole box
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
  std::int32_t tiles_x = 0;     ///< of kTileWidth columns, in a line of a patch
  std::int32_t tiles_y = 0;     ///< one below the other
  std::int32_t tile_lines = 0;  ///< lines of a tile, a multiple of kRoundLines
  bool planes = true;
};

/// Threads of a block, of both kernels.
inline constexpr std::int32_t kTileThreads = 256;

// A block makes a tile of a patch in rounds of kRoundLines lines. A warp has 16 columns and a
// quarter of the lines: its lanes lie side by side, so that they read neighbours, and every lane
// makes a run of pixels, kGap lines apart, that share the test for the edge.
inline constexpr std::int32_t kTileWidth = 32;
inline constexpr std::int32_t kRun = 2;
inline constexpr std::int32_t kGap = 2;
inline constexpr std::int32_t kRoundLines = 4 * kRun * kGap;
inline constexpr std::int32_t kMostTileLines = 128;

/// Column, in its tile, of what a thread makes.
AIFT_MATH std::int32_t column_of(std::int32_t thread) noexcept {
  return (thread & 15) + ((thread >> 5) & 1) * 16;
}
/// Line, in its round, of the first pixel that a thread makes.
AIFT_MATH std::int32_t line_of(std::int32_t thread) noexcept {
  return ((thread >> 4) & 1) + (thread >> 6) * (kRun * kGap);
}

// A block averages tiles of a canvas; a thread makes kSide pixels side by side.
inline constexpr std::int32_t kSide = 4;
inline constexpr std::int32_t kCanvasTileWidth = 16 * kSide;
inline constexpr std::int32_t kCanvasTileHeight = 16;

/// Tiles in a line of tiles of a canvas.
AIFT_MATH std::int32_t canvas_tiles_x(const CanvasEntry& canvas) noexcept {
  return (canvas.width + kCanvasTileWidth - 1) / kCanvasTileWidth;
}
/// Tiles of a canvas.
AIFT_MATH std::int32_t canvas_tiles(const CanvasEntry& canvas) noexcept {
  return canvas_tiles_x(canvas) * ((canvas.height + kCanvasTileHeight - 1) / kCanvasTileHeight);
}

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

/// Writes what is not read again here.
AIFT_MATH void put(float* to, float value) noexcept {
#if defined(__CUDA_ARCH__)
  __stcs(to, value);
#else
  *to = value;
#endif
}
template <class T>
AIFT_MATH void put(T* to, float value) noexcept {
  T rounded;
  round_to(value, rounded);
#if defined(__CUDA_ARCH__)
  __stcs(reinterpret_cast<unsigned short*>(to), static_cast<unsigned short>(rounded.bits));
#else
  *to = rounded;
#endif
}

/// Four of the bytes of a (0 to 3) and b (4 to 7), the digits of `which` from the right.
AIFT_MATH std::uint32_t chosen(std::uint32_t a, std::uint32_t b, std::uint32_t which) noexcept {
#if defined(__CUDA_ARCH__)
  return __byte_perm(a, b, which);
#else
  const std::uint64_t both = a | static_cast<std::uint64_t>(b) << 32;
  std::uint32_t out = 0;
  for (std::uint32_t k = 0; k < 4; ++k)
    out |= static_cast<std::uint32_t>(both >> (8 * (which >> (4 * k) & 7)) & 255) << (8 * k);
  return out;
#endif
}

/// The bytes of a times those of b, added up on top of `sum`.
AIFT_MATH std::uint32_t byte_product(std::uint32_t a, std::uint32_t b, std::uint32_t sum) noexcept {
#if defined(__CUDA_ARCH__)
  return __dp4a(a, b, sum);
#else
  for (int k = 0; k < 32; k += 8)
    sum += (a >> k & 255) * (b >> k & 255);
  return sum;
#endif
}

/// The word at an address that is a multiple of 4.
AIFT_MATH std::uint32_t word_at(const std::uint8_t* p) noexcept {
#if defined(__CUDA_ARCH__)
  return __ldg(reinterpret_cast<const unsigned int*>(p));
#else
  std::uint32_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
#endif
}

AIFT_MATH std::uint32_t byte_at(const std::uint8_t* p) noexcept {
#if defined(__CUDA_ARCH__)
  return __ldg(p);
#else
  return *p;
#endif
}

/// Pixel of a canvas, averaged from its box, whose sums fit `Sum`.
template <class Sum>
AIFT_MATH CanvasPixel average_pixel(const ImageEntry& image, const CanvasEntry& canvas,
                                    std::int32_t column, std::int32_t row) noexcept {
  const std::int32_t x0 = column * canvas.box_x;
  const std::int32_t y0 = row * canvas.box_y;
  const std::int32_t wide = image.width - x0 < canvas.box_x ? image.width - x0 : canvas.box_x;
  const std::int32_t high = image.height - y0 < canvas.box_y ? image.height - y0 : canvas.box_y;
  Sum r = 0;
  Sum g = 0;
  Sum b = 0;
  const std::uint8_t* line =
      image.data + y0 * image.stride + static_cast<std::int64_t>(x0) * image.channels;
  for (std::int32_t i = 0; i < high; ++i, line += image.stride) {
    std::uint32_t line_r = 0;  // 2^24 values of 8 bits at most
    std::uint32_t line_g = 0;
    std::uint32_t line_b = 0;
    const std::uint8_t* p = line;
    for (std::int32_t j = 0; j < wide; ++j, p += image.channels) {
      line_r += byte_at(p + image.red);
      line_g += byte_at(p + image.green);
      line_b += byte_at(p + image.blue);
    }
    r += line_r;
    g += line_g;
    b += line_b;
  }
  const bool whole_box = wide == canvas.box_x && high == canvas.box_y;
  const float scale = whole_box ? canvas.scale : box_scale(static_cast<std::int64_t>(wide) * high);
  CanvasPixel pixel;
  pixel.r = box_average(r, scale);
  pixel.g = box_average(g, scale);
  pixel.b = box_average(b, scale);
  return pixel;
}

/// Which bytes of word `word` of a line are channel `channel` of box `box`, one bit each.
constexpr std::uint32_t bytes_of(int word, int box, int channel, int box_x) {
  std::uint32_t mask = 0;
  for (int k = 0; k < 4; ++k) {
    const int byte = 4 * word + k;
    if (byte / (3 * box_x) == box && byte % 3 == channel) mask |= std::uint32_t{1} << (8 * k);
  }
  return mask;
}

/// box_average of a sum below 2^32: truncated by adding 2^23.
AIFT_MATH std::uint32_t short_average(std::uint32_t sum, float scale) noexcept {
#if defined(__CUDA_ARCH__)
  return __float_as_uint(__fadd_rz(static_cast<float>(sum) * scale + 0.5F, 8388608.0F)) & 0xFFFFU;
#else
  return box_average(sum, scale);
#endif
}

/// kSide pixels of a canvas whose boxes are kBoxX wide and complete, of an image of three channels
/// whose lines begin at multiples of 4.
template <int kBoxX>
AIFT_MATH void average_words(const ImageEntry& image, const CanvasEntry& canvas,
                             std::int32_t column, std::int32_t row, CanvasPixel* out) noexcept {
  const std::int32_t y0 = row * canvas.box_y;
  const std::int32_t high = image.height - y0 < canvas.box_y ? image.height - y0 : canvas.box_y;
  std::uint32_t sums[kSide][3] = {};
  const std::uint8_t* line =
      image.data + y0 * image.stride + static_cast<std::int64_t>(column) * (3 * kBoxX);
  for (std::int32_t i = 0; i < high; ++i, line += image.stride) {
    AIFT_UNROLL
    for (int w = 0; w < 3 * kBoxX; ++w) {
      const std::uint32_t word = word_at(line + 4 * w);
      AIFT_UNROLL
      for (int box = 0; box < kSide; ++box) {
        AIFT_UNROLL
        for (int c = 0; c < 3; ++c) {
          const std::uint32_t mask = bytes_of(w, box, c, kBoxX);
          if (mask != 0) sums[box][c] = byte_product(word, mask, sums[box][c]);
        }
      }
    }
  }
  const float scale = high == canvas.box_y ? canvas.scale : box_scale(kBoxX * high);
  const bool rgb = image.red == 0;
  AIFT_UNROLL
  for (int box = 0; box < kSide; ++box) {
    const std::uint32_t first = short_average(sums[box][0], scale);
    const std::uint32_t last = short_average(sums[box][2], scale);
    CanvasPixel pixel;
    pixel.r = static_cast<std::uint16_t>(rgb ? first : last);
    pixel.g = static_cast<std::uint16_t>(short_average(sums[box][1], scale));
    pixel.b = static_cast<std::uint16_t>(rgb ? last : first);
    out[box] = pixel;
  }
}

/// The pixels that thread `thread` of a block makes of tile `tile` of a canvas; `out` is where the
/// canvas begins.
AIFT_MATH void average_tile(const ImageEntry& image, const CanvasEntry& canvas, std::int32_t tile,
                            std::int32_t thread, CanvasPixel* out) noexcept {
  const std::int32_t across = canvas_tiles_x(canvas);
  const std::int32_t tile_row = tile / across;
  const std::int32_t column = (tile - tile_row * across) * kCanvasTileWidth + (thread & 15) * kSide;
  const std::int32_t row = tile_row * kCanvasTileHeight + (thread >> 4);
  if (row >= canvas.height || column >= canvas.width) return;
  CanvasPixel* const to = out + (row * canvas.width + column);
  const std::int64_t far = (static_cast<std::int64_t>(column) + kSide) * canvas.box_x;
  const bool words =
      image.channels == 3 && canvas.box_x <= 4 && canvas.box_y <= 1 << 20 &&
      ((reinterpret_cast<std::uintptr_t>(image.data) | static_cast<std::uintptr_t>(image.stride)) &
       3) == 0;
  if (words && far <= image.width) {
    switch (canvas.box_x) {
      case 1:
        return average_words<1>(image, canvas, column, row, to);
      case 2:
        return average_words<2>(image, canvas, column, row, to);
      case 3:
        return average_words<3>(image, canvas, column, row, to);
      default:
        return average_words<4>(image, canvas, column, row, to);
    }
  }
  const std::int32_t left = canvas.width - column;
  const std::int32_t count = left < kSide ? left : kSide;
  if (static_cast<std::int64_t>(canvas.box_x) * canvas.box_y <= 1 << 24) {
    for (std::int32_t k = 0; k < count; ++k)
      to[k] = average_pixel<std::uint32_t>(image, canvas, column + k, row);
  } else {
    for (std::int32_t k = 0; k < count; ++k)
      to[k] = average_pixel<std::uint64_t>(image, canvas, column + k, row);
  }
}

// A source gives its pixels as words, and a channel of them as float on top of kBias, in grey
// steps: the word's bits are put into the fraction of kBias, so that nothing is converted.

/// A canvas.
struct CanvasSource {
  struct Tap {
    std::uint32_t low;
    std::uint32_t high;
  };
  static constexpr float kBias = 32768.0F;  // whose last bit is 1/256

  const CanvasPixel* pixels;
  std::int32_t width;

  AIFT_MATH static Tap at(const CanvasPixel* p) noexcept {
#if defined(__CUDA_ARCH__)
    const uint2 words = __ldg(reinterpret_cast<const uint2*>(p));
    return {words.x, words.y};
#else
    return {p->r | static_cast<std::uint32_t>(p->g) << 16, p->b};
#endif
  }
  /// Pixels right of a column that `square` needs.
  static constexpr std::int32_t kMargin = 1;
  AIFT_MATH Tap read(std::int32_t column, std::int32_t row) const noexcept {
    return at(pixels + (row * width + column));
  }
  /// The pixel, its right, its lower and its lower right neighbour.
  AIFT_MATH void square(std::int32_t column, std::int32_t row, Tap* tap) const noexcept {
    const CanvasPixel* const upper = pixels + (row * width + column);
    const CanvasPixel* const lower = upper + width;
    tap[0] = at(upper);
    tap[1] = at(upper + 1);
    tap[2] = at(lower);
    tap[3] = at(lower + 1);
  }
  AIFT_MATH static Tap grey(std::int32_t value) noexcept {
    const std::uint32_t steps = static_cast<std::uint32_t>(value) << 8;
    return {steps | steps << 16, steps};
  }
  AIFT_MATH std::uint32_t biased(const Tap& tap, int channel) const noexcept {
    return chosen(channel == 2 ? tap.high : tap.low, 0x47000000U, channel == 1 ? 0x7432U : 0x7410U);
  }
};

/// An image of one or three channels.
template <int kChannels>
struct ImageSource {
  using Tap = std::uint32_t;                  // the bytes of a pixel
  static constexpr float kBias = 8388608.0F;  // whose last bit is 1

  const std::uint8_t* data;
  std::int32_t stride;
  std::uint32_t which[3];  // `chosen` puts red, green, blue on top of kBias

  AIFT_MATH explicit ImageSource(const ImageEntry& image) noexcept
      : data(image.data), stride(static_cast<std::int32_t>(image.stride)) {
    which[0] = 0x7440U | static_cast<std::uint32_t>(image.red);
    which[1] = 0x7440U | static_cast<std::uint32_t>(image.green);
    which[2] = 0x7440U | static_cast<std::uint32_t>(image.blue);
  }
  /// With one pixel more to the right, whole words are within the image.
  static constexpr std::int32_t kMargin = kChannels == 3 ? 2 : 1;
  AIFT_MATH const std::uint8_t* address(std::int32_t column, std::int32_t row) const noexcept {
    return data + static_cast<std::int64_t>(row) * stride + column * kChannels;
  }
  AIFT_MATH static Tap at(const std::uint8_t* p) noexcept {
    if (kChannels == 1) return byte_at(p);
    return byte_at(p) | byte_at(p + 1) << 8 | byte_at(p + 2) << 16;
  }
  AIFT_MATH Tap read(std::int32_t column, std::int32_t row) const noexcept {
    return at(address(column, row));
  }
  AIFT_MATH static void pair(const std::uint8_t* p, Tap* tap) noexcept {
#if defined(__CUDA_ARCH__)
    if (kChannels == 3) {
      const auto address = reinterpret_cast<std::uintptr_t>(p);
      const auto* const words = reinterpret_cast<const std::uint8_t*>(address & ~std::uintptr_t{3});
      const std::uint32_t beyond = static_cast<std::uint32_t>(address) & 3U;
      const std::uint32_t a = word_at(words);
      const std::uint32_t b = word_at(words + 4);
      std::uint32_t c = 0;
      if (beyond == 3) c = word_at(words + 8);
      tap[0] = __funnelshift_r(a, b, 8 * beyond);
      tap[1] = __byte_perm(tap[0], __funnelshift_r(b, c, 8 * beyond), 0x0543U);
      return;
    }
#endif
    tap[0] = at(p);
    tap[1] = at(p + kChannels);
  }
  AIFT_MATH void square(std::int32_t column, std::int32_t row, Tap* tap) const noexcept {
    const std::uint8_t* const upper = address(column, row);
    pair(upper, tap);
    pair(upper + stride, tap + 2);
  }
  AIFT_MATH static Tap grey(std::int32_t value) noexcept {
    return static_cast<std::uint32_t>(value) * 0x010101U;
  }
  AIFT_MATH std::uint32_t biased(const Tap& tap, int channel) const noexcept {
    return chosen(tap, 0x4B000000U, which[channel]);
  }
};

/// `between` of render_pixel.hpp, its bits: values on top of a bias, from which differences are
/// exact, and fractions that still lack their factor 2^-24, a power of two that the fused step
/// multiplies by without rounding.
AIFT_MATH float between_biased(float a, float b, float c, float d, float bias, float fx,
                               float fy) noexcept {
  const float left = math::fma(fy * (c - a), 0x1p-24F, a - bias);
  const float right = math::fma(fy * (d - b), 0x1p-24F, b - bias);
  return math::fma(fx * (right - left), 0x1p-24F, left);
}

/// One channel of `sample_at`, from the four pixels around.
template <class Source>
AIFT_MATH float mixed(const Source& source, const typename Source::Tap* tap, int channel, float fx,
                      float fy) noexcept {
  using math::Lane;
  return between_biased(Lane<float>::from_bits(source.biased(tap[0], channel)),
                        Lane<float>::from_bits(source.biased(tap[1], channel)),
                        Lane<float>::from_bits(source.biased(tap[2], channel)),
                        Lane<float>::from_bits(source.biased(tap[3], channel)), Source::kBias, fx,
                        fy);
}

/// The four pixels around a place of which some may be beyond the edge.
template <class Source>
AIFT_MATH void edge_square(const Source& source, std::int32_t column, std::int32_t row,
                           std::int32_t width, std::int32_t height, std::int32_t border_value,
                           typename Source::Tap* tap) noexcept {
  if (border_value < 0) {
    std::int32_t left = reflected_near(column, width);
    std::int32_t right = reflected_near(column + 1, width);
    std::int32_t upper = reflected_near(row, height);
    std::int32_t lower = reflected_near(row + 1, height);
    if ((left | right | upper | lower) < 0) {
      left = reflected_far(column, width);
      right = reflected_far(column + 1, width);
      upper = reflected_far(row, height);
      lower = reflected_far(row + 1, height);
    }
    tap[0] = source.read(left, upper);
    tap[1] = source.read(right, upper);
    tap[2] = source.read(left, lower);
    tap[3] = source.read(right, lower);
    return;
  }
  const bool left = column >= 0 && column < width;
  const bool right = column >= -1 && column < width - 1;
  const bool upper = row >= 0 && row < height;
  const bool lower = row >= -1 && row < height - 1;
  AIFT_UNROLL
  for (int k = 0; k < 4; ++k)
    tap[k] = Source::grey(border_value);
  if (left && upper) tap[0] = source.read(column, row);
  if (right && upper) tap[1] = source.read(column + 1, row);
  if (left && lower) tap[2] = source.read(column, row + 1);
  if (right && lower) tap[3] = source.read(column + 1, row + 1);
}

/// `coloured` for an offset that is not -0, so that no value is -0.
AIFT_MATH float coloured_plain(const Command& command, const Rgb& x, int c) noexcept {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  const float* m = command.matrix + 3 * c;
  float value = m[0] * x.r + m[1] * x.g + m[2] * x.b + command.offset;
  asm("max.NaN.f32 %0, %0, 0f00000000;" : "+f"(value));
  asm("min.NaN.f32 %0, %0, 0f437F0000;" : "+f"(value));
  return value;
#else
  return coloured(command, x, c);
#endif
}

/// The pixels of one column of a patch: from line `first` runs of kRun lines, kGap apart, a run
/// every kRoundLines lines, as far as they are before line `end`. `out` is where the patch begins.
template <class T, class Source>
AIFT_MATH void render_lines(const Command& command, const Shape& shape, const Source& source,
                            std::int32_t column, std::int32_t first, std::int32_t end, T* out) {
  using Tap = typename Source::Tap;
  const auto wide = static_cast<std::uint32_t>(
      command.width > Source::kMargin ? command.width - Source::kMargin : 0);
  const auto high = static_cast<std::uint32_t>(command.height - 1);
  const auto inside = [&](std::uint64_t x, std::uint64_t y) {
    return static_cast<std::uint32_t>(x >> 32) < wide && static_cast<std::uint32_t>(y >> 32) < high;
  };
  // Unsigned: the steps behind the last line may wrap.
  auto x = static_cast<std::uint64_t>(command.x_start + first * command.x_across +
                                      column * command.x_along);
  auto y = static_cast<std::uint64_t>(command.y_start + first * command.y_across +
                                      column * command.y_along);
  const std::uint64_t step_x = kGap * static_cast<std::uint64_t>(command.x_across);
  const std::uint64_t step_y = kGap * static_cast<std::uint64_t>(command.y_across);
  const bool keep = command.keep_colour != 0;
  const bool plain = math::Lane<float>::to_bits(command.offset) != 0x80000000U;
  const std::int32_t channels = shape.channels;
  const std::int64_t plane = static_cast<std::int64_t>(shape.height) * shape.width;
  const std::int64_t to_channel = shape.planes ? plane : 1;
  const std::int64_t line_size =
      static_cast<std::int64_t>(shape.width) * (shape.planes ? 1 : channels);
  T* to =
      out + first * line_size + static_cast<std::int64_t>(column) * (shape.planes ? 1 : channels);

  for (std::int32_t line = first; line < end; line += kRoundLines) {
    std::uint64_t xs[kRun];
    std::uint64_t ys[kRun];
    AIFT_UNROLL
    for (std::int32_t t = 0; t < kRun; ++t) {
      xs[t] = x;
      ys[t] = y;
      x += step_x;
      y += step_y;
    }
    Tap tap[kRun][4];
    const bool complete = line + (kRun - 1) * kGap < end;
    if (complete && inside(xs[0], ys[0]) && inside(xs[kRun - 1], ys[kRun - 1])) {
      AIFT_UNROLL
      for (std::int32_t t = 0; t < kRun; ++t) {
        source.square(static_cast<std::int32_t>(xs[t] >> 32),
                      static_cast<std::int32_t>(ys[t] >> 32), tap[t]);
      }
    } else {
      AIFT_UNROLL
      for (std::int32_t t = 0; t < kRun; ++t) {
        if (line + t * kGap >= end) xs[t] = ys[t] = 0;
        edge_square(source, static_cast<std::int32_t>(xs[t] >> 32),
                    static_cast<std::int32_t>(ys[t] >> 32), command.width, command.height,
                    command.border_value, tap[t]);
      }
    }
    AIFT_UNROLL
    for (std::int32_t t = 0; t < kRun; ++t) {
      const auto fx = static_cast<float>(static_cast<std::uint32_t>(xs[t]) >> 8);
      const auto fy = static_cast<float>(static_cast<std::uint32_t>(ys[t]) >> 8);
      const Rgb colour{mixed(source, tap[t], 0, fx, fy), mixed(source, tap[t], 1, fx, fy),
                       mixed(source, tap[t], 2, fx, fy)};
      float value[3] = {colour.r, colour.g, colour.b};
      if (!keep && plain) {
        AIFT_UNROLL
        for (int c = 0; c < 3; ++c)
          value[c] = coloured_plain(command, colour, c);
      } else if (!keep) {
        AIFT_UNROLL
        for (int c = 0; c < 3; ++c)
          value[c] = coloured(command, colour, c);
      }
      if (complete || line + t * kGap < end) {
        put(to, normalised(shape.normal, value[0], 0));
        if (channels == 3) {
          put(to + to_channel, normalised(shape.normal, value[1], 1));
          put(to + 2 * to_channel, normalised(shape.normal, value[2], 2));
        }
      }
      to += kGap * line_size;
    }
    constexpr std::int32_t kRest = kRoundLines / kGap - kRun;
    x += kRest * step_x;
    y += kRest * step_y;
    to += kRest * kGap * line_size;
  }
}

/// What thread `thread` of a block makes of tile `tile` of a patch into `out`, where the patch
/// begins.
template <class T>
AIFT_MATH void render_tile(const Tables& tables, const Shape& shape, std::int64_t patch,
                           std::int32_t tile, std::int32_t thread, const CanvasPixel* workspace,
                           T* out) {
  const std::int32_t tile_row = tile / shape.tiles_x;
  const std::int32_t column = (tile - tile_row * shape.tiles_x) * kTileWidth + column_of(thread);
  if (column >= shape.width) return;
  const std::int32_t top = tile_row * shape.tile_lines;
  const std::int32_t first = top + line_of(thread);
  const std::int32_t end =
      shape.height - top < shape.tile_lines ? shape.height : top + shape.tile_lines;
  const Command command = tables.commands[patch];
  if (command.canvas >= 0) {
    render_lines(command, shape, CanvasSource{workspace + command.canvas, command.width}, column,
                 first, end, out);
    return;
  }
  const ImageEntry& image = tables.images[command.image];
  if (image.channels == 3) {
    render_lines(command, shape, ImageSource<3>(image), column, first, end, out);
  } else {
    render_lines(command, shape, ImageSource<1>(image), column, first, end, out);
  }
}

}  // namespace aift::render
