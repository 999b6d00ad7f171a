// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/image_source.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::read_file;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

using Pixel = std::array<int, 3>;

Pixel pixel(const Image& image, index_t x, index_t y) {
  const auto at = static_cast<std::size_t>((y * image.width + x) * 3);
  return {image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]};
}

/// 3 x 2, another colour in every pixel.
Image small_image() {
  Image image{3, 2, ChannelOrder::rgb, {}};
  image.pixels = {255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30, 40, 50, 60, 200, 100, 50};
  return image;
}

/// An image whose files take some kilobytes, so that there is something to cut off.
Image noisy_image(index_t width, index_t height) {
  Image image{width, height, ChannelOrder::rgb, {}};
  image.pixels.resize(static_cast<std::size_t>(width * height * 3));
  const KeyedRandom random(5, Purpose::test);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.bits(static_cast<index_t>(i)) & 0xFF);
  }
  return image;
}

cv::Mat bgr_of(const Image& image) {
  cv::Mat mat(static_cast<int>(image.height), static_cast<int>(image.width), CV_8UC3);
  for (int y = 0; y < mat.rows; ++y) {
    for (int x = 0; x < mat.cols; ++x) {
      const Pixel p = pixel(image, x, y);
      mat.at<cv::Vec3b>(y, x) = {static_cast<std::uint8_t>(p[2]), static_cast<std::uint8_t>(p[1]),
                                 static_cast<std::uint8_t>(p[0])};
    }
  }
  return mat;
}

/// The same JPEG file with an EXIF segment that says how the camera was held.
std::string with_orientation(const std::string& jpeg, char orientation) {
  std::string exif("Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 25);
  exif += orientation;
  exif += std::string(6, '\0');
  std::string segment = "\xFF\xE1";
  segment += '\0';
  segment += static_cast<char>(exif.size() + 2);
  return jpeg.substr(0, 2) + segment + exif + jpeg.substr(2);
}

io::Dataset dataset_of(const TempDir& dir, const std::vector<std::string>& paths) {
  io::Dataset data;
  data.root = dir.path();
  data.paths = paths;
  for (const std::string& path : paths)
    data.ids.push_back(io::candidate_id(path));
  return data;
}

}  // namespace

TEST_CASE("lossless formats come back as RGB", "[image_source]") {
  const TempDir dir;
  const Image image = small_image();
  for (const char* name : {"a.png", "a.bmp", "a.tiff"}) {
    INFO(name);
    REQUIRE(cv::imwrite((dir / name).string(), bgr_of(image)));
    const Image read = io::decode_image(dir / name);
    CHECK(read.width == 3);
    CHECK(read.height == 2);
    CHECK(read.order == ChannelOrder::rgb);
    CHECK(read.pixels == image.pixels);
  }
}

TEST_CASE("a JPEG comes back about the same", "[image_source]") {
  const TempDir dir;
  Image red{16, 8, ChannelOrder::rgb, {}};
  for (int i = 0; i < 16 * 8; ++i)
    red.pixels.insert(red.pixels.end(), {250, 20, 30});
  const auto bytes = io::encode_jpeg(red.view(), 95);
  const Image read = io::decode_image(bytes, "red");
  REQUIRE(read.width == 16);
  const Pixel p = pixel(read, 7, 3);
  CHECK(std::abs(p[0] - 250) < 6);
  CHECK(std::abs(p[1] - 20) < 6);
  CHECK(std::abs(p[2] - 30) < 6);
}

TEST_CASE("grey, alpha and 16 bit become 8-bit RGB", "[image_source]") {
  const TempDir dir;
  const cv::Mat grey = (cv::Mat_<std::uint8_t>(1, 3) << 0, 77, 255);
  cv::imwrite((dir / "grey.png").string(), grey);
  CHECK(pixel(io::decode_image(dir / "grey.png"), 1, 0) == Pixel{77, 77, 77});

  cv::Mat alpha(1, 2, CV_8UC4);
  alpha.at<cv::Vec4b>(0, 0) = {30, 20, 10, 0};
  alpha.at<cv::Vec4b>(0, 1) = {60, 50, 40, 128};
  cv::imwrite((dir / "alpha.png").string(), alpha);
  CHECK(pixel(io::decode_image(dir / "alpha.png"), 0, 0) == Pixel{10, 20, 30});
  CHECK(pixel(io::decode_image(dir / "alpha.png"), 1, 0) == Pixel{40, 50, 60});

  const cv::Mat deep = (cv::Mat_<std::uint16_t>(1, 5) << 0, 128, 129, 32768, 65535);
  for (const char* name : {"deep.png", "deep.tiff"}) {
    INFO(name);
    cv::imwrite((dir / name).string(), deep);
    const Image read = io::decode_image(dir / name);
    CHECK(pixel(read, 0, 0) == Pixel{0, 0, 0});
    CHECK(pixel(read, 1, 0) == Pixel{0, 0, 0});  // 128 / 257 = 0.498
    CHECK(pixel(read, 2, 0) == Pixel{1, 1, 1});  // 129 / 257 = 0.502
    CHECK(pixel(read, 3, 0) == Pixel{128, 128, 128});
    CHECK(pixel(read, 4, 0) == Pixel{255, 255, 255});
  }
  cv::Mat deep_colour(1, 1, CV_16UC3, cv::Scalar(257, 514, 65535));
  cv::imwrite((dir / "deep_colour.png").string(), deep_colour);
  CHECK(pixel(io::decode_image(dir / "deep_colour.png"), 0, 0) == Pixel{255, 2, 1});

  const cv::Mat real(1, 2, CV_32FC3, cv::Scalar(0, 0.5, 1));
  cv::imwrite((dir / "real.tiff").string(), real);
  CHECK_THAT(message_of<IoError>([&] { (void)io::decode_image(dir / "real.tiff"); }),
             ContainsSubstring("not 8 or 16 bit"));
}

TEST_CASE("the orientation that a camera wrote is applied", "[image_source]") {
  const TempDir dir;
  Image halves{16, 8, ChannelOrder::rgb, {}};  // left white, right black
  for (int i = 0; i < 16 * 8; ++i) {
    const std::uint8_t v = i % 16 < 8 ? 255 : 0;
    halves.pixels.insert(halves.pixels.end(), {v, v, v});
  }
  const auto bytes = io::encode_jpeg(halves.view(), 95);
  const std::string jpeg(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Image upright = io::decode_image(dir.write("1.jpg", with_orientation(jpeg, 1)));
  CHECK(upright.width == 16);
  CHECK(pixel(upright, 1, 4)[0] > 200);
  // 6: to be turned clockwise by a quarter, so that left comes to the top.
  const Image turned = io::decode_image(dir.write("6.jpg", with_orientation(jpeg, 6)));
  CHECK(turned.width == 8);
  CHECK(turned.height == 16);
  CHECK(pixel(turned, 4, 1)[0] > 200);
  CHECK(pixel(turned, 4, 14)[0] < 50);
}

TEST_CASE("no file that is cut short is taken for an image", "[image_source]") {
  const TempDir dir;
  const cv::Mat image = bgr_of(noisy_image(40, 30));
  for (const char* name : {"a.jpg", "a.png", "a.bmp", "a.tiff"}) {
    cv::imwrite((dir / name).string(), image);
    const std::string whole = read_file(dir / name);
    REQUIRE(whole.size() > 1000);
    (void)io::decode_image(dir / name);
    for (const double share : {0.0, 0.001, 0.01, 0.3, 0.6, 0.9, 0.99, 0.999}) {
      INFO(name << " " << share);
      const auto size = static_cast<std::size_t>(share * static_cast<double>(whole.size()));
      const auto file = dir.write("cut", whole.substr(0, size));
      CHECK_THAT(message_of<IoError>([&] { (void)io::decode_image(file); }),
                 ContainsSubstring(file.string()));
    }
  }
}

TEST_CASE("what is no image is refused with a reason", "[image_source]") {
  const TempDir dir;
  const auto refused = [&](const std::string& content) {
    const auto file = dir.write("x.png", content);
    return message_of<IoError>([&] { (void)io::decode_image(file); });
  };
  CHECK_THAT(refused(""), ContainsSubstring("is empty"));
  CHECK_THAT(refused("hello, this is text"), ContainsSubstring("not a JPEG, PNG, BMP or TIFF"));
  CHECK_THAT(refused("\xFF\xD8\xFF and nothing more"), ContainsSubstring("cut short"));
  CHECK_THAT(refused("BM"), ContainsSubstring("cut short"));
  CHECK_THAT(message_of<IoError>([&] { (void)io::decode_image(dir / "none.png"); }),
             ContainsSubstring("No such file"));

  io::write_png(dir / "a.png", small_image().view());
  std::string damaged = read_file(dir / "a.png");
  damaged[45] = static_cast<char>(damaged[45] ^ 1);
  CHECK_THAT(refused(damaged), ContainsSubstring("checksum"));
}

TEST_CASE("changed bytes are refused or decoded, never worse", "[image_source]") {
  const TempDir dir;
  const KeyedRandom random(9, Purpose::test);
  const cv::Mat image = bgr_of(noisy_image(24, 16));
  index_t draw = 0;
  for (const char* extension : {".jpg", ".png", ".bmp"}) {
    std::vector<std::uint8_t> encoded;
    cv::imencode(extension, image, encoded);
    for (int round = 0; round < 60; ++round) {
      auto changed = encoded;
      const auto at = static_cast<std::size_t>(
          random.below(draw++, static_cast<index_t>(std::min<std::size_t>(changed.size(), 400))));
      changed[at] = static_cast<std::uint8_t>(random.bits(draw++) & 0xFF);
      try {
        const Image read = io::decode_image(std::as_bytes(std::span(changed)), "changed");
        CHECK(read.pixels.size() == static_cast<std::size_t>(read.width * read.height * 3));
      } catch (const IoError& error) {
        CHECK(std::string(error.what()).ends_with('.'));
      }
    }
  }
}

TEST_CASE("candidates are read by their position", "[image_source]") {
  const TempDir dir;
  io::write_png(dir / "a.png", small_image().view());
  const io::Dataset data = dataset_of(dir, {"a.png"});
  const io::FileImageSource source(data);
  CHECK(source.read(data.ref(0)).pixels == small_image().pixels);
  (void)message_of<ValueError>([&] { (void)source.read({1, 0}); });
  (void)message_of<ValueError>([&] { (void)source.read({-1, 0}); });
}

TEST_CASE("broken images of a data set are found once, in order, by any threads",
          "[image_source]") {
  const TempDir dir;
  std::vector<std::string> paths;
  for (int i = 0; i < 40; ++i) {
    paths.push_back(std::to_string(i) + ".png");
    if (i % 7 == 3) {
      dir.write(paths.back(), "broken");
    } else if (i != 20) {  // which is missing
      io::write_png(dir / paths.back(), small_image().view());
    }
  }
  const io::Dataset data = dataset_of(dir, paths);
  for (const index_t threads : {1, 2, 5}) {
    index_t last = -1;
    index_t total = 0;
    const auto bad = io::check_images(data, threads, [&](index_t done, index_t all) {
      CHECK(done >= last);
      last = done;
      total = all;
    });
    CHECK(last == 40);
    CHECK(total == 40);
    std::vector<index_t> indices;
    for (const io::BadImage& image : bad) {
      indices.push_back(image.index);
      CHECK_THAT(image.reason,
                 ContainsSubstring((dir / paths[static_cast<std::size_t>(image.index)]).string()));
    }
    CHECK(indices == std::vector<index_t>{3, 10, 17, 20, 24, 31, 38});
  }
  CHECK(io::check_images(dataset_of(dir, {}), 2).empty());
  (void)message_of<ValueError>([&] { (void)io::check_images(data, 0); });
  CHECK_THROWS_AS(
      io::check_images(data, 2, [](index_t, index_t) { throw CancelledError("Stopped."); }),
      CancelledError);
}

TEST_CASE("images are shrunk by the mean and keep their proportions", "[image_source]") {
  Image checker{4, 4, ChannelOrder::grey, {}};
  for (int y = 0; y < 4; ++y) {
    for (int x = 0; x < 4; ++x) {
      checker.pixels.push_back(static_cast<std::uint8_t>((x + y) % 2 == 0 ? 200 : 100));
    }
  }
  const Image half = io::resize_image(checker.view(), 2, 2);
  CHECK(half.order == ChannelOrder::grey);
  CHECK(half.pixels == std::vector<std::uint8_t>(4, 150));
  CHECK(io::resize_image(checker.view(), 8, 6).pixels.size() == 48);

  const Image wide = noisy_image(60, 20);
  const Image thumb = io::thumbnail(wide.view(), 30);
  CHECK(thumb.width == 30);
  CHECK(thumb.height == 10);
  CHECK(thumb.order == ChannelOrder::rgb);
  CHECK(io::thumbnail(wide.view(), 100).pixels == wide.pixels);  // never enlarged
  CHECK(io::thumbnail(noisy_image(200, 1).view(), 10).height == 1);
  (void)message_of<ShapeError>([&] { (void)io::resize_image(wide.view(), 0, 5); });
  (void)message_of<ShapeError>([&] { (void)io::thumbnail(ImageView{}, 5); });
}

TEST_CASE("encoded images decode to what they were, whatever order and stride", "[image_source]") {
  const Image image = small_image();
  Image swapped = image;
  swapped.order = ChannelOrder::bgr;
  for (std::size_t i = 0; i < swapped.pixels.size(); i += 3) {
    std::swap(swapped.pixels[i], swapped.pixels[i + 2]);
  }
  CHECK(io::decode_image(io::encode_png(image.view()), "png").pixels == image.pixels);
  CHECK(io::decode_image(io::encode_png(swapped.view()), "png").pixels == image.pixels);

  std::vector<std::uint8_t> padded;
  for (int y = 0; y < 2; ++y) {
    padded.insert(padded.end(), image.pixels.begin() + y * 9, image.pixels.begin() + y * 9 + 9);
    padded.insert(padded.end(), 5, 99);
  }
  const ImageView strided{padded.data(), 3, 2, 14, ChannelOrder::rgb};
  CHECK(io::decode_image(io::encode_png(strided), "png").pixels == image.pixels);

  const Image noise = noisy_image(64, 64);
  CHECK(io::encode_jpeg(noise.view(), 90).size() > io::encode_jpeg(noise.view(), 30).size());
  CHECK(io::encode_jpeg(noise.view(), 90) == io::encode_jpeg(noise.view(), 90));
  (void)message_of<ValueError>([&] { (void)io::encode_jpeg(noise.view(), 0); });
  (void)message_of<ValueError>([&] { (void)io::encode_jpeg(noise.view(), 101); });
  (void)message_of<ShapeError>([&] { (void)io::encode_png(ImageView{}); });
  (void)message_of<ShapeError>([&] {
    (void)io::encode_png({padded.data(), 3, 2, 5, ChannelOrder::rgb});
  });
}

TEST_CASE("the settings of OpenCV are the application's own", "[image_source]") {
  const int threads = cv::getNumThreads();
  (void)io::decode_image(io::encode_png(small_image().view()), "png");
  CHECK(cv::getNumThreads() == threads);
}
