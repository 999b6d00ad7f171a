// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include <aift/ct/crop.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// How the direction of a vessel is found.
struct VesselAxisOptions {
  /// Radii of the balls that are tried, mm; the one in which voxels stretch most decides.
  std::array<double, 3> radii_mm = {4, 6.5, 10};
  double hu_air = -200;  ///< voxels at or below weigh nothing: lung
  double hu_full = 150;  ///< voxels at or above weigh fully: contrast; between the two linear
  /// Least (l1 - l2) / l1 of the spread along the longest and the next axis; below it there is no
  /// direction to be had.
  double min_anisotropy = 0.15;
};

/// The candidate's own directions.
struct VesselFrame {
  Point axis = {0, 0, 1};  ///< along the vessel, unit, its largest component positive
  Point side = {1, 0, 0};  ///< across it, unit: the reference of rotations about the axis
  double anisotropy = 0;   ///< (l1 - l2) / l1 in [0, 1]: 0 = no direction
  double radius_mm = 0;    ///< of the ball that decided
  bool fallback = false;   ///< no direction was found: the axis is that of the slices' normal
};

/// The local direction of a vessel: the principal axis of the voxels in a small ball, weighted by how
/// much they look like vessel or what fills it (ramp of the HU) and by a Gaussian of their distance.
/// Source: weighted principal component analysis; vessel alignment for this purpose after Tajbakhsh,
/// Gotway and Liang, MICCAI 2015.
///
/// ties    the frame's side is the world axis farthest from the vessel's, made perpendicular
/// throws  ValueError: options that are none, a centre outside the volume
/// cost    one pass over the voxels of the largest ball
[[nodiscard]] VesselFrame vessel_axis(const CropView& from, const Point& centre,
                                      const VesselAxisOptions& options = {});

/// A frame from a direction alone. axis not zero
[[nodiscard]] VesselFrame frame_along(const Point& axis);

}  // namespace aift::ct
