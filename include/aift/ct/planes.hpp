// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/augment/plane_sample.hpp>
#include <aift/core/executor.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/crop.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// A square piece of a plane in a patient.
struct Plane {
  Point centre = {0, 0, 0};  ///< its middle, mm, LPS
  Point across = {1, 0, 0};  ///< unit vector: the direction in which columns follow each other
  Point down = {0, 1, 0};    ///< unit vector: the direction in which rows follow each other
  double side_mm = 15;       ///< edge, from outer pixel face to outer pixel face
};

/// The part of the HU range that is looked at: its ends become 0 and 1.
struct HuWindow {
  double level = 100;  ///< HU in the middle
  double width = 700;  ///< HU from end to end, positive
};

/// How planes are rendered: [planes, height, width] float32, each value
/// (255 w - mean) / std with w = (HU - level + width / 2) / width clipped to [0, 1].
struct PlaneFormat {
  index_t height = 0;  ///< pixels, at least 1
  index_t width = 0;   ///< pixels, at least 1
  HuWindow window;     ///< what is looked at
  float mean = 0;      ///< in [0, 255]
  float std = 255;     ///< of the same; positive. With the defaults values lie in [0, 1]
};

/// Samples planes straight from a volume: one trilinear interpolation in world coordinates, whatever
/// the spacing, the direction of the axes, or the angle of the plane.
///
///   pixel (i, j) of a plane lies at  centre + ((j + 1/2)/width - 1/2) side across
///                                            + ((i + 1/2)/height - 1/2) side down
/// Beyond the centres of the outer voxels the nearest voxel's value counts.
///
/// planes  any number; each is rendered from the same voxels
/// out     [planes, height, width]
/// result  single precision, offsets from the plane's centre: the same bits for a crop that reaches
///         far enough as for the whole volume, and for every instruction set and executor
/// throws  ShapeError (sizes, out too small), ValueError (a plane that is not finite, no unit vectors,
///         a window without width)
/// cost    one trilinear sample per pixel
void render_planes(const CropView& from, std::span<const Plane> planes, const PlaneFormat& format,
                   std::span<float> out, Executor* executor = nullptr);

/// A plane as sample_plane wants it, on the host or, with the address of the voxels replaced by that of
/// a copy, on a device (aift::cuda::render_planes_async): the bits of render_planes.
/// throws  as render_planes
[[nodiscard]] PlaneJob make_plane_job(const CropView& from, const Plane& plane,
                                      const PlaneFormat& format);

}  // namespace aift::ct
