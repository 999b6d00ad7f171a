// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <string>

#include <aift/core/error.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/ct/write_volume.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/ct/small_volume.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::ct;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

double wave(const Point& p) { return 300 * std::sin(0.3 * p[0]) + 10 * p[1] - 5 * p[2]; }

Volume sample(std::array<Point, 3> axes = test::kStraight) {
  return test::make_volume({20, 16, 9}, {0.7, 0.8, 1.5}, {-10, 5, 30}, axes, wave);
}

void expect_same(const Volume& a, const Volume& b, double tolerance = 1e-6) {
  CHECK(a.geometry.size == b.geometry.size);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(a.geometry.spacing[i] == Catch::Approx(b.geometry.spacing[i]).margin(tolerance));
    CHECK(a.geometry.origin[i] == Catch::Approx(b.geometry.origin[i]).margin(tolerance));
    for (std::size_t j = 0; j < 3; ++j) {
      CHECK(a.geometry.axes[i][j] == Catch::Approx(b.geometry.axes[i][j]).margin(tolerance));
    }
  }
  CHECK(a.voxels == b.voxels);
}

void cut(const fs::path& file, double share) {
  const std::string all = io::read_text_file(file);
  std::ofstream(file, std::ios::binary)
      << all.substr(0, static_cast<std::size_t>(share * static_cast<double>(all.size())));
}

}  // namespace

TEST_CASE("a volume written and read is the same, straight, oblique and mirrored") {
  const test::TempDir dir;
  auto mirrored = test::oblique_axes();
  mirrored[0] = -1.0 * mirrored[0];
  for (const auto& axes : {test::kStraight, test::oblique_axes(), mirrored}) {
    const Volume volume = sample(axes);
    for (const std::string ending : {".nii", ".nii.gz", ".mha", ".nrrd"}) {
      CAPTURE(ending);
      const fs::path file = dir.path() / ("v" + ending);
      write_volume(file, volume);
      // NIfTI holds its geometry in single precision
      expect_same(read_volume(file), volume, ending.starts_with(".nii") ? 5e-6 : 1e-12);
      expect_same(read_volume_header(file), {volume.geometry, {}, {}},
                  ending.starts_with(".nii") ? 5e-6 : 1e-12);
    }
  }
  for (const auto& axes : {test::kStraight, test::oblique_axes()}) {
    const Volume volume = sample(axes);
    const fs::path folder = dir.path() / (axes == test::kStraight ? "straight" : "oblique");
    write_dicom_series(folder, volume, {});
    expect_same(read_volume(folder), volume);
    CHECK(read_volume(folder).record.format == "DICOM series");
  }
  CHECK_THROWS_WITH(write_dicom_series(dir.path() / "m", sample(mirrored), {}),
                    ContainsSubstring("mirrored"));
}

TEST_CASE("files of a DICOM folder that make it unsafe are refused") {
  const test::TempDir dir;
  const fs::path folder = dir.path() / "series";
  write_dicom_series(folder, sample(), {});
  const fs::path slice = folder / "slice-0004.dcm";
  SECTION("truncated in the pixels") {
    cut(slice, 0.8);
    CHECK_THROWS_WITH(read_volume(folder), ContainsSubstring("slice-0004.dcm"));
  }
  SECTION("truncated in the header") {
    cut(slice, 0.3);
    CHECK_THROWS_WITH(read_volume(folder), ContainsSubstring("slice-0004.dcm"));
  }
  SECTION("empty") {
    std::ofstream(slice, std::ios::trunc).flush();
    CHECK_THROWS_WITH(read_volume(folder),
                      ContainsSubstring("slice-0004.dcm") && ContainsSubstring("empty"));
  }
  SECTION("gone") {
    fs::remove(slice);
    CHECK_THROWS_WITH(read_volume(folder), ContainsSubstring("missing between slice-0003.dcm and "
                                                             "slice-0005.dcm"));
    const Volume filled = read_volume(folder, {.allow_resample = true});
    CHECK(filled.record.resampled);
    CHECK(filled.geometry.size[2] == 9);
    const Volume whole = sample();
    CHECK(filled.at(3, 3, 3) ==
          Catch::Approx(0.5 * (whole.at(3, 3, 2) + whole.at(3, 3, 4))).margin(1));
    CHECK(filled.at(3, 3, 4) == whole.at(3, 3, 4));
    CHECK(read_volume_header(folder, {.allow_resample = true}).geometry.size[2] == 9);
  }
  SECTION("twice under another name") {
    fs::copy_file(slice, folder / "again.dcm");
    CHECK_THROWS_WITH(read_volume(folder), ContainsSubstring("again.dcm"));
  }
  SECTION("one slice") {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path() != slice) fs::remove(entry.path());
    }
    CHECK_THROWS_WITH(read_volume(folder), ContainsSubstring("at least two slices"));
    CHECK_THROWS_WITH(read_volume(slice), ContainsSubstring("is one slice"));
  }
  SECTION("strangers beside it are left out and said") {
    std::ofstream(folder / "README.txt") << "hello";
    const Volume volume = read_volume(folder);
    REQUIRE(volume.record.notes.size() == 1);
    CHECK_THAT(volume.record.notes[0], ContainsSubstring("1 files of the folder are no DICOM"));
  }
}

TEST_CASE("of several series the largest is read, or the one that is asked for") {
  const test::TempDir dir;
  const fs::path folder = dir.path() / "both";
  write_dicom_series(folder, sample(), {.uid_seed = 1});
  Volume other = sample();
  other.voxels.assign(other.voxels.size(), 7);
  other.geometry.size[2] = 5;
  other.voxels.resize(static_cast<std::size_t>(other.geometry.voxels()));
  write_dicom_series(dir.path() / "other", other, {.uid_seed = 2});
  for (const auto& entry : fs::directory_iterator(dir.path() / "other"))
    fs::copy_file(entry.path(), folder / ("b-" + entry.path().filename().string()));
  const auto series = list_series(folder);
  REQUIRE(series.size() == 2);
  CHECK(series[0].slices == 9);
  CHECK(series[1].slices == 5);
  const Volume largest = read_volume(folder);
  CHECK(largest.voxels == sample().voxels);
  CHECK(largest.record.series == 2);
  CHECK(largest.record.chosen == 1);
  CHECK_THAT(largest.record.notes.at(0), ContainsSubstring("Of 2 series, number 1 was read"));
  CHECK(read_volume(folder, {.series = "2"}).voxels == other.voxels);
  CHECK(read_volume(folder, {.series = series[1].uid}).voxels == other.voxels);
  CHECK_THROWS_WITH(read_volume(folder, {.series = "3"}), ContainsSubstring("from 1 to 2"));
  CHECK_THROWS_WITH(read_volume(folder, {.series = "x"}), ContainsSubstring("has 2 series"));
}

TEST_CASE("damaged and strange files are refused with the reason") {
  const test::TempDir dir;
  for (const std::string ending : {".nii", ".nii.gz", ".mha", ".nrrd"}) {
    CAPTURE(ending);
    const fs::path file = dir.path() / ("v" + ending);
    write_volume(file, sample());
    cut(file, 0.6);
    CHECK_THROWS_WITH(read_volume(file), ContainsSubstring(file.string()));
    CHECK_THROWS_AS(read_volume(file), IoError);
    std::ofstream(file, std::ios::trunc).flush();
    CHECK_THROWS_AS(read_volume(file), IoError);
  }
  CHECK_THROWS_WITH(read_volume(dir.path() / "nothing"), ContainsSubstring("is not there"));
  std::ofstream(dir.path() / "a.txt") << "text";
  CHECK_THROWS_WITH(read_volume(dir.path() / "a.txt"), ContainsSubstring("no volume"));
  fs::create_directory(dir.path() / "empty");
  CHECK_THROWS_WITH(read_volume(dir.path() / "empty"), ContainsSubstring("holds no DICOM file"));
  Volume flat = sample();
  flat.geometry.size[2] = 1;
  flat.voxels.resize(320);
  write_volume(dir.path() / "flat.mha", flat);
  CHECK_THROWS_WITH(read_volume(dir.path() / "flat.mha"), ContainsSubstring("at least two slices"));
}
