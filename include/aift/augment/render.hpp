// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>

namespace aift {

/// Renders plans of one image: the arithmetic behind ImageAugmenter.
///
/// Pixel i of a side covers [i, i + 1), its value is that of its centre. Per plan:
/// 1. where an output pixel covers s >= 2 source pixels along an axis of the source, the source is
///    first averaged in boxes of floor(s) pixels along that axis (no rounding to 8 bits; the last
///    box may be narrower), so that strong reduction does not alias;
/// 2. one bilinear interpolation per output pixel; beyond the edge the plan's border;
/// 3. colour as PatchPlan says, clipped to [0, 255];
/// 4. (x - mean) * (1 / std), written as [channels, height, width].
/// A grey source counts as R = G = B; with one output channel the grey value
/// 0.299 R + 0.587 G + 0.114 B is taken before step 3 clips. Equal input gives equal bits on every
/// machine.
///
/// out    room for all plans; written from its start
/// throws ShapeError (empty image, stride, capacity, format), ValueError (plan not finite, or
///        farther than 2^24 pixels out)
/// cost   about 10 ns per output pixel and 1 ns per source pixel
/// thread safe
void render_patches(const ImageView& image, std::span<const PatchPlan> plans,
                    const PatchBuffer& out);

/// Turns a rendered patch back into an 8-bit picture (RGB, or grey with one channel): undoes the
/// normalisation, rounds half up, clips. throws ShapeError (patch is not format.elements() long)
[[nodiscard]] Image to_image(std::span<const float> patch, const PatchFormat& format);

}  // namespace aift
