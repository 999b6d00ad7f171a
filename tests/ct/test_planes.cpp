// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/planes.hpp>

#include "src/ct/plane_engine.hpp"
#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;

namespace {

std::array<Point, 3> mirrored_axes() {
  auto axes = test::oblique_axes();
  axes[1] = -1.0 * axes[1];
  return axes;
}

/// HU as values, no window in the way.
PlaneFormat plain(index_t height, index_t width) { return {height, width, {0, 4000}, 0, 255}; }
double hu_of(float value) { return static_cast<double>(value) * 4000 - 2000; }

Volume random_volume(std::array<index_t, 3> size, std::array<Point, 3> axes) {
  const KeyedRandom random(3, Purpose::test);
  index_t n = 0;
  return test::make_volume(size, {0.7, 0.9, 1.3}, {5, -3, 40}, axes,
                           [&](const Point&) { return random.uniform(n++, -1000, 1500); });
}

Plane random_plane(const KeyedRandom& random, index_t first, const Point& near, double side) {
  const auto draw = [&](index_t k) { return random.uniform(first + k, -1, 1); };
  const Point a = unit({draw(0), draw(1), draw(2) + 1.5});
  const Point b = unit(cross(a, {draw(3), draw(4) + 2, draw(5)}));
  return {near + Point{draw(6), draw(7), draw(8)}, a, b, side};
}

}  // namespace

TEST_CASE("a plane of a linear volume has the analytic values, whatever its axes") {
  const auto ramp = [](const Point& p) { return 10 * p[0] - 7 * p[1] + 4 * p[2]; };
  const KeyedRandom random(11, Purpose::test);
  for (const auto& axes : {test::kStraight, test::oblique_axes(), mirrored_axes()}) {
    const Volume volume = test::make_volume({60, 50, 40}, {0.7, 0.9, 1.3}, {-4, 8, 20}, axes, ramp);
    const Point middle = volume.geometry.to_world({30, 25, 20});
    for (index_t n = 0; n < 20; ++n) {
      const Plane plane = random_plane(random, 16 * n, middle, 14);
      std::vector<float> out(12 * 9);
      render_planes(whole(volume), std::span(&plane, 1), plain(12, 9), out);
      double worst = 0;
      for (index_t i = 0; i < 12; ++i) {
        for (index_t j = 0; j < 9; ++j) {
          const Point at = plane.centre +
                           (((static_cast<double>(j) + 0.5) / 9 - 0.5) * 14) * plane.across +
                           (((static_cast<double>(i) + 0.5) / 12 - 0.5) * 14) * plane.down;
          worst = std::max(worst, std::abs(hu_of(out[i * 9 + j]) - ramp(at)));
        }
      }
      CHECK(worst <= 0.51);  // voxels are rounded to whole HU
    }
  }
}

TEST_CASE("on voxel centres a plane gives the voxels themselves") {
  const Volume volume = random_volume({20, 18, 16}, test::oblique_axes());
  const Geometry& g = volume.geometry;
  // 8 x 8 pixels of 0.7 mm along axis x, and rows of 0.7 mm along y between the voxels
  const Plane plane = {g.to_world({9.5, 8, 7}), g.axes[0], g.axes[1], 8 * 0.7};
  std::vector<float> out(64);
  render_planes(whole(volume), std::span(&plane, 1), plain(8, 8), out);
  for (index_t i = 0; i < 8; ++i) {
    const double y = 8 + (static_cast<double>(i) - 3.5) * 0.7 / 0.9;
    const auto y0 = static_cast<index_t>(std::floor(y));
    const double part = y - static_cast<double>(y0);
    for (index_t j = 0; j < 8; ++j) {
      const double expected =
          (1 - part) * volume.at(6 + j, y0, 7) + part * volume.at(6 + j, y0 + 1, 7);
      CHECK(hu_of(out[i * 8 + j]) == Catch::Approx(expected).margin(0.01));
    }
  }
}

TEST_CASE("a crop gives the bits of the whole volume, also at its border") {
  const Volume volume = random_volume({40, 36, 30}, test::oblique_axes());
  const KeyedRandom random(5, Purpose::test);
  const double side = 9;
  const PlaneFormat format = plain(17, 23);
  for (index_t n = 0; n < 30; ++n) {
    const Point centre = volume.geometry.to_world({random.uniform(100 * n, 0, 39),
                                                   random.uniform(100 * n + 1, 0, 35),
                                                   random.uniform(100 * n + 2, 0, 29)});
    const Crop crop = crop_around(volume, centre, side * 0.75 + 2);
    Plane plane = random_plane(random, 100 * n + 10, centre, side);
    std::vector<float> a(17 * 23);
    std::vector<float> b(17 * 23);
    render_planes(whole(volume), std::span(&plane, 1), format, a);
    render_planes(crop.view(), std::span(&plane, 1), format, b);
    CHECK(a == b);
  }
}

TEST_CASE("all engines and executors give the same bits") {
  const Volume volume = random_volume({30, 25, 20}, test::oblique_axes());
  const KeyedRandom random(6, Purpose::test);
  std::vector<Plane> planes;
  for (index_t n = 0; n < 25; ++n)
    planes.push_back(random_plane(random, 16 * n, volume.geometry.to_world({15, 12, 10}), 20));
  const PlaneFormat format = {13, 29, {100, 700}, 127, 128};
  std::vector<float> one(25 * 13 * 29);
  std::vector<float> other(one.size());
  render_planes(whole(volume), planes, format, one);
  ThreadExecutor threads(3);
  render_planes(whole(volume), planes, format, other, &threads);
  CHECK(one == other);
  for (std::size_t p = 0; p < planes.size(); ++p) {
    const PlaneJob job = make_plane_job(whole(volume), planes[p], format);
    render_plane_scalar(job, 13, 29, other.data() + p * 13 * 29);
  }
  CHECK(one == other);
}

TEST_CASE("the window's ends are 0 and 255 before mean and scale") {
  Volume volume = test::make_volume({4, 4, 4}, {1, 1, 1}, {0, 0, 0}, test::kStraight,
                                    [](const Point& p) { return p[2] < 1.5 ? -900 : 900; });
  const Plane low = {{1.5, 1.5, 0.2}, {1, 0, 0}, {0, 1, 0}, 2};
  Plane high = low;
  high.centre[2] = 2.8;
  float out = 0;
  const PlaneFormat format = {1, 1, {100, 700}, 127, 128};
  render_planes(whole(volume), std::span(&low, 1), format, std::span(&out, 1));
  CHECK(out == Catch::Approx(-127.0 / 128));
  render_planes(whole(volume), std::span(&high, 1), format, std::span(&out, 1));
  CHECK(out == Catch::Approx(1));
  volume.voxels.assign(volume.voxels.size(), 100);
  render_planes(whole(volume), std::span(&high, 1), format, std::span(&out, 1));
  CHECK(out == Catch::Approx(0.5 / 128).margin(1e-6));
}

TEST_CASE("what is no plane, crop or window is refused") {
  const Volume volume = random_volume({8, 8, 8}, test::kStraight);
  Plane plane = {volume.geometry.to_world({4, 4, 4}), {1, 0, 0}, {0, 1, 0}, 3};
  std::vector<float> out(16);
  const auto render = [&](PlaneFormat format = plain(4, 4)) {
    render_planes(whole(volume), std::span(&plane, 1), format, out);
  };
  CHECK_THROWS_WITH(render({4, 4, {0, 0}}), ContainsSubstring("positive width"));
  CHECK_THROWS_WITH(render(plain(5, 4)), ContainsSubstring("room for 1 planes"));
  CHECK_THROWS_AS(render(plain(0, 4)), ShapeError);
  plane.across = {2, 0, 0};
  CHECK_THROWS_WITH(render(), ContainsSubstring("unit vectors"));
  plane.across = {1, 0, 0};
  plane.centre[0] = std::nan("");
  CHECK_THROWS_WITH(render(), ContainsSubstring("finite centre"));
  CHECK_THROWS_WITH(crop_around(volume, {500, 0, 0}, 5), ContainsSubstring("outside the volume"));
  CHECK_THROWS_AS(crop_around(volume, {std::nan(""), 0, 0}, 5), ValueError);
  CHECK_THROWS_AS(crop_around(volume, volume.geometry.origin, 0), ValueError);
  Volume flat = volume;
  flat.geometry.size = {8, 64, 1};
  CHECK_THROWS_AS(whole(flat), ShapeError);
}
