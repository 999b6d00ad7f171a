// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <aift/augment/batch_renderer.hpp>

#include "src/augment/device_table.hpp"
#include "src/augment/prepare.hpp"

namespace aift::render {

/// Images whose canvases share the workspace at one time, and their patches.
struct Chunk {
  index_t first_patch = 0;
  index_t patches = 0;
  index_t first_canvas = 0;
  index_t canvases = 0;
  index_t largest_canvas = 0;  ///< tiles
};

/// Makes the tables of a batch; `bytes` is copied to the device as it is.
class TableBuilder {
 public:
  /// The images' pixels are never looked at. canvas_bytes: see cuda::RenderTable.
  /// throws as it, and ShapeError for averages or strides of 2^31 and more
  void build(const RenderBatch& batch, const PatchFormat& format, std::size_t canvas_bytes);

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] std::span<const Chunk> chunks() const { return chunks_; }
  [[nodiscard]] std::size_t workspace_bytes() const { return workspace_bytes_; }
  [[nodiscard]] const PatchFormat& format() const { return format_; }
  [[nodiscard]] index_t patches() const { return patches_; }
  /// The tables, where a copy of bytes() begins at `base`.
  [[nodiscard]] Tables tables(const std::byte* base) const;
  /// The output, which begins at `data`.
  [[nodiscard]] Shape shape(const PatchOutput& out) const;

 private:
  std::vector<Command> commands_;
  std::vector<ImageEntry> images_;
  std::vector<CanvasEntry> canvases_;
  std::vector<Chunk> chunks_;
  std::vector<std::byte> bytes_;
  std::size_t workspace_bytes_ = 0;
  PatchFormat format_;
  index_t patches_ = 0;
};

}  // namespace aift::render
