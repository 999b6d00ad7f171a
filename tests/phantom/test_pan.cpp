// SPDX-License-Identifier: Apache-2.0
#include <aift/phantom/pan.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/io/dataset.hpp>

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

/// A blue-green pattern; the lesion, a square of 64 pixels in the middle, is the only red there is.
Image frame(int number) {
  Image image{192, 192, ChannelOrder::rgb, {}};
  for (int y = 0; y < 192; ++y) {
    for (int x = 0; x < 192; ++x) {
      const bool lesion = x >= 64 && x < 128 && y >= 64 && y < 128;
      image.pixels.push_back(lesion ? 220 : 0);
      image.pixels.push_back(lesion ? 0 : static_cast<std::uint8_t>(80 + (x + 7 * number) % 100));
      image.pixels.push_back(lesion ? 0 : static_cast<std::uint8_t>(80 + (y + 3 * number) % 100));
    }
  }
  return image;
}

/// A data set of such frames, with their boxes.
void write_frames(const TempDir& dir, int count) {
  std::string manifest = "path,label,group,box_l,box_t,box_r,box_b\n";
  for (int i = 0; i < count; ++i) {
    io::write_png(dir / fmt::format("{}.png", i), frame(i).view());
    manifest += fmt::format("{}.png,polyp,patient{},64,64,128,128\n", i, i / 2);
  }
  dir.write("manifest.csv", manifest);
}

/// Share of the pixels that are more red than anything else.
double red_share(const Image& image) {
  std::size_t red = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    red += image.pixels[i] > std::max(image.pixels[i + 1], image.pixels[i + 2]) ? 1 : 0;
  return 3 * static_cast<double>(red) / static_cast<double>(image.pixels.size());
}

phantom::PanOptions small() {
  phantom::PanOptions options;
  options.frames = 8;
  options.size = 48;
  options.window_max = 0.35;
  return options;
}

}  // namespace

TEST_CASE("pan: bytes depend on the seed, not on threads", "[pan]") {
  const TempDir dir;
  write_frames(dir, 6);
  ThreadExecutor threads(3);
  phantom::PanOptions options = small();
  (void)phantom::write_pan(dir.path(), dir / "a", options);
  (void)phantom::write_pan(dir.path(), dir / "b", options, &threads);
  options.seed = 1;
  (void)phantom::write_pan(dir.path(), dir / "c", options);
  CHECK(files_of(dir / "a") == files_of(dir / "b"));
  CHECK(files_of(dir / "a") != files_of(dir / "c"));
}

TEST_CASE("pan: a label says what the picture shows", "[pan]") {
  const TempDir dir;
  write_frames(dir, 40);
  const auto result = phantom::write_pan(dir.path(), dir / "out", small());
  const auto paths = column_of(dir / "out", "path");
  const auto labels = column_of(dir / "out", "label");
  REQUIRE(static_cast<index_t>(paths.size()) == result.frames);
  index_t positives = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const double red = red_share(io::decode_image(dir / "out" / paths[i]));
    CAPTURE(paths[i], labels[i], red);
    REQUIRE((labels[i] == "polyp" || labels[i] == phantom::kPanNegative));
    positives += labels[i] == "polyp" ? 1 : 0;
    // A quarter of the window, and less than a hundredth; JPEG and motion blur move the edge.
    CHECK((labels[i] == "polyp" ? red > 0.18 : red < 0.05));
  }
  CHECK(positives == result.positives);
  // As near to a tenth as groups of 4 pictures with the lesion allow.
  const auto frames = static_cast<double>(result.frames);
  CHECK(std::abs(static_cast<double>(positives) / frames - 0.1) < 4 / frames);
}

TEST_CASE("pan: groups are the sources', neighbours are nearly the same", "[pan]") {
  const TempDir dir;
  write_frames(dir, 12);
  (void)phantom::write_pan(dir.path(), dir / "out", small());
  const auto paths = column_of(dir / "out", "path");
  const auto groups = column_of(dir / "out", "group");
  std::map<std::string, std::string> group_of;           // of a folder: one source frame
  std::map<std::string, std::set<std::string>> folders;  // of a group: a patient's two frames
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string folder = fs::path(paths[i]).parent_path().filename().string();
    CHECK(group_of.try_emplace(folder, groups[i]).first->second == groups[i]);
    folders[groups[i]].insert(folder);
  }
  std::size_t shared = 0;
  for (const auto& [group, names] : folders) {
    CHECK(names.size() <= 2);
    shared += names.size() == 2 ? 1 : 0;
  }
  CHECK(folders.size() <= 6);
  CHECK(shared > 0);
  double near = 0, far = 0;
  int nears = 0, fars = 0;
  for (std::size_t i = 1; i < paths.size(); ++i) {
    const double d = test::difference(io::decode_image(dir / "out" / paths[i - 1]),
                                      io::decode_image(dir / "out" / paths[i]));
    const bool same = fs::path(paths[i - 1]).parent_path() == fs::path(paths[i]).parent_path();
    (same ? near : far) += d;
    ++(same ? nears : fars);
  }
  REQUIRE(nears > 0);
  REQUIRE(fars > 0);
  CHECK(near / nears < 0.6 * far / fars);
}

TEST_CASE("pan: without boxes every window has its frame's label", "[pan]") {
  const TempDir dir;
  fs::create_directories(dir / "in/one");
  fs::create_directories(dir / "in/two");
  for (int i = 0; i < 2; ++i) {
    io::write_png(dir / fmt::format("in/one/{}.png", i), frame(i).view());
    io::write_png(dir / fmt::format("in/two/{}.png", i), frame(i + 5).view());
  }
  const auto result = phantom::write_pan(dir / "in", dir / "out", small());
  const auto labels = column_of(dir / "out", "label");
  CHECK(std::count(labels.begin(), labels.end(), "one") == 16);
  CHECK(std::count(labels.begin(), labels.end(), "two") == 16);
  CHECK(result.positives == 0);
}

TEST_CASE("pan: the result is a data set marked as synthetic", "[pan]") {
  const TempDir dir;
  write_frames(dir, 40);
  (void)phantom::write_pan(dir.path(), dir / "out", small());
  const io::Dataset data = io::read_dataset(dir / "out", {.require_labels = true});
  CHECK_FALSE(data.synthetic.empty());
  CHECK(fs::is_regular_file(dir / "out/README.txt"));
  CHECK(io::read_dataset(dir.path(), {.require_trainable = false}).synthetic.empty());
}

TEST_CASE("pan: what cannot be done is refused and leaves no manifest", "[pan]") {
  const TempDir dir;
  write_frames(dir, 2);
  fs::create_directories(dir / "empty");
  const fs::path out = dir / "out";
  phantom::PanOptions options = small();
  CHECK_THROWS_AS(phantom::write_pan(dir / "empty", out, options), IoError);
  CHECK_THROWS_AS(phantom::write_pan(dir / "missing", out, options), IoError);
  options.frames = 0;
  CHECK_THAT(message_of<ValueError>([&] { (void)phantom::write_pan(dir.path(), out, options); }),
             ContainsSubstring("got 0"));
  options = small();
  dir.write("full/note.txt", "mine");
  CHECK_THAT(
      message_of<IoError>([&] { (void)phantom::write_pan(dir.path(), dir / "full", options); }),
      ContainsSubstring("empty"));
  CHECK(test::read_file(dir / "full/note.txt") == "mine");
  dir.write("1.png", "no picture");
  CHECK_THAT(message_of<IoError>([&] { (void)phantom::write_pan(dir.path(), out, options); }),
             ContainsSubstring("1.png"));
  CHECK_FALSE(fs::exists(out / "manifest.csv"));
}

TEST_CASE("pan: a box that is none is refused before anything is written", "[pan]") {
  const TempDir dir;
  io::write_png(dir / "0.png", frame(0).view());
  for (const char* box :
       {"64,64,nan,128", "128,64,64,128", "64,64,128,64", "64,64,inf,128", "a,0,9,9"}) {
    dir.write("manifest.csv",
              fmt::format("path,label,box_l,box_t,box_r,box_b\n0.png,polyp,{}\n", box));
    CHECK_THAT(
        message_of<IoError>([&] { (void)phantom::write_pan(dir.path(), dir / "out", small()); }),
        ContainsSubstring("0.png"));
    CHECK_FALSE(fs::exists(dir / "out"));
  }
}

TEST_CASE("pan: stopped on request, it leaves no manifest", "[pan]") {
  struct Stop final : Progress {
    [[nodiscard]] bool cancelled() const override { return true; }
  };
  const TempDir dir;
  write_frames(dir, 4);
  Stop stop;
  CHECK_THROWS_AS(phantom::write_pan(dir.path(), dir / "out", small(), nullptr, &stop),
                  CancelledError);
  CHECK_FALSE(fs::exists(dir / "out/manifest.csv"));
}
