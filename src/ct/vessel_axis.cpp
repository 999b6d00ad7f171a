// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/vessel_axis.hpp>

#include <algorithm>
#include <cmath>

#include <Eigen/Eigenvalues>

#include <aift/core/error.hpp>

namespace aift::ct {
namespace {

/// Sums of one ball: weight, first and second moments about the candidate.
struct Moments {
  double radius = 0;
  double weight = 0;
  Point first = {0, 0, 0};
  std::array<double, 6> second = {0, 0, 0, 0, 0, 0};  // xx yy zz xy xz yz

  void add(const Point& d, double w) {
    weight += w;
    first = first + w * d;
    second[0] += w * d[0] * d[0];
    second[1] += w * d[1] * d[1];
    second[2] += w * d[2] * d[2];
    second[3] += w * d[0] * d[1];
    second[4] += w * d[0] * d[2];
    second[5] += w * d[1] * d[2];
  }
};

}  // namespace

VesselFrame frame_along(const Point& axis) {
  VesselFrame frame;
  frame.axis = unit(axis);
  std::size_t largest = 0;
  std::size_t smallest = 0;
  for (std::size_t a = 1; a < 3; ++a) {
    // nearly equal components must not decide by their last digit
    if (std::abs(frame.axis[a]) > std::abs(frame.axis[largest]) + 1e-6) largest = a;
    if (std::abs(frame.axis[a]) < std::abs(frame.axis[smallest]) - 1e-6) smallest = a;
  }
  if (frame.axis[largest] < 0) frame.axis = -1.0 * frame.axis;
  Point reference = {0, 0, 0};
  reference[smallest] = 1;
  frame.side = unit(reference - dot(reference, frame.axis) * frame.axis);
  return frame;
}

VesselFrame vessel_axis(const CropView& from, const Point& centre,
                        const VesselAxisOptions& options) {
  for (const double r : options.radii_mm) {
    AIFT_EXPECT(r > 0 && std::isfinite(r), ValueError,
                "The radii of a vessel's surroundings must be positive; got {} mm.", r);
  }
  AIFT_EXPECT(options.hu_full > options.hu_air, ValueError,
              "hu_full must be above hu_air; got {} and {}.", options.hu_full, options.hu_air);
  const Geometry& g = from.geometry;
  AIFT_EXPECT(g.contains(centre), ValueError,
              "The point ({:g}, {:g}, {:g}) mm lies outside the volume.", centre[0], centre[1],
              centre[2]);
  std::array<Moments, 3> balls;
  double reach = 0;
  for (std::size_t b = 0; b < balls.size(); ++b) {
    balls[b].radius = options.radii_mm[b];
    reach = std::max(reach, balls[b].radius);
  }
  const Point index = g.to_index(centre);
  std::array<index_t, 3> first;
  std::array<index_t, 3> last;
  for (std::size_t a = 0; a < 3; ++a) {
    const double steps = reach / g.spacing[a];
    first[a] =
        std::max<index_t>(static_cast<index_t>(std::ceil(index[a] - steps)) - from.offset[a], 0);
    last[a] = std::min<index_t>(static_cast<index_t>(std::floor(index[a] + steps)) - from.offset[a],
                                from.size[a] - 1);
  }
  const double slope = 1 / (options.hu_full - options.hu_air);
  for (index_t z = first[2]; z <= last[2]; ++z) {
    for (index_t y = first[1]; y <= last[1]; ++y) {
      const std::int16_t* row = from.voxels + (z * from.size[1] + y) * from.size[0];
      for (index_t x = first[0]; x <= last[0]; ++x) {
        const double w = std::clamp((row[x] - options.hu_air) * slope, 0.0, 1.0);
        if (w == 0) continue;
        const Point d = g.to_world({static_cast<double>(x + from.offset[0]),
                                    static_cast<double>(y + from.offset[1]),
                                    static_cast<double>(z + from.offset[2])}) -
                        centre;
        const double distance = dot(d, d);
        for (Moments& ball : balls) {
          const double r2 = ball.radius * ball.radius;
          if (distance < r2) ball.add(d, w * std::exp(-2 * distance / r2));
        }
      }
    }
  }

  VesselFrame best;
  double best_anisotropy = -1;
  for (const Moments& ball : balls) {
    if (ball.weight <= 0) continue;
    const Point mean = (1 / ball.weight) * ball.first;
    const auto c = [&](std::size_t k, std::size_t a, std::size_t b) {
      return ball.second[k] / ball.weight - mean[a] * mean[b];
    };
    Eigen::Matrix3d spread;
    spread << c(0, 0, 0), c(3, 0, 1), c(4, 0, 2), c(3, 0, 1), c(1, 1, 1), c(5, 1, 2), c(4, 0, 2),
        c(5, 1, 2), c(2, 2, 2);
    const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(spread);
    const Eigen::Vector3d values = solver.eigenvalues();
    if (!(values[2] > 0)) continue;
    const double anisotropy = (values[2] - values[1]) / values[2];
    if (anisotropy <= best_anisotropy) continue;
    best_anisotropy = anisotropy;
    const Eigen::Vector3d axis = solver.eigenvectors().col(2);
    best = frame_along({axis[0], axis[1], axis[2]});
    best.anisotropy = anisotropy;
    best.radius_mm = ball.radius;
  }
  if (best_anisotropy >= options.min_anisotropy) return best;
  VesselFrame fallback = frame_along(g.axes[2]);
  fallback.anisotropy = std::max(0.0, best_anisotropy);
  fallback.radius_mm = reach;
  fallback.fallback = true;
  return fallback;
}

}  // namespace aift::ct
