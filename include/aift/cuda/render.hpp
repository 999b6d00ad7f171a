// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include <aift/augment/batch_renderer.hpp>
#include <aift/cuda/device_view.hpp>
#include <aift/cuda/stream.hpp>

namespace aift::cuda {

/// A batch of images and plans, ready for the device: a flat table that the caller copies there.
/// Made on the host, without CUDA; its memory is kept from batch to batch.
///
///   table.prepare({images, plans, offsets}, format);        // images: device pointers
///   cudaMemcpyAsync(device, table.bytes().data(), table.bytes().size(), ..., stream);
///   render_async(table, {device, size}, {patches, ...}, workspace, stream);
///
/// Where output pixels cover two or more source pixels, the source is averaged first, once for all
/// plans that need the same boxes, into the workspace: 8 bytes per averaged pixel, which is less
/// work and less traffic than averaging again for each of the four neighbours of every output
/// pixel. Images are taken in chunks whose averages fit `canvas_bytes`, so that they are still in
/// the L2 cache when they are read and the workspace does not grow with the batch.
///
/// Thread rule: one thread at a time.
class RenderTable {
 public:
  /// canvas_bytes  averages that wait at one time: half of the L2 cache or so, as smaller chunks
  ///               leave the device idle between more launches. One image may need more.
  explicit RenderTable(std::size_t canvas_bytes = std::size_t{32} << 20);
  ~RenderTable();
  /// The other one can then be destroyed or assigned to, nothing else.
  RenderTable(RenderTable&&) noexcept;
  /// As the constructor.
  RenderTable& operator=(RenderTable&&) noexcept;

  /// batch   as BatchRenderer, but the `data` of an image is a device address (of any alignment;
  ///         averages of three channels are quicker with data and stride multiples of 4)
  /// throws  ShapeError (offsets, empty image, stride, format, an image with a stride or with
  ///         averages of 2^31 and more), ValueError (plan); the table is then of no use
  void prepare(const RenderBatch& batch, const PatchFormat& format);

  /// What is copied to the device; valid until the next prepare.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept;
  /// Patches that one rendering writes.
  [[nodiscard]] index_t patches() const noexcept;
  /// Of every patch.
  [[nodiscard]] const PatchFormat& format() const noexcept;

 private:
  friend std::size_t render_workspace_bytes(const RenderTable& table);
  friend void render_async(const RenderTable& table, DeviceView<const std::byte> device_table,
                           const PatchOutput& out, Workspace workspace, cudaStream_t stream);
  struct State;
  std::unique_ptr<State> state_;
};

/// Bytes that render_async needs for this batch; 0 when nothing is averaged.
[[nodiscard]] std::size_t render_workspace_bytes(const RenderTable& table);

/// Queues the rendering of a prepared batch: the bits of BatchRenderer.
///
/// device_table  a copy of table.bytes() in device memory, aligned to 8 bytes, complete when the
///               stream gets here
/// out           data in device memory, aligned to its type (32 bytes and a width that is a multiple
///               of 16 make it quicker); type, layout; the format must be the table's
/// workspace     render_workspace_bytes(table), aligned to 256 bytes; free again when the stream is
///               past the last kernel
/// throws        ShapeError (sizes, capacity, null), ValueError (type), DeviceError (memory that is
///               not the device's, of the images only the first one is looked at; a failed launch).
///               Nothing synchronises or allocates
/// cost          two launches per chunk of images, one where nothing is averaged
void render_async(const RenderTable& table, DeviceView<const std::byte> device_table,
                  const PatchOutput& out, Workspace workspace, cudaStream_t stream);

}  // namespace aift::cuda
