// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/sheet.hpp>
#include <aift/ct/vessel_augmenter.hpp>
#include <aift/ct/vessel_axis.hpp>
#include <aift/ct/volume_source.hpp>
#include <aift/ct/write_volume.hpp>

#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// A vessel of contrast through a lung, along `axis` through `through`.
auto tube(const Point& through, const Point& axis, double radius) {
  return [=](const Point& p) {
    const Point d = p - through;
    const double across = norm(d - dot(d, axis) * axis);
    const double share = std::clamp(0.5 - (across - radius) / 1.5, 0.0, 1.0);
    return -860 + share * (860 + 350);
  };
}

VesselAugmentOptions options(index_t channels = 2) {
  VesselAugmentOptions o;
  o.format.channels = channels;
  o.format.height = 24;
  o.format.width = 24;
  o.format.mean = {0, 0, 0};
  o.format.std = {255, 255, 255};
  o.seed = 4;
  return o;
}

void write_list(const fs::path& file, const std::string& volume, const std::vector<Point>& places) {
  std::vector<Candidate> list;
  for (std::size_t i = 0; i < places.size(); ++i) {
    Candidate c;
    c.id = fmt::format("c{}", i);
    c.volume = volume;
    c.position = places[i];
    c.label = i % 2 == 0 ? "embolus" : "other";
    list.push_back(c);
  }
  write_candidates(file, list);
}

std::vector<float> patches_of(const VesselAugmenter& augmenter, const Source& source,
                              const CandidateRef& candidate, index_t count,
                              Purpose purpose = Purpose::scoring) {
  std::vector<PatchPlan> plans;
  for (index_t i = 0; i < count; ++i)
    plans.push_back(augmenter.plan(candidate, purpose, 0, i));
  const PatchFormat& format = augmenter.options().format;
  std::vector<float> out(static_cast<std::size_t>(count * format.elements()));
  augmenter.render(plans, source, {out.data(), count, format});
  return out;
}

}  // namespace

TEST_CASE("the axis of a vessel is found within a few degrees, in any direction") {
  const KeyedRandom random(21, Purpose::test);
  for (const double radius : {1.8, 3.0, 4.5}) {
    for (index_t n = 0; n < 12; ++n) {
      const Point axis = unit({random.uniform(3 * n, -1, 1), random.uniform(3 * n + 1, -1, 1),
                               random.uniform(3 * n + 2, -1, 1)});
      const Volume volume = test::make_volume({60, 60, 36}, {0.8, 0.8, 1.4}, {0, 0, 0},
                                              test::kStraight, tube({24, 24, 25}, axis, radius));
      const VesselFrame frame = vessel_axis(whole(volume), {24, 24, 25});
      CAPTURE(radius, axis[0], axis[1], axis[2], frame.anisotropy);
      CHECK_FALSE(frame.fallback);
      CHECK(std::abs(dot(frame.axis, axis)) > std::cos(4 * 3.14159265 / 180));
      CHECK(std::abs(dot(frame.axis, frame.side)) < 1e-12);
      CHECK(norm(frame.side) == Catch::Approx(1));
    }
  }
}

TEST_CASE("where no direction is to be had, the slices' normal is taken and said") {
  const auto ball = [](const Point& p) { return norm(p - Point{20, 20, 20}) < 5 ? 300 : -860; };
  const Volume volume =
      test::make_volume({40, 40, 40}, {1, 1, 1}, {0, 0, 0}, test::kStraight, ball);
  const VesselFrame frame = vessel_axis(whole(volume), {20, 20, 20});
  CHECK(frame.fallback);
  CHECK(frame.axis == Point{0, 0, 1});
  const Volume air = test::make_volume({9, 9, 9}, {1, 1, 1}, {0, 0, 0}, test::kStraight,
                                       [](const Point&) { return -1000; });
  CHECK(vessel_axis(whole(air), {4, 4, 4}).fallback);
}

TEST_CASE("plans are inspectable, the same anywhere, and the first is canonical") {
  const VesselAugmenter augmenter(options());
  const CandidateRef candidate = {7, 1234567};
  const PatchPlan first = augmenter.plan(candidate, Purpose::scoring, 3, 0);
  CHECK(first.cut.turn_deg == 0);
  CHECK(first.cut.side_mm == 15);
  CHECK(first.cut.shift_mm == std::array<double, 3>{0, 0, 0});
  CHECK(to_string(first) == "candidate 7 scoring round 3 patch 0: side 15.0 mm");
  const PatchPlan second = augmenter.plan(candidate, Purpose::scoring, 0, 2);
  CHECK(second.cut.turn_deg == 120);
  CHECK(second.cut.side_mm == 10);
  CHECK(second.cut.shift_mm ==
        augmenter.plan(candidate, Purpose::scoring, 9, 2).cut.shift_mm);  // the same in every round
  CHECK_THAT(to_string(second), ContainsSubstring("side 10.0 mm, turn 120.0 deg, shift "));
  const PatchPlan a = augmenter.plan(candidate, Purpose::training, 1, 5);
  const PatchPlan b = augmenter.plan(candidate, Purpose::training, 2, 5);
  CHECK(a.cut.turn_deg != b.cut.turn_deg);
  CHECK(a.cut.turn_deg == augmenter.plan(candidate, Purpose::training, 1, 5).cut.turn_deg);
  for (const double s : a.cut.shift_mm)
    CHECK(std::abs(s) <= 1.5);
  CHECK_THROWS_AS(augmenter.plan(candidate, Purpose::selection, 0, 0), ValueError);
  CHECK_THROWS_AS(augmenter.plan(candidate, Purpose::scoring, 0, -1), ValueError);
}

TEST_CASE("k turns of 360/k degrees come back, a quarter turn swaps the planes") {
  const VesselFrame frame = frame_along({0.3, -0.5, 0.8});
  const Point centre = {1, 2, 3};
  VolumeCut cut;
  cut.side_mm = 15;
  cut.shift_mm = {0.5, 0, 0};
  const auto start = planes_of(cut, centre, frame, 3);
  for (const index_t k : {3, 4, 6, 8, 12}) {
    cut.turn_deg = static_cast<double>(k) * (360.0 / static_cast<double>(k));
    const auto again = planes_of(cut, centre, frame, 3);
    for (std::size_t c = 0; c < 3; ++c) {
      CHECK(norm(again[c].across - start[c].across) < 1e-14);
      CHECK(norm(again[c].down - start[c].down) < 1e-14);
      CHECK(norm(again[c].centre - start[c].centre) < 1e-14);
    }
  }
  cut.turn_deg = 90;
  const auto quarter = planes_of(cut, centre, frame, 3);
  CHECK(norm(quarter[0].down - start[1].down) < 1e-14);
  CHECK(norm(quarter[1].down + start[0].down) < 1e-14);
  for (const Plane& plane : quarter) {
    CHECK(std::abs(dot(plane.across, plane.down)) < 1e-14);
    CHECK(norm(plane.across) == Catch::Approx(1).epsilon(1e-14));
  }
}

TEST_CASE("one phantom as DICOM, NIfTI and mirrored gives the same patches") {
  const test::TempDir dir;
  const Point through = {22, 25, 28};
  const Point axis = unit({0.5, 0.6, 0.62});
  const auto lung = tube(through, axis, 3);
  const Volume volume =
      test::make_volume({64, 64, 44}, {0.75, 0.75, 1.25}, {0, 0, 0}, test::kStraight, lung);
  write_dicom_series(dir.path() / "dicom", volume, {});
  write_volume(dir.path() / "v.nii.gz", volume);
  Volume mirrored = volume;  // the same voxels stored from the other side: left-handed axes
  mirrored.geometry.axes[0] = {-1, 0, 0};
  mirrored.geometry.origin[0] = 63 * 0.75;
  for (index_t row = 0; row < 64 * 44; ++row)
    std::reverse(mirrored.voxels.begin() + row * 64, mirrored.voxels.begin() + (row + 1) * 64);
  write_volume(dir.path() / "mirrored.nrrd", mirrored);
  const VesselAugmenter augmenter(options(3));
  std::vector<std::vector<float>> all;
  for (const std::string name : {"dicom", "v.nii.gz", "mirrored.nrrd"}) {
    const fs::path list = dir.path() / "list.csv";
    write_list(list, name, {through, through + 4.0 * axis});
    const io::Dataset data = io::read_dataset(list, {.require_trainable = false});
    const VolumeSource source(data, {.reach_mm = augmenter.reach_mm()});
    // the candidate's id depends on the volume's name, the shifts on the id: keep it the same
    all.push_back(patches_of(augmenter, source, {0, 99}, 6));
  }
  REQUIRE(all[0].size() == 6 * 3 * 24 * 24);
  CHECK(*std::max_element(all[0].begin(), all[0].end()) > 0.8F);
  CHECK(*std::min_element(all[0].begin(), all[0].end()) == 0);
  for (std::size_t other = 1; other < 3; ++other) {
    double worst = 0;
    for (std::size_t i = 0; i < all[0].size(); ++i)
      worst = std::max(worst, static_cast<double>(std::abs(all[0][i] - all[other][i])));
    CHECK(worst <= 1e-3);
  }
}

TEST_CASE("along a vessel the picture does not change, across it is round") {
  const test::TempDir dir;
  const Point through = {24, 24, 24};
  const Point axis = unit({1, 1, 0.8});
  write_volume(dir.path() / "v.nii", test::make_volume({60, 60, 40}, {0.8, 0.8, 1.2}, {0, 0, 0},
                                                       test::kStraight, tube(through, axis, 3)));
  write_list(dir.path() / "list.csv", "v.nii", {through});
  const io::Dataset data = io::read_dataset(dir.path() / "list.csv", {.require_trainable = false});
  const VolumeSource source(data, {});
  VesselAugmentOptions how = options();
  how.shift_mm = 0;
  const auto patch = patches_of(VesselAugmenter(how), source, data.ref(0), 1);
  const auto at = [&](std::size_t channel, std::size_t i, std::size_t j) {
    return patch[(channel * 24 + i) * 24 + j];
  };
  for (std::size_t i = 0; i < 24; ++i) {
    for (std::size_t j = 1; j < 24; ++j)
      CHECK(std::abs(at(0, i, j) - at(0, i, 0)) < 0.25);  // voxels' steps, at most
  }
  CHECK(at(0, 11, 11) == Catch::Approx(600.0 / 700));  // 350 HU
  CHECK(at(0, 0, 11) == 0);
  for (std::size_t i = 0; i < 24; ++i) {
    for (std::size_t j = 0; j < 24; ++j)
      CHECK(std::abs(at(1, i, j) - at(1, j, i)) < 0.35);
  }
}

TEST_CASE("the cache keeps to its limit and a walk reads each volume once") {
  const test::TempDir dir;
  std::vector<Candidate> list;
  for (int v = 0; v < 3; ++v) {
    const std::string name = fmt::format("v{}.nrrd", v);
    write_volume(dir.path() / name,
                 test::make_volume({50, 50, 50}, {1, 1, 1}, {0, 0, 0}, test::kStraight,
                                   [&](const Point& p) { return p[0] + 100 * v; }));
    for (int c = 0; c < 6; ++c) {
      Candidate one;
      one.id = fmt::format("{}", c);
      one.volume = name;
      one.position = {10.0 + 5 * c, 25, 25};
      one.label = c % 2 == 0 ? "a" : "b";
      list.push_back(one);
    }
  }
  write_candidates(dir.path() / "list.csv", list);
  const io::Dataset data = io::read_dataset(dir.path() / "list.csv", {});
  CHECK(data.group_names.size() == 3);
  std::vector<index_t> order(18);
  for (index_t i = 0; i < 18; ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](index_t a, index_t b) { return data.ids[a] < data.ids[b]; });
  for (std::size_t k = 1; k < 18; ++k) {
    if (k % 6 != 0) CHECK(data.volumes[order[k]] == data.volumes[order[k - 1]]);
  }
  const VolumeSource roomy(data, {.reach_mm = 8});
  for (int pass = 0; pass < 3; ++pass) {
    for (const index_t i : order)
      CHECK(roomy.read(data.ref(i))->centre == list[static_cast<std::size_t>(i)].position);
  }
  CHECK(roomy.volumes_read() == 3);
  const std::uint64_t limit = 60000;  // a crop has about 14 kB
  const VolumeSource narrow(data, {.reach_mm = 8, .cache_bytes = limit});
  const auto held = narrow.read(data.ref(order[0]));
  for (const index_t i : order) {
    (void)narrow.read(data.ref(i));
    CHECK(narrow.cached_bytes() <= limit);
  }
  CHECK(narrow.volumes_read() <= 9);
  CHECK(held->crop.voxels == roomy.read(data.ref(order[0]))->crop.voxels);
}

TEST_CASE("candidates that cannot be read are named and the others go on") {
  const test::TempDir dir;
  write_volume(dir.path() / "v.nrrd",
               test::make_volume({20, 20, 20}, {1, 1, 1}, {0, 0, 0}, test::kStraight,
                                 [](const Point&) { return 0; }));
  std::ofstream(dir.path() / "broken.nrrd") << "NRRD0004\ntype: short\n";
  std::ofstream(dir.path() / "list.csv")
      << "candidate_id,volume,x,y,z,label\nin,v.nrrd,5,5,5,a\nout,v.nrrd,50,5,5,b\n"
         "first,broken.nrrd,1,1,1,a\nsecond,broken.nrrd,2,2,2,b\n";
  const io::Dataset data = io::read_dataset(dir.path() / "list.csv", {.require_trainable = false});
  const VolumeSource source(data, {});
  CHECK_NOTHROW(source.read(data.ref(0)));
  CHECK_THROWS_WITH(source.read(data.ref(1)),
                    ContainsSubstring("v.nrrd#out") && ContainsSubstring("outside its volume"));
  const auto bad = source.check();
  REQUIRE(bad.size() == 3);
  CHECK(bad[0].index == 1);
  CHECK_THAT(bad[1].reason, ContainsSubstring("broken.nrrd"));
  const VesselAugmenter augmenter(options());
  CHECK_THROWS_AS(patches_of(augmenter, source, data.ref(1), 1), IoError);
  const VolumeSource short_reach(data, {.reach_mm = 5});
  CHECK_THROWS_WITH(patches_of(augmenter, short_reach, data.ref(0), 1),
                    ContainsSubstring("must reach"));
  const Image sheet = patch_sheet(source, options(), std::vector{data.ref(0)}, 3, 16);
  CHECK(sheet.width == 3 * (2 * 16 + 2) + 2 * 8);
  CHECK(sheet.height == 16);
}

TEST_CASE("options that are none are refused") {
  const auto refused = [](auto change) {
    VesselAugmentOptions o = options();
    change(o);
    CHECK_THROWS_AS(VesselAugmenter(o), ValueError);
  };
  refused([](auto& o) { o.format.channels = 1; });
  refused([](auto& o) { o.format.height = 0; });
  refused([](auto& o) { o.scoring_patches = 0; });
  refused([](auto& o) { o.rotations = 0; });
  refused([](auto& o) { o.sides_mm = {15, 10, 20}; });
  refused([](auto& o) { o.shift_mm = -1; });
  refused([](auto& o) { o.window.width = 0; });
  refused([](auto& o) { o.format.std[1] = 0; });
}
