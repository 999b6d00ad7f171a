// SPDX-License-Identifier: Apache-2.0
#include "src/augment/prepare.hpp"

#include <algorithm>
#include <cmath>

#include <aift/core/error.hpp>

namespace aift::render {

namespace {

constexpr std::array<double, 3> kLuma = {0.299, 0.587, 0.114};
constexpr double kFarthest = 0x1p24;  // pixels; far below what a coordinate holds

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

void check_reach(const Axis& axis, const PatchFormat& format, const PatchPlan& plan) {
  const double right = axis.along * static_cast<double>(format.width - 1);
  const double down = axis.across * static_cast<double>(format.height - 1);
  const double low = axis.start + std::min(right, 0.0) + std::min(down, 0.0);
  const double high = axis.start + std::max(right, 0.0) + std::max(down, 0.0);
  AIFT_EXPECT(low > -kFarthest && high < kFarthest, ValueError,
              "A plan must stay within 2^24 pixels of its image; patch {} of candidate {} does not "
              "(check its matrix).",
              plan.index, plan.candidate.index);
}

std::int64_t fixed(double x) { return static_cast<std::int64_t>(std::floor(x * 0x1p32 + 0.5)); }

/// x -> matrix x + offset per output channel, in [0, 255].
void set_colour(const PatchPlan& plan, index_t channels, Command& command) {
  const bool identity = plan.gain == std::array<double, 3>{1, 1, 1} && plan.contrast == 1 &&
                        plan.brightness == 0 && plan.saturation == 1;
  command.keep_colour = identity && channels == 3 ? 1 : 0;
  command.offset = static_cast<float>(127.5 * (1 - plan.contrast) + 255 * plan.brightness);
  for (index_t c = 0; c < channels; ++c) {
    for (index_t k = 0; k < 3; ++k) {
      // The grey value is not changed by the saturation.
      const double mix = channels == 1
                             ? kLuma[k]
                             : (c == k ? plan.saturation : 0.0) + (1 - plan.saturation) * kLuma[k];
      command.matrix[3 * c + k] = static_cast<float>(mix * plan.contrast * plan.gain[k]);
    }
  }
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

void check_format(const PatchFormat& format) {
  AIFT_EXPECT(format.channels == 1 || format.channels == 3, ShapeError,
              "Patches have 1 or 3 channels; the format has {}.", format.channels);
  AIFT_EXPECT(format.height >= 1 && format.width >= 1, ShapeError,
              "Patches need a height and a width of at least 1; the format has {} x {}.",
              format.height, format.width);
  AIFT_EXPECT(format.height <= 1 << 24 && format.width <= 1 << 24, ShapeError,
              "Patches have at most 2^24 pixels a side; the format has {} x {}.", format.height,
              format.width);
  for (index_t c = 0; c < format.channels; ++c) {
    AIFT_EXPECT(std::isfinite(format.mean[c]) && std::isfinite(format.std[c]) && format.std[c] > 0,
                ValueError, "mean must be finite and std positive; channel {} has {} and {}.", c,
                format.mean[c], format.std[c]);
  }
}

void check_image(const ImageView& image) {
  AIFT_EXPECT(image.data != nullptr && image.width >= 1 && image.height >= 1, ShapeError,
              "An image must have at least one pixel; got {} x {}.", image.width, image.height);
  AIFT_EXPECT(image.width <= 1 << 24 && image.height <= 1 << 24, ShapeError,
              "An image has at most 2^24 pixels a side; got {} x {}.", image.width, image.height);
  AIFT_EXPECT(image.stride >= image.width * image.channels(), ShapeError,
              "A row of {} pixels with {} channels needs a stride of at least {}; got {}.",
              image.width, image.channels(), image.width * image.channels(), image.stride);
}

void check_batch(const RenderBatch& batch) {
  const std::size_t images = batch.images.size();
  const std::size_t plans = batch.plans.size();
  if (batch.offsets.empty()) {
    AIFT_EXPECT(images == 0 ? plans == 0 : plans % images == 0, ShapeError,
                "Without offsets every image has the same number of plans; got {} plans for {} "
                "images.",
                plans, images);
    return;
  }
  AIFT_EXPECT(batch.offsets.size() == images + 1, ShapeError,
              "The offsets of {} images have {} entries; got {}.", images, images + 1,
              batch.offsets.size());
  for (std::size_t i = 0; i < images; ++i) {
    AIFT_EXPECT(batch.offsets[i] <= batch.offsets[i + 1], ShapeError,
                "Offsets must not decrease; those of image {} are {} and {}.", i, batch.offsets[i],
                batch.offsets[i + 1]);
  }
  AIFT_EXPECT(batch.offsets.front() == 0 && batch.offsets.back() == static_cast<index_t>(plans),
              ShapeError, "Offsets must run from 0 to the {} plans; got {} to {}.", plans,
              batch.offsets.front(), batch.offsets.back());
}

void check_output(const PatchOutput& out, index_t patches) {
  check_format(out.format);
  AIFT_EXPECT(out.type != DType::f64, ValueError,
              "Patches are written as f32, f16 or bf16; f64 was asked for.");
  AIFT_EXPECT(patches <= out.capacity, ShapeError,
              "The buffer must have room for {} patches; it has room for {}.", patches,
              out.capacity);
  AIFT_EXPECT(patches == 0 || out.data != nullptr, ShapeError,
              "The buffer for {} patches must not be null.", patches);
}

Command prepare(const PatchPlan& plan, index_t width, index_t height, const PatchFormat& format) {
  check_plan(plan);
  const auto w = static_cast<double>(width);
  const auto h = static_cast<double>(height);
  const double per_column = w / static_cast<double>(format.width);
  const double per_row = h / static_cast<double>(format.height);
  const auto& m = plan.matrix;
  const Axis x = make_axis(m[0] * per_column, m[1] * per_row, 0.5 * w * (1 + m[2]), width, format);
  const Axis y = make_axis(m[3] * per_column, m[4] * per_row, 0.5 * h * (1 + m[5]), height, format);
  check_reach(x, format, plan);
  check_reach(y, format, plan);

  Command command;
  // A step that is never made may be too long for an integer.
  command.x_start = fixed(x.start);
  command.y_start = fixed(y.start);
  if (format.width > 1) {
    command.x_along = fixed(x.along);
    command.y_along = fixed(y.along);
  }
  if (format.height > 1) {
    command.x_across = fixed(x.across);
    command.y_across = fixed(y.across);
  }
  set_colour(plan, format.channels, command);
  command.box_x = static_cast<std::int32_t>(x.box);
  command.box_y = static_cast<std::int32_t>(y.box);
  command.width = static_cast<std::int32_t>((width + x.box - 1) / x.box);
  command.height = static_cast<std::int32_t>((height + y.box - 1) / y.box);
  command.border_value = plan.border == Border::constant ? plan.border_value : -1;
  return command;
}

Normal normal_of(const PatchFormat& format) {
  Normal normal;
  for (index_t c = 0; c < 3; ++c) {
    normal.mean[c] = format.mean[c];
    normal.factor[c] = 1.0F / format.std[c];
  }
  return normal;
}

}  // namespace aift::render
