// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <aift/ct/volume.hpp>

#include "src/ct/ctpa_scene.hpp"

namespace aift::ct::phantom {

/// A volume that shapes are painted into, each with an edge of the scanner's blur.
class Canvas {
 public:
  Canvas(const Geometry& geometry, float hu)
      : geometry_(geometry), hu_(static_cast<std::size_t>(geometry.voxels()), hu) {}

  [[nodiscard]] const Geometry& geometry() const noexcept { return geometry_; }
  [[nodiscard]] std::vector<float>& hu() noexcept { return hu_; }

  /// change(voxel number, position) for every voxel of a box, with axes along the world's.
  template <class Change>
  void each(const Point& low, const Point& high, Change change) {
    std::array<index_t, 3> first;
    std::array<index_t, 3> last;
    for (std::size_t a = 0; a < 3; ++a) {
      const double at = (low[a] - geometry_.origin[a]) / geometry_.spacing[a];
      const double to = (high[a] - geometry_.origin[a]) / geometry_.spacing[a];
      const auto end = static_cast<double>(geometry_.size[a] - 1);
      first[a] = static_cast<index_t>(std::ceil(std::clamp(at, 0.0, end + 1)));
      last[a] = static_cast<index_t>(std::floor(std::clamp(to, -1.0, end)));
    }
    for (index_t z = first[2]; z <= last[2]; ++z) {
      for (index_t y = first[1]; y <= last[1]; ++y) {
        const index_t row = (z * geometry_.size[1] + y) * geometry_.size[0];
        for (index_t x = first[0]; x <= last[0]; ++x) {
          change(static_cast<std::size_t>(row + x),
                 Point{geometry_.origin[0] + static_cast<double>(x) * geometry_.spacing[0],
                       geometry_.origin[1] + static_cast<double>(y) * geometry_.spacing[1],
                       geometry_.origin[2] + static_cast<double>(z) * geometry_.spacing[2]});
        }
      }
    }
  }

  /// Share of a voxel inside a shape whose surface is `distance` away.
  [[nodiscard]] static double cover(double distance, double blur = kBlur) {
    const double t = std::clamp(0.5 - distance / blur, 0.0, 1.0);
    return t * t * (3 - 2 * t);
  }

  void blend(std::size_t voxel, double hu, double share) {
    hu_[voxel] += static_cast<float>(share * (hu - static_cast<double>(hu_[voxel])));
  }

  /// Shapes with distance(shape, p); `grow` mm thicker than they are.
  void paint(const Segment& s, double hu, double grow = 0) {
    const double reach = std::max(s.radius_a, s.radius_b) + grow + kBlur;
    Point low, high;
    for (std::size_t a = 0; a < 3; ++a) {
      low[a] = std::min(s.a[a], s.b[a]) - reach;
      high[a] = std::max(s.a[a], s.b[a]) + reach;
    }
    each(low, high, [&](std::size_t voxel, const Point& p) {
      const double share = cover(distance(s, p) - grow);
      if (share > 0) blend(voxel, hu, share);
    });
  }
  void paint(const Ellipsoid& e, double hu) {
    const Point reach = e.half + Point{kBlur, kBlur, kBlur};
    each(e.centre - reach, e.centre + reach, [&](std::size_t voxel, const Point& p) {
      const double share = cover(distance(e, p));
      if (share > 0) blend(voxel, hu, share);
    });
  }

  static constexpr double kBlur = 1.8;  ///< mm, from nothing to all of an edge

 private:
  Geometry geometry_;
  std::vector<float> hu_;
};

}  // namespace aift::ct::phantom
