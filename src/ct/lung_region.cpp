// SPDX-License-Identifier: Apache-2.0
#include "src/ct/lung_region.hpp"

#include <algorithm>
#include <cmath>

namespace aift::ct {
namespace {

constexpr double kCellMm = 2.5;

using Cells = std::vector<std::uint8_t>;

/// Cells whose mean is below the threshold.
Cells dark_cells(const Volume& volume, const LungRegion& region, double hu_lung,
                 Executor& executor) {
  const Geometry& g = volume.geometry;
  const auto& n = region.size;
  Cells dark(static_cast<std::size_t>(n[0] * n[1] * n[2]));
  executor.run(n[2], [&](index_t cz, int) {
    std::vector<std::int64_t> sum(static_cast<std::size_t>(n[0] * n[1]));
    std::vector<std::int32_t> count(sum.size());
    const index_t z_end = std::min(g.size[2], (cz + 1) * region.factor[2]);
    for (index_t z = cz * region.factor[2]; z < z_end; ++z) {
      for (index_t y = 0; y < g.size[1]; ++y) {
        const std::int16_t* row = volume.voxels.data() + (z * g.size[1] + y) * g.size[0];
        const index_t base = (y / region.factor[1]) * n[0];
        for (index_t x = 0; x < g.size[0]; ++x) {
          sum[static_cast<std::size_t>(base + x / region.factor[0])] += row[x];
          ++count[static_cast<std::size_t>(base + x / region.factor[0])];
        }
      }
    }
    for (std::size_t i = 0; i < sum.size(); ++i) {
      dark[static_cast<std::size_t>(cz) * sum.size() + i] =
          static_cast<double>(sum[i]) < hu_lung * count[i] ? 1 : 0;
    }
  });
  return dark;
}

/// Pieces of 6-connected dark cells: those that reach a side of a slice are outside.
void keep_lungs(const Cells& dark, double least_cells, LungRegion& region) {
  const auto& n = region.size;
  std::vector<std::uint8_t> seen(dark.size());
  std::vector<index_t> piece;
  for (std::size_t start = 0; start < dark.size(); ++start) {
    if (dark[start] == 0 || seen[start] != 0) continue;
    piece.assign(1, static_cast<index_t>(start));
    seen[start] = 1;
    bool outside = false;
    for (std::size_t k = 0; k < piece.size(); ++k) {
      const index_t i = piece[k];
      const index_t x = i % n[0];
      const index_t y = i / n[0] % n[1];
      const index_t z = i / (n[0] * n[1]);
      outside = outside || x == 0 || y == 0 || x == n[0] - 1 || y == n[1] - 1;
      const auto visit = [&](bool inside, index_t j) {
        if (!inside || dark[static_cast<std::size_t>(j)] == 0 ||
            seen[static_cast<std::size_t>(j)] != 0)
          return;
        seen[static_cast<std::size_t>(j)] = 1;
        piece.push_back(j);
      };
      visit(x > 0, i - 1);
      visit(x + 1 < n[0], i + 1);
      visit(y > 0, i - n[0]);
      visit(y + 1 < n[1], i + n[0]);
      visit(z > 0, i - n[0] * n[1]);
      visit(z + 1 < n[2], i + n[0] * n[1]);
    }
    if (outside || static_cast<double>(piece.size()) < least_cells) continue;
    ++region.lungs;
    for (const index_t i : piece)
      region.cells[static_cast<std::size_t>(i)] = LungRegion::kLung;
  }
}

/// Spreads (or, with `inside` 0, shrinks) a set by `steps` cells along the axes in turn.
void spread(Cells& set, const std::array<index_t, 3>& n, index_t steps, std::uint8_t value) {
  const std::array<index_t, 3> stride = {1, n[0], n[0] * n[1]};
  Cells next;
  for (std::size_t a = 0; a < 3; ++a) {
    for (index_t step = 0; step < steps; ++step) {
      next = set;
      for (index_t i = 0; i < static_cast<index_t>(set.size()); ++i) {
        if (set[static_cast<std::size_t>(i)] != value) continue;
        const index_t at = i / stride[a] % n[a];
        if (at > 0) next[static_cast<std::size_t>(i - stride[a])] = value;
        if (at + 1 < n[a]) next[static_cast<std::size_t>(i + stride[a])] = value;
      }
      set.swap(next);
    }
  }
}

/// Marks cells with lung on both sides along axis `a` within their slice.
void mark_between(LungRegion& region, std::size_t a) {
  const auto& n = region.size;
  const index_t stride = a == 0 ? 1 : n[0];
  for (index_t z = 0; z < n[2]; ++z) {
    for (index_t other = 0; other < n[1 - a]; ++other) {
      const index_t base = z * n[0] * n[1] + other * (a == 0 ? n[0] : 1);
      index_t first = -1;
      index_t last = -1;
      for (index_t k = 0; k < n[a]; ++k) {
        if ((region.cells[static_cast<std::size_t>(base + k * stride)] & LungRegion::kLung) == 0)
          continue;
        if (first < 0) first = k;
        last = k;
      }
      for (index_t k = first; first >= 0 && k <= last; ++k)
        region.cells[static_cast<std::size_t>(base + k * stride)] |= LungRegion::kBetween;
    }
  }
}

}  // namespace

LungRegion find_lungs(const Volume& volume, double hu_lung, double min_lung_ml, double close_mm,
                      Executor& executor) {
  const Geometry& g = volume.geometry;
  LungRegion region;
  double cell_mm3 = 1;
  double widest = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    region.factor[a] =
        std::max<index_t>(1, static_cast<index_t>(std::floor(kCellMm / g.spacing[a] + 0.5)));
    region.size[a] = (g.size[a] + region.factor[a] - 1) / region.factor[a];
    const double edge = g.spacing[a] * static_cast<double>(region.factor[a]);
    cell_mm3 *= edge;
    widest = std::max(widest, edge);
  }
  region.cells.assign(static_cast<std::size_t>(region.size[0] * region.size[1] * region.size[2]),
                      0);
  keep_lungs(dark_cells(volume, region, hu_lung, executor), 1000 * min_lung_ml / cell_mm3, region);
  if (region.lungs == 0) return region;
  Cells closed(region.cells.size());
  for (std::size_t i = 0; i < closed.size(); ++i)
    closed[i] = region.cells[i] != 0 ? 1 : 0;
  const auto steps = static_cast<index_t>(std::ceil(close_mm / 2 / widest));
  spread(closed, region.size, steps, 1);
  spread(closed, region.size, steps, 0);
  mark_between(region, 0);
  mark_between(region, 1);
  for (std::size_t i = 0; i < closed.size(); ++i) {
    if (closed[i] != 0) region.cells[i] |= LungRegion::kClosed | LungRegion::kBetween;
  }
  return region;
}

}  // namespace aift::ct
