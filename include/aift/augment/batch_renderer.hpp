// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>
#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>

namespace aift {

/// Order of the values of a patch in memory.
enum class PatchLayout : std::uint8_t {
  nchw,  ///< [channels, height, width]: one plane per channel
  nhwc,  ///< [height, width, channels]: a pixel's channels side by side ("channels last")
};

/// Where the patches of a batch go: one after the other, contiguous.
struct PatchOutput {
  void* data = nullptr;                    ///< capacity format.elements() values of `type`
  index_t capacity = 0;                    ///< patches
  DType type = DType::f32;                 ///< f32, f16 or bf16; rounded to nearest, ties to even
  PatchLayout layout = PatchLayout::nchw;  ///< of each patch
  PatchFormat format;                      ///< size, mean and scale of each patch
};

/// Images and the plans of each. Owns nothing.
struct RenderBatch {
  std::span<const ImageView> images;  ///< [N], of any sizes and channel orders
  std::span<const PatchPlan> plans;   ///< those of image 0, then those of image 1, ...
  /// [N+1]: the plans of image i are [offsets[i], offsets[i+1]); empty: every image has the same
  /// number, plans.size() / N.
  std::span<const index_t> offsets;
};

/// Renders plans of many images, with threads of the caller's and memory that is kept from call to
/// call. The arithmetic is that of render_patches (which see), the same bits for any executor, any
/// batch and any instruction set.
///
/// memory  per worker two bytes per channel of the averaged source and some lines of the output
/// Thread rule: one call at a time per object.
class BatchRenderer {
 public:
  BatchRenderer();
  ~BatchRenderer();
  /// The other one can then be destroyed or assigned to, nothing else.
  BatchRenderer(BatchRenderer&&) noexcept;
  /// As the constructor.
  BatchRenderer& operator=(BatchRenderer&&) noexcept;

  /// executor  null: the calling thread alone
  /// throws    ShapeError (offsets, empty image, stride, capacity, null, format), ValueError (type
  ///           f64, a plan that is not finite or farther than 2^24 pixels out); nothing has been
  ///           written then
  /// cost      no allocation once the sizes have been seen
  void render(const RenderBatch& batch, const PatchOutput& out, Executor* executor = nullptr);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace aift
