// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/augment/augmenter.hpp>
#include <aift/augment/batch_renderer.hpp>

#include "src/augment/render_pixel.hpp"

namespace aift::render {

/// throws ShapeError (channels, size), ValueError (mean, std)
void check_format(const PatchFormat& format);
/// throws ShapeError: no pixels, more than 2^24 a side, a stride that is too small
void check_image(const ImageView& image);

/// throws ShapeError: offsets that do not fit images and plans
void check_batch(const RenderBatch& batch);
/// throws ShapeError (capacity, null, format), ValueError (type, mean, std)
void check_output(const PatchOutput& out, index_t patches);
/// Number of the first plan of an image (of the image behind the last: how many there are).
[[nodiscard]] inline index_t first_plan(const RenderBatch& batch, index_t image) {
  if (!batch.offsets.empty()) return batch.offsets[static_cast<std::size_t>(image)];
  const auto images = static_cast<index_t>(batch.images.size());
  return images == 0 ? 0 : static_cast<index_t>(batch.plans.size()) / images * image;
}

/// A plan for an image of this size. throws ValueError: numbers that are not finite, farther than
/// 2^24 pixels out
[[nodiscard]] Command prepare(const PatchPlan& plan, index_t width, index_t height,
                              const PatchFormat& format);
[[nodiscard]] Normal normal_of(const PatchFormat& format);

}  // namespace aift::render
