// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/render.hpp>

#include <aift/core/error.hpp>

#include "cuda/augment/render_kernels.hpp"
#include "cuda/core/try.hpp"
#include "src/augment/table_builder.hpp"

namespace aift::cuda {

struct RenderTable::State {
  std::size_t canvas_bytes = 0;
  render::TableBuilder builder;
};

RenderTable::RenderTable(std::size_t canvas_bytes) : state_(std::make_unique<State>()) {
  state_->canvas_bytes = canvas_bytes;
}
RenderTable::~RenderTable() = default;
RenderTable::RenderTable(RenderTable&&) noexcept = default;
RenderTable& RenderTable::operator=(RenderTable&&) noexcept = default;

void RenderTable::prepare(const RenderBatch& batch, const PatchFormat& format) {
  state_->builder.build(batch, format, state_->canvas_bytes);
}
std::span<const std::byte> RenderTable::bytes() const noexcept { return state_->builder.bytes(); }
index_t RenderTable::patches() const noexcept { return state_->builder.patches(); }
const PatchFormat& RenderTable::format() const noexcept { return state_->builder.format(); }

std::size_t render_workspace_bytes(const RenderTable& table) {
  return table.state_->builder.workspace_bytes();
}

void render_async(const RenderTable& table, DeviceView<const std::byte> device_table,
                  const PatchOutput& out, Workspace workspace, cudaStream_t stream) {
  const render::TableBuilder& builder = table.state_->builder;
  if (builder.patches() == 0) return;
  render::check_output(out, builder.patches());
  AIFT_EXPECT(
      out.format == builder.format(), ShapeError,
      "The buffer's format must be the one the table was prepared for, {} x {} x {} with its "
      "mean and std; got {} x {} x {}.",
      builder.format().channels, builder.format().height, builder.format().width,
      out.format.channels, out.format.height, out.format.width);
  AIFT_EXPECT(device_table.bytes() >= builder.bytes().size(), ShapeError,
              "The table on the device must have the {} bytes of the one on the host; got {}.",
              builder.bytes().size(), device_table.bytes());
  AIFT_EXPECT(workspace.bytes() >= builder.workspace_bytes(), ShapeError,
              "Rendering this batch needs a workspace of {} bytes; got {}.",
              builder.workspace_bytes(), workspace.bytes());
  detail::expect_device_memory(device_table.data, 8, "The table of a batch to render");
  detail::expect_device_memory(out.data, out.type == DType::f32 ? 4 : 2, "The buffer for patches");
  if (builder.workspace_bytes() > 0)
    detail::expect_device_memory(workspace.data, kWorkspaceAlignment, "The workspace of rendering");
  detail::expect_device_memory(builder.tables(builder.bytes().data()).images->data, 1,
                               "The first image to render");

  const render::Tables tables = builder.tables(device_table.data);
  const render::Shape shape = builder.shape(out);
  auto* const canvases = reinterpret_cast<render::CanvasPixel*>(workspace.data);
  for (const render::Chunk& chunk : builder.chunks()) {
    if (chunk.canvases > 0) {
      detail::launch_averages(tables, chunk.first_canvas, chunk.canvases, chunk.largest_canvas,
                              canvases, stream);
    }
    detail::launch_patches(tables, shape, chunk.first_patch, chunk.patches, canvases, out.data,
                           out.type, stream);
  }
}

}  // namespace aift::cuda
