// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/crop.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <aift/core/error.hpp>

namespace aift::ct {

CropView whole(const Volume& volume) {
  const Geometry& g = volume.geometry;
  AIFT_EXPECT(g.size[0] >= 2 && g.size[1] >= 2 && g.size[2] >= 2, ShapeError,
              "A volume must have at least two voxels along every axis; it is {} x {} x {}.",
              g.size[0], g.size[1], g.size[2]);
  AIFT_EXPECT(static_cast<index_t>(volume.voxels.size()) == g.voxels(), ShapeError,
              "A volume of {} x {} x {} has {} voxels; this one has {}.", g.size[0], g.size[1],
              g.size[2], g.voxels(), volume.voxels.size());
  AIFT_EXPECT(g.voxels() <= std::numeric_limits<std::int32_t>::max(), ShapeError,
              "A volume may have at most 2^31 - 1 voxels; this one has {}.", g.voxels());
  return {volume.voxels.data(), g.size, {0, 0, 0}, g};
}

Crop crop_around(const Volume& volume, const Point& centre, double reach_mm) {
  const CropView all = whole(volume);
  const Geometry& g = volume.geometry;
  AIFT_EXPECT(reach_mm > 0 && std::isfinite(reach_mm), ValueError,
              "The reach of a crop must be a positive number of mm; got {}.", reach_mm);
  AIFT_EXPECT(g.contains(centre), ValueError,
              "The point ({:g}, {:g}, {:g}) mm lies outside the volume.", centre[0], centre[1],
              centre[2]);
  Crop crop;
  crop.geometry = g;
  const Point index = g.to_index(centre);
  for (std::size_t a = 0; a < 3; ++a) {
    const double reach = reach_mm / g.spacing[a];
    const auto low = static_cast<index_t>(std::floor(index[a] - reach)) - 1;
    const auto high = static_cast<index_t>(std::ceil(index[a] + reach)) + 1;
    index_t first = std::clamp<index_t>(low, 0, g.size[a] - 2);
    const index_t last = std::clamp<index_t>(high, first + 1, g.size[a] - 1);
    crop.offset[a] = first;
    crop.size[a] = last - first + 1;
  }
  crop.voxels.resize(static_cast<std::size_t>(crop.size[0] * crop.size[1] * crop.size[2]));
  auto to = crop.voxels.begin();
  for (index_t z = 0; z < crop.size[2]; ++z) {
    for (index_t y = 0; y < crop.size[1]; ++y) {
      const std::int16_t* from =
          all.voxels + ((z + crop.offset[2]) * g.size[1] + y + crop.offset[1]) * g.size[0] +
          crop.offset[0];
      to = std::copy(from, from + crop.size[0], to);
    }
  }
  return crop;
}

}  // namespace aift::ct
