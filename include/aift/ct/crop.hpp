// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// A box of voxels of a volume; owns nothing. The whole volume is a box too.
struct CropView {
  const std::int16_t* voxels = nullptr;       ///< [size z][size y][size x], HU
  std::array<index_t, 3> size = {0, 0, 0};    ///< voxels, each at least 2
  std::array<index_t, 3> offset = {0, 0, 0};  ///< of its first voxel in the volume
  Geometry geometry;                          ///< of the whole volume
};

/// A box of voxels with its memory.
struct Crop {
  std::vector<std::int16_t> voxels;           ///< as in CropView
  std::array<index_t, 3> size = {0, 0, 0};    ///< as in CropView
  std::array<index_t, 3> offset = {0, 0, 0};  ///< as in CropView
  Geometry geometry;                          ///< of the whole volume
  /// What it holds, as a view.
  [[nodiscard]] CropView view() const noexcept { return {voxels.data(), size, offset, geometry}; }
};

/// The whole volume as a box. throws ShapeError: fewer than two voxels along an axis, or a number of
/// voxels that is not the geometry's
[[nodiscard]] CropView whole(const Volume& volume);

/// The voxels within `reach_mm` of a point along every world axis, and one more on each side, as far
/// as the volume goes: planes that stay within the reach are sampled from the crop as from the volume,
/// bit for bit.
/// throws ValueError: the point lies outside the volume, reach not positive; as `whole`
[[nodiscard]] Crop crop_around(const Volume& volume, const Point& centre, double reach_mm);

}  // namespace aift::ct
