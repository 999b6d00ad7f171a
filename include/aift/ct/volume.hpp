// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::ct {

/// A point or a direction, millimetres unless said otherwise. World coordinates are LPS, as DICOM's:
/// x grows to the patient's left, y to the back, z to the head.
using Point = std::array<double, 3>;

/// Sum.
[[nodiscard]] constexpr Point operator+(const Point& a, const Point& b) noexcept {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}
/// Difference.
[[nodiscard]] constexpr Point operator-(const Point& a, const Point& b) noexcept {
  return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
/// Scaled.
[[nodiscard]] constexpr Point operator*(double s, const Point& a) noexcept {
  return {s * a[0], s * a[1], s * a[2]};
}
/// Scalar product.
[[nodiscard]] constexpr double dot(const Point& a, const Point& b) noexcept {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
/// Vector product.
[[nodiscard]] constexpr Point cross(const Point& a, const Point& b) noexcept {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}
/// Length.
[[nodiscard]] inline double norm(const Point& a) noexcept { return std::sqrt(dot(a, a)); }
/// Of length 1; a is not zero.
[[nodiscard]] inline Point unit(const Point& a) noexcept { return (1 / norm(a)) * a; }

/// Where the voxels of a volume lie in the patient.
struct Geometry {
  std::array<index_t, 3> size = {0, 0,
                                 0};  ///< voxels along x (a row), y (a slice's rows), z (slices)
  Point spacing = {1, 1, 1};          ///< mm between voxel centres, each positive
  Point origin = {0, 0, 0};           ///< centre of voxel (0, 0, 0), mm, LPS
  /// Unit vectors of the three axes, LPS; axes[0] is the direction in which a row runs. At right
  /// angles; a mirrored (left-handed) set is allowed.
  std::array<Point, 3> axes = {Point{1, 0, 0}, Point{0, 1, 0}, Point{0, 0, 1}};

  /// Number of voxels.
  [[nodiscard]] index_t voxels() const noexcept { return size[0] * size[1] * size[2]; }
  /// World position of a voxel index, which need not be whole.
  [[nodiscard]] Point to_world(const Point& index) const noexcept {
    return origin + (index[0] * spacing[0]) * axes[0] + (index[1] * spacing[1]) * axes[1] +
           (index[2] * spacing[2]) * axes[2];
  }
  /// Voxel index of a world position, not rounded.
  [[nodiscard]] Point to_index(const Point& world) const noexcept {
    const Point d = world - origin;
    return {dot(d, axes[0]) / spacing[0], dot(d, axes[1]) / spacing[1],
            dot(d, axes[2]) / spacing[2]};
  }
  /// A displacement in mm as one in voxels.
  [[nodiscard]] Point to_voxels(const Point& mm) const noexcept {
    return {dot(mm, axes[0]) / spacing[0], dot(mm, axes[1]) / spacing[1],
            dot(mm, axes[2]) / spacing[2]};
  }
  /// Whether a world position lies within the outer faces of the outer voxels.
  [[nodiscard]] bool contains(const Point& world) const noexcept {
    const Point index = to_index(world);
    for (std::size_t a = 0; a < 3; ++a) {
      if (!(index[a] >= -0.5 && index[a] <= static_cast<double>(size[a]) - 0.5)) return false;
    }
    return true;
  }
};

/// What is written where a scanner says that nothing was measured, HU: air.
inline constexpr std::int16_t kPaddingHu = -1024;

/// What is known of how a volume was read; nothing that identifies a patient.
struct VolumeRecord {
  std::string format;          ///< "DICOM series", "NIfTI", "MetaImage", "NRRD"
  index_t series = 1;          ///< series in the folder; the one that was read is `chosen`
  index_t chosen = 1;          ///< number of the series, from 1, in the order of list_series
  bool resampled = false;      ///< slices were unevenly spaced and have been interpolated
  index_t padded = 0;          ///< voxels that held the padding value
  index_t clipped = 0;         ///< voxels outside the range of int16, set to its ends
  double slice_thickness = 0;  ///< mm as the file says; 0: not said
  std::vector<std::string>
      notes;  ///< sentences for people: what is unusual but no reason to refuse
};

/// A CT volume in Hounsfield units.
struct Volume {
  Geometry geometry;                 ///< of the voxels
  std::vector<std::int16_t> voxels;  ///< [z][y][x], HU
  VolumeRecord record;               ///< how it was read

  /// The voxel at an index within the volume.
  [[nodiscard]] std::int16_t at(index_t x, index_t y, index_t z) const noexcept {
    return voxels[static_cast<std::size_t>((z * geometry.size[1] + y) * geometry.size[0] + x)];
  }
};

}  // namespace aift::ct
