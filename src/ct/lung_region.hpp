// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// The lungs of a volume on a coarse grid (cells of about 2.5 mm).
struct LungRegion {
  std::array<index_t, 3> factor = {1, 1, 1};  ///< voxels of a cell along each axis
  std::array<index_t, 3> size = {0, 0, 0};    ///< cells
  std::vector<std::uint8_t> cells;            ///< kLung | kClosed | kBetween
  index_t lungs = 0;                          ///< pieces of lung that were kept

  static constexpr std::uint8_t kLung = 1;     ///< air within the chest
  static constexpr std::uint8_t kClosed = 2;   ///< lung with its vessels
  static constexpr std::uint8_t kBetween = 4;  ///< lung on both sides in its row or column

  [[nodiscard]] std::uint8_t at(index_t x, index_t y, index_t z) const noexcept {
    return cells[static_cast<std::size_t>(((z / factor[2]) * size[1] + y / factor[1]) * size[0] +
                                          x / factor[0])];
  }
};

/// Source: threshold and connected components, Hu, Hoffman and Reinhardt, IEEE TMI 20, 2001.
[[nodiscard]] LungRegion find_lungs(const Volume& volume, double hu_lung, double min_lung_ml,
                                    double close_mm, Executor& executor);

}  // namespace aift::ct
