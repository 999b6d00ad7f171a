// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "src/phantom/vec.hpp"

namespace aift::phantom {

/// A patient's colon and how the endoscope sees it. Lengths in radii of the tube.
struct Colon {
  std::uint32_t seed = 0;
  float bend_x[2] = {}, bend_y[2] = {};  // amplitudes of the centre line's sines
  float bend_rate[2] = {}, bend_phase[4] = {};
  float corners = 0.08F;    // depth of the three-cornered section
  float fold_distance = 1;  // mean distance between folds
  float fold_height = 0.25F;
  float fold_width = 0.12F;
  Vec wall;              // colour of the mucosa
  Vec blood;             // colour of vessels
  float vessels = 0.5F;  // how clearly they show
  float mottling = 0.1F;
  float gloss = 0.5F;  // of the wet surface
  float light = 1;
  float sensor_noise = 0.01F;
  float dark_corners = 0.3F;
  Vec tint = {1, 1, 1};  // white balance
};

enum class PolypKind : std::uint8_t { sessile, flat, pedunculated };

/// A polyp on the wall.
struct Polyp {
  bool there = false;
  PolypKind kind = PolypKind::sessile;
  float z = 0, angle = 0;  // where on the wall
  float size = 0.25F;
  Vec colour;
  float pits = 0.1F;  // strength of its surface pattern
  std::uint32_t seed = 0;
};

/// Where the camera is and looks to.
struct Camera {
  Vec position, forward, right, down;
};

/// What is in the way of the light.
struct Veil {
  float residue = 0;  // share of the field that fluid covers
  int bubbles = 0;
  std::uint32_t seed = 0;
};

/// Geometry of one sequence: the colon and at most one polyp.
class ColonScene {
 public:
  ColonScene(const Colon& colon, const Polyp& polyp);

  [[nodiscard]] Vec centre(float z) const;
  /// Direction of the centre line.
  [[nodiscard]] Vec along(float z) const;
  [[nodiscard]] float radius(float z, float angle) const;
  /// About the distance to the nearest surface; negative behind it. polyp: whether that is the
  /// polyp's.
  [[nodiscard]] float distance(Vec p, bool* polyp) const;
  /// Point on the wall.
  [[nodiscard]] Vec wall_point(float z, float angle) const;

  struct Hit {
    bool hit = false;
    bool polyp = false;
    float t = 0;
    Vec point;
  };
  [[nodiscard]] Hit march(Vec from, Vec direction) const;
  [[nodiscard]] Vec normal(Vec p) const;
  /// Light that comes back along `direction` from what the camera sees at `hit`.
  [[nodiscard]] Vec shade(const Hit& hit, const Camera& camera, Vec direction) const;

  [[nodiscard]] const Colon& colon() const { return colon_; }
  [[nodiscard]] const Polyp& polyp() const { return polyp_; }

 private:
  [[nodiscard]] float polyp_distance(Vec p) const;

  Colon colon_;
  Polyp polyp_;
  Vec base_, inward_, side_, lengthwise_;  // frame of the polyp
};

}  // namespace aift::phantom
