// SPDX-License-Identifier: Apache-2.0
#include <aift/phantom/colonoscopy.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>

#include "tests/io/message_of.hpp"
#include "tests/phantom/folders.hpp"

using namespace aift;
using aift::test::column_of;
using aift::test::files_of;
using aift::test::message_of;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

phantom::ColonoscopyOptions small() {
  phantom::ColonoscopyOptions options;
  options.videos = 2;
  options.frames = 10;
  options.size = 32;
  return options;
}

}  // namespace

TEST_CASE("colonoscopy: bytes depend on the seed, not on threads", "[colonoscopy]") {
  const TempDir dir;
  ThreadExecutor threads(3);
  phantom::ColonoscopyOptions options = small();
  (void)phantom::write_colonoscopy(dir / "a", options);
  (void)phantom::write_colonoscopy(dir / "b", options, &threads);
  options.seed = 1;
  (void)phantom::write_colonoscopy(dir / "c", options);
  CHECK(files_of(dir / "a") == files_of(dir / "b"));
  CHECK(files_of(dir / "a") != files_of(dir / "c"));
}

TEST_CASE("colonoscopy: one group per video, rare polyps, marked as synthetic", "[colonoscopy]") {
  const TempDir dir;
  phantom::ColonoscopyOptions options = small();
  options.videos = 12;
  options.frames = 20;
  options.positives = 0.3;
  options.uninformative = 0.5;
  const auto result = phantom::write_colonoscopy(dir / "out", options);
  CHECK(result.frames == 240);
  CHECK(result.positives > 0);
  CHECK(result.positives < 108);
  CHECK(result.uninformative > 0);
  const io::Dataset data = io::read_dataset(dir / "out", {.require_trainable = false});
  CHECK(data.size() == 240);
  CHECK_FALSE(data.synthetic.empty());
  const auto groups = column_of(dir / "out", "group");
  const auto videos = column_of(dir / "out", "video");
  const auto labels = column_of(dir / "out", "label");
  const auto quality = column_of(dir / "out", "quality");
  std::map<std::string, std::set<std::string>> patients;
  index_t positives = 0, uninformative = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    patients[groups[i]].insert(videos[i]);
    CHECK((labels[i] == "polyp" || labels[i] == "mucosa"));
    CHECK(std::set<std::string>{"clear", "blurred", "wall", "residue"}.count(quality[i]) == 1);
    positives += labels[i] == "polyp" ? 1 : 0;
    uninformative += quality[i] != "clear" ? 1 : 0;
  }
  CHECK(patients.size() == 12);
  for (const auto& [patient, its] : patients)
    CHECK(its.size() == 1);
  CHECK(positives == result.positives);
  CHECK(uninformative == result.uninformative);
}

TEST_CASE("colonoscopy: the colour of a patient does not tell who has a polyp", "[colonoscopy]") {
  const TempDir dir;
  double off = 0;
  constexpr int kSeeds = 4;
  for (int seed = 0; seed < kSeeds; ++seed) {
    phantom::ColonoscopyOptions options = small();
    options.videos = 30;
    options.frames = 2;
    options.positives = 0.3;
    options.uninformative = 0;
    options.seed = static_cast<std::uint64_t>(seed);
    const fs::path out = dir / std::to_string(seed);
    (void)phantom::write_colonoscopy(out, options);
    const auto paths = column_of(out, "path");
    const auto labels = column_of(out, "label");
    std::vector<double> with, without;
    for (std::size_t i = 0; i < paths.size();
         i += 2) {  // green over red, one frame of each patient
      const Image frame = io::decode_image(out / paths[i]);
      double red = 0, green = 0;
      for (std::size_t p = 0; p + 2 < frame.pixels.size(); p += 3) {
        red += frame.pixels[p];
        green += frame.pixels[p + 1];
      }
      (labels[i] == "polyp" ? with : without).push_back(green / red);
    }
    REQUIRE(with.size() >= 5);
    double ahead = 0;  // the AUC of the colour
    for (const double a : with)
      for (const double b : without)
        ahead += a > b ? 1.0 : 0.0;
    off += std::abs(ahead / static_cast<double>(with.size() * without.size()) - 0.5) / kSeeds;
  }
  CAPTURE(off);
  CHECK(off < 0.06);  // drawn independently, patients are 0.13 away from 0.5
}

TEST_CASE("colonoscopy: frames of a sequence are nearly the same", "[colonoscopy]") {
  const TempDir dir;
  phantom::ColonoscopyOptions options = small();
  options.videos = 4;
  options.sequence = GENERATE(4, 10);  // 4: the last sequence of a video has two frames
  options.uninformative = 0;
  (void)phantom::write_colonoscopy(dir / "out", options);
  const auto paths = column_of(dir / "out", "path");
  const auto videos = column_of(dir / "out", "video");
  double near = 0, far = 0;
  int nears = 0, fars = 0;
  for (std::size_t i = 1; i < paths.size(); ++i) {
    const double d = test::difference(io::decode_image(dir / "out" / paths[i - 1]),
                                      io::decode_image(dir / "out" / paths[i]));
    const auto sequence = [&](std::size_t frame) {
      return static_cast<index_t>(frame % 10) / options.sequence;
    };
    const bool same = videos[i - 1] == videos[i] && sequence(i - 1) == sequence(i);
    (same ? near : far) += d;
    ++(same ? nears : fars);
  }
  REQUIRE(nears == (options.sequence == 4 ? 28 : 36));
  REQUIRE(fars == 39 - nears);
  CHECK(near / nears < 0.6 * far / fars);
}

TEST_CASE("colonoscopy: a frame is what its quality says", "[colonoscopy]") {
  const TempDir dir;
  phantom::ColonoscopyOptions options = small();
  options.videos = 12;
  options.sequence = 5;
  options.size = 48;
  options.positives = 0;
  options.uninformative = 0;
  (void)phantom::write_colonoscopy(dir / "good", options);
  options.uninformative = 1;
  (void)phantom::write_colonoscopy(dir / "bad", options);
  const auto paths = column_of(dir / "bad", "path");
  const auto quality = column_of(dir / "bad", "quality");
  REQUIRE(column_of(dir / "good", "path") == paths);
  const auto contrast = [](const Image& frame) {  // between neighbours in a row
    double sum = 0;
    for (std::size_t p = 3; p < frame.pixels.size(); ++p)
      sum += std::abs(static_cast<double>(frame.pixels[p]) - frame.pixels[p - 3]);
    return sum;
  };
  std::map<std::string, std::vector<double>> left;  // share of the contrast of the same place
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Image good = io::decode_image(dir / "good" / paths[i]);
    const Image bad = io::decode_image(dir / "bad" / paths[i]);
    CAPTURE(paths[i], quality[i]);
    CHECK((good.pixels == bad.pixels) == (quality[i] == "clear"));
    left[quality[i]].push_back(contrast(bad) / contrast(good));
  }
  CHECK(left.size() == 4);
  const auto mean = [&](const std::string& name) {
    double sum = 0;
    for (const double x : left[name])
      sum += x;
    return sum / static_cast<double>(left[name].size());
  };
  CAPTURE(mean("blurred"), mean("wall"), mean("residue"));
  CHECK(mean("blurred") < 0.9 * mean("residue"));
  CHECK(mean("wall") < 0.9);
}

TEST_CASE("colonoscopy: a sequence ends with its video", "[colonoscopy]") {
  const TempDir dir;
  phantom::ColonoscopyOptions options = small();
  options.sequence = options.frames;
  (void)phantom::write_colonoscopy(dir / "a", options);
  options.sequence = std::numeric_limits<index_t>::max();
  (void)phantom::write_colonoscopy(dir / "b", options);
  CHECK(files_of(dir / "a") == files_of(dir / "b"));
}

TEST_CASE("colonoscopy: exposure differs between sequences, not within one", "[colonoscopy]") {
  const TempDir dir;
  phantom::ColonoscopyOptions options = small();
  options.videos = 1;
  options.frames = 24;
  options.sequence = 2;
  options.positives = 0;
  options.uninformative = 0;
  options.size = 48;
  (void)phantom::write_colonoscopy(dir / "out", options);
  std::vector<double> brightness;  // what the automatic exposure goes by
  for (const std::string& path : column_of(dir / "out", "path")) {
    const Image frame = io::decode_image(dir / "out" / path);
    std::vector<std::uint8_t> green;
    for (std::size_t p = 1; p < frame.pixels.size(); p += 3)
      green.push_back(frame.pixels[p]);
    const auto part = green.begin() + static_cast<std::ptrdiff_t>(green.size() * 5 / 6);
    std::nth_element(green.begin(), part, green.end());
    brightness.push_back(*part);
  }
  double within = 0;
  for (std::size_t i = 0; i < brightness.size(); i += 2)
    within = std::max(within, std::abs(brightness[i] - brightness[i + 1]));
  const auto [low, high] = std::minmax_element(brightness.begin(), brightness.end());
  CAPTURE(within, *low, *high);
  CHECK(*high - *low > 20);  // exposed alike, they differ by 10
  CHECK(within < 8);
}

TEST_CASE("colonoscopy: what cannot be done is refused", "[colonoscopy]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  const auto refused = [&](auto change) {
    phantom::ColonoscopyOptions options = small();
    change(options);
    return message_of<ValueError>([&] { (void)phantom::write_colonoscopy(out, options); });
  };
  CHECK_THAT(refused([](auto& o) { o.frames = 0; }), ContainsSubstring("got 0"));
  CHECK_THAT(refused([](auto& o) { o.videos = -1; }), ContainsSubstring("-1"));
  CHECK_THAT(refused([](auto& o) { o.videos = 10'001; }), ContainsSubstring("10001"));
  CHECK_THAT(refused([](auto& o) { o.frames = 10'001; }), ContainsSubstring("10001"));
  CHECK_THAT(refused([](auto& o) { o.sequence = 0; }), ContainsSubstring("sequence"));
  CHECK_THAT(refused([](auto& o) { o.size = 8; }), ContainsSubstring("8"));
  CHECK_THAT(refused([](auto& o) { o.positives = 1.5; }), ContainsSubstring("1.5"));
  CHECK_FALSE(fs::exists(out / "manifest.csv"));
  dir.write("full/note.txt", "mine");
  CHECK_THROWS_AS(phantom::write_colonoscopy(dir / "full", small()), IoError);
  CHECK(test::read_file(dir / "full/note.txt") == "mine");
}
