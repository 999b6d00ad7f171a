// SPDX-License-Identifier: Apache-2.0
#include <aift/io/image_source.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/video.hpp>

namespace aift::io {

namespace {

namespace fs = std::filesystem;
using Bytes = std::span<const std::byte>;

// ---------------------------------------------------------------------------- is it a whole image?
// OpenCV hands back grey or stale rows for a JPEG that is cut short, and prints to stderr about a
// damaged PNG. So the structure of both is walked through first: cheap beside decoding, and it
// gives a reason.

std::uint32_t byte_at(Bytes bytes, std::size_t i) {
  return std::to_integer<std::uint32_t>(bytes[i]);
}

std::uint32_t big_endian_32(Bytes bytes, std::size_t i) {
  return byte_at(bytes, i) << 24 | byte_at(bytes, i + 1) << 16 | byte_at(bytes, i + 2) << 8 |
         byte_at(bytes, i + 3);
}

std::uint32_t little_endian_32(Bytes bytes, std::size_t i) {
  return byte_at(bytes, i + 3) << 24 | byte_at(bytes, i + 2) << 16 | byte_at(bytes, i + 1) << 8 |
         byte_at(bytes, i);
}

bool starts_with(Bytes bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t n = 0; n < 256; ++n) {
    std::uint32_t c = n;
    for (int bit = 0; bit < 8; ++bit)
      c = (c & 1U) != 0 ? 0xEDB88320U ^ (c >> 1) : c >> 1;
    table[n] = c;
  }
  return table;
}();

/// CRC-32 as PNG uses it (ISO 3309).
std::uint32_t crc32(Bytes bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::byte b : bytes) {
    crc = kCrcTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFFU] ^ (crc >> 8);
  }
  return crc ^ 0xFFFFFFFFU;
}

/// What is wrong with a PNG file, or nothing.
std::optional<std::string> png_fault(Bytes bytes) {
  std::size_t at = 8;
  while (bytes.size() - at >= 12) {
    const std::uint64_t length = big_endian_32(bytes, at);
    if (length > bytes.size() - at - 12) break;
    const auto size = static_cast<std::size_t>(length);
    if (crc32(bytes.subspan(at + 4, 4 + size)) != big_endian_32(bytes, at + 8 + size)) {
      return "the checksum of a part is wrong";
    }
    if (starts_with(bytes.subspan(at + 4), "IEND")) return std::nullopt;
    at += 12 + size;
  }
  return "it is cut short";
}

/// What is wrong with a JPEG file, or nothing: its segments, up to the marker of its end.
std::optional<std::string> jpeg_fault(Bytes bytes) {
  std::size_t at = 2;
  while (at + 1 < bytes.size()) {
    if (byte_at(bytes, at) != 0xFF) {  // compressed data; the next marker is what counts
      const void* const next = std::memchr(bytes.data() + at, 0xFF, bytes.size() - at);
      if (next == nullptr) break;
      at = static_cast<std::size_t>(static_cast<const std::byte*>(next) - bytes.data());
      continue;
    }
    const std::uint32_t marker = byte_at(bytes, at + 1);
    if (marker == 0xD9) return std::nullopt;
    if (marker == 0xFF) {
      at += 1;  // padding
    } else if (marker == 0 || marker == 1 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += 2;  // a stuffed byte or a marker that stands alone
    } else if (at + 3 < bytes.size()) {
      at += 2 + (byte_at(bytes, at + 2) << 8 | byte_at(bytes, at + 3));
    } else {
      break;
    }
  }
  return "it is cut short";
}

/// What is wrong with a BMP file, or nothing: OpenCV would print about one without all its rows.
std::optional<std::string> bmp_fault(Bytes bytes) {
  if (bytes.size() < 54 || little_endian_32(bytes, 10) >= bytes.size()) return "it is cut short";
  const std::uint32_t header = little_endian_32(bytes, 14);
  if (header < 40) return std::nullopt;  // of the time of OS/2
  const std::uint32_t compression = little_endian_32(bytes, 30);
  if (compression > 3) return "its compression is not known";
  if (compression != 0) return std::nullopt;
  const auto width = static_cast<std::int32_t>(little_endian_32(bytes, 18));
  const auto height = static_cast<std::int32_t>(little_endian_32(bytes, 22));
  const std::uint32_t bits = byte_at(bytes, 28) | byte_at(bytes, 29) << 8;
  if (width <= 0 || height == 0) return "it has no pixels";
  const std::int64_t row = (std::int64_t{width} * bits + 31) / 32 * 4;
  const std::int64_t rows = height < 0 ? -std::int64_t{height} : std::int64_t{height};
  const auto there = static_cast<std::int64_t>(bytes.size() - little_endian_32(bytes, 10));
  if (bits != 0 && row > there / rows) return "it is cut short";
  return std::nullopt;
}

void expect_whole(Bytes bytes, const std::string& name) {
  AIFT_EXPECT(!bytes.empty(), IoError, "{} is empty; expected an image.", name);
  std::optional<std::string> fault;
  if (starts_with(bytes, "\xFF\xD8\xFF")) {
    fault = jpeg_fault(bytes);
  } else if (starts_with(bytes, "\x89PNG\r\n\x1A\n")) {
    fault = png_fault(bytes);
  } else if (starts_with(bytes, "BM")) {
    fault = bmp_fault(bytes);
  } else {
    using namespace std::string_view_literals;
    const bool tiff = starts_with(bytes, "II*\0"sv) || starts_with(bytes, "MM\0*"sv) ||
                      starts_with(bytes, "II+\0"sv) || starts_with(bytes, "MM\0+"sv);
    AIFT_EXPECT(tiff, IoError, "{} is not a JPEG, PNG, BMP or TIFF image; convert it to one.",
                name);
  }
  AIFT_EXPECT(!fault, IoError, "{} cannot be decoded: {}; replace or remove it.", name, *fault);
}

// ------------------------------------------------------------------------------------- OpenCV

/// Copies pixels of OpenCV's channel order (BGR) as RGB, 16-bit ones rounded to 8 bit.
Image to_rgb(const cv::Mat& decoded) {
  Image image;
  image.width = decoded.cols;
  image.height = decoded.rows;
  image.order = ChannelOrder::rgb;
  image.pixels.resize(static_cast<std::size_t>(decoded.cols) *
                      static_cast<std::size_t>(decoded.rows) * 3);
  std::uint8_t* out = image.pixels.data();
  for (int y = 0; y < decoded.rows; ++y) {
    if (decoded.depth() == CV_8U) {
      const auto* in = decoded.ptr<std::uint8_t>(y);
      for (int x = 0; x < decoded.cols; ++x, in += 3, out += 3) {
        out[0] = in[2];
        out[1] = in[1];
        out[2] = in[0];
      }
    } else {
      const auto* in = decoded.ptr<std::uint16_t>(y);
      const auto narrow = [](std::uint16_t v) {
        return static_cast<std::uint8_t>((v + 128) / 257);
      };
      for (int x = 0; x < decoded.cols; ++x, in += 3, out += 3) {
        out[0] = narrow(in[2]);
        out[1] = narrow(in[1]);
        out[2] = narrow(in[0]);
      }
    }
  }
  return image;
}

void expect_image(const ImageView& image) {
  AIFT_EXPECT(
      image.data != nullptr && image.width > 0 && image.height > 0 &&
          image.stride >= image.width * image.channels() && image.width <= 1 << 16 &&
          image.height <= 1 << 16,
      ShapeError,
      "Expected an image of 1 to 65536 pixels a side, rows at least as long as their pixels; got "
      "{} x {} with rows of {} bytes.",
      image.width, image.height, image.stride);
}

/// OpenCV's view of the same memory. OpenCV takes no const pointer; nothing is written through it.
cv::Mat as_mat(const ImageView& image) {
  return {static_cast<int>(image.height), static_cast<int>(image.width),
          CV_MAKETYPE(CV_8U, static_cast<int>(image.channels())),
          const_cast<std::uint8_t*>(image.data), static_cast<std::size_t>(image.stride)};
}

std::vector<std::byte> encode(const ImageView& image, const char* extension,
                              const std::vector<int>& parameters) {
  expect_image(image);
  cv::Mat pixels = as_mat(image);
  if (image.order == ChannelOrder::rgb) {
    cv::Mat bgr;
    cv::cvtColor(pixels, bgr, cv::COLOR_RGB2BGR);
    pixels = bgr;
  }
  std::vector<std::uint8_t> encoded;
  bool done = false;
  try {
    done = cv::imencode(extension, pixels, encoded, parameters);
  } catch (const cv::Exception&) {
    // reported below
  }
  AIFT_EXPECT(done, IoError, "An image of {} x {} pixels could not be encoded as {}.", image.width,
              image.height, extension + 1);
  const auto bytes = std::as_bytes(std::span(encoded));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Image decode_image(Bytes bytes, const std::string& name) {
  expect_whole(bytes, name);
  AIFT_EXPECT(bytes.size() <= static_cast<std::size_t>(1) << 30, IoError,
              "{} has {} bytes, more than an image may have here; use a smaller one.", name,
              bytes.size());
  const cv::Mat encoded(1, static_cast<int>(bytes.size()), CV_8U,
                        const_cast<std::byte*>(bytes.data()));
  cv::Mat decoded;
  try {
    decoded = cv::imdecode(encoded, cv::IMREAD_COLOR | cv::IMREAD_ANYDEPTH);
  } catch (const cv::Exception&) {
    decoded.release();
  }
  AIFT_EXPECT(!decoded.empty(), IoError,
              "{} cannot be decoded: it is damaged or of an unusual kind; replace or remove it.",
              name);
  AIFT_EXPECT(decoded.channels() == 3 && (decoded.depth() == CV_8U || decoded.depth() == CV_16U),
              IoError, "{} has pixels that are not 8 or 16 bit integers; convert it.", name);
  return to_rgb(decoded);
}

Image decode_image(const fs::path& file) {
  const MappedFile mapped(file);
  return decode_image(mapped.bytes(), file.string());
}

Image FileImageSource::read(const CandidateRef& candidate) const {
  AIFT_EXPECT(candidate.index >= 0 && candidate.index < dataset_->size(), ValueError,
              "Candidate {} is not in the data set; it has {}.", candidate.index, dataset_->size());
  return decode_image(dataset_->file(candidate.index));
}

std::vector<BadImage> check_images(const Dataset& dataset, index_t threads,
                                   const std::function<void(index_t, index_t)>& progress) {
  return FrameSource(dataset, {}).check(threads, progress);
}

Image resize_image(const ImageView& image, index_t width, index_t height) {
  expect_image(image);
  AIFT_EXPECT(width > 0 && height > 0 && width <= 1 << 16 && height <= 1 << 16, ShapeError,
              "Expected a size of 1 to 65536 pixels a side; got {} x {}.", width, height);
  Image out;
  out.width = width;
  out.height = height;
  out.order = image.order;
  out.pixels.resize(static_cast<std::size_t>(width * height * image.channels()));
  cv::Mat target(static_cast<int>(height), static_cast<int>(width),
                 CV_MAKETYPE(CV_8U, static_cast<int>(image.channels())), out.pixels.data());
  const bool shrinks = width <= image.width && height <= image.height;
  cv::resize(as_mat(image), target, target.size(), 0, 0,
             shrinks ? cv::INTER_AREA : cv::INTER_LINEAR);
  return out;
}

Image thumbnail(const ImageView& image, index_t side) {
  expect_image(image);
  AIFT_EXPECT(side > 0, ShapeError, "Expected a side of 1 pixel or more; got {}.", side);
  const index_t longest = std::max({image.width, image.height, side});
  const auto scaled = [&](index_t extent) {
    return std::max<index_t>(1, (extent * side + longest / 2) / longest);
  };
  if (longest == side) return resize_image(image, image.width, image.height);
  return resize_image(image, scaled(image.width), scaled(image.height));
}

std::vector<std::byte> encode_jpeg(const ImageView& image, int quality) {
  AIFT_EXPECT(quality >= 1 && quality <= 100, ValueError,
              "The quality of a JPEG is 1 to 100; got {}.", quality);
  return encode(image, ".jpg", {cv::IMWRITE_JPEG_QUALITY, quality});
}

std::vector<std::byte> encode_png(const ImageView& image) { return encode(image, ".png", {}); }

void write_png(const fs::path& file, const ImageView& image) {
  const std::vector<std::byte> bytes = encode_png(image);
  write_file_atomically(file, std::span<const std::byte>(bytes));
}

}  // namespace aift::io
