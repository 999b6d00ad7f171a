// SPDX-License-Identifier: Apache-2.0
#pragma once

// The b best of many scores, in two ways.
//
// The sieve: a sample of the scores gives a border that more than b of all scores are expected to
// reach; one pass over the scores lists these, and each finds its place by counting what is ahead
// of it. The border of a large input comes from a larger sample, which is sieved itself. Whether
// the list has the b best is known at the end; if it has not, the other way does it all again.
//
// Levels: a buffer in a group's memory takes what is better than the b-th best so far, and is
// sorted and cut to b when it is full. One pass over the input; the b best of every group are the
// input of the next level, until one group is left.

#include <cmath>
#include <cstring>

#include <aift/cuda/status.hpp>

#include "cuda/core/group.hpp"

namespace aift::cuda::detail {

/// A score in the order of picks: smaller is better, by rank first, then by index.
struct Pick {
  std::uint64_t rank;   ///< falls as the score rises
  std::uint64_t index;  ///< of the candidate
};

/// Behind every candidate.
inline constexpr std::uint64_t kNoPick = ~std::uint64_t{0};

AIFT_HD bool ahead(const Pick& a, const Pick& b) {
  return a.rank < b.rank || (a.rank == b.rank && a.index < b.index);
}

/// The rank of a score that is not NaN; -0 is 0.
AIFT_HD std::uint64_t rank_of(double score) {
  const double x = score + 0.0;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  // Ascending in the score: negative numbers with all bits turned, others with the sign set.
  const std::uint64_t rising = (bits & kSign) != 0 ? ~bits : bits | kSign;
  return ~rising;
}

/// The score of a rank.
AIFT_HD double score_of(std::uint64_t rank) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  const std::uint64_t rising = ~rank;
  const std::uint64_t bits = (rising & kSign) != 0 ? rising & ~kSign : ~rising;
  double score;
  std::memcpy(&score, &bits, sizeof score);
  return score;
}

/// A group's buffer.
struct TopBuffer {
  Pick* picks = nullptr;          ///< [capacity]
  Pick* limit = nullptr;          ///< [1] the b-th best so far
  std::uint32_t* held = nullptr;  ///< [1]
  int capacity = 0;               ///< a power of two
  int budget = 0;                 ///< at most capacity / 4

  AIFT_HD int step() const { return capacity / 4; }
};

/// Bytes of a buffer.
AIFT_HD std::size_t buffer_bytes(int capacity) {
  return static_cast<std::size_t>(capacity) * sizeof(Pick) + sizeof(Pick) + 16;
}

AIFT_HD TopBuffer buffer_at(std::byte* memory, int capacity, int budget) {
  TopBuffer buffer;
  buffer.picks = reinterpret_cast<Pick*>(memory);
  buffer.limit = buffer.picks + capacity;
  buffer.held = reinterpret_cast<std::uint32_t*>(buffer.limit + 1);
  buffer.capacity = capacity;
  buffer.budget = budget;
  return buffer;
}

/// Sorts picks[0, count), best first; `room` is a power of two >= count, filled up.
template <class Group>
AIFT_HD void sort_picks(const Group& group, Pick* picks, int count, int room) {
  group.each(room - count, [&](int i) { picks[count + i] = {kNoPick, kNoPick}; });
  group.sync();
  for (int size = 2; size <= room; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      group.each(room / 2, [&](int i) {
        const int low = 2 * i - (i & (stride - 1));
        const int high = low + stride;
        const bool rising = (low & size) == 0;
        const Pick a = picks[low];
        const Pick b = picks[high];
        if (ahead(b, a) == rising) {
          picks[low] = b;
          picks[high] = a;
        }
      });
      group.sync();
    }
  }
}

/// Keeps the best `budget` of a buffer, sorted.
template <class Group>
AIFT_HD void prune(const Group& group, const TopBuffer& buffer) {
  const int held = static_cast<int>(*buffer.held);
  int room = 2;
  while (room < held)
    room *= 2;
  group.sync();
  sort_picks(group, buffer.picks, held, room);
  group.each(1, [&](int) {
    if (held >= buffer.budget) {
      *buffer.held = static_cast<std::uint32_t>(buffer.budget);
      *buffer.limit = buffer.picks[buffer.budget - 1];
    }
  });
  group.sync();
}

/// The best of input(i), begin <= i < end, sorted into out [budget]; filled up with kNoPick.
/// input(i) is a Pick; one with rank and index kNoPick is none.
template <class Group, class Input>
AIFT_HD void top_segment(const Group& group, const TopBuffer& buffer, index_t begin, index_t end,
                         const Input& input, Pick* out) {
  group.each(1, [&](int) {
    *buffer.held = 0;
    *buffer.limit = {kNoPick, kNoPick};
  });
  group.sync();
  for (index_t first = begin; first < end; first += buffer.step()) {
    const Pick limit = *buffer.limit;
    const bool full = static_cast<int>(*buffer.held) + buffer.step() > buffer.capacity;
    group.sync();
    if (full) prune(group, buffer);
    const Pick border = full ? *buffer.limit : limit;
    const index_t left = end - first;
    group.each(left < buffer.step() ? left : buffer.step(), [&](int i) {
      const Pick pick = input(first + i);
      if (ahead(pick, border)) buffer.picks[add(buffer.held, std::uint32_t{1})] = pick;
    });
    group.sync();
  }
  prune(group, buffer);
  const int held = static_cast<int>(*buffer.held);
  group.each(buffer.budget, [&](int i) {
    out[i] = i < held ? buffer.picks[i] : Pick{kNoPick, kNoPick};
  });
  group.sync();
}

/// A chunk of scores as picks; a NaN is refused and none.
struct ScoreInput {
  const double* scores;
  index_t first_index;
  std::uint64_t* status;

  AIFT_HD Pick operator()(index_t i) const {
    const double score = scores[i];
    if (score != score) {
      lower(status, pack_status(first_index + i, 0, FaultCode::score));
      return {kNoPick, kNoPick};
    }
    return {rank_of(score), static_cast<std::uint64_t>(first_index + i)};
  }
};

/// Picks of an earlier level, and behind them those of the state.
struct PickInput {
  const Pick* first;
  index_t count;
  const Pick* second;

  AIFT_HD Pick operator()(index_t i) const { return i < count ? first[i] : second[i - count]; }
};

/// How many groups work at every level.
struct TopPlan {
  static constexpr int kLevels = 24;
  int capacity = 0;
  int levels = 0;  ///< the last one has one group, and takes the state in
  index_t groups[kLevels]{};
  index_t step[kLevels]{};  ///< inputs per group

  /// Picks between two levels at most.
  [[nodiscard]] index_t most_picks(index_t budget) const { return groups[0] * budget; }
};

inline TopPlan top_plan(index_t candidates, index_t budget, int capacity, index_t most_groups) {
  TopPlan plan;
  plan.capacity = capacity;
  const auto cut = [&](index_t inputs, index_t groups) {
    plan.step[plan.levels] = (inputs + groups - 1) / groups;
    plan.groups[plan.levels] = (inputs + plan.step[plan.levels] - 1) / plan.step[plan.levels];
    return plan.groups[plan.levels++];
  };
  const index_t segments = (candidates + 4 * capacity - 1) / (4 * capacity);
  index_t lists = cut(candidates, segments < most_groups ? segments : most_groups);
  constexpr index_t kFan = 8;
  while (lists > kFan)
    lists = cut(lists * budget, (lists + kFan - 1) / kFan);
  plan.step[plan.levels] = lists * budget + budget;  // and the state
  plan.groups[plan.levels++] = 1;
  return plan;
}

/// Picks that a sieve lists at most.
inline constexpr std::uint32_t kSieveRoom = 8192;
/// Scores that are sampled first, and listed without a border.
inline constexpr index_t kSieveSample = 4096;
/// Sampled scores side by side: a sector of memory.
inline constexpr index_t kCluster = 4;

/// Scores that a pass of a sieve looks at.
struct SieveLevel {
  index_t stride = 0;  ///< kCluster scores of every `stride`; 0: all
  index_t size = 0;
  index_t keep = 0;  ///< the how-many-th best is the border of the next level; the last: b

  /// Where score i of the level stands: somewhere in its stretch, so that no period is met.
  AIFT_HD index_t place(index_t i) const {
    if (stride == 0) return i;
    const index_t cluster = i / kCluster;
    auto hash = static_cast<std::uint32_t>(cluster);
    hash = (hash ^ hash >> 16) * 0x85EBCA6BU;
    hash = (hash ^ hash >> 13) * 0xC2B2AE35U;
    hash ^= hash >> 16;
    constexpr index_t kMost = index_t{1} << 30;
    const index_t places = stride / kCluster < kMost ? stride / kCluster : kMost;
    return cluster * stride + kCluster * ((hash * places) >> 32) + i % kCluster;
  }
};

struct SievePlan {
  static constexpr int kLevels = 12;
  int levels = 0;
  SieveLevel level[kLevels];
};

inline SievePlan sieve_plan(index_t candidates, index_t budget) {
  SievePlan plan;
  const double ratio = static_cast<double>(candidates) / static_cast<double>(kSieveSample);
  int samples = 0;
  for (double reach = 1; reach < ratio; reach *= 32)
    ++samples;
  plan.levels = samples + 1;
  plan.level[samples] = {0, candidates, budget};
  const double growth = samples > 0 ? std::pow(ratio, 1.0 / samples) : 1;
  double clusters = static_cast<double>(kSieveSample / kCluster);
  for (int l = 0; l < samples; ++l, clusters *= growth) {
    const auto stride = static_cast<index_t>(static_cast<double>(candidates) / clusters);
    SieveLevel& level = plan.level[l];
    level.stride = stride / kCluster * kCluster;
    if (level.stride < 2 * kCluster) level.stride = 2 * kCluster;
    level.size = candidates / level.stride * kCluster;
  }
  for (int l = samples - 1; l >= 0; --l) {
    // Six standard deviations of the number drawn, and some for scores that resemble neighbours.
    const double wanted = static_cast<double>(plan.level[l + 1].keep) *
                          static_cast<double>(plan.level[l].size) /
                          static_cast<double>(plan.level[l + 1].size);
    plan.level[l].keep = static_cast<index_t>(wanted + 6 * std::sqrt(wanted + 9) + 16);
  }
  return plan;
}

/// What the kernels of a sieve tell each other.
struct SieveNotes {
  Pick border[SievePlan::kLevels];  ///< of what a level lists; kNoPick: none
  std::uint32_t count[SievePlan::kLevels];
  std::uint32_t done;  ///< 1: the state has the result
};

/// Memory of a sieve.
struct Sieve {
  Pick* list = nullptr;  ///< [kSieveRoom]
  Pick* kept = nullptr;  ///< [budget] the state as it was
  SieveNotes* notes = nullptr;
};

AIFT_HD std::size_t sieve_bytes(index_t budget) {
  return (kSieveRoom + static_cast<std::size_t>(budget)) * sizeof(Pick) + sizeof(SieveNotes);
}

AIFT_HD Sieve sieve_at(std::byte* memory, index_t budget) {
  Sieve sieve;
  sieve.list = reinterpret_cast<Pick*>(memory);
  sieve.kept = sieve.list + kSieveRoom;
  sieve.notes = reinterpret_cast<SieveNotes*>(sieve.kept + budget);
  return sieve;
}

/// Begins a sieve with scores [first, first + count) of level 0 and of the state.
template <class Group, class Input>
AIFT_HD void sieve_begin(const Group& group, const Sieve& sieve, const SieveLevel& level,
                         const Input& input, const Pick* state, index_t budget, index_t first,
                         index_t count) {
  const auto part = [&](index_t whole) {
    const index_t left = whole - first;
    return left < 0 ? index_t{0} : left < count ? left : count;
  };
  group.each(part(level.size),
             [&](int i) { sieve.list[first + i] = input(level.place(first + i)); });
  group.each(part(budget), [&](int i) { sieve.kept[first + i] = state[first + i]; });
  if (first != 0) return;
  group.each(SievePlan::kLevels, [&](int l) {
    sieve.notes->border[l] = {kNoPick, kNoPick};
    sieve.notes->count[l] = l == 0 ? static_cast<std::uint32_t>(level.size) : 0;
  });
  group.each(1, [&](int) { sieve.notes->done = 0; });
}

/// Lists what scores [begin, end) of a level reach the border; kAll: the level is of all scores.
template <bool kAll, class Group, class Input>
AIFT_HD void sieve_segment(const Group& group, const Sieve& sieve, const SieveLevel& level,
                           int number, const Input& input, index_t budget, index_t begin,
                           index_t end) {
  constexpr int kReads = 8;  // under way
  const Pick border = sieve.notes->border[number];
  const Pick last = sieve.kept[budget - 1];
  // Any score below is behind one of them; a NaN is below nothing, and nothing is below a NaN.
  const double floor = score_of(ahead(last, border) ? last.rank : border.rank);
  std::uint32_t* const count = &sieve.notes->count[number];
  const auto place = [&](index_t i) { return kAll ? i : level.place(i); };
  const int lanes = group.size();
  for (index_t first = begin; first < end; first += static_cast<index_t>(kReads) * lanes) {
    const index_t rest = end - first;
    const int left = rest < kReads * lanes ? static_cast<int>(rest) : kReads * lanes;
    group.each(lanes, [&](int lane) {
      double score[kReads];
      AIFT_UNROLL
      for (int k = 0; k < kReads; ++k) {
        const int i = lane + k * lanes;
        score[k] = input.scores[place(first + (i < left ? i : left - 1))];
      }
      unsigned reach = 0;
      AIFT_UNROLL
      for (int k = 0; k < kReads; ++k) {
        if (lane + k * lanes < left && !(score[k] < floor)) reach |= 1U << k;
      }
      for (int k = 0; reach != 0; ++k, reach >>= 1) {
        if ((reach & 1) == 0) continue;
        const Pick pick = input(place(first + lane + k * lanes));
        if (ahead(border, pick) || !ahead(pick, last)) continue;
        const std::uint32_t at = add(count, std::uint32_t{1});
        if (at < kSieveRoom) sieve.list[at] = pick;
      }
    });
  }
}

/// Finds the places of items `first`, `first + 1`, ... of a level's list, `rows` at a time and a
/// group every `step`. Of a sample: the next border. Of all scores: the state, and whether it is
/// the result.
template <class Group>
AIFT_HD void sieve_places(const Group& group, const Sieve& sieve, const SievePlan& plan, int number,
                          Pick* state, int first, int rows, int step) {
  const std::uint32_t listed = sieve.notes->count[number];
  // Too many, because the border was bad or there was none.
  if (listed > kSieveRoom) return;
  const bool last = number + 1 == plan.levels;
  const auto keep = static_cast<int>(plan.level[number].keep);
  const auto count = static_cast<int>(listed);
  const int items = last ? count + keep : count;
  const PickInput item{sieve.list, count, sieve.kept};
  for (; first < items; first += step) {
    const int left = items - first;
    group.template rows<kWide>(left < rows ? left : rows, [&](const auto& team, int row) {
      const int mine = first + row;
      const Pick pick = item(mine);
      const int place = team.template class_sum<int>(items, [&](int k, int before) {
        const Pick other = item(k);
        const bool same = other.index == pick.index;  // this one, or none, both
        return before + ((same ? k < mine : ahead(other, pick)) ? 1 : 0);
      });
      if (!team.leads()) return;
      if (!last) {
        if (place == keep - 1) sieve.notes->border[number + 1] = pick;
        return;
      }
      if (place < keep) state[place] = pick;
      // Then whatever was not listed is behind the last pick.
      if (place == keep - 1 && !ahead(sieve.notes->border[number], pick)) sieve.notes->done = 1;
    });
  }
}

/// Sum in a fixed order with the rounding errors kept (Neumaier), as on the CPU.
AIFT_HD double careful_sum(const double* values, index_t count) {
  double sum = 0;
  double lost = 0;
  for (index_t i = 0; i < count; ++i) {
    const double x = values[i];
    const double next = sum + x;
    const double size = sum < 0 ? -sum : sum;
    lost += size >= (x < 0 ? -x : x) ? (sum - next) + x : (x - next) + sum;
    sum = next;
  }
  return sum + lost;
}

/// acft_pool's chances from its scores, best first; `total` is one number of the group's memory.
template <class Group>
AIFT_HD void acft_weights_body(const Group& group, const double* best, index_t count,
                               double* probability, double* total, std::uint64_t* status) {
  group.each(count, [&](int i) {
    if (!(best[i] - best[i] == 0)) lower(status, pack_status(i, 0, FaultCode::score));
  });
  const double first = best[0];
  const double last = best[count - 1];
  if (!(first > last)) {
    group.each(count, [&](int i) { probability[i] = 1.0 / static_cast<double>(count); });
    return;
  }
  const double difference = first - last;  // may overflow
  const double scale = difference - difference == 0 ? 1.0 : 0.5;
  const double span = scale * first - scale * last;
  group.each(count, [&](int i) { probability[i] = (scale * best[i] - scale * last) / span; });
  group.sync();
  group.each(1, [&](int) { *total = careful_sum(probability, count); });
  group.sync();
  group.each(count, [&](int i) { probability[i] /= *total; });
}

}  // namespace aift::cuda::detail
