// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/series.hpp>

#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;

namespace {

std::vector<SliceHeader> slices(index_t count, double spacing,
                                std::array<Point, 3> axes = test::kStraight) {
  std::vector<SliceHeader> out;
  for (index_t z = 0; z < count; ++z) {
    SliceHeader s;
    s.name = fmt::format("s{}", z);
    s.columns = 64;
    s.rows = 48;
    s.pixel_spacing = {0.7, 0.8};
    s.position = Point{-20, -30, 100} + (static_cast<double>(z) * spacing) * axes[2];
    s.row_axis = axes[0];
    s.column_axis = axes[1];
    out.push_back(s);
  }
  return out;
}

}  // namespace

TEST_CASE("slices are ordered along the normal whatever their order and names") {
  auto headers = slices(9, 1.25, test::oblique_axes());
  const SeriesLayout straight = arrange_slices(headers);
  CHECK(straight.spacing == Catch::Approx(1.25).epsilon(1e-12));
  const KeyedRandom random(7, Purpose::order);
  for (std::size_t i = headers.size(); i > 1; --i)
    std::swap(headers[i - 1],
              headers[random.below(static_cast<index_t>(i), static_cast<index_t>(i))]);
  const SeriesLayout mixed = arrange_slices(headers);
  for (std::size_t k = 0; k < 9; ++k)
    CHECK(headers[mixed.order[k]].name == fmt::format("s{}", k));
  CHECK(mixed.geometry.origin == straight.geometry.origin);
  CHECK(mixed.geometry.spacing[0] == 0.8);  // between columns: the second number of PixelSpacing
  CHECK(mixed.geometry.spacing[1] == 0.7);
  CHECK(mixed.geometry.size == std::array<index_t, 3>{64, 48, 9});
}

TEST_CASE("slices that run downwards give a volume that runs upwards") {
  auto headers = slices(4, -2);
  const SeriesLayout layout = arrange_slices(headers);
  CHECK(layout.order == std::vector<index_t>{3, 2, 1, 0});
  CHECK(layout.geometry.origin[2] == 94);
  CHECK(layout.geometry.axes[2] == Point{0, 0, 1});
}

TEST_CASE("a series that is no volume is refused, naming the slice") {
  auto headers = slices(10, 2);
  SECTION("missing") {
    headers.erase(headers.begin() + 4);
    CHECK_THROWS_WITH(arrange_slices(headers),
                      ContainsSubstring("1 slices are missing between s3 and s5"));
  }
  SECTION("uneven") {
    headers[4].position[2] += 0.3;
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("s3 and s4 are 2.3 mm apart"));
    const SeriesLayout uneven = arrange_slices(headers, {.allow_uneven = true});
    CHECK_FALSE(uneven.even);
    CHECK(uneven.spacing == 2);
  }
  SECTION("within one per cent") {
    headers[4].position[2] += 0.019;
    CHECK(arrange_slices(headers).even);
    headers[4].position[2] += 0.002;
    CHECK_THROWS_AS(arrange_slices(headers), ValueError);
  }
  SECTION("twice") {
    headers[7].position = headers[2].position;
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("one place: s2 and s7"));
  }
  SECTION("size") {
    headers[6].rows = 47;
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("slice s6 has 64 x 47 pixels"));
  }
  SECTION("orientation") {
    headers[6].row_axis = {-1, 0, 0};
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("one orientation; slice s6"));
  }
  SECTION("pixel spacing") {
    headers[6].pixel_spacing[0] = 0.71;
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("one pixel spacing; slice s6"));
  }
  SECTION("gantry tilt") {
    for (index_t z = 0; z < 10; ++z)
      headers[z].position[1] += 2 * static_cast<double>(z) * std::tan(10 * 3.14159265358979 / 180);
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("tilt of about 10.0 degrees"));
  }
  SECTION("skewed axes") {
    headers[0].column_axis = {0.1, 0.99, 0};
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("s0 must have two unit vectors"));
  }
  SECTION("not a number") {
    headers[3].position[1] = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("s3 must have a finite position"));
  }
  SECTION("one slice") {
    headers.resize(1);
    CHECK_THROWS_WITH(arrange_slices(headers), ContainsSubstring("at least two slices"));
    headers.clear();
    CHECK_THROWS_AS(arrange_slices(headers), ValueError);
  }
}
