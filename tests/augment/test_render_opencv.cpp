// SPDX-License-Identifier: Apache-2.0
// Rendering against OpenCV's warpAffine: another implementation of the same interpolation.
#include <algorithm>
#include <cmath>
#include <vector>

#include <aift/augment/render.hpp>

#include "tests/support/catch.hpp"

#if __has_include(<opencv2/imgproc.hpp>)  // only there when the test is linked with it
#include <opencv2/imgproc.hpp>

using namespace aift;

namespace {

/// Smooth, so that OpenCV's coordinates in steps of 1/32 pixel cost little.
Image waves(index_t width, index_t height) {
  Image image;
  image.width = width;
  image.height = height;
  for (index_t y = 0; y < height; ++y) {
    for (index_t x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double value = 128 + 60 * std::sin(0.21 * static_cast<double>(x) + c) +
                             50 * std::cos(0.17 * static_cast<double>(y) - c);
        image.pixels.push_back(static_cast<std::uint8_t>(std::lround(value)));
      }
    }
  }
  return image;
}

}  // namespace

TEST_CASE("Rendering agrees with OpenCV's warpAffine within its steps of 1/32 pixel") {
  const Image image = waves(90, 70);
  const double w = 90;
  const double h = 70;
  PatchFormat format;
  format.width = 64;
  format.height = 56;
  format.mean = {0, 0, 0};
  format.std = {1, 1, 1};
  for (const double degrees : {0.0, 17.0, 90.0, -130.0}) {
    for (const double zoom : {0.7, 1.0, 1.3}) {
      for (const Border border : {Border::reflect, Border::constant}) {
        const double angle = degrees * 3.14159265358979323846 / 180;
        PatchPlan plan;
        plan.matrix = {zoom * std::cos(angle), -zoom * std::sin(angle), 0.1,
                       zoom * std::sin(angle), zoom * std::cos(angle),  -0.2};
        plan.border = border;
        plan.border_value = 40;
        std::vector<float> out(static_cast<std::size_t>(format.elements()));
        render_patches(image.view(), std::span(&plan, 1), {out.data(), 1, format});

        // Output pixel centres (j, i) to source pixel centres.
        const auto& m = plan.matrix;
        const double sx = w / 64;
        const double sy = h / 56;
        const cv::Matx23d map(
            m[0] * sx, m[1] * sy,
            m[0] * sx * (0.5 - 32) + m[1] * sy * (0.5 - 28) + w / 2 * (1 + m[2]) - 0.5, m[3] * sx,
            m[4] * sy, m[3] * sx * (0.5 - 32) + m[4] * sy * (0.5 - 28) + h / 2 * (1 + m[5]) - 0.5);
        const cv::Mat source(70, 90, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
        cv::Mat values;
        source.convertTo(values, CV_32FC3);
        cv::Mat expected;
        cv::warpAffine(values, expected, map, {64, 56}, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                       border == Border::reflect ? cv::BORDER_REFLECT_101 : cv::BORDER_CONSTANT,
                       cv::Scalar::all(40));
        double largest = 0;
        double sum = 0;
        for (int i = 0; i < 56; ++i) {
          for (int j = 0; j < 64; ++j) {
            for (int c = 0; c < 3; ++c) {
              const double difference = std::abs(
                  static_cast<double>(expected.at<cv::Vec3f>(i, j)[c] -
                                      out[static_cast<std::size_t>(c * 3584 + i * 64 + j)]));
              largest = std::max(largest, difference);
              sum += difference;
            }
          }
        }
        CAPTURE(degrees, zoom, border == Border::reflect);
        // 1/64 pixel off in x and y times the steepest slope: 20 a pixel within the picture, 200
        // where it meets the constant border.
        CHECK(largest < (border == Border::reflect ? 0.7 : 7.0));
        CHECK(sum / static_cast<double>(format.elements()) < 0.15);
      }
    }
  }
}

TEST_CASE("Rendering agrees with OpenCV on 8-bit images within its steps and its rounding") {
  // As above, and OpenCV rounds the result to whole grey values: half a step more. Its weights for
  // 8-bit images are whole numbers of 2^-15 that sum to one: nothing in comparison.
  const Image image = waves(120, 100);
  PatchFormat format;
  format.width = 75;
  format.height = 83;
  format.mean = {0, 0, 0};
  format.std = {1, 1, 1};
  for (const double degrees : {-77.0, 5.0, 140.0}) {
    const double angle = degrees * 3.14159265358979323846 / 180;
    PatchPlan plan;
    plan.matrix = {0.9 * std::cos(angle), -0.9 * std::sin(angle), -0.05,
                   0.9 * std::sin(angle), 0.9 * std::cos(angle),  0.1};
    std::vector<float> out(static_cast<std::size_t>(format.elements()));
    render_patches(image.view(), std::span(&plan, 1), {out.data(), 1, format});
    const auto& m = plan.matrix;
    const double sx = 120.0 / 75;
    const double sy = 100.0 / 83;
    const cv::Matx23d map(
        m[0] * sx, m[1] * sy,
        m[0] * sx * (0.5 - 37.5) + m[1] * sy * (0.5 - 41.5) + 60 * (1 + m[2]) - 0.5, m[3] * sx,
        m[4] * sy, m[3] * sx * (0.5 - 37.5) + m[4] * sy * (0.5 - 41.5) + 50 * (1 + m[5]) - 0.5);
    const cv::Mat source(100, 120, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
    cv::Mat expected;
    cv::warpAffine(source, expected, map, {75, 83}, cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                   cv::BORDER_REFLECT_101);
    double largest = 0;
    for (int i = 0; i < 83; ++i) {
      for (int j = 0; j < 75; ++j) {
        for (int c = 0; c < 3; ++c) {
          const auto ours =
              static_cast<double>(out[static_cast<std::size_t>((c * 83 + i) * 75 + j)]);
          largest = std::max(largest, std::abs(ours - expected.at<cv::Vec3b>(i, j)[c]));
        }
      }
    }
    CAPTURE(degrees);
    CHECK(largest < 0.7 + 0.5);
  }
}

TEST_CASE("Reduction by a whole number agrees with OpenCV's INTER_AREA") {
  const Image image = waves(96, 60);
  const cv::Mat source(60, 96, CV_8UC3, const_cast<std::uint8_t*>(image.pixels.data()));
  cv::Mat values;
  source.convertTo(values, CV_32FC3);
  for (const int factor : {2, 3, 4, 6}) {
    PatchFormat format;
    format.width = 96 / factor;
    format.height = 60 / factor;
    format.mean = {0, 0, 0};
    format.std = {1, 1, 1};
    const PatchPlan plan;
    std::vector<float> out(static_cast<std::size_t>(format.elements()));
    render_patches(image.view(), std::span(&plan, 1), {out.data(), 1, format});
    cv::Mat expected;
    cv::resize(values, expected, {96 / factor, 60 / factor}, 0, 0, cv::INTER_AREA);
    const index_t plane = format.width * format.height;
    double largest = 0;
    for (index_t c = 0; c < 3; ++c) {
      for (index_t i = 0; i < plane; ++i) {
        const float theirs =
            expected.at<cv::Vec3f>(static_cast<int>(i / format.width),
                                   static_cast<int>(i % format.width))[static_cast<int>(c)];
        largest = std::max(
            largest,
            std::abs(static_cast<double>(out[static_cast<std::size_t>(c * plane + i)] - theirs)));
      }
    }
    CAPTURE(factor);
    CHECK(largest <= 1.0 / 512 + 1e-4);  // averages are kept in steps of 1/256
  }
}

#else

TEST_CASE("Rendering agrees with OpenCV's warpAffine within its steps of 1/32 pixel") {
  aift::test::skip("OpenCV was not found when the tests were configured");
}

TEST_CASE("Rendering agrees with OpenCV on 8-bit images within its steps and its rounding") {
  aift::test::skip("OpenCV was not found when the tests were configured");
}

TEST_CASE("Reduction by a whole number agrees with OpenCV's INTER_AREA") {
  aift::test::skip("OpenCV was not found when the tests were configured");
}

#endif
