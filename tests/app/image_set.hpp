// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <aift/core/rng.hpp>
#include <aift/io/image_source.hpp>

#include "tests/support/catch.hpp"

namespace aift::test {

/// A small picture with noise: stripes along x for class 0, along y for class 1.
inline Image striped_image(index_t number, int kind) {
  const KeyedRandom random(99, Purpose::training, kind, static_cast<std::uint64_t>(number));
  Image image{40, 36, ChannelOrder::rgb, {}};
  const index_t period = 6 + random.below(0, 6);
  for (index_t y = 0; y < image.height; ++y) {
    for (index_t x = 0; x < image.width; ++x) {
      const index_t along = kind == 0 ? x : y;
      for (index_t c = 0; c < 3; ++c) {
        const auto noise = static_cast<index_t>(60 * random.uniform(1 + 3 * (y * 40 + x) + c));
        image.pixels.push_back(
            static_cast<std::uint8_t>((along % period < period / 2 ? 150 : 50) + noise));
      }
    }
  }
  return image;
}

/// A folder `name` of class folders "across" and "down" with `per_class` images each.
inline std::filesystem::path write_image_set(const TempDir& dir, const std::string& name,
                                             index_t per_class) {
  for (int kind = 0; kind < 2; ++kind) {
    const std::filesystem::path folder = (dir / name) / (kind == 0 ? "across" : "down");
    std::filesystem::create_directories(folder);
    for (index_t i = 0; i < per_class; ++i) {
      io::write_png(folder / fmt::format("{:02}.png", i), striped_image(i, kind).view());
    }
  }
  return dir / name;
}

}  // namespace aift::test
