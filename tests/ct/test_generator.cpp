// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <set>
#include <string>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/ct/ctpa_phantom.hpp>
#include <aift/ct/froc.hpp>
#include <aift/ct/generator.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;

namespace {

CtpaOptions small() {
  CtpaOptions o;
  o.size = 224;
  o.thickness_mm = 2;
  o.length_mm = 200;
  o.seed = 5;
  o.with_emboli = 1;
  return o;
}

/// Made once: it takes a second.
const CtpaScan& scan_of_tests() {
  static const CtpaScan scan = make_ctpa(small(), 1);
  return scan;
}

}  // namespace

TEST_CASE("a generated scan holds what it says") {
  const CtpaScan& scan = scan_of_tests();
  REQUIRE(!scan.emboli.empty());
  CHECK(scan.look_alikes.size() >= 5);
  const Geometry& g = scan.volume.geometry;
  std::vector<double> sum(scan.emboli.size());
  std::vector<index_t> count(scan.emboli.size());
  for (std::size_t i = 0; i < scan.labels.size(); ++i) {
    if (scan.labels[i] == 0) continue;
    const auto e = static_cast<std::size_t>(scan.labels[i] - 1);
    REQUIRE(e < scan.emboli.size());
    sum[e] += scan.volume.voxels[i];
    ++count[e];
  }
  for (std::size_t e = 0; e < sum.size(); ++e) {
    CHECK(static_cast<double>(count[e]) * g.spacing[0] * g.spacing[1] * g.spacing[2] ==
          Catch::Approx(scan.emboli[e].volume_mm3));
    const double mean = sum[e] / static_cast<double>(count[e]);
    CHECK(mean > -150);  // darker than contrast, brighter than lung, in partial volume too
    CHECK(mean < 200);
    CHECK(g.contains(scan.emboli[e].centre));
  }
  // air around, lung inside, bone
  CHECK(scan.volume.at(2, 2, 40) < -900);
  index_t lung = 0;
  index_t bone = 0;
  for (const std::int16_t hu : scan.volume.voxels) {
    lung += hu > -950 && hu < -700 ? 1 : 0;
    bone += hu > 350 ? 1 : 0;
  }
  const auto all = static_cast<double>(scan.volume.voxels.size());
  CHECK(static_cast<double>(lung) / all > 0.08);
  CHECK(static_cast<double>(bone) / all > 0.003);
}

TEST_CASE("a generated scan is the same again, and another seed another") {
  CtpaOptions o = small();
  o.size = 96;
  o.length_mm = 120;
  o.thickness_mm = 4;
  const CtpaScan a = make_ctpa(o, 0);
  CHECK(a.volume.voxels == make_ctpa(o, 0).volume.voxels);
  CHECK(a.volume.voxels != make_ctpa(o, 1).volume.voxels);
  o.seed = 6;
  CHECK(a.volume.voxels != make_ctpa(o, 0).volume.voxels);
  o.with_emboli = 0;
  CHECK(make_ctpa(o, 0).emboli.empty());
  o.size = 10;
  CHECK_THROWS_WITH(make_ctpa(o, 0), ContainsSubstring("size of a slice"));
}

TEST_CASE("a written phantom reads the same as DICOM and as NIfTI, and says that it is synthetic") {
  const test::TempDir dir;
  CtpaOptions o = small();
  o.size = 96;
  o.length_mm = 120;
  o.thickness_mm = 4;
  o.scans = 2;
  ThreadExecutor executor(2);
  const CtpaResult result = write_ctpa(dir.path() / "p", o, &executor);
  CHECK(result.scans == 2);
  const Volume dicom = read_volume(dir.path() / "p/dicom/scan-002");
  const Volume nifti = read_volume(dir.path() / "p/nifti/scan-002.nii.gz");
  CHECK(dicom.voxels == nifti.voxels);
  const Point corner = {95, 95, 29};
  CHECK(norm(dicom.geometry.to_world(corner) - nifti.geometry.to_world(corner)) < 1e-3);
  CHECK_THAT(io::read_text_file(dir.path() / "p/SYNTHETIC"), ContainsSubstring("Synthetic"));
  CHECK_THAT(io::read_text_file(dir.path() / "p/scans.csv"),
             ContainsSubstring("nifti/scan-001.nii.gz,truth/scan-001.nii.gz,"));
  CHECK_THROWS_WITH(write_ctpa(dir.path() / "p", o), ContainsSubstring("new or empty"));
}

TEST_CASE("a phantom that cannot be made leaves no folder") {
  const test::TempDir dir;
  const auto refused = [&](const auto& change, const char* what) {
    CtpaOptions o = small();
    change(o);
    CHECK_THROWS_WITH(write_ctpa(dir.path() / "p", o), ContainsSubstring(what));
    CHECK_FALSE(std::filesystem::exists(dir.path() / "p"));
  };
  refused([](auto& o) { o.scans = 0; }, "number of scans must lie in [1, 10000]; got 0");
  refused([](auto& o) { o.scans = 10'001; }, "got 10001");
  refused([](auto& o) { o.size = 10; }, "size of a slice");
  refused([](auto& o) { o.length_mm = 1e9; }, "length of a scan");
  refused([](auto& o) { o.with_emboli = std::nan(""); }, "share of scans with emboli");
  refused([](auto& o) { o.dicom = o.nifti = false; }, "neither was asked for");
}

TEST_CASE("tobogganing finds the emboli of a generated scan among few candidates") {
  const CtpaScan& scan = scan_of_tests();
  const GeneratorResult one = find_candidates(scan.volume);
  REQUIRE(!one.candidates.empty());
  CHECK(one.candidates.size() <= 40);
  CHECK(one.note.empty());
  Volume labels = scan.volume;
  labels.voxels = scan.labels;
  std::set<index_t> hit;
  for (const Candidate& c : one.candidates) {
    CHECK(scan.volume.geometry.contains(c.position));
    CHECK(c.volume_mm3 > 0);
    hit.insert(embolus_at(labels, c.position, 2));
  }
  hit.erase(-1);
  CHECK(hit.size() + 1 >= scan.emboli.size());
  for (std::size_t i = 1; i < one.candidates.size(); ++i)
    CHECK(one.candidates[i].score <= one.candidates[i - 1].score);
  ThreadExecutor executor(3);
  const GeneratorResult other = find_candidates(scan.volume, {}, &executor);
  REQUIRE(other.candidates.size() == one.candidates.size());
  for (std::size_t i = 0; i < one.candidates.size(); ++i)
    CHECK(other.candidates[i].position == one.candidates[i].position);
}

TEST_CASE("without lungs, contrast or anything at all there are no candidates, and it is said") {
  const auto flat = [](double hu) {
    return test::make_volume({40, 40, 30}, {2, 2, 2}, {0, 0, 0}, test::kStraight,
                             [hu](const Point&) { return hu; });
  };
  for (const double hu : {-1024.0, 0.0, 400.0}) {
    const GeneratorResult none = find_candidates(flat(hu));
    CHECK(none.candidates.empty());
    CHECK_THAT(none.note, ContainsSubstring("No lung was found"));
  }
  // a body with one lung, and vessels without contrast
  const auto body = [](const Point& p) {
    const double r = std::hypot(p[0] - 60, p[1] - 60);
    if (r > 55) return -1000.0;
    if (r > 40) return 40.0;
    return std::hypot(p[0] - 60, p[1] - 66) < 4 ? 45.0 : -850.0;
  };
  const Volume plain = test::make_volume({60, 60, 40}, {2, 2, 2}, {0, 0, 0}, test::kStraight, body);
  const GeneratorResult none = find_candidates(plain);
  CHECK(none.candidates.empty());
  CHECK_THAT(none.note, ContainsSubstring("hold no contrast"));
  GeneratorOptions wrong;
  wrong.max_candidates = 0;
  CHECK_THROWS_AS(find_candidates(plain, wrong), ValueError);
  wrong = {};
  wrong.hu_air = 500;
  CHECK_THROWS_AS(find_candidates(plain, wrong), ValueError);
}
