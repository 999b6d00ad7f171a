// SPDX-License-Identifier: Apache-2.0
#pragma once

// Distances of feature rows, farthest-first and k-means, as bodies over groups (cuda/core/group.hpp).
//
// A squared distance has the bits of src/select/distances.hpp: lane l of kFeatureLanes takes the
// features l, l + 16, ... by fused multiply-adds, then lanes 8, 4, 2 and 1 apart are added. Rows
// against one row: `group.feature_rows(n, f)` calls f(team, row), a team of kFeatureLanes lanes per
// row. Rows against many: tiles, a lane holds the sums of four pairs (`group.lanes<State>()`).

#include <cmath>
#include <cstring>
#include <limits>

#include <aift/cuda/status.hpp>

#include "cuda/core/group.hpp"
#include "src/select/parts.hpp"

namespace aift::cuda::detail {

using select::detail::kSumPart;
using select::detail::part_end;
using select::detail::sum_parts;

inline constexpr int kFeatureLanes = 16;

/// Rows in a device's memory, one after another.
struct FeatureRows {
  const float* values = nullptr;
  index_t count = 0;
  index_t columns = 0;

  AIFT_HD const float* row(index_t p) const { return values + p * columns; }
};

/// Adds the sums of the lanes: 8 apart, then 4, 2, 1.
AIFT_HD float lanes_sum(float* sum) {
  AIFT_UNROLL
  for (int apart = kFeatureLanes / 2; apart > 0; apart /= 2) {
    AIFT_UNROLL
    for (int l = 0; l < kFeatureLanes; ++l) {
      if (l < apart) sum[l] += sum[l + apart];
    }
  }
  return sum[0];
}

/// kFeatureLanes lanes that share a row, run one after another on the host.
class SerialFeatureTeam {
 public:
  bool leads() const { return true; }
  float squared(const float* x, const float* y, index_t columns) const {
    float sum[kFeatureLanes] = {};
    for (int lane = kFeatureLanes - 1; lane >= 0; --lane) {
      for (index_t f = lane; f < columns; f += kFeatureLanes) {
        const float off = x[f] - y[f];
        sum[lane] = std::fma(off, off, sum[lane]);
      }
    }
    return lanes_sum(sum);
  }
};

/// Lanes of a tile of distances.
inline constexpr int kTileThreads = 256;

/// A host thread in the place of a block that works on features.
template <int kLanes>
class HostFeatureGroup : public HostGroup<kLanes> {
 public:
  template <class F>
  void feature_rows(index_t n, const F& f) const {
    for (index_t row = n - 1; row >= 0; --row)
      f(SerialFeatureTeam{}, static_cast<int>(row));
  }
  /// What each of kTileThreads lanes keeps from one phase to the next.
  template <class State>
  struct Lanes {
    State of[kTileThreads];
  };
  template <class State>
  Lanes<State> lanes() const {
    return {};
  }
  /// A phase of kTileThreads lanes: f(lane, what it keeps).
  template <class F, class... State>
  void each_lane(const F& f, Lanes<State>&... lanes) const {
    for (int lane = kTileThreads - 1; lane >= 0; --lane)
      f(lane, lanes.of[lane]...);
  }
};

// ---- Rows against one row

/// The order of farthest-first in a word, the smallest first: larger distance, then lower row.
AIFT_HD std::uint64_t far_word(float squared, index_t row) {
  std::uint32_t bits;
  std::memcpy(&bits, &squared, sizeof bits);  // rises with a distance, which has no sign
  return static_cast<std::uint64_t>(~bits) << 32 | static_cast<std::uint64_t>(row);
}
/// The order of nearest-first.
AIFT_HD std::uint64_t near_word(float squared, index_t row) {
  std::uint32_t bits;
  std::memcpy(&bits, &squared, sizeof bits);
  return static_cast<std::uint64_t>(bits) << 32 | static_cast<std::uint64_t>(row);
}
AIFT_HD index_t row_of(std::uint64_t word) { return static_cast<index_t>(word & 0xFFFFFFFFU); }
AIFT_HD float far_of(std::uint64_t word) {
  const auto bits = static_cast<std::uint32_t>(~(word >> 32));
  float squared;
  std::memcpy(&squared, &bits, sizeof squared);
  return squared;
}
/// Behind every row.
inline constexpr std::uint64_t kNoRow = ~std::uint64_t{0};
/// In place of a distance: picked.
inline constexpr float kPicked = -1;

/// Refuses the first row of [begin, end) with a value that is not finite.
template <class Group>
AIFT_HD void refuse_features(const Group& group, const FeatureRows& rows, index_t first_candidate,
                             index_t begin, index_t end, std::uint64_t* status) {
  const float* const from = rows.row(begin);
  group.each((end - begin) * rows.columns, [&](int i) {
    if (is_finite(from[i])) return;
    lower(status, pack_status(first_candidate + begin + i / rows.columns, 0, FaultCode::feature));
  });
}

/// A step of farthest-first over rows [begin, end): takes the row `before` into account (kNoRow:
/// none) and finds what is farthest from all so far. `best` is a word of the group's memory.
template <class Group>
AIFT_HD void farthest(const Group& group, const FeatureRows& rows, index_t begin, index_t end,
                      std::uint64_t before, float* nearest, std::uint64_t* best,
                      std::uint64_t* winner) {
  const bool some = before != kNoRow;
  const index_t chosen = row_of(before);
  group.each(1, [&](int) { *best = kNoRow; });
  group.sync();
  group.feature_rows(end - begin, [&](const auto& team, int i) {
    const index_t p = begin + i;
    float now = nearest[p];
    if (now < 0) return;
    if (some) {
      const float to = team.squared(rows.row(p), rows.row(chosen), rows.columns);
      now = p == chosen ? kPicked : to < now ? to : now;
    }
    if (!team.leads()) return;
    nearest[p] = now;
    if (now >= 0) lower(best, far_word(now, p));
  });
  group.sync();
  group.each(1, [&](int) { lower(winner, *best); });
}

/// The row of [begin, end) that is nearest to `centre`; `nearest` begins with nothing picked.
template <class Group>
AIFT_HD void most_central(const Group& group, const FeatureRows& rows, index_t begin, index_t end,
                          const float* centre, float* nearest, std::uint64_t* best,
                          std::uint64_t* winner) {
  group.each(1, [&](int) { *best = kNoRow; });
  group.sync();
  group.feature_rows(end - begin, [&](const auto& team, int i) {
    const float to = team.squared(rows.row(begin + i), centre, rows.columns);
    if (!team.leads()) return;
    nearest[begin + i] = std::numeric_limits<float>::infinity();
    lower(best, near_word(to, begin + i));
  });
  group.sync();
  group.each(1, [&](int) { lower(winner, *best); });
}

/// Pick `step` of farthest-first, from its word; without one: -1 and 0.
AIFT_HD void write_pick(std::uint64_t word, bool central, index_t* index, double* distance) {
  const bool none = word == kNoRow;
  *index = none ? -1 : row_of(word);
  if (distance != nullptr)
    *distance = none || central ? 0.0 : std::sqrt(static_cast<double>(far_of(word)));
}

// ---- Rows against many

/// A tile: kTileSide rows against kTileSide centres, kTileFeatures features at a time.
inline constexpr int kTileSide = 32;
inline constexpr int kTileFeatures = 32;
/// Floats from row to row, so that lanes read from different banks.
inline constexpr int kTilePitch = kTileFeatures + 4;

/// A group's memory for tiles.
struct TileMemory {
  alignas(16) float x[kTileSide * kTilePitch];
  alignas(16) float y[kTileSide * kTilePitch];
  float squared[kTileSide * kTileSide / 2];
  std::int32_t centre[kTileSide * kTileSide / 2];
};

/// Sums of the pairs of rows r, r + 16 and centres c, c + 16 that lane 16 r + c has.
struct TileSums {
  float of[2][2][kFeatureLanes];
};

AIFT_HD int tile_row(int lane) { return lane / (kTileSide / 2); }
AIFT_HD int tile_centre(int lane) { return lane % (kTileSide / 2); }

/// Squared distances of rows [first, first + kTileSide) and centres [centre, centre + kTileSide),
/// in sums.of[r][c][0] of the lanes; those beyond the last row or centre mean nothing.
template <class Group, class Sums>
AIFT_HD void tile_squared(const Group& group, const FeatureRows& rows, const FeatureRows& centres,
                          index_t first, index_t centre, TileMemory& memory, Sums& sums) {
  group.each_lane(
      [](int, TileSums& mine) {
        AIFT_UNROLL
        for (int i = 0; i < 4 * kFeatureLanes; ++i)
          mine.of[i / (2 * kFeatureLanes)][i / kFeatureLanes % 2][i % kFeatureLanes] = 0;
      },
      sums);
  for (index_t f = 0; f < rows.columns; f += kTileFeatures) {
    const auto load = [&](const FeatureRows& from, index_t at, float* to) {
      group.each(kTileSide * kTileFeatures, [&](int i) {
        const index_t p = at + i / kTileFeatures;
        const index_t column = f + i % kTileFeatures;
        to[i / kTileFeatures * kTilePitch + i % kTileFeatures] =
            p < from.count && column < from.columns ? from.row(p)[column] : 0.0F;
      });
    };
    load(rows, first, memory.x);
    load(centres, centre, memory.y);
    group.sync();
    const auto take = [&](int lane, TileSums& mine) {
      const float* const x = memory.x + tile_row(lane) * kTilePitch;
      const float* const y = memory.y + tile_centre(lane) * kTilePitch;
      constexpr int kHalf = kTileSide / 2 * kTilePitch;
      AIFT_UNROLL
      for (int g = 0; g < kTileFeatures; ++g) {
        AIFT_UNROLL
        for (int r = 0; r < 2; ++r) {
          AIFT_UNROLL
          for (int c = 0; c < 2; ++c) {
            const float off = x[r * kHalf + g] - y[c * kHalf + g];
            float& sum = mine.of[r][c][g % kFeatureLanes];
            sum = std::fma(off, off, sum);
          }
        }
      }
    };
    group.each_lane(take, sums);
    group.sync();
  }
  group.each_lane(
      [](int, TileSums& mine) {
        AIFT_UNROLL
        for (int i = 0; i < 4; ++i)
          lanes_sum(mine.of[i / 2][i % 2]);
      },
      sums);
}

/// The tile of distances at (first, centre), into out [rows, centres].
template <class Group>
AIFT_HD void distance_tile(const Group& group, const FeatureRows& rows, const FeatureRows& centres,
                           index_t first, index_t centre, TileMemory& memory, float* out) {
  auto sums = group.template lanes<TileSums>();
  tile_squared(group, rows, centres, first, centre, memory, sums);
  const auto write = [&](int lane, const TileSums& mine) {
    AIFT_UNROLL
    for (int i = 0; i < 4; ++i) {
      const index_t p = first + tile_row(lane) + i / 2 * (kTileSide / 2);
      const index_t c = centre + tile_centre(lane) + i % 2 * (kTileSide / 2);
      if (p < rows.count && c < centres.count)
        out[p * centres.count + c] = mine.of[i / 2][i % 2][0];
    }
  };
  group.each_lane(write, sums);
}

/// Where a row's nearest centre is, and how far.
struct Nearest {
  float squared[2];
  std::int32_t centre[2];
};

AIFT_HD bool nearer(float squared, std::int32_t centre, float best, std::int32_t best_centre) {
  return squared < best || (squared == best && centre < best_centre);
}

/// The nearest centre of rows [first, first + kTileSide), the first of equals, and centre 0 if no
/// distance is finite: then(row, squared, centre) by one lane per row.
template <class Group, class Then>
AIFT_HD void nearest_centre(const Group& group, const FeatureRows& rows, const FeatureRows& centres,
                            index_t first, TileMemory& memory, const Then& then) {
  auto sums = group.template lanes<TileSums>();
  auto best = group.template lanes<Nearest>();
  constexpr int kHalf = kTileSide / 2;
  group.each_lane(
      [](int, Nearest& mine) {
        AIFT_UNROLL
        for (int r = 0; r < 2; ++r) {
          mine.squared[r] = std::numeric_limits<float>::infinity();
          mine.centre[r] = 0;
        }
      },
      best);
  for (index_t centre = 0; centre < centres.count; centre += kTileSide) {
    tile_squared(group, rows, centres, first, centre, memory, sums);
    const auto take = [&](int lane, const TileSums& tile, Nearest& mine) {
      AIFT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int r = i / 2;
        const index_t c = centre + tile_centre(lane) + i % 2 * kHalf;
        const float squared = tile.of[r][i % 2][0];
        const auto number = static_cast<std::int32_t>(c);
        if (c < centres.count && nearer(squared, number, mine.squared[r], mine.centre[r])) {
          mine.squared[r] = squared;
          mine.centre[r] = number;
        }
      }
    };
    group.each_lane(take, sums, best);
  }
  const auto share = [&](int lane, const Nearest& mine) {
    AIFT_UNROLL
    for (int r = 0; r < 2; ++r) {
      const int at = (tile_row(lane) + r * kHalf) * kHalf + tile_centre(lane);
      memory.squared[at] = mine.squared[r];
      memory.centre[at] = mine.centre[r];
    }
  };
  group.each_lane(share, best);
  group.sync();
  group.each(kTileSide, [&](int row) {
    if (first + row >= rows.count) return;
    const int begin = row * kHalf;
    int found = begin;
    for (int at = begin + 1; at < begin + kHalf; ++at) {
      if (nearer(memory.squared[at], memory.centre[at], memory.squared[found],
                 memory.centre[found]))
        found = at;
    }
    then(first + row, memory.squared[found], memory.centre[found]);
  });
  group.sync();
}

// ---- Means

/// Sums of `count` rows (at most kSumPart), feature by feature, into out [columns]; row i of them
/// is number place(i).
template <class Group, class Place>
AIFT_HD void sum_rows(const Group& group, const FeatureRows& rows, index_t count,
                      const Place& place, double* out) {
  group.each(rows.columns, [&](int f) {
    double sum = 0;
    AIFT_UNROLL_4
    for (index_t i = 0; i < count; ++i)
      sum += static_cast<double>(rows.row(place(i))[f]);
    out[f] = sum;
  });
}

/// Feature f of the mean of `count` rows, from the sums of their parts; of no rows: infinite.
AIFT_HD float mean_feature(const double* sums, index_t columns, index_t f, index_t count) {
  if (count == 0) return std::numeric_limits<float>::infinity();
  double sum = 0;
  for (index_t part = 0; part < sum_parts(count); ++part)
    sum += sums[part * columns + f];
  return static_cast<float>(sum / static_cast<double>(count));
}

// ---- k-means

/// k-means in a device's memory. Parts are those of src/select/parts.hpp; slots are the parts of
/// each cluster's members: cluster c has the slots from slot(c) on.
struct KMeans {
  FeatureRows rows;
  index_t clusters = 0;
  float* centres = nullptr;          ///< [clusters, columns]
  std::int32_t* of = nullptr;        ///< [rows]
  float* squared = nullptr;          ///< [rows]
  index_t* seeds = nullptr;          ///< [clusters]; -1: none was left
  double* running = nullptr;         ///< [parts]
  std::int32_t* count = nullptr;     ///< [parts, clusters] rows of each; then those of parts before
  index_t* size = nullptr;           ///< [clusters]
  index_t* start = nullptr;          ///< [clusters + 1] of its members in `members`
  index_t* members = nullptr;        ///< [rows] by cluster, ascending
  double* sums = nullptr;            ///< [slots, columns]
  std::uint32_t* changed = nullptr;  ///< [iterations + 1] whether one before moved a row

  AIFT_HD index_t parts() const { return sum_parts(rows.count); }
  AIFT_HD index_t slots() const { return rows.count / kSumPart + clusters; }
  AIFT_HD index_t slot(index_t cluster) const { return start[cluster] / kSumPart + cluster; }
};

/// Takes seed `number` into account in the squared distances of a part, and sums them up.
template <class Group>
AIFT_HD void seed_part(const Group& group, const KMeans& task, index_t number, index_t part) {
  const index_t seed = task.seeds[number];
  if (seed < 0) return;
  const index_t begin = part * kSumPart;
  group.feature_rows(part_end(begin, task.rows.count) - begin, [&](const auto& team, int i) {
    const index_t p = begin + i;
    const float to = team.squared(task.rows.row(p), task.rows.row(seed), task.rows.columns);
    if (team.leads() && (number == 0 || to < task.squared[p])) task.squared[p] = to;
  });
  group.sync();
  group.each(1, [&](int) {
    task.running[part] = select::detail::part_sum(task.squared, task.rows.count, part);
  });
}

/// Draws seed `number` (at least 1).
AIFT_HD void draw_seed(const KMeans& task, index_t number, double share) {
  task.seeds[number] = -1;
  if (task.seeds[number - 1] < 0) return;
  double sum = 0;
  for (index_t part = 0; part < task.parts(); ++part)
    task.running[part] = sum += task.running[part];
  task.seeds[number] = select::detail::draw_row(task.squared, task.rows.count, task.running, share);
}

/// Feature i of all centres: its seed's; without a seed it is beyond every row.
AIFT_HD void place_seed(const KMeans& task, index_t i) {
  const index_t seed = task.seeds[i / task.rows.columns];
  task.centres[i] = seed < 0 ? std::numeric_limits<float>::infinity()
                             : task.rows.row(seed)[i % task.rows.columns];
}

/// The nearest centre of kTileSide rows, in iteration `number`.
template <class Group>
AIFT_HD void assign_rows(const Group& group, const KMeans& task, index_t first, index_t number,
                         TileMemory& memory) {
  const FeatureRows centres{task.centres, task.clusters, task.rows.columns};
  nearest_centre(group, task.rows, centres, first, memory,
                 [&](index_t p, float squared, std::int32_t centre) {
                   if (number == 0 || task.of[p] != centre) set_bits(task.changed + number + 1, 1);
                   task.of[p] = centre;
                   task.squared[p] = squared;
                 });
}

/// Counts the rows of each cluster in a part.
template <class Group>
AIFT_HD void count_part(const Group& group, const KMeans& task, index_t part) {
  auto* const count = reinterpret_cast<std::uint32_t*>(task.count + part * task.clusters);
  group.each(task.clusters, [&](int c) { count[c] = 0; });
  group.sync();
  const index_t begin = part * kSumPart;
  group.each(part_end(begin, task.rows.count) - begin,
             [&](int i) { add(count + task.of[begin + i], std::uint32_t{1}); });
}

/// Turns the counts of a cluster into the number of its rows in the parts before.
AIFT_HD void add_counts(const KMeans& task, index_t cluster) {
  std::int32_t before = 0;
  for (index_t part = 0; part < task.parts(); ++part) {
    std::int32_t& count = task.count[part * task.clusters + cluster];
    const std::int32_t here = count;
    count = before;
    before += here;
  }
  task.size[cluster] = before;
}

/// Where the members of clusters [first, first + count) start.
template <class Group>
AIFT_HD void find_starts(const Group& group, const KMeans& task, index_t first, index_t count) {
  group.template rows<kWide>(count, [&](const auto& team, int i) {
    const index_t c = first + i;
    const index_t sum = team.template class_sum<index_t>(
        static_cast<int>(c), [&](int other, index_t acc) { return acc + task.size[other]; });
    if (!team.leads()) return;
    task.start[c] = sum;
    if (c + 1 == task.clusters) task.start[c + 1] = sum + task.size[c];
  });
}

/// Writes the rows of a part to their places among the members. `of` [kSumPart] is memory of the
/// group.
template <class Group>
AIFT_HD void place_part(const Group& group, const KMeans& task, index_t part, std::int32_t* of) {
  const index_t begin = part * kSumPart;
  const index_t count = part_end(begin, task.rows.count) - begin;
  group.each(count, [&](int i) { of[i] = task.of[begin + i]; });
  group.sync();
  group.each(count, [&](int i) {
    const std::int32_t cluster = of[i];
    index_t place = task.start[cluster] + task.count[part * task.clusters + cluster];
    for (int other = 0; other < i; ++other)
      place += of[other] == cluster ? 1 : 0;
    task.members[place] = begin + i;
  });
}

/// Sums of a slot's members, feature by feature.
template <class Group>
AIFT_HD void sum_slot(const Group& group, const KMeans& task, index_t slot) {
  index_t low = 0;  // the last cluster whose slots start here or before
  index_t high = task.clusters - 1;
  while (low < high) {
    const index_t middle = (low + high + 1) / 2;
    if (task.slot(middle) <= slot) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const index_t begin = task.start[low] + (slot - task.slot(low)) * kSumPart;
  sum_rows(
      group, task.rows, part_end(begin, task.start[low + 1]) - begin,
      [&](index_t i) { return task.members[begin + i]; }, task.sums + slot * task.rows.columns);
}

/// Moves feature i of all centres: to the mean of the members, or beyond every row without one.
AIFT_HD void move_centre(const KMeans& task, index_t i) {
  const index_t cluster = i / task.rows.columns;
  task.centres[i] = mean_feature(task.sums + task.slot(cluster) * task.rows.columns,
                                 task.rows.columns, i % task.rows.columns, task.size[cluster]);
}

}  // namespace aift::cuda::detail
