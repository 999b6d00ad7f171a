// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/ctpa_phantom.hpp>

#include <algorithm>
#include <cmath>

#include <aift/core/error.hpp>

#include "src/ct/ctpa_canvas.hpp"
#include "src/ct/ctpa_scene.hpp"

namespace aift::ct {
namespace {

using namespace phantom;

constexpr double kPi = 3.14159265358979323846;
constexpr double kFarBeyond = 1e6;

Geometry geometry_of(const CtpaOptions& o, const Scene& scene) {
  Geometry g;
  const double pixel = o.field_mm / static_cast<double>(o.size);
  g.size = {o.size, o.size, static_cast<index_t>(std::floor(o.length_mm / o.thickness_mm)) + 1};
  g.spacing = {pixel, pixel, o.thickness_mm};
  g.origin = {-o.field_mm / 2 + pixel / 2, -o.field_mm / 2 + pixel / 2 + 8, scene.low};
  return g;
}

/// Body, chest wall, lungs.
void paint_body(const Scene& scene, Draws& draws, Canvas& canvas) {
  const Geometry& g = canvas.geometry();
  const double s = scene.scale;
  const auto plane = static_cast<std::size_t>(g.size[0] * g.size[1]);
  std::vector<float> skin(plane);
  std::vector<float> muscle(plane);
  std::vector<float> wall(plane);
  for (std::size_t i = 0; i < plane; ++i) {
    const Point p = g.to_world({static_cast<double>(static_cast<index_t>(i) % g.size[0]),
                                static_cast<double>(static_cast<index_t>(i) / g.size[0]), 0});
    skin[i] = static_cast<float>(scene.body(p, 0));
    muscle[i] = static_cast<float>(scene.body(p, 15 * s));
    wall[i] = static_cast<float>(scene.body(p, kChestWall * s));
  }
  const double waves[3] = {draws.uniform(0, 6), draws.uniform(0, 6), draws.uniform(0, 6)};
  const double lung_hu = draws.uniform(-880, -820);
  canvas.each({-kFarBeyond, -kFarBeyond, -kFarBeyond}, {kFarBeyond, kFarBeyond, kFarBeyond},
              [&](std::size_t voxel, const Point& p) {
                const std::size_t i = voxel % plane;
                const double couch = std::abs(p[1] - 124 * s) - 1.5;
                if (std::abs(p[0]) < 140) canvas.blend(voxel, -250, Canvas::cover(couch));
                if (skin[i] > Canvas::kBlur) return;
                canvas.blend(voxel, -105, Canvas::cover(skin[i]));
                if (muscle[i] < Canvas::kBlur) canvas.blend(voxel, 52, Canvas::cover(muscle[i]));
                if (wall[i] > Canvas::kBlur) return;
                canvas.blend(voxel, 12, Canvas::cover(wall[i]));  // fatty mediastinum
                const double lung = scene.lung(p, wall[i]);
                if (lung > Canvas::kBlur) return;
                const double mottle = std::sin(0.17 * p[0] + waves[0]) +
                                      std::sin(0.15 * p[1] + waves[1]) +
                                      std::sin(0.19 * p[2] + waves[2] + 0.1 * p[0]);
                const double weight = 0.18 * p[1] + 9 * mottle;  // denser towards the back
                canvas.blend(voxel, lung_hu + weight, Canvas::cover(lung));
              });
}

void paint_bones(const Scene& scene, Canvas& canvas) {
  const double s = scene.scale;
  for (double z = scene.low - 30; z < scene.high + 40; z += 24 * s) {
    for (const double side : {-1.0, 1.0}) {
      Point before = {0, 0, 0};
      for (int step = 0; step <= 16; ++step) {
        const double angle = kPi * (0.42 - 0.82 * step / 16.0);
        const double a = 152 * s - 26 * s;
        const double b = 106 * s - 26 * s;
        const double c = std::cos(angle);
        const double t = std::sin(angle);
        const double r =
            1 / std::pow(std::pow(std::abs(c), 2.6) + std::pow(std::abs(t), 2.6), 1 / 2.6);
        const Point p = {side * a * r * c, 8 + b * r * t, z - 22 * s * step / 16.0};
        if (step > 0) {
          canvas.paint(Segment{before, p, 5 * s, 5 * s}, 420);
          canvas.paint(Segment{before, p, 2.8 * s, 2.8 * s}, 180);
        }
        before = p;
      }
    }
  }
  canvas.paint(Segment{{0, 66 * s, scene.low - 20}, {0, 62 * s, scene.high + 20}, 17 * s, 16 * s},
               420);
  canvas.paint(Segment{{0, 66 * s, scene.low - 20}, {0, 62 * s, scene.high + 20}, 14.5 * s, 14 * s},
               190);
  canvas.paint(Segment{{0, 88 * s, scene.low - 20}, {0, 85 * s, scene.high + 20}, 8 * s, 8 * s},
               40);
  canvas.paint(Segment{{-9 * s, -76 * s, -70}, {9 * s, -76 * s, 60}, 6 * s, 6 * s}, 210);
}

void paint_organs(const Scene& scene, Canvas& canvas) {
  canvas.paint(scene.heart, 58);
  for (const Segment& s : scene.airways)
    canvas.paint(s, 25, 1.3);
  for (const Segment& s : scene.aorta)
    canvas.paint(s, 50, 1.5);
  for (const Ellipsoid& e : scene.left_chambers)
    canvas.paint(e, scene.hu_vein);
  for (const Ellipsoid& e : scene.right_chambers)
    canvas.paint(e, 0.9 * scene.hu_artery);
  for (const Ellipsoid& e : scene.nodes)
    canvas.paint(e, 58);
  for (const Segment& s : scene.airways)
    canvas.paint(s, -985);
  for (const Segment& s : scene.plugs)
    canvas.paint(s, 35);
  for (const Segment& s : scene.veins)
    canvas.paint(s, s.hu > 0 ? s.hu : scene.hu_vein);
  for (const Segment& s : scene.aorta)
    canvas.paint(s, scene.hu_aorta);
  for (const Segment& s : scene.cava)
    canvas.paint(s, scene.hu_cava);
  for (const Segment& s : scene.arteries)
    canvas.paint(s, scene.hu_artery);
}

/// Blood without contrast that has not mixed yet, and dark streaks beside the vena cava.
void paint_artefacts(const Scene& scene, Draws& draws, Canvas& canvas,
                     std::vector<LookAlike>& look_alikes) {
  const index_t blobs = draws.below(4);
  for (index_t n = 0; n < blobs; ++n) {
    const Segment& s = scene.arteries[draws.below(static_cast<index_t>(scene.arteries.size()))];
    if (s.radius_a < 3) continue;
    const Point centre = 0.5 * (s.a + s.b);
    const double size = draws.uniform(0.6, 1.0) * s.radius_a;
    const double depth = draws.uniform(0.25, 0.45) * scene.hu_artery;
    const Point reach = {3 * size, 3 * size, 3 * size};
    canvas.each(centre - reach, centre + reach, [&](std::size_t voxel, const Point& p) {
      const Point d = p - centre;
      const double inside = Canvas::cover(distance(s, p));
      canvas.hu()[voxel] -=
          static_cast<float>(inside * depth * std::exp(-0.5 * dot(d, d) / (size * size)));
    });
    look_alikes.push_back({"mixing", centre});
  }
  const double strength = draws.uniform(0, 130);
  const double beams = draws.uniform(5, 9);
  const double phase = draws.uniform(0, 6);
  const double s = scene.scale;
  const double top = 45 * s;
  canvas.each({-110, -90, -40 * s}, {60, 80, top}, [&](std::size_t voxel, const Point& p) {
    const double dx = p[0] + 29 * s;
    const double dy = p[1] + 16 * s;
    const double r = std::sqrt(dx * dx + dy * dy);
    if (r < 9 * s) return;
    const double ray = std::cos(beams * std::atan2(dy, dx) + phase + 0.05 * p[2]);
    const double sharp = ray * ray * ray;
    canvas.hu()[voxel] += static_cast<float>(strength * sharp * std::exp(-(r - 9 * s) / 16) *
                                             std::clamp((top - p[2]) / 12, 0.0, 1.0));
  });
  if (strength > 60) look_alikes.push_back({"streak", {-29 * s, -16 * s, 0}});
}

/// Pieces of one artery that follow each other, up to a length.
std::vector<Segment> run_of(const std::vector<Segment>& arteries, std::size_t first,
                            double length) {
  std::vector<Segment> out;
  for (std::size_t i = first; i < arteries.size() && length > 0; ++i) {
    if (!out.empty() && norm(out.back().b - arteries[i].a) > 1e-9) break;
    Segment piece = arteries[i];
    const double own = norm(piece.b - piece.a);
    if (own > length) {
      const double t = length / own;
      piece.b = piece.a + t * (piece.b - piece.a);
      piece.radius_b = piece.radius_a + t * (piece.radius_b - piece.radius_a);
    }
    length -= own;
    out.push_back(piece);
  }
  return out;
}

/// Paints one embolus if there is room for it. False: there is none there.
bool add_embolus(const Scene& scene, Draws& draws, Canvas& canvas, CtpaScan& scan) {
  static constexpr const char* kKinds[] = {"central", "adherent", "occluding"};
  const double where = draws.uniform(0, 1);
  const double least = where < 0.33 ? 5 : where < 0.8 ? 2.5 : 1.6;
  const double most = where < 0.33 ? 16 : where < 0.8 ? 5 : 2.5;
  const auto first =
      static_cast<std::size_t>(draws.below(static_cast<index_t>(scene.arteries.size())));
  const auto kind = static_cast<std::size_t>(draws.below(3));
  const double longest = draws.uniform(8, 26);
  const Segment& start = scene.arteries[first];
  const double radius = start.radius_a;
  if (radius < least || radius > most || (kind == 2 && radius > 7)) return false;
  const std::vector<Segment> lumen =
      run_of(scene.arteries, first, std::min(longest, 3.5 * radius + 6));
  const Point direction = unit(start.b - start.a);
  Point aside = draws.direction();
  aside = aside - dot(aside, direction) * direction;
  if (norm(aside) < 0.2) return false;
  aside = unit(aside);
  const double share = kind == 0   ? draws.uniform(0.45, 0.65)
                       : kind == 1 ? draws.uniform(0.5, 0.7)
                                   : 0.97;
  const double shift = kind == 0 ? draws.uniform(0, 0.25) : kind == 1 ? 1.02 - share : 0;
  std::vector<Segment> clot = lumen;
  Point low = lumen[0].a;
  Point high = low;
  for (Segment& piece : clot) {
    const double rise = kind == 2 ? 0 : shift;
    piece.a = piece.a + (rise * piece.radius_a) * aside;
    piece.b = piece.b + (rise * piece.radius_b) * aside;
    piece.radius_a *= share;
    piece.radius_b *= share;
    for (std::size_t a = 0; a < 3; ++a) {
      low[a] = std::min({low[a], piece.a[a] - radius, piece.b[a] - radius});
      high[a] = std::max({high[a], piece.a[a] + radius, piece.b[a] + radius});
    }
  }
  const Geometry& g = canvas.geometry();
  if (low[2] < scene.low + 6 || high[2] > scene.high - 6) return false;
  const Point middle = 0.5 * (low + high);
  for (const Embolus& other : scan.emboli) {
    if (norm(other.centre - middle) < 25) return false;
  }

  struct Change {
    std::size_t voxel;
    double share;
  };
  std::vector<Change> changes;
  Point sum = {0, 0, 0};
  index_t count = 0;
  const Point blur = {Canvas::kBlur, Canvas::kBlur, Canvas::kBlur};
  canvas.each(low - blur, high + blur, [&](std::size_t voxel, const Point& p) {
    double in_clot = kFarBeyond;
    double in_lumen = kFarBeyond;
    for (std::size_t i = 0; i < clot.size(); ++i) {
      in_clot = std::min(in_clot, distance(clot[i], p));
      in_lumen = std::min(in_lumen, distance(lumen[i], p));
    }
    const double part = std::min(Canvas::cover(in_clot), Canvas::cover(in_lumen));
    if (part <= 0) return;
    changes.push_back({voxel, part});
    if (part > 0.5) {
      sum = sum + p;
      ++count;
    }
  });
  const double volume = static_cast<double>(count) * g.spacing[0] * g.spacing[1] * g.spacing[2];
  if (count < 6 || volume < 12) return false;
  const auto number = static_cast<std::int16_t>(scan.emboli.size() + 1);
  for (const Change& c : changes) {
    canvas.blend(c.voxel, scene.hu_clot, c.share);
    if (c.share > 0.5) scan.labels[c.voxel] = number;
  }
  scan.emboli.push_back({kKinds[kind], (1.0 / static_cast<double>(count)) * sum, volume, radius});
  return true;
}

/// Normal noise, smoothed within each slice as a reconstruction kernel does.
void add_noise(std::uint64_t seed, index_t number, double sigma, Canvas& canvas, Volume& out) {
  const Geometry& g = canvas.geometry();
  const KeyedRandom random(seed, Purpose::order, 1, static_cast<std::uint64_t>(number));
  const auto columns = static_cast<std::size_t>(g.size[0]);
  const auto rows = static_cast<std::size_t>(g.size[1]);
  const std::size_t plane = columns * rows;
  std::vector<float> white(plane);
  std::vector<float> rough(plane);
  // 1 2 1 in both directions keeps 6/16 of the deviation
  const auto scale = static_cast<float>(sigma * 16 / 6);
  out.geometry = g;
  out.voxels.resize(static_cast<std::size_t>(g.voxels()));
  for (index_t z = 0; z < g.size[2]; ++z) {
    for (std::size_t i = 0; i < plane; ++i) {  // a sum of four uniforms is nearly normal
      const std::uint64_t bits =
          random.bits(z * static_cast<index_t>(plane) + static_cast<index_t>(i));
      const auto total = static_cast<float>((bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) +
                                            ((bits >> 32) & 0xFFFF) + (bits >> 48));
      white[i] = (total / 65536.0F - 2.0F) * 1.7320508F;
    }
    for (std::size_t i = 0; i < plane; ++i) {
      const std::size_t x = i % columns;
      const float left = white[x > 0 ? i - 1 : i];
      const float right = white[x + 1 < columns ? i + 1 : i];
      rough[i] = 0.25F * left + 0.5F * white[i] + 0.25F * right;
    }
    const std::size_t base = static_cast<std::size_t>(z) * plane;
    for (std::size_t i = 0; i < plane; ++i) {
      const std::size_t y = i / columns;
      const float above = rough[y > 0 ? i - columns : i];
      const float below = rough[y + 1 < rows ? i + columns : i];
      const float noise = scale * (0.25F * above + 0.5F * rough[i] + 0.25F * below);
      const float hu = std::clamp(canvas.hu()[base + i] + noise, -1024.0F, 3071.0F);
      out.voxels[base + i] = static_cast<std::int16_t>(std::lrint(hu));
    }
  }
}

}  // namespace

void phantom::check(const CtpaOptions& o) {
  const auto within = [](double value, double low, double high, const char* what) {
    AIFT_EXPECT(value >= low && value <= high, ValueError, "{} must lie in [{:g}, {:g}]; got {:g}.",
                what, low, high, value);
  };
  within(static_cast<double>(o.scans), 1, 10'000, "The number of scans");
  within(static_cast<double>(o.size), 64, 1024, "The size of a slice");
  within(o.field_mm, 250, 500, "The field of view in mm");
  within(o.thickness_mm, 0.5, 5, "The slice thickness in mm");
  within(o.length_mm, 120, 400, "The length of a scan in mm");
  within(o.with_emboli, 0, 1, "The share of scans with emboli");
  within(o.test_share, 0, 0.99, "The share of test scans");
}

CtpaScan make_ctpa(const CtpaOptions& options, index_t scan) {
  check(options);
  AIFT_EXPECT(scan >= 0, ValueError, "The number of a scan must not be negative; got {}.", scan);
  CtpaScan out;
  Draws draws(options.seed, scan);
  const Scene scene = make_scene(options, draws, out.look_alikes);
  Canvas canvas(geometry_of(options, scene), -1000);
  out.labels.assign(canvas.hu().size(), 0);
  paint_body(scene, draws, canvas);
  paint_bones(scene, canvas);
  paint_organs(scene, canvas);
  paint_artefacts(scene, draws, canvas, out.look_alikes);
  if (draws.chance(options.with_emboli)) {
    const auto wanted = static_cast<std::size_t>(1 + draws.below(6));
    for (int attempt = 0; attempt < 20000 && out.emboli.size() < wanted; ++attempt)
      add_embolus(scene, draws, canvas, out);
  }
  add_noise(options.seed, scan, scene.noise, canvas, out.volume);
  out.volume.record.format = "generated";
  out.volume.record.slice_thickness = options.thickness_mm;
  return out;
}

}  // namespace aift::ct
