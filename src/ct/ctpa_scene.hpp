// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/ct/ctpa_phantom.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct::phantom {

/// throws ValueError for options outside their ranges
void check(const CtpaOptions& options);

/// Numbers one after another from a keyed stream.
class Draws {
 public:
  Draws(std::uint64_t seed, index_t scan)
      : random_(seed, Purpose::order, 0x43545041, static_cast<std::uint64_t>(scan)) {}
  [[nodiscard]] double uniform(double low, double high) {
    return random_.uniform(next_++, low, high);
  }
  [[nodiscard]] index_t below(index_t n) { return random_.below(next_++, n); }
  [[nodiscard]] bool chance(double p) { return random_.uniform(next_++) < p; }
  /// A unit vector, uniform on the sphere.
  [[nodiscard]] Point direction();

 private:
  KeyedRandom random_;
  index_t next_ = 0;
};

/// A piece of a vessel: a cone with round ends.
struct Segment {
  Point a, b;
  double radius_a = 0, radius_b = 0;
  index_t generation = 0;  ///< 0: trunk and main arteries
  double hu = 0;           ///< of what fills it; 0: as the scene says
};

/// Distance to the surface of a segment, negative inside.
[[nodiscard]] double distance(const Segment& s, const Point& p);

/// An ellipsoid with axes along the world's.
struct Ellipsoid {
  Point centre, half;
};
/// About the distance to its surface, negative inside.
[[nodiscard]] double distance(const Ellipsoid& e, const Point& p);

/// mm from the skin to the lungs
inline constexpr double kChestWall = 34;

/// Everything there is in one patient, mm. z = 0 is the height of the arteries' bifurcation.
struct Scene {
  double scale = 1;          ///< size of the body
  double low = 0, high = 0;  ///< z of the first and last slice
  Ellipsoid heart;
  std::vector<Ellipsoid> right_chambers, left_chambers;
  std::vector<Segment> aorta, cava, airways, arteries, veins;
  std::vector<Ellipsoid> nodes;
  std::vector<Segment> plugs;
  double hu_artery = 350, hu_vein = 220, hu_aorta = 200, hu_cava = 700, hu_clot = 55;
  double noise = 16;

  /// Negative inside the lungs.
  [[nodiscard]] double lung(const Point& p) const { return lung(p, body(p, kChestWall * scale)); }
  /// The same with body(p, kChestWall scale) known.
  [[nodiscard]] double lung(const Point& p, double inner) const;
  /// Negative inside the body; `inset` mm within it.
  [[nodiscard]] double body(const Point& p, double inset) const;
};

/// A scene without emboli.
[[nodiscard]] Scene make_scene(const CtpaOptions& options, Draws& draws,
                               std::vector<LookAlike>& look_alikes);

}  // namespace aift::ct::phantom
