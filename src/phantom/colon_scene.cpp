// SPDX-License-Identifier: Apache-2.0
#include "src/phantom/colon_scene.hpp"

namespace aift::phantom {

namespace {

constexpr float kFar = 9;       // nothing is seen beyond
constexpr int kMostSteps = 90;  // of a ray

/// The smaller of two distances with a rounded joint of width k.
float smooth_min(float a, float b, float k) {
  const float h = std::max(k - std::abs(a - b), 0.0F) / k;
  return std::min(a, b) - h * h * k / 4;
}

}  // namespace

ColonScene::ColonScene(const Colon& colon, const Polyp& polyp) : colon_(colon), polyp_(polyp) {
  if (!polyp_.there) return;
  base_ = wall_point(polyp_.z, polyp_.angle);
  lengthwise_ = along(polyp_.z);
  inward_ = unit(centre(polyp_.z) - base_);
  inward_ = unit(inward_ - dot(inward_, lengthwise_) * lengthwise_);
  side_ = cross(lengthwise_, inward_);
}

Vec ColonScene::centre(float z) const {
  Vec c{0, 0, z};
  for (int k = 0; k < 2; ++k) {
    c.x += colon_.bend_x[k] * std::sin(colon_.bend_rate[k] * z + colon_.bend_phase[k]);
    c.y += colon_.bend_y[k] * std::sin(colon_.bend_rate[k] * z + colon_.bend_phase[k + 2]);
  }
  return c;
}

Vec ColonScene::along(float z) const { return unit(centre(z + 0.05F) - centre(z - 0.05F)); }

float ColonScene::radius(float z, float angle) const {
  float r = 1 + colon_.corners * std::cos(3 * angle + 0.4F * z);
  // The two or three folds around; each covers a part of the circumference.
  const auto nearest = static_cast<std::int32_t>(std::lround(z / colon_.fold_distance));
  for (std::int32_t k = nearest - 1; k <= nearest + 1; ++k) {
    const std::uint32_t h = hash(k, 0, 0, colon_.seed);
    const auto part = [h](int shift) { return static_cast<float>((h >> shift) & 0xFFU) / 255.0F; };
    const float place = (static_cast<float>(k) + 0.5F * (part(0) - 0.5F)) * colon_.fold_distance;
    const float turn = 6.2831853F * part(8);
    const float height = colon_.fold_height * (0.6F + 0.7F * part(16));
    const float reach = smoothstep(-0.9F, 0.5F, std::cos(angle - turn));
    const float d = (z - place + 0.12F * std::sin(angle + turn)) / colon_.fold_width;
    r -= height * reach * std::exp(-d * d);
  }
  return r;
}

Vec ColonScene::wall_point(float z, float angle) const {
  const float r = radius(z, angle);
  return centre(z) + Vec{r * std::cos(angle), r * std::sin(angle), 0};
}

float ColonScene::polyp_distance(Vec p) const {
  const Vec d = p - base_;
  const Vec q{dot(d, inward_), dot(d, side_), dot(d, lengthwise_)};
  const float s = polyp_.size;
  const auto ellipsoid = [](Vec v, Vec axes) {
    const Vec n{v.x / axes.x, v.y / axes.y, v.z / axes.z};
    return (length(n) - 1) * std::min({axes.x, axes.y, axes.z});
  };
  float result = 0;
  switch (polyp_.kind) {
    case PolypKind::sessile:
      result = ellipsoid(q - Vec{0.25F * s, 0, 0}, {0.75F * s, s, 0.9F * s});
      break;
    case PolypKind::flat:
      result = ellipsoid(q, {0.32F * s, 1.25F * s, 1.1F * s});
      break;
    case PolypKind::pedunculated: {
      const float h = std::clamp(q.x, 0.0F, 1.3F * s);
      const float stalk = length(q - Vec{h, 0, 0}) - 0.22F * s;
      const float head = ellipsoid(q - Vec{1.5F * s, 0, 0}, {0.7F * s, 0.75F * s, 0.75F * s});
      result = smooth_min(stalk, head, 0.15F * s);
      break;
    }
  }
  if (result < 0.3F * s) result -= 0.05F * s * noise((4 / s) * q, polyp_.seed);
  return result;
}

float ColonScene::distance(Vec p, bool* polyp) const {
  const Vec c = centre(p.z);
  const float x = p.x - c.x, y = p.y - c.y;
  const float wall = radius(p.z, std::atan2(y, x)) - std::sqrt(x * x + y * y);
  if (!polyp_.there) {
    *polyp = false;
    return wall;
  }
  const float growth = polyp_distance(p);
  *polyp = growth < wall;
  return smooth_min(wall, growth, 0.06F);
}

ColonScene::Hit ColonScene::march(Vec from, Vec direction) const {
  Hit hit;
  float t = 0.02F;
  for (int step = 0; step < kMostSteps && t < kFar; ++step) {
    const Vec p = from + t * direction;
    bool polyp = false;
    const float d = distance(p, &polyp);
    if (d < 0.002F + 0.002F * t) {
      hit = {true, polyp, t, p};
      return hit;
    }
    t += 0.45F * std::max(d, 0.004F);  // folds are steep: not the whole distance
  }
  hit.t = t;
  hit.point = from + t * direction;
  return hit;
}

Vec ColonScene::normal(Vec p) const {
  bool unused = false;
  const float e = 0.004F;
  const auto slope = [&](Vec d) { return distance(p + d, &unused) - distance(p - d, &unused); };
  return unit({slope({e, 0, 0}), slope({0, e, 0}), slope({0, 0, e})});
}

Vec ColonScene::shade(const Hit& hit, const Camera& camera, Vec direction) const {
  if (!hit.hit) return {0.004F, 0.002F, 0.002F};
  Vec n = normal(hit.point);
  const Vec p = hit.point;
  Vec colour = colon_.wall;
  const float patches = rough(1.7F * p, colon_.seed + 11);
  const float grain = rough(14.0F * p, colon_.seed + 13);
  if (hit.polyp) {
    const float pits = noise((9 / polyp_.size) * (p - base_), polyp_.seed + 5);
    colour = (1 + polyp_.pits * pits) * polyp_.colour;
    colour = (1 + 0.5F * colon_.mottling * grain) * colour;
  } else {
    colour = (1 + colon_.mottling * (patches + 0.5F * grain)) * colour;
    // Vessels run where warped noise crosses zero; two sizes.
    const Vec warped =
        p + 0.35F * Vec{noise(1.5F * p, colon_.seed + 21), noise(1.5F * p, colon_.seed + 22),
                        noise(1.5F * p, colon_.seed + 23)};
    const float large =
        1 - smoothstep(0.0F, 0.055F, std::abs(noise(1.8F * warped, colon_.seed + 24)));
    const float small =
        1 - smoothstep(0.0F, 0.07F, std::abs(noise(5.3F * warped, colon_.seed + 25)));
    const float here = smoothstep(-0.3F, 0.5F, patches);  // not everywhere
    colour =
        mix(colour, colon_.blood, colon_.vessels * here * std::min(1.0F, large + 0.5F * small));
  }
  // Small bumps of the wet surface break the highlight up.
  n = unit(n + 0.16F * Vec{noise(17.0F * p, colon_.seed + 31), noise(17.0F * p, colon_.seed + 32),
                           noise(17.0F * p, colon_.seed + 33)});
  Vec sum{0, 0, 0};
  const Vec lamps[2] = {camera.position + 0.07F * camera.right,
                        camera.position - 0.07F * camera.right - 0.03F * camera.down};
  for (const Vec& lamp : lamps) {
    const Vec to = lamp - p;
    const float far = std::max(length(to), 0.05F);
    const Vec l = (1 / far) * to;
    const float fall_off = 1 / (0.12F + far * far);
    const float diffuse = std::max(dot(n, l), 0.0F);
    const Vec half = unit(l - direction);
    const float shine = std::pow(std::max(dot(n, half), 0.0F), 160.0F);
    // Light that went into the tissue comes out redder at grazing angles.
    sum = sum + (0.5F * fall_off * (0.88F * diffuse + 0.12F)) * colour +
          (0.5F * fall_off * colon_.gloss * shine) * Vec{1, 0.97F, 0.92F};
  }
  return colon_.light * sum * colon_.tint;
}

}  // namespace aift::phantom
