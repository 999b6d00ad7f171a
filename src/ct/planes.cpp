// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/planes.hpp>

#include <algorithm>
#include <cmath>

#include <aift/core/error.hpp>

#include "src/ct/plane_engine.hpp"

namespace aift::ct {
namespace {

bool is_unit(const Point& p) { return std::abs(norm(p) - 1) <= 1e-6; }

void check(const Plane& plane, std::size_t number) {
  const bool finite = std::isfinite(plane.centre[0]) && std::isfinite(plane.centre[1]) &&
                      std::isfinite(plane.centre[2]);
  AIFT_EXPECT(finite && plane.side_mm > 0 && plane.side_mm < 1e4, ValueError,
              "A plane must have a finite centre and a side between 0 and 10 m; plane {} has "
              "({:g}, {:g}, {:g}) and {:g} mm.",
              number, plane.centre[0], plane.centre[1], plane.centre[2], plane.side_mm);
  AIFT_EXPECT(is_unit(plane.across) && is_unit(plane.down), ValueError,
              "The directions of a plane must be unit vectors; those of plane {} have the lengths "
              "{:g} and {:g}.",
              number, norm(plane.across), norm(plane.down));
}

void check(const CropView& from, const PlaneFormat& format) {
  AIFT_EXPECT(format.height >= 1 && format.width >= 1, ShapeError,
              "A plane must have at least one pixel; got {} x {}.", format.height, format.width);
  AIFT_EXPECT(format.window.width > 0 && std::isfinite(format.window.width) &&
                  std::isfinite(format.window.level),
              ValueError, "A window must have a finite level and a positive width; got {} and {}.",
              format.window.level, format.window.width);
  AIFT_EXPECT(
      format.std > 0 && std::isfinite(format.mean), ValueError,
      "The scale of a plane's values must be positive and their mean finite; got {} and {}.",
      format.std, format.mean);
  AIFT_EXPECT(from.voxels != nullptr && from.size[0] >= 2 && from.size[1] >= 2 && from.size[2] >= 2,
              ShapeError,
              "A crop must have at least two voxels along every axis; it is {} x {} x {}.",
              from.size[0], from.size[1], from.size[2]);
}

PlaneJob job_of(const CropView& from, const Plane& plane, const PlaneFormat& format) {
  PlaneJob job;
  job.voxels = from.voxels;
  job.stride_y = static_cast<std::int32_t>(from.size[0]);
  job.stride_z = static_cast<std::int32_t>(from.size[0] * from.size[1]);
  const Geometry& g = from.geometry;
  const Point centre = g.to_index(plane.centre);
  const auto columns = static_cast<double>(format.width);
  const auto rows = static_cast<double>(format.height);
  const Point across = g.to_voxels((plane.side_mm / columns) * plane.across);
  const Point down = g.to_voxels((plane.side_mm / rows) * plane.down);
  for (std::size_t a = 0; a < 3; ++a) {
    // a whole number near the centre, within the volume: what is relative to it is small
    const double base = std::clamp(std::floor(centre[a]), 0.0, static_cast<double>(g.size[a] - 1));
    const auto here = static_cast<index_t>(base) - from.offset[a];
    job.base[a] = static_cast<std::int32_t>(here);
    job.low[a] = static_cast<float>(-here);
    job.last[a] = static_cast<float>(from.size[a] - 1 - here);
    job.start[a] = static_cast<float>(centre[a] - base - (columns - 1) / 2 * across[a] -
                                      (rows - 1) / 2 * down[a]);
    job.across[a] = static_cast<float>(across[a]);
    job.down[a] = static_cast<float>(down[a]);
  }
  const HuWindow& w = format.window;
  job.hu_low = static_cast<float>(w.level - w.width / 2);
  job.hu_high = static_cast<float>(w.level + w.width / 2);
  job.scale = static_cast<float>(255 / w.width) / format.std;
  job.shift = -format.mean / format.std;
  return job;
}

}  // namespace

PlaneJob make_plane_job(const CropView& from, const Plane& plane, const PlaneFormat& format) {
  check(from, format);
  check(plane, 0);
  return job_of(from, plane, format);
}

void render_planes(const CropView& from, std::span<const Plane> planes, const PlaneFormat& format,
                   std::span<float> out, Executor* executor) {
  check(from, format);
  const index_t pixels = format.height * format.width;
  AIFT_EXPECT(static_cast<index_t>(out.size()) >= static_cast<index_t>(planes.size()) * pixels,
              ShapeError, "The output must have room for {} planes of {} x {}; it has {} values.",
              planes.size(), format.height, format.width, out.size());
  for (std::size_t p = 0; p < planes.size(); ++p)
    check(planes[p], p);

  const PlaneEngine engine = best_plane_engine();
  const auto one = [&](index_t p, int) {
    const PlaneJob job = job_of(from, planes[static_cast<std::size_t>(p)], format);
    engine(job, static_cast<std::int32_t>(format.height), static_cast<std::int32_t>(format.width),
           out.data() + p * pixels);
  };
  const auto count = static_cast<index_t>(planes.size());
  if (executor != nullptr) {
    executor->run(count, one);
  } else {
    for (index_t p = 0; p < count; ++p)
      one(p, 0);
  }
}

}  // namespace aift::ct
