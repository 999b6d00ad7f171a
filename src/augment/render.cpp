// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/render.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#include <aift/core/error.hpp>

#include "patch_renderer.hpp"

namespace aift {
namespace {

/// Four floats that are computed side by side; the compiler maps them to what the machine has.
using Lanes = float __attribute__((vector_size(16)));

inline Lanes load(const float* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, Lanes v) { std::memcpy(p, &v, sizeof v); }

constexpr std::array<double, 3> kLuma = {0.299, 0.587, 0.114};
constexpr double kFarthest = 0x1p24;  // pixels; beyond it an index would not fit its type

/// Position in [0, n) of pixel i of an endless row of mirrors; the edge pixel is not repeated.
index_t reflected(index_t i, index_t n) {
  if (n == 1) return 0;
  const index_t period = 2 * (n - 1);
  index_t r = i % period;
  if (r < 0) r += period;
  return r < n ? r : period - r;
}

index_t mapped(index_t i, index_t n, Border border) {
  if (i >= 0 && i < n) return i;
  return border == Border::reflect ? reflected(i, n) : n;
}

/// A coordinate of the source over the output's pixels: along * column + across * row + start.
struct Axis {
  double along = 0;
  double across = 0;
  double start = 0;
  index_t box = 1;  ///< source pixels averaged into one
};

/// The axis in pixels of the source averaged in boxes; `along` and `across` are per output pixel.
Axis make_axis(double along, double across, double centre, index_t size,
               const PatchFormat& format) {
  const double per_pixel = std::sqrt(along * along + across * across);
  Axis axis;
  // The tolerance keeps a rotation by rounding from losing an exact factor.
  axis.box =
      std::clamp(static_cast<index_t>(std::min(per_pixel + 1e-6, kFarthest)), index_t{1}, size);
  const auto box = static_cast<double>(axis.box);
  axis.along = along / box;
  axis.across = across / box;
  axis.start = (along * (0.5 - 0.5 * static_cast<double>(format.width)) +
                across * (0.5 - 0.5 * static_cast<double>(format.height)) + centre) /
                   box -
               0.5;
  return axis;
}

/// First and last pixel that the axis can touch, with a margin of one.
struct Extent {
  index_t first = 0;
  index_t last = 0;
};

Extent extent_of(const Axis& axis, const PatchFormat& format, const PatchPlan& plan) {
  const double right = axis.along * static_cast<double>(format.width - 1);
  const double down = axis.across * static_cast<double>(format.height - 1);
  const double low = axis.start + std::min(right, 0.0) + std::min(down, 0.0);
  const double high = axis.start + std::max(right, 0.0) + std::max(down, 0.0);
  AIFT_EXPECT(low > -kFarthest && high < kFarthest, ValueError,
              "A plan must stay within 2^24 pixels of its image; patch {} of candidate {} does not "
              "(check its matrix).",
              plan.index, plan.candidate.index);
  return {static_cast<index_t>(std::floor(low)) - 1, static_cast<index_t>(std::floor(high)) + 2};
}

/// x -> matrix x + offset per output channel, in [0, 255].
struct Colour {
  bool identity = true;
  std::array<std::array<float, 3>, 3> matrix{};
  float offset = 0;
};

Colour colour_of(const PatchPlan& plan, index_t channels) {
  Colour colour;
  colour.identity = plan.gain == std::array<double, 3>{1, 1, 1} && plan.contrast == 1 &&
                    plan.brightness == 0 && (plan.saturation == 1 || channels == 1);
  colour.offset = static_cast<float>(127.5 * (1 - plan.contrast) + 255 * plan.brightness);
  for (index_t c = 0; c < channels; ++c) {
    for (index_t k = 0; k < 3; ++k) {
      // The grey value is not changed by the saturation.
      const double mix = channels == 1
                             ? kLuma[k]
                             : (c == k ? plan.saturation : 0.0) + (1 - plan.saturation) * kLuma[k];
      colour.matrix[c][k] = static_cast<float>(mix * plan.contrast * plan.gain[k]);
    }
  }
  return colour;
}

/// One line of pixels (four floats each) to normalised planes.
void write_line(const float* line, index_t width, const Colour& colour, const PatchFormat& format,
                float* out) {
  const index_t plane = format.height * format.width;
  const bool keep = colour.identity && format.channels == 3;
  for (index_t c = 0; c < format.channels; ++c) {
    const float mean = format.mean[c];
    const float factor = 1.0F / format.std[c];
    float* to = out + c * plane;
    if (keep) {
      for (index_t j = 0; j < width; ++j)
        to[j] = (line[4 * j + c] - mean) * factor;
      continue;
    }
    const float r = colour.matrix[c][0];
    const float g = colour.matrix[c][1];
    const float b = colour.matrix[c][2];
    const float offset = colour.offset;
    for (index_t j = 0; j < width; ++j) {
      float x = r * line[4 * j] + g * line[4 * j + 1] + b * line[4 * j + 2] + offset;
      x = x < 0.0F ? 0.0F : x;
      x = x > 255.0F ? 255.0F : x;
      to[j] = (x - mean) * factor;
    }
  }
}

void check_format(const PatchFormat& format) {
  AIFT_EXPECT(format.channels == 1 || format.channels == 3, ShapeError,
              "Patches have 1 or 3 channels; the format has {}.", format.channels);
  AIFT_EXPECT(format.height >= 1 && format.width >= 1, ShapeError,
              "Patches need a height and a width of at least 1; the format has {} x {}.",
              format.height, format.width);
  for (index_t c = 0; c < format.channels; ++c) {
    AIFT_EXPECT(std::isfinite(format.mean[c]) && std::isfinite(format.std[c]) && format.std[c] > 0,
                ValueError, "mean must be finite and std positive; channel {} has {} and {}.", c,
                format.mean[c], format.std[c]);
  }
}

void check_image(const ImageView& image) {
  AIFT_EXPECT(image.data != nullptr && image.width >= 1 && image.height >= 1, ShapeError,
              "An image must have at least one pixel; got {} x {}.", image.width, image.height);
  AIFT_EXPECT(image.stride >= image.width * image.channels(), ShapeError,
              "A row of {} pixels with {} channels needs a stride of at least {}; got {}.",
              image.width, image.channels(), image.width * image.channels(), image.stride);
}

void check_plan(const PatchPlan& plan) {
  bool finite = std::isfinite(plan.contrast) && std::isfinite(plan.brightness) &&
                std::isfinite(plan.saturation);
  for (const double x : plan.matrix)
    finite = finite && std::isfinite(x);
  for (const double x : plan.gain)
    finite = finite && std::isfinite(x);
  AIFT_EXPECT(finite, ValueError,
              "The numbers of a plan must be finite; patch {} of candidate {} "
              "has one that is not.",
              plan.index, plan.candidate.index);
}

}  // namespace

void PatchRenderer::fill(const ImageView& image, Canvas& canvas) {
  const index_t channels = image.channels();
  const index_t red = image.order == ChannelOrder::bgr ? 2 : 0;
  const index_t green = image.order == ChannelOrder::grey ? 0 : 1;
  const index_t blue = image.order == ChannelOrder::rgb ? 2 : 0;
  for (index_t y = 0; y < canvas.height; ++y) {
    float* to = canvas.pixels.data() + y * canvas.stride();
    const std::uint8_t* from = image.data + y * canvas.box_y * image.stride;
    if (canvas.box_x == 1 && canvas.box_y == 1) {
      for (index_t x = 0; x < canvas.width; ++x) {
        const std::uint8_t* pixel = from + x * channels;
        to[4 * x] = static_cast<float>(pixel[red]);
        to[4 * x + 1] = static_cast<float>(pixel[green]);
        to[4 * x + 2] = static_cast<float>(pixel[blue]);
        to[4 * x + 3] = 0.0F;
      }
      continue;
    }
    // Whole numbers: rows first, then along the row; one division at the end.
    const index_t rows = std::min(canvas.box_y, image.height - y * canvas.box_y);
    const index_t values = image.width * channels;
    sums_.assign(static_cast<std::size_t>(values), 0);
    for (index_t r = 0; r < rows; ++r) {
      const std::uint8_t* row = from + r * image.stride;
      std::uint32_t* sums = sums_.data();
      for (index_t i = 0; i < values; ++i)
        sums[i] += row[i];
    }
    for (index_t x = 0; x < canvas.width; ++x) {
      const index_t first = x * canvas.box_x;
      const index_t last = std::min(first + canvas.box_x, image.width);
      std::array<std::uint64_t, 3> sum{};
      for (index_t i = first; i < last; ++i) {
        for (index_t c = 0; c < channels; ++c)
          sum[c] += sums_[i * channels + c];
      }
      const auto area = static_cast<double>((last - first) * rows);
      to[4 * x] = static_cast<float>(static_cast<double>(sum[red]) / area);
      to[4 * x + 1] = static_cast<float>(static_cast<double>(sum[green]) / area);
      to[4 * x + 2] = static_cast<float>(static_cast<double>(sum[blue]) / area);
      to[4 * x + 3] = 0.0F;
    }
  }
}

PatchRenderer::Canvas& PatchRenderer::canvas_for(const ImageView& image, index_t box_x,
                                                 index_t box_y) {
  for (std::size_t i = 0; i < used_; ++i) {
    if (canvases_[i].box_x == box_x && canvases_[i].box_y == box_y) return canvases_[i];
  }
  if (used_ == canvases_.size()) canvases_.emplace_back();
  Canvas& canvas = canvases_[used_];
  canvas.box_x = box_x;
  canvas.box_y = box_y;
  canvas.width = (image.width + box_x - 1) / box_x;
  canvas.height = (image.height + box_y - 1) / box_y;
  canvas.border_value = -1;
  canvas.pixels.resize(static_cast<std::size_t>((canvas.height + 1) * canvas.stride()));
  fill(image, canvas);
  ++used_;
  return canvas;
}

void PatchRenderer::render_one(const ImageView& image, const PatchPlan& plan,
                               const PatchFormat& format, float* out) {
  check_plan(plan);
  const auto width = static_cast<double>(image.width);
  const auto height = static_cast<double>(image.height);
  const double per_column = width / static_cast<double>(format.width);
  const double per_row = height / static_cast<double>(format.height);
  const auto& m = plan.matrix;
  Axis x =
      make_axis(m[0] * per_column, m[1] * per_row, 0.5 * width * (1 + m[2]), image.width, format);
  Axis y =
      make_axis(m[3] * per_column, m[4] * per_row, 0.5 * height * (1 + m[5]), image.height, format);
  const Extent columns = extent_of(x, format, plan);
  const Extent rows = extent_of(y, format, plan);

  Canvas& canvas = canvas_for(image, x.box, y.box);
  if (plan.border == Border::constant && canvas.border_value != plan.border_value) {
    const auto value = static_cast<float>(plan.border_value);
    for (index_t r = 0; r < canvas.height; ++r) {
      std::fill_n(canvas.pixels.begin() + r * canvas.stride() + 4 * canvas.width, 4, value);
    }
    std::fill_n(canvas.pixels.begin() + canvas.height * canvas.stride(), canvas.stride(), value);
    canvas.border_value = plan.border_value;
  }

  // Where the pixels of every column and row that can be touched lie, border rule included.
  column_offset_.resize(static_cast<std::size_t>(columns.last - columns.first + 1));
  for (index_t i = columns.first; i <= columns.last; ++i) {
    column_offset_[i - columns.first] =
        static_cast<std::int32_t>(4 * mapped(i, canvas.width, plan.border));
  }
  row_offset_.resize(static_cast<std::size_t>(rows.last - rows.first + 1));
  for (index_t i = rows.first; i <= rows.last; ++i) {
    row_offset_[i - rows.first] = canvas.stride() * mapped(i, canvas.height, plan.border);
  }

  const auto n = static_cast<std::size_t>(format.width);
  column_.resize(n);
  row_.resize(n);
  column_part_.resize(n);
  row_part_.resize(n);
  line_.resize(4 * n);
  const Colour colour = colour_of(plan, format.channels);
  const float* pixels = canvas.pixels.data();
  for (index_t i = 0; i < format.height; ++i) {
    // Counted from the first pixel that can be touched, so that truncation is the floor.
    const double x0 =
        x.across * static_cast<double>(i) + (x.start - static_cast<double>(columns.first));
    const double y0 =
        y.across * static_cast<double>(i) + (y.start - static_cast<double>(rows.first));
    for (std::size_t j = 0; j < n; ++j) {
      const auto at = static_cast<double>(static_cast<std::int32_t>(j));
      const double xj = x0 + x.along * at;
      const double yj = y0 + y.along * at;
      column_[j] = static_cast<std::int32_t>(xj);
      row_[j] = static_cast<std::int32_t>(yj);
      column_part_[j] = static_cast<float>(xj - static_cast<double>(column_[j]));
      row_part_[j] = static_cast<float>(yj - static_cast<double>(row_[j]));
    }
    for (std::size_t j = 0; j < n; ++j) {
      const float* upper = pixels + row_offset_[row_[j]];
      const float* lower = pixels + row_offset_[row_[j] + 1];
      const index_t left = column_offset_[column_[j]];
      const index_t right = column_offset_[column_[j] + 1];
      const Lanes a = load(upper + left);
      const Lanes c = load(lower + left);
      const Lanes above = a + column_part_[j] * (load(upper + right) - a);
      const Lanes below = c + column_part_[j] * (load(lower + right) - c);
      store(line_.data() + 4 * j, above + row_part_[j] * (below - above));
    }
    write_line(line_.data(), format.width, colour, format, out + i * format.width);
  }
}

void PatchRenderer::render(const ImageView& image, std::span<const PatchPlan> plans,
                           const PatchFormat& format, float* out) {
  check_format(format);
  check_image(image);
  used_ = 0;
  for (const PatchPlan& plan : plans) {
    render_one(image, plan, format, out);
    out += format.elements();
  }
}

void render_patches(const ImageView& image, std::span<const PatchPlan> plans,
                    const PatchBuffer& out) {
  AIFT_EXPECT(static_cast<index_t>(plans.size()) <= out.capacity, ShapeError,
              "The buffer must have room for {} patches; it has room for {}.", plans.size(),
              out.capacity);
  AIFT_EXPECT(plans.empty() || out.data != nullptr, ShapeError,
              "The buffer for {} patches must not be null.", plans.size());
  PatchRenderer renderer;
  renderer.render(image, plans, out.format, out.data);
}

Image to_image(std::span<const float> patch, const PatchFormat& format) {
  check_format(format);
  AIFT_EXPECT(static_cast<index_t>(patch.size()) == format.elements(), ShapeError,
              "A patch of {} x {} x {} has {} values; got {}.", format.channels, format.height,
              format.width, format.elements(), patch.size());
  Image image;
  image.width = format.width;
  image.height = format.height;
  image.order = format.channels == 1 ? ChannelOrder::grey : ChannelOrder::rgb;
  image.pixels.resize(patch.size());
  const index_t plane = format.height * format.width;
  for (index_t c = 0; c < format.channels; ++c) {
    for (index_t i = 0; i < plane; ++i) {
      const float x = patch[c * plane + i] * format.std[c] + format.mean[c];
      const float rounded = std::floor(x + 0.5F);
      image.pixels[i * format.channels + c] =
          static_cast<std::uint8_t>(rounded > 0 ? std::min(rounded, 255.0F) : 0.0F);
    }
  }
  return image;
}

}  // namespace aift
