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
  const std::uint8_t* data = nullptr;
  index_t width = 0;
  index_t height = 0;
  index_t stride = 0;
  ChannelOrder order = ChannelOrder::rgb;
  [[nodiscard]] index_t channels() const noexcept { return order == ChannelOrder::grey ? 1 : 3; }
};

/// 8-bit image with its memory.
struct Image {
  index_t width = 0;
  index_t height = 0;
  ChannelOrder order = ChannelOrder::rgb;
  std::vector<std::uint8_t> pixels;  ///< rows without padding
  [[nodiscard]] ImageView view() const noexcept {
    const index_t channels = order == ChannelOrder::grey ? 1 : 3;
    return {pixels.data(), width, height, width * channels, order};
  }
};

}  // namespace aift
