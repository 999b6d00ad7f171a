// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, inside an anonymous namespace, after every
// header it needs. No templates and inline functions of other headers but the always inlined ones
// of render_pixel.hpp, so that no code of this instruction set leaks into the rest of the program.

#define AIFT_INLINED __attribute__((always_inline))
#define AIFT_ALWAYS inline AIFT_INLINED

using Eight16 = std::uint16_t __attribute__((vector_size(16)));
using Four16 = std::uint16_t __attribute__((vector_size(8)));
using FourUnsigned = std::uint64_t __attribute__((vector_size(32)));
using EightUnsigned = std::uint32_t __attribute__((vector_size(32)));
using FourInts = std::int32_t __attribute__((vector_size(16)));
using EightInts = std::int32_t __attribute__((vector_size(32)));
using Floats4 = float __attribute__((vector_size(16)));
using Floats8 = float __attribute__((vector_size(32)));

template <class Vector, class T>
AIFT_ALWAYS void load(Vector& to, const T* from) {
  __builtin_memcpy(&to, from, sizeof to);
}

template <class Vector, class T>
AIFT_ALWAYS void store(T* to, const Vector& from) {
  __builtin_memcpy(to, &from, sizeof from);
}

/// Four 16-bit numbers, wide.
AIFT_ALWAYS FourInts four_wide(const std::uint16_t* from) {
#if defined(AIFT_RENDER_AVX2)
  __m128i values;
  values = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
  return reinterpret_cast<FourInts>(_mm_cvtepu16_epi32(values));
#else
  Four16 values;
  load(values, from);
  return __builtin_convertvector(values, FourInts);
#endif
}

/// Eight 16-bit numbers as floats.
AIFT_ALWAYS Floats8 eight_floats(Eight16 values) {
#if defined(AIFT_RENDER_AVX2)
  return reinterpret_cast<Floats8>(
      _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(values))));
#else
  return __builtin_convertvector(__builtin_convertvector(values, EightInts), Floats8);
#endif
}

// ------------------------------------------------------------------ canvases

/// Where red, green and blue lie in a pixel of the source.
struct Order {
  std::int32_t red, green, blue, channels;
};

AIFT_ALWAYS void put(std::uint16_t* to, std::uint32_t r, std::uint32_t g, std::uint32_t b) {
  const std::uint64_t pixel = static_cast<std::uint64_t>(r) | static_cast<std::uint64_t>(g) << 16 |
                              static_cast<std::uint64_t>(b) << 32;
  __builtin_memcpy(to, &pixel, sizeof pixel);
}

/// A row as it is. Red, green and blue are constants, so that a row is unrolled for its order.
AIFT_ALWAYS void fill_plain_row(const std::uint8_t* from, std::int32_t width, const Order o,
                                std::uint16_t* to) {
  for (std::int32_t x = 0; x < width; ++x) {
    const std::uint8_t* p = from + static_cast<index_t>(x) * o.channels;
    put(to + static_cast<index_t>(x) * 4, static_cast<std::uint32_t>(p[o.red]) << 8,
        static_cast<std::uint32_t>(p[o.green]) << 8, static_cast<std::uint32_t>(p[o.blue]) << 8);
  }
}

/// Sums of `rows` rows.
AIFT_ALWAYS void add_rows(const std::uint8_t* from, index_t stride, std::int32_t rows,
                          index_t values, std::uint16_t* sums) {
  if (rows == 1) {
    for (index_t i = 0; i < values; ++i)
      sums[i] = from[i];
    return;
  }
  const std::uint8_t* second = from + stride;
  if (rows == 2) {
    for (index_t i = 0; i < values; ++i)
      sums[i] = static_cast<std::uint16_t>(from[i] + second[i]);
    return;
  }
  const std::uint8_t* third = second + stride;
  for (index_t i = 0; i < values; ++i)
    sums[i] = static_cast<std::uint16_t>(from[i] + second[i] + third[i]);
  for (std::int32_t r = 3; r < rows; ++r) {
    const std::uint8_t* row = from + r * stride;
    for (index_t i = 0; i < values; ++i)
      sums[i] = static_cast<std::uint16_t>(sums[i] + row[i]);
  }
}

/// Four sums to averages, in their order or with the first and the third exchanged.
AIFT_ALWAYS void put_average(FourInts sum, float scale, const Order o, std::uint16_t* to) {
  const Floats4 scales = {scale, scale, scale, scale};
  const Floats4 half = {0.5F, 0.5F, 0.5F, 0.5F};
  const FourInts whole =
      __builtin_convertvector(__builtin_convertvector(sum, Floats4) * scales + half, FourInts);
  Four16 narrow = __builtin_convertvector(whole, Four16);
  if (o.channels == 1) {
    narrow = __builtin_shufflevector(narrow, narrow, 0, 0, 0, 0);
  } else if (o.red == 2) {
    narrow = __builtin_shufflevector(narrow, narrow, 2, 1, 0, 3);
  }
  store(to, narrow);
}

/// Sums of rows to averages of whole boxes: columns [0, whole). `box` is a constant where it is
/// small.
AIFT_ALWAYS void average_row(const std::uint16_t* sums, std::int32_t box, std::int32_t whole,
                             float scale, const Order o, std::uint16_t* to) {
  for (std::int32_t x = 0; x < whole; ++x) {
    const std::uint16_t* at = sums + static_cast<index_t>(x) * box * o.channels;
    FourInts sum = {0, 0, 0, 0};
    for (std::int32_t k = 0; k < box; ++k) {
      sum += four_wide(at + k * o.channels);
    }
    put_average(sum, scale, o, to + static_cast<index_t>(x) * 4);
  }
}

/// One box of any size.
AIFT_ALWAYS void fill_box(const CanvasJob& job, const Order o, std::int32_t x, std::int32_t y) {
  const index_t first_x = static_cast<index_t>(x) * job.box_x;
  const index_t first_y = static_cast<index_t>(y) * job.box_y;
  const index_t last_x =
      first_x + job.box_x < job.image.width ? first_x + job.box_x : job.image.width;
  const index_t last_y =
      first_y + job.box_y < job.image.height ? first_y + job.box_y : job.image.height;
  std::uint64_t r = 0;
  std::uint64_t g = 0;
  std::uint64_t b = 0;
  for (index_t i = first_y; i < last_y; ++i) {
    const std::uint8_t* p = job.image.data + i * job.image.stride + first_x * o.channels;
    for (index_t k = first_x; k < last_x; ++k, p += o.channels) {
      r += p[o.red];
      g += p[o.green];
      b += p[o.blue];
    }
  }
  const float scale = kStepsPerGrey / static_cast<float>((last_x - first_x) * (last_y - first_y));
  put(job.pixels + 4 * (static_cast<index_t>(y) * job.width + x), box_average(r, scale),
      box_average(g, scale), box_average(b, scale));
}

AIFT_ALWAYS void fill_ordered(const CanvasJob& job, const Order o) {
  const index_t values = job.image.width * o.channels;
  // Sums of rows fit 16 bits, and those of boxes are exact as floats.
  const bool short_sums = job.box_y <= 257 && static_cast<index_t>(job.box_x) * job.box_y < 65536;
  for (std::int32_t y = 0; y < job.height; ++y) {
    std::uint16_t* const to = job.pixels + 4 * static_cast<index_t>(y) * job.width;
    const index_t first = static_cast<index_t>(y) * job.box_y;
    const std::uint8_t* const from = job.image.data + first * job.image.stride;
    if (job.box_x == 1 && job.box_y == 1) {
      fill_plain_row(from, job.width, o, to);
      continue;
    }
    std::int32_t done = 0;
    if (short_sums) {
      const index_t left = job.image.height - first;
      const std::int32_t rows = left < job.box_y ? static_cast<std::int32_t>(left) : job.box_y;
      add_rows(from, job.image.stride, rows, values, job.sums);
      done = static_cast<std::int32_t>(job.image.width / job.box_x);
      const float scale =
          kStepsPerGrey / static_cast<float>(static_cast<index_t>(job.box_x) * rows);
      switch (job.box_x) {
        case 2:
          average_row(job.sums, 2, done, scale, o, to);
          break;
        case 3:
          average_row(job.sums, 3, done, scale, o, to);
          break;
        default:
          average_row(job.sums, job.box_x, done, scale, o, to);
      }
    }
    for (std::int32_t x = done; x < job.width; ++x)
      fill_box(job, o, x, y);
  }
}

void fill_canvas(const CanvasJob& job) {
  switch (job.image.order) {
    case ChannelOrder::rgb:
      fill_ordered(job, Order{0, 1, 2, 3});
      break;
    case ChannelOrder::bgr:
      fill_ordered(job, Order{2, 1, 0, 3});
      break;
    case ChannelOrder::grey:
      fill_ordered(job, Order{0, 0, 0, 1});
      break;
  }
}

// ------------------------------------------------------------------ one line of a patch

/// Left and right neighbour, between the upper and the lower row.
AIFT_ALWAYS Floats8 between_rows(Eight16 upper, Eight16 lower, float fy) {
  const Floats8 a = eight_floats(upper);
  const Floats8 c = eight_floats(lower);
  return a + fy * (c - a);
}

/// Between left and right, of two pixels: red, green, blue and the unused one of each.
AIFT_ALWAYS Floats8 between_columns(const Floats8& first, const Floats8& second, float fp,
                                    float fq) {
  const Floats8 left = __builtin_shufflevector(first, second, 0, 1, 2, 3, 8, 9, 10, 11);
  const Floats8 right = __builtin_shufflevector(first, second, 4, 5, 6, 7, 12, 13, 14, 15);
  const Floats8 fx = {fp, fp, fp, fp, fq, fq, fq, fq};
  return left + fx * (right - left);
}

/// Pixels (0 4), (1 5), (2 6) and (3 7) of eight, to lines of red, green and blue.
AIFT_ALWAYS void put_eight(const Floats8& a, const Floats8& b, const Floats8& c, const Floats8& d,
                           float* red, float* green, float* blue) {
  const Floats8 ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  const Floats8 cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13);
  const Floats8 ab_blue = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  const Floats8 cd_blue = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
  constexpr float kGrey = 1.0F / kStepsPerGrey;
  store(red, __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13) * kGrey);
  store(green, __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15) * kGrey);
  store(blue, __builtin_shufflevector(ab_blue, cd_blue, 0, 1, 8, 9, 4, 5, 12, 13) * kGrey);
}

/// Eight output pixels, all of whose neighbours lie in the canvas.
AIFT_ALWAYS void eight_inside(const PatchJob& job, index_t next_row, std::int32_t j, float* red,
                              float* green, float* blue) {
  const auto rows_of = [&](std::int32_t p) AIFT_INLINED {
    const std::uint16_t* const at = job.canvas + 4 * static_cast<index_t>(job.offset[p]);
    Eight16 upper;
    Eight16 lower;
    load(upper, at);
    load(lower, at + next_row);
    return between_rows(upper, lower, job.row_part[p]);
  };
  const auto two = [&](std::int32_t p) AIFT_INLINED {
    return between_columns(rows_of(p), rows_of(p + 4), job.column_part[p], job.column_part[p + 4]);
  };
  put_eight(two(j), two(j + 1), two(j + 2), two(j + 3), red + j, green + j, blue + j);
}

/// Where the pixels `i` of a side lie in [0, n), mirrored; for -(n-1) <= i <= 2 (n-1).
AIFT_ALWAYS EightInts mirrored(const EightInts& i, std::int32_t n) {
  const EightInts negative = i >> 31;
  const EightInts positive = (i ^ negative) - negative;
  const EightInts beyond = positive > n - 1;
  return (positive & ~beyond) | ((2 * (n - 1) - positive) & beyond);
}

AIFT_ALWAYS bool any_of(const EightInts& flags) {
#if defined(AIFT_RENDER_AVX2)
  return _mm256_movemask_epi8(reinterpret_cast<__m256i>(flags)) != 0;
#else
  std::int32_t any = 0;
  for (int t = 0; t < 8; ++t)
    any |= flags[t];
  return any != 0;
#endif
}

/// Eight output pixels anywhere up to a side's length away; false (and nothing written) where one
/// is farther. A constant border lies behind the last pixel of the canvas.
AIFT_ALWAYS bool eight_anywhere(const PatchJob& job, std::int32_t j, float* red, float* green,
                                float* blue) {
  const std::int32_t width = job.command->width;
  const std::int32_t height = job.command->height;
  EightInts column;
  EightInts row;
  load(column, job.column + j);
  load(row, job.row + j);
  EightInts offset[4];
  if (job.command->border_value < 0) {
    const EightInts far = (column < 1 - width) | (column + 1 > 2 * (width - 1)) |
                          (row < 1 - height) | (row + 1 > 2 * (height - 1));
    if (any_of(far)) return false;
    const EightInts left = mirrored(column, width);
    const EightInts right = mirrored(column + 1, width);
    const EightInts upper = mirrored(row, height) * width;
    const EightInts lower = mirrored(row + 1, height) * width;
    offset[0] = upper + left;
    offset[1] = upper + right;
    offset[2] = lower + left;
    offset[3] = lower + right;
  } else {
    const EightInts left = (column >= 0) & (column < width);
    const EightInts right = (column >= -1) & (column < width - 1);
    const EightInts upper = (row >= 0) & (row < height);
    const EightInts lower = (row >= -1) & (row < height - 1);
    // Kept within the canvas before they are multiplied: what lies outside is not used.
    const EightInts here = (row & upper) * width + column;
    const EightInts next = ((row + 1) & lower) * width + column;
    const std::int32_t border = width * height;
    const EightInts m[4] = {left & upper, right & upper, left & lower, right & lower};
    offset[0] = (here & m[0]) | (border & ~m[0]);
    offset[1] = ((here + 1) & m[1]) | (border & ~m[1]);
    offset[2] = (next & m[2]) | (border & ~m[2]);
    offset[3] = ((next + 1) & m[3]) | (border & ~m[3]);
  }
  std::int32_t at[4][8];
  for (int t = 0; t < 4; ++t)
    store(at[t], offset[t]);
  const auto side_by_side = [&](std::int32_t left, std::int32_t right) AIFT_INLINED {
    Four16 a;
    Four16 b;
    load(a, job.canvas + 4 * static_cast<index_t>(left));
    load(b, job.canvas + 4 * static_cast<index_t>(right));
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  };
  const auto rows_of = [&](std::int32_t t) AIFT_INLINED {
    return between_rows(side_by_side(at[0][t], at[1][t]), side_by_side(at[2][t], at[3][t]),
                        job.row_part[j + t]);
  };
  const auto two = [&](std::int32_t t) AIFT_INLINED {
    return between_columns(rows_of(t), rows_of(t + 4), job.column_part[j + t],
                           job.column_part[j + t + 4]);
  };
  put_eight(two(0), two(1), two(2), two(3), red + j, green + j, blue + j);
  return true;
}

/// Output pixel j, wherever it lies.
AIFT_ALWAYS void one_pixel(const PatchJob& job, std::int32_t i, std::int32_t j, float* red,
                           float* green, float* blue) {
  const Command& command = *job.command;
  const std::uint16_t* const canvas = job.canvas;
  const index_t width = command.width;
  const Rgb x = sample(command, i, j, kStepsPerGrey, [=](std::int32_t column, std::int32_t row) {
    const std::uint16_t* const p = canvas + 4 * (row * width + column);
    return Rgb{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2])};
  });
  red[j] = x.r;
  green[j] = x.g;
  blue[j] = x.b;
}

/// Whole pixels and what is left of eight coordinates: the upper and the lower halves.
AIFT_ALWAYS EightUnsigned upper_words(const FourUnsigned& a, const FourUnsigned& b) {
  return __builtin_shufflevector(reinterpret_cast<EightUnsigned>(a),
                                 reinterpret_cast<EightUnsigned>(b), 1, 3, 5, 7, 9, 11, 13, 15);
}
AIFT_ALWAYS EightUnsigned lower_words(const FourUnsigned& a, const FourUnsigned& b) {
  return __builtin_shufflevector(reinterpret_cast<EightUnsigned>(a),
                                 reinterpret_cast<EightUnsigned>(b), 0, 2, 4, 6, 8, 10, 12, 14);
}
AIFT_ALWAYS Floats8 parts(const EightUnsigned& words) {
  return __builtin_convertvector(reinterpret_cast<EightInts>(words >> 8), Floats8) * 0x1p-24F;
}

/// Coordinates first to first + 3 of a line that begins at `at`. Without sign: the last steps are
/// beyond what is used and may overflow.
AIFT_ALWAYS FourUnsigned four_steps(std::int64_t at, std::int64_t step, std::uint64_t first) {
  const auto u = static_cast<std::uint64_t>(at);
  const auto d = static_cast<std::uint64_t>(step);
  return FourUnsigned{u + first * d, u + (first + 1) * d, u + (first + 2) * d,
                      u + (first + 3) * d};
}

/// Coordinates of line i: columns, rows, offsets of the canvas and the parts between pixels.
AIFT_ALWAYS void locate(const PatchJob& job, std::int32_t i) {
  const Command& command = *job.command;
  const std::int64_t x0 = command.x_start + i * command.x_across;
  const std::int64_t y0 = command.y_start + i * command.y_across;
  const std::int64_t x_step = command.x_along;
  const std::int64_t y_step = command.y_along;
  const std::int32_t width = command.width;
  FourUnsigned x_low = four_steps(x0, x_step, 0);
  FourUnsigned x_high = four_steps(x0, x_step, 4);
  FourUnsigned y_low = four_steps(y0, y_step, 0);
  FourUnsigned y_high = four_steps(y0, y_step, 4);
  const std::uint64_t x_eight = 8 * static_cast<std::uint64_t>(x_step);
  const std::uint64_t y_eight = 8 * static_cast<std::uint64_t>(y_step);
  for (std::int32_t j = 0; j < job.width; j += 8) {
    const EightUnsigned column = upper_words(x_low, x_high);
    const EightUnsigned row = upper_words(y_low, y_high);
    store(job.column + j, column);
    store(job.row + j, row);
    store(job.offset + j, row * static_cast<std::uint32_t>(width) + column);
    store(job.column_part + j, parts(lower_words(x_low, x_high)));
    store(job.row_part + j, parts(lower_words(y_low, y_high)));
    x_low += x_eight;
    x_high += x_eight;
    y_low += y_eight;
    y_high += y_eight;
  }
}

/// Red, green and blue of line i into job.lines.
AIFT_ALWAYS void sample_line(const PatchJob& job, std::int32_t i, bool offsets_fit) {
  const Command& command = *job.command;
  const std::int32_t n = job.width;
  const std::size_t pitch = static_cast<std::size_t>(n) + kSlack;
  float* const red = job.lines;
  float* const green = red + pitch;
  float* const blue = green + pitch;
  locate(job, i);
  // A line meets the inside of the canvas in one piece: [first, last).
  const auto inside = [&](std::int32_t j) {
    return static_cast<std::uint32_t>(job.column[j]) <
               static_cast<std::uint32_t>(command.width - 1) &&
           static_cast<std::uint32_t>(job.row[j]) < static_cast<std::uint32_t>(command.height - 1);
  };
  std::int32_t first = 0;
  std::int32_t last = n;
  while (first < n && !inside(first))
    ++first;
  while (last > first && !inside(last - 1))
    --last;
  if (!offsets_fit) {
    for (std::int32_t j = 0; j < n; ++j)
      one_pixel(job, i, j, red, green, blue);
    return;
  }
  // Pixels [begin, end), the last eight of them twice where they are no multiple of eight.
  const auto anywhere = [&](std::int32_t begin, std::int32_t end) {
    for (std::int32_t j = begin; j < end; j += 8) {
      // Eight from `end` back are not beyond the line's start, or else there is room behind it.
      const std::int32_t at = j + 8 <= end || end < 8 ? j : end - 8;
      if (eight_anywhere(job, at, red, green, blue)) continue;
      for (std::int32_t k = at; k < at + 8 && k < n; ++k)
        one_pixel(job, i, k, red, green, blue);
    }
  };
  if (last - first < 8) {
    anywhere(0, n);
    return;
  }
  anywhere(0, first);
  const index_t next_row = 4 * static_cast<index_t>(command.width);
  std::int32_t j = first;
  for (; j + 8 <= last; j += 8)
    eight_inside(job, next_row, j, red, green, blue);
  if (j < last) eight_inside(job, next_row, last - 8, red, green, blue);
  anywhere(last, n);
}

/// Colour and normalisation of one channel, from the lines into `to`.
AIFT_ALWAYS void finish(const PatchJob& job, int c, float* to) {
  const std::size_t pitch = static_cast<std::size_t>(job.width) + kSlack;
  const float* const red = job.lines;
  const float* const green = red + pitch;
  const float* const blue = green + pitch;
  const std::int32_t n = job.width;
  const float mean = job.normal.mean[c];
  const float factor = job.normal.factor[c];
  if (job.command->keep_colour != 0) {
    const float* const own = red + static_cast<std::size_t>(c) * pitch;
    for (std::int32_t j = 0; j < n; ++j)
      to[j] = (own[j] - mean) * factor;
    return;
  }
  const float r = job.command->matrix[3 * c];
  const float g = job.command->matrix[3 * c + 1];
  const float b = job.command->matrix[3 * c + 2];
  const float offset = job.command->offset;
  for (std::int32_t j = 0; j < n; ++j) {
    const float value = r * red[j] + g * green[j] + b * blue[j] + offset;
    const float positive = value < 0.0F ? 0.0F : value;
    const float clipped = positive > 255.0F ? 255.0F : positive;
    to[j] = (clipped - mean) * factor;
  }
}

/// Rounded to the type of the output.
AIFT_ALWAYS void narrow(const float* from, index_t count, DType type, std::uint16_t* to) {
  if (type == DType::bf16) {
    for (index_t i = 0; i < count; ++i) {
      std::uint32_t bits;
      __builtin_memcpy(&bits, from + i, sizeof bits);
      const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
      const std::uint32_t quiet = (bits >> 16) | 0x40U;
      to[i] = static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded);
    }
    return;
  }
  index_t i = 0;
#if defined(AIFT_RENDER_AVX2)
  for (; i + 8 <= count; i += 8) {
    const __m128i eight = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    __builtin_memcpy(to + i, &eight, sizeof eight);
  }
#endif
  for (; i < count; ++i)
    to[i] = to_half(from[i]).bits;
}

void render_patch(const PatchJob& job) {
  const index_t n = job.width;
  const index_t plane = n * job.height;
  const bool offsets_fit =
      static_cast<index_t>(job.command->width) * job.command->height < (index_t{1} << 31);
  const std::size_t pitch = static_cast<std::size_t>(n) + kSlack;
  // Finished lines of the channels, then the line as it leaves where that is another.
  float* const finished = job.lines + 3 * pitch;
  float* const mixed = finished + 3 * pitch;
  for (std::int32_t i = 0; i < job.height; ++i) {
    sample_line(job, i, offsets_fit);
    const bool planes = job.layout == PatchLayout::nchw || job.channels == 1;
    for (int c = 0; c < job.channels; ++c) {
      float* line = finished + static_cast<std::size_t>(c) * pitch;
      const index_t at = c * plane + i * n;
      if (planes && job.type == DType::f32) line = static_cast<float*>(job.out) + at;
      finish(job, c, line);
      if (planes && job.type != DType::f32)
        narrow(line, n, job.type, static_cast<std::uint16_t*>(job.out) + at);
    }
    if (planes) continue;
    const index_t at = 3 * i * n;
    float* const line = job.type == DType::f32 ? static_cast<float*>(job.out) + at : mixed;
    const float* const red = finished;
    const float* const green = red + pitch;
    const float* const blue = green + pitch;
    for (index_t j = 0; j < n; ++j) {
      line[3 * j] = red[j];
      line[3 * j + 1] = green[j];
      line[3 * j + 2] = blue[j];
    }
    if (job.type != DType::f32)
      narrow(line, 3 * n, job.type, static_cast<std::uint16_t*>(job.out) + at);
  }
}

#undef AIFT_ALWAYS
#undef AIFT_INLINED
