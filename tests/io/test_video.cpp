// SPDX-License-Identifier: Apache-2.0
#include <aift/io/video.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <set>
#include <thread>

#include <opencv2/imgproc.hpp>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/synthetic_video.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;
using Names = std::vector<std::string>;

namespace {

/// What a change to a frame leaves of it, as an Image.
Image image_of(const cv::Mat& bgr) {
  Image image{bgr.cols, bgr.rows, ChannelOrder::rgb, {}};
  image.pixels.resize(static_cast<std::size_t>(bgr.cols * bgr.rows * 3));
  cv::Mat target(bgr.rows, bgr.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(bgr, target, cv::COLOR_BGR2RGB);
  return image;
}

std::vector<Image> samples(int count, const std::function<void(cv::Mat&, int)>& change = {}) {
  std::vector<Image> out;
  for (int i = 0; i < count; ++i) {
    cv::Mat frame = synthetic_frame(7 * i);
    if (change) change(frame, i);
    out.push_back(image_of(frame));
  }
  return out;
}

void write_text(cv::Mat& frame, const std::string& text, int x, int y) {
  cv::putText(frame, text, {x, y}, cv::FONT_HERSHEY_SIMPLEX, 0.4, {230, 230, 230}, 1);
}

bool is_close(index_t a, index_t b) { return std::abs(a - b) <= 2; }

/// Reads frames in a scrambled order and compares them with those read front to back.
void check_random_access(const fs::path& file, int frames) {
  io::VideoReader onwards(file);
  REQUIRE(onwards.frames() == frames);
  std::vector<Image> expected;
  for (int i = 0; i < frames; ++i) {
    expected.push_back(onwards.read(i));
    REQUIRE(number_in(expected.back()) == i);
  }
  CHECK(onwards.counts().rewound == 0);
  io::VideoReader fresh(file);  // knows no checksums yet
  for (int t = 0; t < 60; ++t) {
    const auto i = static_cast<int>(splitmix64(static_cast<std::uint64_t>(t)) %
                                    static_cast<std::uint64_t>(frames));
    INFO("frame " << i);
    REQUIRE(fresh.read(i).pixels == expected[static_cast<std::size_t>(i)].pixels);
    REQUIRE(onwards.read(i).pixels == expected[static_cast<std::size_t>(i)].pixels);
  }
  CHECK(fresh.counts().rewound + fresh.counts().found > 0);
}

}  // namespace

TEST_CASE("video: a frame is the same in any order of reading", "[video]") {
  const TempDir dir;
  SECTION("every frame by itself") {
    REQUIRE(write_video(dir / "a.avi", 90));
    check_random_access(dir / "a.avi", 90);
  }
  SECTION("frames made from their neighbours") {
    if (!write_video(dir / "a.mp4", 90, "mp4v")) {
      test::skip("this OpenCV cannot write MPEG-4");
      return;
    }
    check_random_access(dir / "a.mp4", 90);
  }
}

TEST_CASE("video: reading on decodes every frame once", "[video]") {
  const TempDir dir;
  REQUIRE(write_video(dir / "a.avi", 60));
  io::VideoReader reader(dir / "a.avi");
  for (int i = 0; i < 60; i += 3)
    CHECK(number_in(reader.read(i)) == i);
  CHECK(reader.counts().decoded == 58);
  CHECK(number_in(reader.read(54)) == 54);  // read last
  CHECK(reader.counts().decoded == 58);

  reader.close();
  CHECK(number_in(reader.read(20)) == 20);  // never read: from the start
  CHECK(reader.counts().rewound == 1);
  CHECK(number_in(reader.read(9)) == 9);  // read before: searched for, and checked
  CHECK(reader.counts().found + reader.counts().rewound == 2);
}

TEST_CASE("video: a search that gives another frame is noticed", "[video]") {
  // Two files of the same length; the checksums are those of the first, the frames of the second.
  const TempDir dir;
  REQUIRE(write_video(dir / "a.avi", 40));
  io::VideoReader reader(dir / "a.avi");
  for (int i = 0; i < 40; ++i)
    (void)reader.read(i);
  REQUIRE(write_video(dir / "b.avi", 40, "MJPG", 3));
  fs::rename(dir / "b.avi", dir / "a.avi");
  (void)reader.read(5);
  CHECK(reader.counts().found == 0);
  CHECK(reader.counts().rewound == 1);
}

TEST_CASE("video: what is no video, and what is cut short", "[video]") {
  const TempDir dir;
  const auto refused = [](const fs::path& file, const std::string& sentence) {
    CHECK_THROWS_AS(io::VideoReader(file), IoError);
    CHECK_THROWS_WITH(io::VideoReader(file), ContainsSubstring(sentence));
  };
  refused(dir / "none.avi", "is not there");
  refused(dir.write("empty.avi", ""), "is empty");
  refused(dir.write("text.mp4", std::string(5000, 'x')), "cannot be decoded as a video");

  REQUIRE(write_video(dir / "a.avi", 80));
  const std::string whole = io::read_text_file(dir / "a.avi");
  dir.write("cut.avi", whole.substr(0, whole.size() / 2));
  io::VideoReader cut(dir / "cut.avi");
  index_t good = 0;
  std::string first;
  for (index_t i = 0; i < 80 && first.empty(); ++i) {
    try {
      const Image frame = cut.read(i);
      CHECK(number_in(frame) == i);
      ++good;
    } catch (const IoError& error) {
      first = error.what();
    }
  }
  CHECK(good > 30);
  CHECK(good < 50);
  CHECK_THAT(first, ContainsSubstring(fmt::format("ends after {} of its", good)));
  const index_t decoded = cut.counts().decoded;
  CHECK_THROWS_WITH(cut.read(79), first);  // one sentence for all, and nothing is decoded again
  CHECK(cut.counts().decoded == decoded);
  CHECK(number_in(cut.read(3)) == 3);
  CHECK_THROWS_AS(cut.read(-1), ValueError);
}

TEST_CASE("video: the field of view is found in spite of writing and borders", "[video]") {
  const auto expect_field = [](const io::FrameLayout& layout) {
    CHECK(is_close(layout.field_x, 40));
    CHECK(is_close(layout.field_y, 12));
    CHECK(is_close(layout.field_x + layout.field_width, 168));
    CHECK(is_close(layout.field_y + layout.field_height, 132));
  };
  expect_field(io::find_layout(samples(12)));
  expect_field(io::find_layout(samples(1)));
  expect_field(io::find_layout(samples(12, [](cv::Mat& frame, int i) {
    write_text(frame, "12:0" + std::to_string(i), 2, 20);
    write_text(frame, "F", 30, 60);  // touches the field
    write_text(frame, "patient", 100, 142);
  })));
  expect_field(io::find_layout(samples(12, [](cv::Mat& frame, int) {  // noise of a camera
    cv::Mat noise(frame.size(), CV_8UC3);
    cv::RNG(5).fill(noise, cv::RNG::UNIFORM, 0, 14);
    frame += noise;
  })));
  expect_field(io::find_layout(samples(12, [](cv::Mat& frame, int i) {
    if (i % 3 == 0) frame.setTo(0);  // light off now and then
  })));

  SECTION("a round field") {
    const io::FrameLayout layout = io::find_layout(samples(10, [](cv::Mat& frame, int) {
      cv::Mat mask = cv::Mat::zeros(frame.size(), CV_8U);
      cv::circle(mask, {100, 72}, 55, 255, cv::FILLED);
      cv::Mat bright(frame.size(), CV_8UC3, cv::Scalar(90, 110, 160));
      frame = cv::max(frame, bright);
      frame.setTo(0, mask == 0);
    }));
    CHECK(is_close(layout.field_x, 45));
    CHECK(is_close(layout.field_width, 111));
    CHECK(is_close(layout.field_y, 17));
    CHECK(is_close(layout.field_height, 111));
  }
  SECTION("no border, or nothing to see: the whole frame") {
    const auto whole = [](const io::FrameLayout& layout) {
      CHECK(layout.field_x == 0);
      CHECK(layout.field_y == 0);
      CHECK(layout.field_width == kVideoWidth);
      CHECK(layout.field_height == kVideoHeight);
    };
    whole(io::find_layout(samples(8, [](cv::Mat& frame, int i) {
      frame = cv::max(frame, cv::Mat(frame.size(), CV_8UC3, cv::Scalar::all(80 + 5 * i)));
    })));
    whole(io::find_layout(samples(8, [](cv::Mat& frame, int) { frame.setTo(3); })));
    whole(io::find_layout(samples(8, [](cv::Mat& frame, int) {
      frame.setTo(0);
      write_text(frame, "no signal", 60, 70);
    })));
  }
}

TEST_CASE("video: what does not change is masked, and nothing else", "[video]") {
  const auto is_masked = [](const io::FrameLayout& layout, index_t x, index_t y) {
    return layout.overlay[static_cast<std::size_t>(y * layout.width + x)] != 0;
  };
  const io::FrameLayout none = io::find_layout(samples(16));
  CHECK(none.overlay.empty());
  const auto logo = [](cv::Mat& frame, int) {
    cv::rectangle(frame, cv::Rect(120, 100, 30, 12), cv::Scalar(200, 200, 20), cv::FILLED);
  };
  const io::FrameLayout layout = io::find_layout(samples(16, logo));
  REQUIRE_FALSE(layout.overlay.empty());
  CHECK(is_masked(layout, 121, 101));
  CHECK(is_masked(layout, 135, 106));
  CHECK(is_masked(layout, 118, 100));  // its border
  CHECK_FALSE(is_masked(layout, 110, 106));
  CHECK_FALSE(is_masked(layout, 135, 90));
  const auto share =
      std::accumulate(layout.overlay.begin(), layout.overlay.end(), 0.0) / (128 * 120);
  CHECK(share < 0.06);

  const Image frame = samples(1, logo).front();
  const Image prepared = io::prepare_frame(frame, layout, {.mask_overlay = true});
  CHECK(prepared.pixels[static_cast<std::size_t>(3 * (106 * kVideoWidth + 135))] == 0);
  CHECK(prepared.width == kVideoWidth);

  CHECK(io::find_layout(samples(4, logo)).overlay.empty());  // too few to tell
  std::vector<Image> still(16, samples(1, logo).front());    // nothing moves: no overlay
  CHECK(io::find_layout(still).overlay.empty());
}

TEST_CASE("video: de-interlacing keeps one field", "[video]") {
  const Image progressive = samples(1).front();
  Image comb = progressive;
  const Image other = image_of(synthetic_frame(31));
  for (index_t y = 1; y < comb.height; y += 2) {
    std::copy_n(other.pixels.begin() + 3 * y * comb.width, 3 * comb.width,
                comb.pixels.begin() + 3 * y * comb.width);
  }
  const Image out = io::deinterlace(comb);
  CHECK(out.pixels == io::deinterlace(progressive).pixels);  // nothing of the other field is left
  CHECK(io::deinterlace(out).pixels == out.pixels);
  const auto row = [&](const Image& image, index_t y) {
    return std::vector<std::uint8_t>(image.pixels.begin() + 3 * y * image.width,
                                     image.pixels.begin() + 3 * (y + 1) * image.width);
  };
  CHECK(row(out, 20) == row(comb, 20));
  CHECK(row(out, 143) == row(comb, 142));
  for (std::size_t x = 0; x < 3 * kVideoWidth; ++x)
    REQUIRE(row(out, 21)[x] == (row(comb, 20)[x] + row(comb, 22)[x] + 1) / 2);
  CHECK_THROWS_AS(io::deinterlace(Image{2, 2, ChannelOrder::grey, {1, 2, 3, 4}}), ShapeError);
}

TEST_CASE("video: preparation says what it does", "[video]") {
  CHECK(io::FramePreparation{}.text().empty());
  CHECK(io::FramePreparation{.deinterlace = true, .mask_overlay = true, .crop = true}.text() ==
        "deinterlace, mask overlay, crop");
  const io::FrameLayout layout = io::find_layout(samples(3));
  CHECK_THROWS_AS(io::prepare_frame(Image{2, 1, ChannelOrder::rgb, std::vector<std::uint8_t>(6)},
                                    layout, {.crop = true}),
                  ShapeError);
  CHECK_THROWS_AS(io::find_layout({}), ShapeError);
}

TEST_CASE("video: a folder of videos is a data set", "[video][dataset]") {
  const TempDir dir;
  fs::create_directories(dir / "v");
  REQUIRE(write_video(dir / "v/a.avi", 10));
  REQUIRE(write_video(dir / "v/b.AVI", 7, "MJPG", 2));
  io::Dataset data = io::read_dataset(dir / "v");
  CHECK(data.size() == 17);
  CHECK(data.paths[3] == "a.avi#3");
  CHECK(data.paths[10] == "b.AVI#0");
  CHECK(data.frames[12] == 2);
  CHECK(data.file(12) == dir / "v/b.AVI");
  CHECK(data.group_names == Names{"a.avi", "b.AVI"});
  CHECK(data.times[12] == 2);
  CHECK(data.sequences[9] != data.sequences[10]);
  CHECK(data.labels == std::vector<label_t>(17, kUnlabelled));
  for (index_t i = 1; i < 10; ++i)  // in the order of ids, a video is read front to back
    CHECK(data.ids[static_cast<std::size_t>(i)] == data.ids[0] + static_cast<std::uint64_t>(i));
  CHECK(data.ids[4] == io::frame_id("a.avi", 4));

  data = io::read_dataset(dir / "v", {.every = 4});
  CHECK(data.paths == Names{"a.avi#0", "a.avi#4", "a.avi#8", "b.AVI#0", "b.AVI#4"});
  CHECK(data.ids[1] == io::frame_id("a.avi", 4));  // the same candidate as before
  CHECK_THROWS_AS(io::read_dataset(dir / "v", {.every = 0}), ValueError);

  dir.write("v/labels.csv",
            "path,first_frame,last_frame,label\n"
            "a.avi,2,4,polyp\na.avi,8,,polyp\nb.AVI,0,3,none\n");
  data = io::read_dataset(dir / "v");
  CHECK(data.class_names == Names{"none", "polyp"});
  CHECK(data.labels ==
        std::vector<label_t>{-1, -1, 1, 1, 1, -1, -1, -1, 1, 1, 0, 0, 0, 0, -1, -1, -1});

  const auto refused = [&](const std::string& rows, const std::string& sentence) {
    const fs::path file = dir.write("ranges.csv", "path,first_frame,last_frame,label\n" + rows);
    CHECK_THROWS_WITH(io::read_dataset(dir / "v", {.frame_labels = file}),
                      ContainsSubstring(sentence));
  };
  refused("a.avi,4,2,polyp\n", "line 2: the first frame, 4, lies behind the last, 2");
  refused("a.avi,x,2,polyp\n", "line 2: a frame is a whole number");
  refused("a.avi,0,5,polyp\na.avi,5,9,none\n", "lines 2 and 3: frames have two labels");
  refused("c.avi,0,5,polyp\n", "line 2: c.avi is no video of the data");
  dir.write("ranges.csv", "path,label\n");
  CHECK_THROWS_WITH(io::read_dataset(dir / "v", {.frame_labels = dir / "ranges.csv"}),
                    ContainsSubstring("no column \"first_frame\""));
}

TEST_CASE("video: rows of a manifest", "[video][dataset]") {
  const TempDir dir;
  REQUIRE(write_video(dir / "a.avi", 6));
  REQUIRE(write_video(dir / "b.avi", 5, "MJPG", 1));
  io::write_png(dir / "c.png", samples(1).front().view());
  const auto file = dir.write("manifest.csv",
                              "path,label,group,frame,site\n"
                              "a.avi,polyp,p1,,x\n"
                              "b.avi,none,,3,y\n"
                              "b.avi,polyp,,1,y\n"
                              "c.png,none,,,z\n");
  const io::Dataset data = io::read_dataset(file, {.every = 2});
  CHECK(data.paths == Names{"a.avi#0", "a.avi#2", "a.avi#4", "b.avi#3", "b.avi#1", "c.png"});
  CHECK(data.group_names == Names{"p1", "b.avi", "c.png"});
  CHECK(data.labels == std::vector<label_t>{1, 1, 1, 0, 1, 0});
  CHECK(data.frames == std::vector<index_t>{0, 2, 4, 3, 1, -1});
  CHECK(data.extra[4][1] == "y");
  CHECK(std::isnan(data.times[5]));
  CHECK_FALSE(data.is_frame(5));

  const io::FrameSource source(data, {});
  const int numbers[] = {0, 2, 4, 3, 1};
  for (index_t i = 0; i < 5; ++i)
    CHECK(number_in(source.read(data.ref(i))) == numbers[i]);
  CHECK(source.read(data.ref(5)).pixels == io::decode_image(dir / "c.png").pixels);
  CHECK(source.layout(5) == nullptr);
  CHECK(source.layout(0)->width == kVideoWidth);
  CHECK_THROWS_AS(source.read({6, 0}), ValueError);

  const auto refused = [&](const std::string& row, const std::string& sentence) {
    const auto other = dir.write("other.csv", "path,label,frame\n" + row);
    CHECK_THROWS_WITH(io::read_dataset(other), ContainsSubstring(sentence));
  };
  refused("a.avi,x,9\n", "a.avi has 6 frames, there is no frame 9");
  refused("a.avi,x,-1\n", "the frame of a video must be a whole number");
  refused("d.avi,x,\n", "d.avi is not there");
  refused("a.avi,x,2\na.avi,y,2\n", "listed before");
}

TEST_CASE("video: frames are prepared, checked and kept", "[video]") {
  const TempDir dir;
  fs::create_directories(dir / "v");
  REQUIRE(write_video(dir / "v/a.avi", 40));
  REQUIRE(write_video(dir / "v/b.avi", 30, "MJPG", 1));
  const io::Dataset data = io::read_dataset(dir / "v");
  const io::FrameSource source(data, {.crop = true}, dir / "kept");
  CHECK(source.check(2).empty());
  const io::FrameLayout& layout = *source.layout(12);
  CHECK(is_close(layout.field_width, 128));
  const Image frame = source.read(data.ref(12));
  CHECK(frame.width == layout.field_width);
  CHECK(frame.height == layout.field_height);
  CHECK(number_in(frame, static_cast<int>(layout.field_x), static_cast<int>(layout.field_y)) == 12);

  const std::vector<CandidateRef> asked = {data.ref(50), data.ref(12), data.ref(3)};
  source.keep(asked);
  CHECK(fs::exists(dir / "kept" / io::kept_frame_name(data.ids[12])));
  CHECK(source.read(data.ref(12)).pixels == frame.pixels);
  // another source, as after a restart, reads what was kept even without the video
  fs::remove(dir / "v/a.avi");
  const io::FrameSource later(data, {.crop = true}, dir / "kept");
  CHECK(later.read(data.ref(12)).pixels == frame.pixels);
  CHECK_THROWS_AS(later.read(data.ref(13)), IoError);
}

TEST_CASE("video: many videos, read from several threads", "[video]") {
  const TempDir dir;
  fs::create_directories(dir / "v");
  for (int v = 0; v < 12; ++v)
    REQUIRE(write_video((dir / "v") / fmt::format("{:02}.avi", v), 12, "MJPG", v));
  const io::Dataset data = io::read_dataset(dir / "v");
  const io::FrameSource source(data, {});
  std::vector<int> wrong(3);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&, t] {
        for (index_t i = t; i < data.size(); i += 3) {
          if (number_in(source.read(data.ref(i))) != i % 12) ++wrong[static_cast<std::size_t>(t)];
        }
      });
    }
  }
  CHECK(wrong == std::vector<int>{0, 0, 0});
  CHECK(source.check(3).empty());
}

TEST_CASE("video: broken ones are counted as bad, with one sentence each", "[video]") {
  const TempDir dir;
  fs::create_directories(dir / "v");
  REQUIRE(write_video(dir / "v/a.avi", 60));
  const std::string whole = io::read_text_file(dir / "v/a.avi");
  dir.write("v/cut.avi", whole.substr(0, whole.size() / 2));
  dir.write("v/none.avi", "no video");
  const io::Dataset data = io::read_dataset(dir / "v");
  const auto bad = io::check_images(data, 2);
  REQUIRE(bad.size() >= 2);
  CHECK(bad.back().index == data.size() - 1);
  CHECK_THAT(bad.back().reason, ContainsSubstring("none.avi cannot be decoded as a video"));
  std::set<std::string> reasons;
  for (const io::BadImage& one : bad)
    reasons.insert(one.reason);
  CHECK(reasons.size() == 2);
  CHECK_THAT(bad.front().reason, ContainsSubstring("cut.avi ends after"));
}
