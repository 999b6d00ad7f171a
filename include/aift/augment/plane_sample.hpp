// SPDX-License-Identifier: Apache-2.0
#pragma once

// One pixel of a plane through a volume, for host and device: plain scalars and pointers. Compiled
// without contraction, so that scalar, vector and device versions give the same bits.

#include <cmath>
#include <cstdint>

#include <aift/core/types.hpp>

namespace aift {

/// A plane through a box of voxels, in voxels, and what becomes of a value. Made by
/// aift::ct::make_plane_job, which has checked it.
struct PlaneJob {
  const std::int16_t* voxels = nullptr;  ///< [z][y][x], of the host or of a device
  std::int32_t stride_y = 0;             ///< voxels from one row to the next
  std::int32_t stride_z = 0;             ///< voxels from one slice to the next
  std::int32_t base[3] = {0, 0, 0};      ///< voxel that the numbers below are relative to
  float low[3] = {0, 0, 0};              ///< first voxel, relative
  float last[3] = {0, 0, 0};             ///< last voxel, relative
  float start[3] = {0, 0, 0};            ///< pixel (0, 0)
  float across[3] = {0, 0, 0};           ///< from one column to the next
  float down[3] = {0, 0, 0};             ///< from one row to the next
  float hu_low = 0;                      ///< lower end of the window
  float hu_high = 0;                     ///< upper end of the window
  float scale = 1;                       ///< value = (clipped - hu_low) scale + shift
  float shift = 0;                       ///< see scale
};

/// x within [low, high].
AIFT_HD float plane_clamp(float x, float low, float high) noexcept {
  x = x < low ? low : x;
  return x > high ? high : x;
}

/// The value of a voxel and its right neighbour, `part` of the way.
AIFT_HD float plane_row(const std::int16_t* v, float part) noexcept {
  const auto first = static_cast<float>(v[0]);
  return first + part * (static_cast<float>(v[1]) - first);
}

/// The pixel in row i and column j: one trilinear sample.
AIFT_HD float sample_plane(const PlaneJob& job, std::int32_t i, std::int32_t j) noexcept {
  float part[3];
  std::int32_t at[3];
  for (int a = 0; a < 3; ++a) {
    const float along = job.start[a] + static_cast<float>(i) * job.down[a];
    const float p =
        plane_clamp(along + static_cast<float>(j) * job.across[a], job.low[a], job.last[a]);
    float cell = ::floorf(p);
    const float last_cell = job.last[a] - 1.0F;
    cell = cell > last_cell ? last_cell : cell;
    part[a] = p - cell;
    at[a] = static_cast<std::int32_t>(cell) + job.base[a];
  }
  const std::int16_t* v = job.voxels + (at[2] * job.stride_z + at[1] * job.stride_y + at[0]);
  const float a = plane_row(v, part[0]);
  const float b = plane_row(v + job.stride_y, part[0]);
  const float c = plane_row(v + job.stride_z, part[0]);
  const float d = plane_row(v + job.stride_z + job.stride_y, part[0]);
  const float near = a + part[1] * (b - a);
  const float far = c + part[1] * (d - c);
  const float hu = plane_clamp(near + part[2] * (far - near), job.hu_low, job.hu_high);
  return (hu - job.hu_low) * job.scale + job.shift;
}

}  // namespace aift
