// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/render.hpp>

#include <algorithm>
#include <cmath>

#include <aift/core/error.hpp>

#include "src/augment/patch_renderer.hpp"

namespace aift {

namespace render {

index_t patch_bytes(const PatchFormat& format, DType type) {
  return format.elements() * (type == DType::f32 ? 4 : 2);
}

std::uint16_t* PatchRenderer::canvas_for(const ImageView& image, const Command& command) {
  for (std::size_t i = 0; i < used_; ++i) {
    if (canvases_[i].box_x == command.box_x && canvases_[i].box_y == command.box_y)
      return canvases_[i].pixels.data();
  }
  if (used_ == canvases_.size()) canvases_.emplace_back();
  Canvas& canvas = canvases_[used_];
  canvas.box_x = command.box_x;
  canvas.box_y = command.box_y;
  const std::size_t size =
      4 * static_cast<std::size_t>(command.width) * static_cast<std::size_t>(command.height) +
      kSlack;
  // Never smaller: images of mixed sizes would clear and grow it again and again.
  if (canvas.pixels.size() < size) canvas.pixels.resize(size);
  const std::size_t values = static_cast<std::size_t>(image.width * image.channels()) + kSlack;
  if (sums_.size() < values) sums_.resize(values);
  engine_.fill({image, command.box_x, command.box_y, command.width, command.height,
                canvas.pixels.data(), sums_.data()});
  ++used_;
  return canvas.pixels.data();
}

void PatchRenderer::render(const ImageView& image, std::span<const Command> commands,
                           const PatchOutput& out, index_t first) {
  const PatchFormat& format = out.format;
  const std::size_t pitch = static_cast<std::size_t>(format.width) + kSlack;
  if (places_.size() < 3 * pitch) places_.resize(3 * pitch);
  if (numbers_.size() < 11 * pitch) numbers_.resize(11 * pitch);
  PatchJob job;
  job.normal = normal_of(format);
  job.channels = format.channels;
  job.height = static_cast<std::int32_t>(format.height);
  job.width = static_cast<std::int32_t>(format.width);
  job.type = out.type;
  job.layout = out.layout;
  job.column = places_.data();
  job.row = job.column + pitch;
  job.offset = job.row + pitch;
  job.column_part = numbers_.data();
  job.row_part = job.column_part + pitch;
  job.lines = job.row_part + pitch;
  const index_t bytes = patch_bytes(format, out.type);
  auto* to = static_cast<std::byte*>(out.data) + first * bytes;
  used_ = 0;
  for (const Command& command : commands) {
    job.command = &command;
    std::uint16_t* const canvas = canvas_for(image, command);
    std::fill_n(canvas + 4 * static_cast<std::size_t>(command.width) *
                             static_cast<std::size_t>(command.height),
                4, static_cast<std::uint16_t>(256 * std::max(command.border_value, 0)));
    job.canvas = canvas;
    job.out = to;
    engine_.render(job);
    to += bytes;
  }
}

void PatchRenderer::render(const ImageView& image, std::span<const PatchPlan> plans,
                           const PatchFormat& format, float* out) {
  check_format(format);
  check_image(image);
  commands_.clear();
  for (const PatchPlan& plan : plans)
    commands_.push_back(prepare(plan, image.width, image.height, format));
  PatchOutput output;
  output.data = out;
  output.capacity = static_cast<index_t>(plans.size());
  output.format = format;
  render(image, commands_, output, 0);
}

}  // namespace render

void render_patches(const ImageView& image, std::span<const PatchPlan> plans,
                    const PatchBuffer& out) {
  AIFT_EXPECT(static_cast<index_t>(plans.size()) <= out.capacity, ShapeError,
              "The buffer must have room for {} patches; it has room for {}.", plans.size(),
              out.capacity);
  AIFT_EXPECT(plans.empty() || out.data != nullptr, ShapeError,
              "The buffer for {} patches must not be null.", plans.size());
  render::PatchRenderer renderer;
  renderer.render(image, plans, out.format, out.data);
}

Image to_image(std::span<const float> patch, const PatchFormat& format) {
  render::check_format(format);
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
