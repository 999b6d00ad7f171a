// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small synthetic videos whose frames can be told apart: eight blocks hold the frame's number.

#include <filesystem>
#include <functional>
#include <string>

#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include <aift/augment/image.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

namespace aift::test {

inline constexpr int kVideoWidth = 192;
inline constexpr int kVideoHeight = 144;
inline constexpr int kBlock = 12;

/// Frame `number` of video `video`: a bright field (40, 12) to (168, 132) with waves that move, its
/// number in blocks at (56, 24), black beside it.
inline cv::Mat synthetic_frame(int number, int video = 0) {
  cv::Mat frame = cv::Mat::zeros(kVideoHeight, kVideoWidth, CV_8UC3);
  for (int y = 12; y < 132; ++y) {
    for (int x = 40; x < 168; ++x) {
      const double wave =
          std::sin(0.11 * x + 0.7 * number + video) + std::sin(0.17 * y - 0.5 * number + 0.05 * x);
      frame.at<cv::Vec3b>(y, x) = {static_cast<std::uint8_t>(110 + 20 * wave),
                                   static_cast<std::uint8_t>(120 + 30 * wave),
                                   static_cast<std::uint8_t>(150 + 45 * wave)};
    }
  }
  for (int bit = 0; bit < 8; ++bit) {
    frame(cv::Rect(56 + kBlock * bit, 24, kBlock, kBlock))
        .setTo((number >> bit & 1) != 0 ? cv::Scalar(255, 255, 255) : cv::Scalar(0, 0, 0));
  }
  return frame;
}

/// The number that a frame holds; offset: how far left and up the frame has been cropped.
inline int number_in(const Image& image, int offset_x = 0, int offset_y = 0) {
  int number = 0;
  for (int bit = 0; bit < 8; ++bit) {
    const index_t x = 56 + kBlock * bit + kBlock / 2 - offset_x;
    const index_t y = 24 + kBlock / 2 - offset_y;
    const std::size_t at = static_cast<std::size_t>(3 * (y * image.width + x));
    number |= image.pixels[at] > 127 ? 1 << bit : 0;
  }
  return number;
}

/// Writes a video; `codec` "MJPG" (every frame by itself) or "mp4v" (frames from their neighbours).
/// False: this OpenCV has no such encoder.
inline bool write_video(const std::filesystem::path& file, int frames,
                        const std::string& codec = "MJPG", int video = 0,
                        const std::function<void(cv::Mat&, int)>& change = {}) {
  const int fourcc = cv::VideoWriter::fourcc(codec[0], codec[1], codec[2], codec[3]);
  cv::VideoWriter writer(file.string(), codec == "MJPG" ? cv::CAP_OPENCV_MJPEG : cv::CAP_FFMPEG,
                         fourcc, 25, {kVideoWidth, kVideoHeight});
  if (!writer.isOpened()) return false;
  for (int i = 0; i < frames; ++i) {
    cv::Mat frame = synthetic_frame(i, video);
    if (change) change(frame, i);
    writer.write(frame);
  }
  return true;
}

}  // namespace aift::test
