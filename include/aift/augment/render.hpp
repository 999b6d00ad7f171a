// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>

namespace aift {

/// Renders plans of one image: the arithmetic behind ImageAugmenter, BatchRenderer and the device.
///
/// Pixel i of a side covers [i, i + 1), its value is that of its centre. Per plan:
/// 1. where an output pixel covers s >= 2 source pixels along an axis of the source, the source is
///    first averaged in boxes of floor(s) pixels along that axis (the last box may be narrower), so
///    that strong reduction does not alias; averages are kept in steps of 1/256 grey;
/// 2. one bilinear interpolation per output pixel, first between rows, then between columns; beyond
///    the edge the plan's border. Coordinates are integers in steps of 2^-32 pixel: the step from
///    one output pixel to the next is rounded to that, so that 1,000 pixels are off by at most
///    3e-7 pixel. Weights are cut to 24 bits;
/// 3. colour as PatchPlan says, clipped to [0, 255];
/// 4. (x - mean) * (1 / std), written as [channels, height, width].
/// A grey source counts as R = G = B; with one output channel the grey value
/// 0.299 R + 0.587 G + 0.114 B is taken before step 3 clips. Equal input gives equal bits on every
/// machine.
///
/// out    room for all plans; written from its start
/// throws ShapeError (empty image, more than 2^24 pixels a side, stride, capacity, format),
///        ValueError (plan not finite, or farther than 2^24 pixels out)
/// cost   about 3 ns per output pixel and 0.3 ns per source pixel on a CPU with AVX2; working
///        memory is made in every call: BatchRenderer keeps it and takes threads
/// thread safe
void render_patches(const ImageView& image, std::span<const PatchPlan> plans,
                    const PatchBuffer& out);

/// Turns a rendered patch back into an 8-bit picture (RGB, or grey with one channel): undoes the
/// normalisation, rounds half up, clips. throws ShapeError (patch is not format.elements() long)
[[nodiscard]] Image to_image(std::span<const float> patch, const PatchFormat& format);

}  // namespace aift
