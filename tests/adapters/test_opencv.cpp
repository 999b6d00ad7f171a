// SPDX-License-Identifier: Apache-2.0
#include <aift/adapters/opencv.hpp>

#include "support/catch.hpp"

#if __has_include(<opencv2/core.hpp>)

using namespace aift;

TEST_CASE("A cv::Mat is viewed where it lies, with its row step and its order of channels") {
  cv::Mat mat(10, 12, CV_8UC3, cv::Scalar(1, 2, 3));
  const ImageView view = adapters::image_view(mat);
  CHECK(view.data == mat.data);
  CHECK(view.order == ChannelOrder::bgr);
  CHECK(view.stride == 36);
  const cv::Mat part = mat(cv::Rect(2, 3, 4, 5));
  const ImageView roi = adapters::image_view(part, ChannelOrder::rgb);
  CHECK(roi.data == mat.data + 3 * 36 + 2 * 3);
  CHECK(roi.stride == 36);
  CHECK(roi.width == 4);
  CHECK(roi.height == 5);
  const cv::Mat grey(3, 4, CV_8UC1, cv::Scalar(7));
  CHECK(adapters::image_view(grey).order == ChannelOrder::grey);
  CHECK_THROWS_AS(adapters::image_view(cv::Mat()), ShapeError);
  CHECK_THROWS_AS(adapters::image_view(cv::Mat(3, 4, CV_32FC1)), ValueError);
  CHECK_THROWS_AS(adapters::image_view(mat, ChannelOrder::grey), ValueError);
}

#endif
