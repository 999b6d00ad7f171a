// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Images of OpenCV as views. Empty where OpenCV's headers are not there.

#if __has_include(<opencv2/core.hpp>)

#include <opencv2/core/mat.hpp>

#include <aift/augment/image.hpp>
#include <aift/core/error.hpp>

namespace aift::adapters {

/// An 8-bit image as a view of a cv::Mat, which must outlive it; nothing is copied.
///
/// mat    CV_8UC3 in the order that cv::imread gives (BGR) unless `order` says otherwise, or CV_8UC1.
///        Regions of interest are fine: the row step is taken over
/// throws ShapeError: empty, more than two dimensions; ValueError: another type
[[nodiscard]] inline ImageView image_view(const cv::Mat& mat,
                                          ChannelOrder order = ChannelOrder::bgr) {
  AIFT_EXPECT(mat.dims == 2 && !mat.empty(), ShapeError,
              "An image must have two dimensions and pixels; the cv::Mat has {} dimensions and {} "
              "elements.",
              mat.dims, mat.total());
  AIFT_EXPECT(mat.type() == CV_8UC3 || mat.type() == CV_8UC1, ValueError,
              "An image must be CV_8UC3 or CV_8UC1; the cv::Mat has depth {} and {} channels.",
              mat.depth(), mat.channels());
  AIFT_EXPECT(mat.channels() == 1 || order != ChannelOrder::grey, ValueError,
              "An image of three channels is rgb or bgr, not grey.");
  ImageView view;
  view.data = mat.ptr<std::uint8_t>();
  view.width = mat.cols;
  view.height = mat.rows;
  view.stride = static_cast<index_t>(mat.step[0]);
  view.order = mat.channels() == 1 ? ChannelOrder::grey : order;
  return view;
}

}  // namespace aift::adapters

#endif
