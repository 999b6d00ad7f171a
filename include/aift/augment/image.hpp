// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <aift/core/types.hpp>

namespace aift {

/// Order of the channels of an 8-bit image.
enum class ChannelOrder : std::uint8_t { rgb, bgr, grey };

/// 8-bit image, rows `stride` bytes apart; owns nothing.
struct ImageView {
  const std::uint8_t* data = nullptr;  ///< first row
  index_t width = 0;                   ///< pixels
  index_t height = 0;                  ///< pixels
  index_t stride = 0;  ///< bytes from one row to the next, at least width channels()
  ChannelOrder order = ChannelOrder::rgb;  ///< of the bytes of a pixel
  /// Bytes of a pixel: 3, or 1 for grey.
  [[nodiscard]] index_t channels() const noexcept { return order == ChannelOrder::grey ? 1 : 3; }
};

/// 8-bit image with its memory.
struct Image {
  index_t width = 0;                       ///< pixels
  index_t height = 0;                      ///< pixels
  ChannelOrder order = ChannelOrder::rgb;  ///< of the bytes of a pixel
  std::vector<std::uint8_t> pixels;        ///< rows without padding
  /// What the image holds, as a view; valid while `pixels` stays as it is.
  [[nodiscard]] ImageView view() const noexcept {
    const index_t channels = order == ChannelOrder::grey ? 1 : 3;
    return {pixels.data(), width, height, width * channels, order};
  }
};

}  // namespace aift
