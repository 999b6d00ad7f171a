// SPDX-License-Identifier: Apache-2.0
#include "src/ct/ctpa_scene.hpp"

#include <algorithm>
#include <cmath>

namespace aift::ct::phantom {
namespace {

constexpr double kPi = 3.14159265358979323846;
/// mm; thinner vessels are not drawn
constexpr double kThinnest = 0.8;

Point mix(const Point& a, const Point& b, double t) { return a + t * (b - a); }

double square(double x) { return x * x; }

/// A unit vector at right angles to d.
Point beside(const Point& d, Draws& draws) {
  while (true) {
    const Point other = draws.direction();
    const Point side = other - dot(other, d) * d;
    if (norm(side) > 0.1) return unit(side);
  }
}

/// A vessel along points, radii between them linear.
void add_path(std::vector<Segment>& to, const std::vector<Point>& points, double radius_a,
              double radius_b, index_t generation) {
  const auto pieces = static_cast<double>(points.size() - 1);
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const double ta = static_cast<double>(i) / pieces;
    const double tb = static_cast<double>(i + 1) / pieces;
    to.push_back({points[i], points[i + 1], radius_a + ta * (radius_b - radius_a),
                  radius_a + tb * (radius_b - radius_a), generation});
  }
}

/// Grows a tree into a lung.
class Tree {
 public:
  Tree(const Scene& scene, Draws& draws, std::vector<Segment>& out, double bend)
      : scene_(scene), draws_(draws), out_(out), bend_(bend) {}

  void grow(const Point& from, const Point& direction, double radius, index_t generation) {
    if (radius < kThinnest || generation > 9 || out_.size() > 1500) return;
    const double length = std::clamp(5.5 * radius + draws_.uniform(3, 9), 7.0, 32.0);
    const double end_radius = 0.93 * radius;
    // three pieces, bent towards the outside of the lung
    std::vector<Point> points = {from};
    Point d = direction;
    for (int piece = 0; piece < 3; ++piece) {
      d = unit(d + bend_ * beside(d, draws_));
      const Point next = points.back() + (length / 3) * d;
      const bool leaves = generation > 1 && scene_.lung(next) > -4 - radius;
      if (leaves || next[2] < scene_.low - 10 || next[2] > scene_.high + 10) break;
      points.push_back(next);
    }
    if (points.size() < 2) return;
    add_path(out_, points, radius, end_radius, generation);
    if (points.size() < 4) return;

    const Point side = beside(d, draws_);
    const double share = draws_.uniform(0.38, 0.62);
    const double wide = draws_.uniform(0.45, 0.8);
    // radii by Murray's law: the cubes add up
    const double first = end_radius * std::cbrt(share);
    const double second = end_radius * std::cbrt(1 - share);
    grow(points.back(), unit(d + (wide * (1 - share)) * side), first, generation + 1);
    grow(points.back(), unit(d - (wide * share * 1.4) * side), second, generation + 1);
  }

 private:
  const Scene& scene_;
  Draws& draws_;
  std::vector<Segment>& out_;
  double bend_;
};

/// Roots of the lobes: from the hilum outwards.
void grow_lobes(const Scene& scene, Draws& draws, const Point& hilum, double side, double radius,
                std::vector<Segment>& out) {
  Tree tree(scene, draws, out, 0.16);
  const auto aim = [&](double x, double y, double z) {
    return unit(Point{side * x, y, z} + 0.25 * draws.direction());
  };
  tree.grow(hilum, aim(0.55, -0.35, 0.75), 0.62 * radius, 2);
  tree.grow(hilum, aim(0.6, 0.45, 0.55), 0.55 * radius, 2);
  tree.grow(hilum, aim(0.75, -0.55, -0.35), 0.55 * radius, 2);
  const Point lower = hilum + 22.0 * unit(Point{side * 0.35, 0.25, -0.9});
  add_path(out, {hilum, mix(hilum, lower, 0.5), lower}, 0.8 * radius, 0.72 * radius, 1);
  tree.grow(lower, aim(0.75, -0.1, -0.65), 0.5 * radius, 2);
  tree.grow(lower, aim(0.35, 0.65, -0.65), 0.52 * radius, 2);
  tree.grow(lower, aim(0.25, 0.25, -0.95), 0.5 * radius, 2);
}

void add_airways(Scene& scene, Draws& draws) {
  const double s = scene.scale;
  const Point carina = {0, 22 * s, 18 * s};
  add_path(scene.airways, {{0, 14 * s, scene.high + 10}, carina}, 8.5 * s, 8 * s, 0);
  for (const double side : {-1.0, 1.0}) {
    const Point hilum = {side * 36 * s, 26 * s, 0};
    add_path(scene.airways, {carina, hilum}, 6.5 * s, 5.5 * s, 1);
    for (int branch = 0; branch < 4; ++branch) {
      const Point end =
          hilum + (24 * s) * unit(Point{side * draws.uniform(0.4, 0.9), draws.uniform(-0.5, 0.5),
                                        draws.uniform(-0.9, 0.6)});
      add_path(scene.airways, {hilum, end}, 4 * s, 2.6 * s, 2);
    }
  }
}

/// A point on the surface of an artery of some size, and the direction away from it.
struct Spot {
  const Segment* segment;
  Point at, away;
  double radius;
};

Spot spot_beside(const std::vector<Segment>& arteries, Draws& draws, double least, double most) {
  for (int attempt = 0; attempt < 400; ++attempt) {
    const Segment& s = arteries[draws.below(static_cast<index_t>(arteries.size()))];
    const double t = draws.uniform(0.1, 0.9);
    const double radius = s.radius_a + t * (s.radius_b - s.radius_a);
    if (attempt < 399 && (radius < least || radius > most || norm(s.b - s.a) < 1)) continue;
    const Point away = beside(unit(s.b - s.a), draws);
    return {&s, mix(s.a, s.b, t), away, radius};
  }
  return {};
}

}  // namespace

Point Draws::direction() {
  const double z = uniform(-1, 1);
  const double angle = uniform(0, 2 * kPi);
  const double r = std::sqrt(1 - z * z);
  return {r * std::cos(angle), r * std::sin(angle), z};
}

double distance(const Segment& s, const Point& p) {
  const Point along = s.b - s.a;
  const double length2 = dot(along, along);
  const double t = length2 > 0 ? std::clamp(dot(p - s.a, along) / length2, 0.0, 1.0) : 0;
  return norm(p - (s.a + t * along)) - (s.radius_a + t * (s.radius_b - s.radius_a));
}

double distance(const Ellipsoid& e, const Point& p) {
  const Point d = p - e.centre;
  const Point q = {d[0] / e.half[0], d[1] / e.half[1], d[2] / e.half[2]};
  const Point g = {q[0] / e.half[0], q[1] / e.half[1], q[2] / e.half[2]};
  const double k0 = norm(q);
  const double k1 = norm(g);
  return k1 > 1e-9 ? k0 * (k0 - 1) / k1 : -std::min({e.half[0], e.half[1], e.half[2]});
}

double Scene::body(const Point& p, double inset) const {
  const double a = 152 * scale - inset;
  const double b = 106 * scale - inset;
  const double x = std::abs(p[0]) / a;
  const double y = std::abs(p[1] - 8) / b;
  // a rounded rectangle: exponent 2.6
  const double r = std::pow(std::pow(x, 2.6) + std::pow(y, 2.6), 1 / 2.6);
  return (r - 1) * std::min(a, b);
}

double Scene::lung(const Point& p, double inner) const {
  const double apex = (p[2] - 95 * scale) * 0.8 + 0.006 * (p[0] * p[0]) - 24 * scale;
  const double side = std::abs(p[0]);
  const double dome =
      (-88 * scale - p[2]) + 34 * scale *
                                 std::exp(-0.5 * square((side - 70 * scale) / (42 * scale)) -
                                          0.5 * square(p[1] / (60 * scale)));
  const double lower = std::clamp(-p[2] / (90 * scale), 0.0, 1.0);
  const double wall =
      (27 + 6 * std::cos(p[1] / (30 * scale)) + (p[0] > 0 ? 16 : 2) * lower) * scale;
  const double mediastinum = wall - side;
  return std::max({inner, apex, dome, mediastinum, -distance(heart, p)});
}

Scene make_scene(const CtpaOptions& options, Draws& draws, std::vector<LookAlike>& look_alikes) {
  Scene scene;
  scene.scale = draws.uniform(0.93, 1.06);
  const double s = scene.scale;
  scene.low = -0.55 * options.length_mm;
  scene.high = 0.45 * options.length_mm;
  scene.hu_artery = draws.uniform(260, 480);
  scene.hu_vein = scene.hu_artery * draws.uniform(0.45, 0.85);
  scene.hu_aorta = scene.hu_artery * draws.uniform(0.35, 0.8);
  scene.hu_cava = draws.uniform(550, 950);
  scene.hu_clot = draws.uniform(40, 75);
  scene.noise = draws.uniform(11, 21);

  scene.heart = {{16 * s, -28 * s, -58 * s}, {52 * s, 44 * s, 44 * s}};
  scene.right_chambers = {{{-18 * s, -30 * s, -52 * s}, {20 * s, 22 * s, 26 * s}},
                          {{10 * s, -46 * s, -58 * s}, {26 * s, 17 * s, 28 * s}}};
  scene.left_chambers = {{{4 * s, 0, -44 * s}, {26 * s, 14 * s, 18 * s}},
                         {{36 * s, -22 * s, -64 * s}, {17 * s, 22 * s, 26 * s}}};
  add_path(scene.aorta,
           {{-6 * s, -24 * s, -38 * s},
            {-14 * s, -28 * s, 0},
            {-12 * s, -24 * s, 30 * s},
            {-2 * s, -6 * s, 44 * s},
            {14 * s, 22 * s, 42 * s},
            {24 * s, 42 * s, 22 * s},
            {24 * s, 46 * s, -10 * s},
            {14 * s, 44 * s, scene.low - 10}},
           14 * s, 11 * s, 0);
  add_path(scene.cava,
           {{-28 * s, -12 * s, scene.high + 10},
            {-30 * s, -14 * s, 20 * s},
            {-24 * s, -24 * s, -34 * s}},
           8 * s, 9 * s, 0);
  add_airways(scene, draws);

  const double trunk = draws.uniform(12.5, 15.5) * s;
  const Point fork = {8 * s, -14 * s, 0};
  add_path(scene.arteries, {{14 * s, -44 * s, -40 * s}, {14 * s, -34 * s, -16 * s}, fork}, trunk,
           trunk, 0);
  const Point right = {-40 * s, 4 * s, -6 * s};
  const Point left = {42 * s, 8 * s, 6 * s};
  add_path(scene.arteries, {fork, {-14 * s, -2 * s, -1 * s}, right}, 0.8 * trunk, 0.68 * trunk, 0);
  add_path(scene.arteries, {fork, {26 * s, -2 * s, 6 * s}, left}, 0.82 * trunk, 0.68 * trunk, 0);
  grow_lobes(scene, draws, right, -1, 0.68 * trunk, scene.arteries);
  grow_lobes(scene, draws, left, 1, 0.68 * trunk, scene.arteries);
  for (const double side : {-1.0, 1.0}) {
    const Point atrium = {side * 24 * s + 4 * s, 4 * s, -44 * s};
    for (const double up : {1.0, -1.0}) {
      const Point hilum = {side * 44 * s, -4 * s, -30 * s + up * 16 * s};
      add_path(scene.veins, {atrium, hilum}, 6.5 * s, 5.5 * s, 1);
      const std::size_t first = scene.veins.size();
      Tree tree(scene, draws, scene.veins, 0.16);
      tree.grow(hilum, unit(Point{side * 0.7, -0.4, 0.7 * up}), 3.8 * s, 2);
      tree.grow(hilum, unit(Point{side * 0.8, 0.5, 0.3 * up}), 3.8 * s, 2);
      tree.grow(hilum, unit(Point{side * 0.6, 0.1, 0.9 * up}), 3.4 * s, 2);
      if (!draws.chance(0.3)) continue;
      const double blood = draws.uniform(55, 110);  // the contrast has not come that far yet
      for (std::size_t v = first; v < scene.veins.size(); ++v)
        scene.veins[v].hu = blood;
      look_alikes.push_back({"unfilled vein", hilum});
    }
  }

  const index_t nodes = 4 + draws.below(6);
  for (index_t n = 0; n < nodes; ++n) {
    const Spot spot = spot_beside(scene.arteries, draws, 3.5, 11);
    const double size = draws.uniform(2.8, 6.5);
    const Point centre = spot.at + (spot.radius + 0.85 * size) * spot.away;
    scene.nodes.push_back(
        {centre, {size, size * draws.uniform(0.7, 1.1), size * draws.uniform(0.8, 1.5)}});
    look_alikes.push_back({"node", centre});
  }
  const index_t plugs = 1 + draws.below(4);
  for (index_t n = 0; n < plugs; ++n) {
    const Spot spot = spot_beside(scene.arteries, draws, 1.4, 3);
    const double radius = draws.uniform(1.4, 2.4);
    const Point shift = (spot.radius + radius + 0.4) * spot.away;
    scene.plugs.push_back(
        {spot.segment->a + shift, spot.segment->b + shift, radius, 0.8 * radius, 0});
    look_alikes.push_back({"plug", 0.5 * (scene.plugs.back().a + scene.plugs.back().b)});
  }
  return scene;
}

}  // namespace aift::ct::phantom
