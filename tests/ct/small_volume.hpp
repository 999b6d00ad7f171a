// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include <aift/ct/volume.hpp>

namespace aift::test {

/// A volume whose voxel at world position p is round(f(p)), with the axes turned about z.
template <class Function>
ct::Volume make_volume(std::array<index_t, 3> size, ct::Point spacing, ct::Point origin,
                       std::array<ct::Point, 3> axes, Function f) {
  ct::Volume volume;
  volume.geometry = {size, spacing, origin, axes};
  for (index_t z = 0; z < size[2]; ++z) {
    for (index_t y = 0; y < size[1]; ++y) {
      for (index_t x = 0; x < size[0]; ++x) {
        const ct::Point world = volume.geometry.to_world(
            {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)});
        volume.voxels.push_back(static_cast<std::int16_t>(std::nearbyint(f(world))));
      }
    }
  }
  return volume;
}

inline constexpr std::array<ct::Point, 3> kStraight = {ct::Point{1, 0, 0}, ct::Point{0, 1, 0},
                                                       ct::Point{0, 0, 1}};

/// Right-handed, no axis along a coordinate.
inline std::array<ct::Point, 3> oblique_axes() {
  const ct::Point a = ct::unit({0.8, 0.5, -0.2});
  const ct::Point c = ct::unit(ct::cross(a, {0.1, 0.9, 0.4}));
  return {a, ct::cross(c, a), c};
}

}  // namespace aift::test
