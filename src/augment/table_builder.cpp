// SPDX-License-Identifier: Apache-2.0
#include "src/augment/table_builder.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include <aift/core/error.hpp>

namespace aift::render {

static_assert(std::is_trivially_copyable_v<Command> && sizeof(Command) % 8 == 0);
static_assert(std::is_trivially_copyable_v<ImageEntry> && sizeof(ImageEntry) % 8 == 0);
static_assert(std::is_trivially_copyable_v<CanvasEntry> && sizeof(CanvasEntry) % 8 == 0);

void TableBuilder::build(const RenderBatch& batch, const PatchFormat& format,
                         std::size_t canvas_bytes) {
  check_format(format);
  AIFT_EXPECT(format.height * format.width < index_t{1} << 33, ShapeError,
              "Patches on a device have fewer than 2^33 pixels; the format has {} x {}.",
              format.height, format.width);
  check_batch(batch);
  AIFT_EXPECT(batch.images.size() < std::size_t{1} << 31, ShapeError,
              "A batch on a device has fewer than 2^31 images; got {}.", batch.images.size());
  commands_.clear();
  images_.clear();
  canvases_.clear();
  chunks_.clear();
  workspace_bytes_ = 0;
  format_ = format;
  patches_ = static_cast<index_t>(batch.plans.size());

  index_t used = 0;  // pixels of the workspace in the current chunk
  for (std::size_t i = 0; i < batch.images.size(); ++i) {
    const ImageView& image = batch.images[i];
    check_image(image);
    AIFT_EXPECT(image.stride < index_t{1} << 31, ShapeError,
                "A row of an image on a device has a stride below 2^31 bytes; got {}.",
                image.stride);
    ImageEntry entry;
    entry.data = image.data;
    entry.stride = image.stride;
    entry.width = static_cast<std::int32_t>(image.width);
    entry.height = static_cast<std::int32_t>(image.height);
    entry.channels = static_cast<std::int32_t>(image.channels());
    entry.red = image.order == ChannelOrder::bgr ? 2 : 0;
    entry.green = image.order == ChannelOrder::grey ? 0 : 1;
    entry.blue = image.order == ChannelOrder::rgb ? 2 : 0;
    images_.push_back(entry);

    const std::size_t own = canvases_.size();  // the first canvas of this image
    const std::size_t first_command = commands_.size();
    index_t pixels = 0;
    index_t largest = 0;
    const auto first = static_cast<std::size_t>(first_plan(batch, static_cast<index_t>(i)));
    const auto last = static_cast<std::size_t>(first_plan(batch, static_cast<index_t>(i) + 1));
    for (std::size_t p = first; p < last; ++p) {
      Command command = prepare(batch.plans[p], image.width, image.height, format);
      command.image = static_cast<std::int32_t>(i);
      if (command.box_x > 1 || command.box_y > 1) {
        const auto found =
            std::find_if(canvases_.begin() + static_cast<std::ptrdiff_t>(own), canvases_.end(),
                         [&](const CanvasEntry& c) {
                           return c.box_x == command.box_x && c.box_y == command.box_y;
                         });
        if (found != canvases_.end()) {
          command.canvas = found->first;
        } else {
          CanvasEntry canvas;
          canvas.first = pixels;
          canvas.image = command.image;
          canvas.box_x = command.box_x;
          canvas.box_y = command.box_y;
          canvas.width = command.width;
          canvas.height = command.height;
          canvas.scale = box_scale(static_cast<index_t>(command.box_x) * command.box_y);
          canvases_.push_back(canvas);
          command.canvas = pixels;
          const index_t size = static_cast<index_t>(command.width) * command.height;
          AIFT_EXPECT(size < index_t{1} << 31, ShapeError,
                      "The averages of an image on a device are fewer than 2^31; an image of {} x "
                      "{} has {}.",
                      image.width, image.height, size);
          pixels += size;
          largest = std::max(largest, index_t{canvas_tiles(canvas)});
        }
      }
      commands_.push_back(command);
    }
    if (first == last) continue;
    // An image that does not fit any more begins a chunk of its own.
    const auto bytes = static_cast<std::size_t>(used + pixels) * sizeof(CanvasPixel);
    if (chunks_.empty() || (used > 0 && pixels > 0 && bytes > canvas_bytes)) {
      chunks_.push_back({static_cast<index_t>(first_command), 0, static_cast<index_t>(own), 0, 0});
      used = 0;
    }
    for (std::size_t c = own; c < canvases_.size(); ++c)
      canvases_[c].first += used;
    for (std::size_t p = first_command; p < commands_.size(); ++p) {
      if (commands_[p].canvas >= 0) commands_[p].canvas += used;
    }
    used += pixels;
    Chunk& chunk = chunks_.back();
    chunk.patches = static_cast<index_t>(commands_.size()) - chunk.first_patch;
    chunk.canvases = static_cast<index_t>(canvases_.size()) - chunk.first_canvas;
    chunk.largest_canvas = std::max(chunk.largest_canvas, largest);
    workspace_bytes_ =
        std::max(workspace_bytes_, static_cast<std::size_t>(used) * sizeof(CanvasPixel));
  }

  const std::size_t of_commands = commands_.size() * sizeof(Command);
  const std::size_t of_images = images_.size() * sizeof(ImageEntry);
  const std::size_t of_canvases = canvases_.size() * sizeof(CanvasEntry);
  bytes_.resize(of_commands + of_images + of_canvases);
  const auto put = [&](std::size_t at, const void* from, std::size_t count) {
    if (count > 0) std::memcpy(bytes_.data() + at, from, count);
  };
  put(0, commands_.data(), of_commands);
  put(of_commands, images_.data(), of_images);
  put(of_commands + of_images, canvases_.data(), of_canvases);
}

Tables TableBuilder::tables(const std::byte* base) const {
  Tables tables;
  tables.commands = reinterpret_cast<const Command*>(base);
  base += commands_.size() * sizeof(Command);
  tables.images = reinterpret_cast<const ImageEntry*>(base);
  base += images_.size() * sizeof(ImageEntry);
  tables.canvases = reinterpret_cast<const CanvasEntry*>(base);
  return tables;
}

Shape TableBuilder::shape(const PatchOutput& out) const {
  Shape shape;
  shape.normal = normal_of(format_);
  shape.channels = static_cast<std::int32_t>(format_.channels);
  shape.height = static_cast<std::int32_t>(format_.height);
  shape.width = static_cast<std::int32_t>(format_.width);
  shape.planes = out.layout == PatchLayout::nchw;
  // Tiles of equal height, as far as whole rounds allow.
  const std::int32_t tiles = (shape.height + kMostTileLines - 1) / kMostTileLines;
  const std::int32_t lines = (shape.height + tiles - 1) / tiles;
  shape.tile_lines = (lines + kRoundLines - 1) / kRoundLines * kRoundLines;
  shape.tiles_x = (shape.width + kTileWidth - 1) / kTileWidth;
  shape.tiles_y = (shape.height + shape.tile_lines - 1) / shape.tile_lines;
  return shape;
}

}  // namespace aift::render
