// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/generator.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <aift/core/error.hpp>
#include <aift/ct/crop.hpp>

#include "src/ct/lung_region.hpp"

namespace aift::ct {
namespace {

constexpr double kBlood = 50;        ///< HU without contrast
constexpr std::uint8_t kSoft = 1;    ///< soft tissue or contrast, within the search
constexpr std::uint8_t kSlide = 2;   ///< of that, what touches no air
constexpr std::uint8_t kBright = 4;  ///< at least the lumen's threshold
constexpr std::uint8_t kLumen = 8;   ///< of that, what belongs to the vessels
constexpr std::uint8_t kAir = 16;

void check(const GeneratorOptions& o) {
  AIFT_EXPECT(o.hu_lung < o.hu_air && o.hu_air < o.hu_clot_low && o.hu_clot_low < o.hu_lumen_min,
              ValueError,
              "hu_lung, hu_air, hu_clot_low and hu_lumen_min must rise; got {}, {}, {} and {}.",
              o.hu_lung, o.hu_air, o.hu_clot_low, o.hu_lumen_min);
  AIFT_EXPECT(o.dark_share > 0 && o.dark_share < 1 && o.min_enclosure >= 0 && o.min_enclosure <= 1,
              ValueError,
              "dark_share must lie in (0, 1) and min_enclosure in [0, 1]; got {} and {}.",
              o.dark_share, o.min_enclosure);
  AIFT_EXPECT(o.ray_mm > 0 && o.ray_mm <= 100 && o.close_lung_mm >= 0 && o.close_lung_mm <= 100 &&
                  o.apart_mm >= 0 && o.min_lung_ml >= 0 && o.min_volume_mm3 >= 0,
              ValueError,
              "Lengths and volumes must not be negative, and rays at most 100 mm; got rays of {}, "
              "closing of {}, distance of {} mm, {} ml and {} mm3.",
              o.ray_mm, o.close_lung_mm, o.apart_mm, o.min_lung_ml, o.min_volume_mm3);
  AIFT_EXPECT(o.max_candidates >= 1, ValueError,
              "At least one candidate per scan must be allowed; got {}.", o.max_candidates);
}

/// The part of a volume between the lungs, and all that is computed on it.
class Search {
 public:
  Search(const Volume& volume, const LungRegion& lungs, const GeneratorOptions& options,
         Executor& executor)
      : volume_(volume), lungs_(lungs), options_(options), executor_(executor) {
    std::array<index_t, 3> low = volume.geometry.size;
    std::array<index_t, 3> high = {0, 0, 0};
    for (index_t z = 0; z < lungs.size[2]; ++z) {
      for (index_t y = 0; y < lungs.size[1]; ++y) {
        for (index_t x = 0; x < lungs.size[0]; ++x) {
          const auto cell = static_cast<std::size_t>((z * lungs.size[1] + y) * lungs.size[0] + x);
          if (lungs.cells[cell] == 0) continue;
          const std::array<index_t, 3> at = {x, y, z};
          for (std::size_t a = 0; a < 3; ++a) {
            low[a] = std::min(low[a], at[a] * lungs.factor[a]);
            high[a] =
                std::max(high[a], std::min((at[a] + 1) * lungs.factor[a], volume.geometry.size[a]));
          }
        }
      }
    }
    for (std::size_t a = 0; a < 3; ++a) {
      // one voxel of rim, in which nothing is looked for, spares the loops their bounds
      low_[a] = low[a] - 1;
      size_[a] = high[a] - low[a] + 2;
    }
    strides_ = {1, size_[0], size_[0] * size_[1]};
    flags_.resize(static_cast<std::size_t>(size_[0] * size_[1] * size_[2]));
    std::size_t n = 0;
    for (index_t dz = -1; dz <= 1; ++dz) {
      for (index_t dy = -1; dy <= 1; ++dy) {
        for (index_t dx = -1; dx <= 1; ++dx) {
          if (dx == 0 && dy == 0 && dz == 0) continue;
          neighbours_[n++] = dx + dy * strides_[1] + dz * strides_[2];
        }
      }
    }
  }

  void run(GeneratorResult& out) {
    mark_tissue();
    if (!find_contrast(out)) return;
    mark_lumen();
    if (!keep_vessels()) {
      out.note = "No contrast-filled vessel reaches into the lungs; there are no candidates.";
      return;
    }
    smooth();
    slide();
    collect(out);
  }

 private:
  [[nodiscard]] bool on_rim(index_t x, index_t y, index_t z) const noexcept {
    return x == 0 || y == 0 || z == 0 || x == size_[0] - 1 || y == size_[1] - 1 ||
           z == size_[2] - 1;
  }
  [[nodiscard]] std::int16_t hu(index_t x, index_t y, index_t z) const noexcept {
    return volume_.at(x + low_[0], y + low_[1], z + low_[2]);
  }
  [[nodiscard]] index_t number(index_t x, index_t y, index_t z) const noexcept {
    return x + y * strides_[1] + z * strides_[2];
  }
  std::uint8_t& flag(index_t i) noexcept { return flags_[static_cast<std::size_t>(i)]; }

  /// work(x, y, z, number) of every voxel that is not on the rim, slices side by side.
  template <class Work>
  void each(Work work) {
    executor_.run(size_[2] - 2, [&](index_t slice, int) {
      const index_t z = slice + 1;
      for (index_t y = 1; y < size_[1] - 1; ++y) {
        index_t i = number(1, y, z);
        for (index_t x = 1; x < size_[0] - 1; ++x, ++i)
          work(x, y, z, i);
      }
    });
  }

  void mark_tissue() {
    each([&](index_t x, index_t y, index_t z, index_t i) {
      const std::int16_t value = hu(x, y, z);
      if (value < options_.hu_lung) flag(i) |= kAir;
      if (value < options_.hu_air) return;
      const std::uint8_t cell = lungs_.at(x + low_[0], y + low_[1], z + low_[2]);
      if ((cell & LungRegion::kBetween) != 0) flag(i) |= kSoft;
    });
    std::vector<std::uint8_t> next = flags_;
    each([&](index_t, index_t, index_t, index_t i) {
      if ((flag(i) & kSoft) == 0) return;
      for (const index_t stride : strides_) {
        if (((flag(i - stride) & flag(i + stride)) & kSoft) == 0) return;
      }
      next[static_cast<std::size_t>(i)] |= kSlide;
    });
    flags_.swap(next);
  }

  /// The level of contrast: the median of bright voxels within the closed lungs, where the pulmonary
  /// vessels are.
  bool find_contrast(GeneratorResult& out) {
    std::vector<index_t> histogram(2048);
    index_t count = 0;
    for (index_t z = 1; z < size_[2] - 1; ++z) {
      for (index_t y = 1; y < size_[1] - 1; ++y) {
        for (index_t x = 1; x < size_[0] - 1; ++x) {
          if ((flag(number(x, y, z)) & kSlide) == 0) continue;
          const std::uint8_t cell = lungs_.at(x + low_[0], y + low_[1], z + low_[2]);
          const std::int16_t value = hu(x, y, z);
          if ((cell & LungRegion::kClosed) == 0 || value < options_.hu_lumen_min) continue;
          ++histogram[static_cast<std::size_t>(std::min<int>(value, 2047))];
          ++count;
        }
      }
    }
    const Point& s = volume_.geometry.spacing;
    if (static_cast<double>(count) * s[0] * s[1] * s[2] < 200) {
      out.note = fmt::format(
          "The vessels of the lungs hold no contrast (hardly a voxel of {:g} HU or more); there "
          "are "
          "no candidates.",
          options_.hu_lumen_min);
      return false;
    }
    // the 70th percentile: thin vessels, darkened by their edges, are the most
    index_t below = 0;
    int level = 0;
    while (level < 2047 && below + histogram[static_cast<std::size_t>(level)] < count * 7 / 10)
      below += histogram[static_cast<std::size_t>(level++)];
    contrast_ = level;
    lumen_ = std::max(options_.hu_lumen_min, 0.5 * (kBlood + contrast_));
    out.contrast_hu = contrast_;
    out.lumen_hu = lumen_;
    return true;
  }

  void mark_lumen() {
    each([&](index_t x, index_t y, index_t z, index_t i) {
      if ((flag(i) & kSoft) != 0 && hu(x, y, z) >= lumen_) flag(i) |= kBright;
    });
  }

  /// Keeps the pieces of bright voxels of which enough lies in the closed lungs.
  bool keep_vessels() {
    std::vector<index_t> piece;
    bool any = false;
    std::vector<std::uint8_t> seen(flags_.size());
    for (index_t z = 1; z < size_[2] - 1; ++z) {
      for (index_t y = 1; y < size_[1] - 1; ++y) {
        for (index_t x = 1; x < size_[0] - 1; ++x) {
          const index_t start = number(x, y, z);
          if ((flag(start) & kBright) == 0 || seen[static_cast<std::size_t>(start)] != 0) continue;
          piece.assign(1, start);
          seen[static_cast<std::size_t>(start)] = 1;
          index_t in_lung = 0;
          for (std::size_t k = 0; k < piece.size(); ++k) {
            const index_t i = piece[k];
            const index_t px = i % size_[0] + low_[0];
            const index_t py = i / strides_[1] % size_[1] + low_[1];
            const index_t pz = i / strides_[2] + low_[2];
            if ((lungs_.at(px, py, pz) & LungRegion::kClosed) != 0) ++in_lung;
            for (const index_t step : neighbours_) {
              const auto j = static_cast<std::size_t>(i + step);
              if ((flags_[j] & kBright) == 0 || seen[j] != 0) continue;
              seen[j] = 1;
              piece.push_back(static_cast<index_t>(j));
            }
          }
          const auto all = static_cast<double>(piece.size());
          if (piece.size() < 8 || static_cast<double>(in_lung) < 0.08 * all) continue;
          any = true;
          for (const index_t i : piece)
            flag(i) |= kLumen;
        }
      }
    }
    return any;
  }

  /// 1 2 1 along each axis, over soft tissue alone.
  void smooth() {
    smooth_.resize(flags_.size());
    each([&](index_t x, index_t y, index_t z, index_t i) {
      if ((flag(i) & kSlide) == 0) return;
      int sum = 0;
      int weight = 0;
      for (index_t dz = -1; dz <= 1; ++dz) {
        for (index_t dy = -1; dy <= 1; ++dy) {
          for (index_t dx = -1; dx <= 1; ++dx) {
            if ((flag(i + dx + dy * strides_[1] + dz * strides_[2]) & kSlide) == 0) continue;
            const int w = (dx == 0 ? 2 : 1) * (dy == 0 ? 2 : 1) * (dz == 0 ? 2 : 1);
            sum += w * hu(x + dx, y + dy, z + dz);
            weight += w;
          }
        }
      }
      smooth_[static_cast<std::size_t>(i)] = static_cast<std::int16_t>(
          std::lround(static_cast<double>(sum) / static_cast<double>(weight)));
    });
  }

  /// Every voxel's darkest neighbour, and then where the slide ends.
  void slide() {
    to_.resize(flags_.size());
    each([&](index_t, index_t, index_t, index_t i) {
      if ((flag(i) & kSlide) == 0) return;
      index_t best = i;
      std::int16_t darkest = smooth_[static_cast<std::size_t>(i)];
      for (const index_t step : neighbours_) {
        const index_t j = i + step;
        if ((flag(j) & kSlide) == 0) continue;
        const std::int16_t value = smooth_[static_cast<std::size_t>(j)];
        if (value < darkest || (value == darkest && j < best)) {
          darkest = value;
          best = j;
        }
      }
      to_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(best);
    });
    for (std::size_t i = 0; i < flags_.size(); ++i) {
      if ((flags_[i] & kSlide) == 0) continue;
      auto end = i;
      while (static_cast<std::size_t>(to_[end]) != end)
        end = static_cast<std::size_t>(to_[end]);
      for (auto at = i; at != end;) {  // what was walked over ends there too
        const auto next = static_cast<std::size_t>(to_[at]);
        to_[at] = static_cast<std::int32_t>(end);
        at = next;
      }
    }
  }

  struct Basin {
    index_t bottom = 0;
    index_t lumen = 0;
    index_t dark = 0;
    double sum = 0;
    Point place = {0, 0, 0};  // sum of voxel numbers
    double score = 0;
  };

  void collect(GeneratorResult& out) {
    const double dark = options_.dark_share * contrast_;
    std::vector<std::int32_t> basin_of(flags_.size(), -1);
    std::vector<Basin> basins;
    const auto each_slider = [&](auto work) {
      for (index_t z = 1; z < size_[2] - 1; ++z) {
        for (index_t y = 1; y < size_[1] - 1; ++y) {
          for (index_t x = 1; x < size_[0] - 1; ++x) {
            const index_t i = number(x, y, z);
            if ((flag(i) & kSlide) != 0) work(x, y, z, i);
          }
        }
      }
    };
    each_slider([&](index_t, index_t, index_t, index_t i) {
      if ((flag(i) & kLumen) == 0) return;
      const index_t end = to_[static_cast<std::size_t>(i)];
      const std::int16_t bottom = smooth_[static_cast<std::size_t>(end)];
      if (bottom < options_.hu_clot_low || bottom > dark) return;
      std::int32_t& number = basin_of[static_cast<std::size_t>(end)];
      if (number < 0) {
        number = static_cast<std::int32_t>(basins.size());
        basins.emplace_back();
        basins.back().bottom = end;
      }
      ++basins[static_cast<std::size_t>(number)].lumen;
    });
    out.basins = static_cast<index_t>(basins.size());
    each_slider([&](index_t x, index_t y, index_t z, index_t i) {
      const auto end = static_cast<std::size_t>(to_[static_cast<std::size_t>(i)]);
      if (basin_of[end] < 0) return;
      Basin& basin = basins[static_cast<std::size_t>(basin_of[end])];
      const std::int16_t value = smooth_[static_cast<std::size_t>(i)];
      // the dark half of the basin
      if (value > 0.5 * (smooth_[end] + contrast_)) return;
      ++basin.dark;
      basin.sum += value;
      basin.place = basin.place +
                    Point{static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)};
    });
    const Point& s = volume_.geometry.spacing;
    const double voxel = s[0] * s[1] * s[2];
    std::vector<Basin> good;
    for (Basin& basin : basins) {
      const auto n = static_cast<double>(basin.dark);
      if (basin.dark < 1 || n * voxel < options_.min_volume_mm3) continue;
      basin.place = (1 / n) * basin.place;
      const double enclosure = rays(basin);
      if (enclosure < options_.min_enclosure) continue;
      const double depth =
          (contrast_ - smooth_[static_cast<std::size_t>(basin.bottom)]) / (contrast_ - kBlood);
      basin.score = enclosure * std::clamp(depth, 0.0, 1.0) * std::min(1.0, n * voxel / 12);
      good.push_back(basin);
    }
    std::sort(good.begin(), good.end(), [](const Basin& a, const Basin& b) {
      return a.score != b.score ? a.score > b.score : a.bottom < b.bottom;
    });
    for (const Basin& basin : good) {
      if (static_cast<index_t>(out.candidates.size()) == options_.max_candidates) break;
      const Point world = volume_.geometry.to_world(
          basin.place + Point{static_cast<double>(low_[0]), static_cast<double>(low_[1]),
                              static_cast<double>(low_[2])});
      const bool near = std::any_of(
          out.candidates.begin(), out.candidates.end(),
          [&](const Candidate& c) { return norm(c.position - world) < options_.apart_mm; });
      if (near) continue;
      Candidate c;
      c.id = fmt::format("c{:03}", out.candidates.size() + 1);
      c.position = world;
      c.score = basin.score;
      c.volume_mm3 = static_cast<double>(basin.dark) * voxel;
      c.mean_hu = basin.sum / static_cast<double>(basin.dark);
      out.candidates.push_back(std::move(c));
    }
    if (out.candidates.empty()) {
      out.note =
          "No dark basin in or beside a vessel is enclosed well enough; there are no "
          "candidates.";
    }
  }

  /// Share of 26 rays from a basin's bottom that meet the lumen or air; 0 where too few meet the lumen.
  [[nodiscard]] double rays(const Basin& basin) const {
    const Point& s = volume_.geometry.spacing;
    const double step = 0.5 * std::min({s[0], s[1], s[2]});
    const index_t x0 = basin.bottom % size_[0];
    const index_t y0 = basin.bottom / strides_[1] % size_[1];
    const index_t z0 = basin.bottom / strides_[2];
    const Point start = {static_cast<double>(x0), static_cast<double>(y0), static_cast<double>(z0)};
    index_t lumen = 0;
    index_t air = 0;
    for (index_t n = 0; n < 27; ++n) {
      Point d = {static_cast<double>(n % 3 - 1), static_cast<double>(n / 3 % 3 - 1),
                 static_cast<double>(n / 9 - 1)};
      if (n == 13) continue;
      d = unit(d);
      for (double t = step; t <= options_.ray_mm; t += step) {
        std::array<index_t, 3> at;
        bool inside = true;
        for (std::size_t a = 0; a < 3; ++a) {
          at[a] = static_cast<index_t>(std::floor(start[a] + t * d[a] / s[a] + 0.5));
          inside = inside && at[a] >= 0 && at[a] < size_[a];
        }
        if (!inside) break;
        const std::uint8_t here = flags_[static_cast<std::size_t>(number(at[0], at[1], at[2]))];
        if ((here & kLumen) != 0) {
          ++lumen;
          break;
        }
        if ((here & kAir) != 0) {
          ++air;
          break;
        }
      }
    }
    if (lumen < options_.min_lumen_rays) return 0;
    return static_cast<double>(lumen + air) / 26;
  }

  const Volume& volume_;
  const LungRegion& lungs_;
  const GeneratorOptions& options_;
  Executor& executor_;
  std::array<index_t, 3> low_ = {0, 0, 0};
  std::array<index_t, 3> size_ = {0, 0, 0};
  std::array<index_t, 3> strides_ = {0, 0, 0};
  std::array<index_t, 26> neighbours_{};
  std::vector<std::uint8_t> flags_;
  std::vector<std::int16_t> smooth_;
  std::vector<std::int32_t> to_;
  double contrast_ = 0;
  double lumen_ = 0;
};

}  // namespace

GeneratorResult find_candidates(const Volume& volume, const GeneratorOptions& options,
                                Executor* executor) {
  check(options);
  (void)whole(volume);
  InlineExecutor here;
  Executor& work = executor != nullptr ? *executor : static_cast<Executor&>(here);
  GeneratorResult out;
  const LungRegion lungs =
      find_lungs(volume, options.hu_lung, options.min_lung_ml, options.close_lung_mm, work);
  if (lungs.lungs == 0) {
    out.note = fmt::format(
        "No lung was found (air below {:g} HU of at least {:g} ml inside the body); there are no "
        "candidates.",
        options.hu_lung, options.min_lung_ml);
    return out;
  }
  Search(volume, lungs, options, work).run(out);
  return out;
}

}  // namespace aift::ct
