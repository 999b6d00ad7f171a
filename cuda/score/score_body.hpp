// SPDX-License-Identifier: Apache-2.0
#pragma once

// The scores of src/score, over a group (cuda/core/group.hpp): the same operations in the same
// order, hence the same bits. A group takes a tile of candidates through phases; every sum is taken
// by one lane, or by a team in the order of aift/math/sum.hpp.
//
// Two forms, by where the predictions are while they are worked on:
//   resident  read from memory once into the group's own (shared) memory, several candidates at a
//             time when they are small
//   direct    one candidate at a time, read where it lies (a second time, from the cache, for the
//             kept patches); for candidates that the shared memory does not hold

#include <cstring>
#include <limits>
#include <type_traits>

#include <aift/core/half.hpp>
#include <aift/core/predictions.hpp>
#include <aift/cuda/status.hpp>
#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>
#include <aift/score/options.hpp>

#include "cuda/core/group.hpp"

namespace aift::cuda::detail {

/// n / divisor by a multiplication; exact for n * divisor < 2^32.
struct Divider {
  std::uint64_t factor = 0;
  std::uint32_t divisor = 1;

  static Divider of(index_t divisor) {
    const auto d = static_cast<std::uint64_t>(divisor);
    return {((std::uint64_t{1} << 32) + d - 1) / d, static_cast<std::uint32_t>(d)};
  }
  AIFT_HD int quotient(int n) const {
    return static_cast<int>(static_cast<std::uint64_t>(n) * factor >> 32);
  }
};

/// What the score ranks by; the values of ScoreKind.
enum class Rank : std::uint8_t { entropy, diversity, aift, least_confidence, margin, bald };

/// One operator on one chunk, as a kernel gets it. Outputs that are null are not wanted.
struct ScoreTask {
  const void* values = nullptr;
  DType dtype = DType::f64;
  bool logits = false;
  index_t candidates = 0;
  int classes = 0;
  index_t patches = 0;               ///< q when dense, else 0
  const index_t* offsets = nullptr;  ///< when ragged
  index_t rows = 0;
  int most_patches = 0;
  int most_kept = 0;  ///< kept_patches(most_patches, alpha)

  double alpha = 1;
  double lambda1 = 1;
  double lambda2 = 1;
  double eps = 0;
  bool mean_of_entropies = false;
  bool ordered_pairs = true;
  Rank rank = Rank::aift;

  double* score = nullptr;
  double* entropy = nullptr;
  double* diversity = nullptr;
  std::int32_t* dominant = nullptr;
  std::int32_t* kept = nullptr;            ///< most confident first
  std::int32_t* kept_ascending = nullptr;  ///< ascending
  const index_t* kept_offsets = nullptr;   ///< of kept; null: candidate i at i * most_kept
  double* mean_probabilities = nullptr;
  double* matrix = nullptr;
  const index_t* matrix_offsets = nullptr;  ///< null: candidate i at i * most_kept^2
  double* patch_entropy = nullptr;

  std::uint64_t* status = nullptr;
  index_t first_candidate = 0;

  // How the work is cut: set by `lay_out`.
  int tile = 1;        ///< candidates per group
  int slots = 0;       ///< rows that a candidate has room for
  int row_stride = 0;  ///< numbers between rows in the group's memory
  Divider by_slots;
  Divider by_classes;
  Divider by_patches;
  Divider by_kept;

  AIFT_HD bool summed() const { return score != nullptr; }
  AIFT_HD bool wide() const { return classes > kNarrowClasses; }
};

/// score::kept_count on host and device.
AIFT_HD index_t kept_patches(index_t q, double alpha) {
  const double share = alpha * static_cast<double>(q) + 0.5;
  const index_t kept = static_cast<index_t>(share);  // positive: truncation is floor
  const index_t least = kept < 1 ? 1 : kept;
  return least < q ? least : q;
}

/// Fills the derived members of a task for tiles of `tile` candidates.
inline void lay_out(ScoreTask& task, int tile) {
  task.tile = tile;
  task.most_kept = static_cast<int>(kept_patches(task.most_patches, task.alpha));
  // Odd distances between what neighbouring lanes read: no two of them in one bank.
  task.slots = task.classes == 2 ? task.most_patches | 1 : task.most_patches;
  task.row_stride = task.classes == 2 ? 2 : task.classes | 1;
  task.by_slots = Divider::of(task.slots);
  task.by_classes = Divider::of(task.classes);
  task.by_patches = Divider::of(task.patches > 0 ? task.patches : 1);
  task.by_kept = Divider::of(task.most_kept);
}

/// Whether the rows of candidate i are refused.
AIFT_HD bool bad_offsets(const ScoreTask& task, index_t i) {
  const index_t begin = task.offsets[i];
  const index_t end = task.offsets[i + 1];
  return begin < 0 || end > task.rows || end <= begin || end - begin > task.most_patches;
}

/// Refuses the candidates first, first + step, ... whose rows are no rows.
AIFT_HD void check_offsets(const ScoreTask& task, index_t first, index_t step) {
  for (index_t i = first; i < task.candidates; i += step) {
    if (bad_offsets(task, i))
      lower(task.status, pack_status(task.first_candidate + i, 0, FaultCode::offsets));
  }
}

/// Kept patches, or cells of the matrix, of candidate i.
AIFT_HD index_t counted_in(const ScoreTask& task, index_t i, bool cells) {
  index_t q = task.patches;
  if (task.offsets != nullptr) q = bad_offsets(task, i) ? 0 : task.offsets[i + 1] - task.offsets[i];
  const index_t m = q > 0 ? kept_patches(q, task.alpha) : 0;
  return cells ? m * m : m;
}

/// One number of the input in T.
template <class T>
AIFT_HD T read_value(const ScoreTask& task, index_t at) {
  switch (task.dtype) {
    case DType::f64:
      return static_cast<T>(static_cast<const double*>(task.values)[at]);
    case DType::f32:
      return static_cast<T>(static_cast<const float*>(task.values)[at]);
    case DType::f16:
      return static_cast<T>(to_float(static_cast<const half_t*>(task.values)[at]));
    case DType::bf16:
      break;
  }
  return static_cast<T>(to_float(static_cast<const bfloat16_t*>(task.values)[at]));
}

template <class T>
struct Bounds {
  T eps;
  T tolerance;
  T least;      ///< a probability below it is refused
  bool normal;  ///< no logarithm gets a subnormal number

  explicit AIFT_HD Bounds(const ScoreTask& task)
      : eps(static_cast<T>(task.eps)),
        tolerance(static_cast<T>(task.dtype == DType::bf16 ? 1e-2 : 1e-3)),
        least(eps > T{0} ? T{0} : std::numeric_limits<T>::denorm_min()),
        normal(eps >= std::numeric_limits<T>::min()) {}

  AIFT_HD T log_of(T p) const {
    return normal ? math::log_normal_lane<math::Lane<T>>(p + eps) : math::log(p + eps);
  }
};

template <class T>
AIFT_HD bool is_finite(T x) {
  const T size = x < T{0} ? -x : x;
  return size <= std::numeric_limits<T>::max();
}

/// Logits further apart than this are as good as certain; the bound keeps 0 * w a number.
template <class T>
AIFT_HD T clamp_w(T w) {
  constexpr T kFloor =
      std::is_same_v<T, double> ? static_cast<T>(-0x1p500) : static_cast<T>(-0x1p100);
  return w < kFloor ? kFloor : w;
}

/// The fault of a patch: of its first refused value, else of its sum. value(k) is the input.
template <class T, class F>
AIFT_HD FaultCode fault_of(const ScoreTask& task, const Bounds<T>& bounds, const F& value) {
  for (int k = 0; k < task.classes; ++k) {
    const T x = value(k);
    if (!is_finite(x)) return FaultCode::not_finite;
    if (task.logits) continue;
    if (x < T{0}) return FaultCode::negative;
    if (x < bounds.least) return FaultCode::zero_without_eps;
  }
  return FaultCode::row_sum;  // called for refused patches only
}

/// Working memory of a tile.
template <class T>
struct Tile {
  T* x = nullptr;                // resident: [tile, slots] rows: probabilities, or w from logits
  T* p = nullptr;                // resident, logits: probabilities in the same places
  T* kept_p = nullptr;           // direct: [most_kept, K]
  T* kept_v = nullptr;           // not resident logits: [tile, most_kept] rows of logarithms, or w
  T* largest = nullptr;          // direct, logits: [slots] maximum of a row
  T* inverse = nullptr;          // direct, logits: [slots] 1 / (1 + r)
  T* base = nullptr;             // logits: [tile, slots] entropy (direct: log1p(r); lanes: r)
  T* confidence = nullptr;       // [tile, slots] column of the dominant class
  T* entropies = nullptr;        // [tile, most_kept]
  T* class_a = nullptr;          // [tile, K]
  T* class_b = nullptr;          // [tile, K]
  index_t* first_row = nullptr;  // [tile]
  std::int32_t* kept = nullptr;  // [tile, most_kept] ascending
  std::int32_t* q = nullptr;     // [tile] patches; 0: there is no candidate
  std::int32_t* m = nullptr;     // [tile] kept patches
  std::int32_t* dominant = nullptr;  // [tile]
  std::int32_t* above = nullptr;  // [blocks of slots] of large candidates: patches above the border
  std::int32_t* equal = nullptr;  // [blocks of slots] and on it
  std::int32_t* refused = nullptr;  // [tile]
  std::uint8_t* chosen = nullptr;   // [tile, slots] whether a patch is kept
};

/// Up to this many patches a patch is kept by counting who is ahead of it.
inline constexpr int kCountedPatches = 128;
/// Patches per entry of Tile::above.
inline constexpr int kSelectionBlock = 64;

/// Cuts `bytes` into a tile's arrays; returns how many bytes that takes (with a null pointer, only
/// that).
template <class T, bool kResident>
AIFT_HD std::size_t carve(std::byte* bytes, const ScoreTask& task, Tile<T>& tile) {
  std::size_t used = 0;
  const auto take = [&](auto*& array, std::size_t count) {
    using Element = std::remove_reference_t<decltype(*array)>;
    array = bytes == nullptr || count == 0 ? nullptr : reinterpret_cast<Element*>(bytes + used);
    used += (count * sizeof(Element) + 15) / 16 * 16;
  };
  const auto c = static_cast<std::size_t>(task.tile);
  const auto q = static_cast<std::size_t>(task.slots);
  const auto m = static_cast<std::size_t>(task.most_kept);
  const auto k = static_cast<std::size_t>(task.classes);
  const auto stride = static_cast<std::size_t>(task.row_stride);
  const bool values = task.summed() || task.matrix != nullptr;
  const bool logits = task.logits;
  take(tile.x, kResident ? c * q * stride : 0);
  take(tile.p, kResident && logits ? c * q * stride : 0);
  take(tile.kept_p, !kResident && values ? m * k : 0);
  take(tile.kept_v, values ? (kResident ? (logits ? 0 : c * m * stride) : m * k) : 0);
  take(tile.largest, !kResident && logits ? q : 0);
  take(tile.inverse, !kResident && logits ? q : 0);
  take(tile.base, logits ? c * q : 0);
  take(tile.confidence, c * q);
  take(tile.entropies, values ? c * m : 0);
  take(tile.class_a, c * k);
  take(tile.class_b, task.summed() ? c * k : 0);
  take(tile.first_row, c);
  take(tile.kept, c * m);
  take(tile.q, c);
  take(tile.m, c);
  take(tile.dominant, c);
  const std::size_t blocks = q > kCountedPatches ? (q + kSelectionBlock - 1) / kSelectionBlock : 0;
  take(tile.above, blocks);
  take(tile.equal, blocks);
  take(tile.refused, c);
  take(tile.chosen, q > kCountedPatches ? 0 : c * q);
  return used;
}

/// The phases of one tile.
template <class T, bool kLogits, bool kResident, class Group>
class ScoreBody {
 public:
  AIFT_HD ScoreBody(const Group& group, const ScoreTask& task, const Tile<T>& tile)
      : group_(group), task_(task), tile_(tile), bounds_(task) {}

  /// Candidates [first, first + tile) of the chunk, resident, two classes: a lane takes a candidate
  /// through all phases on its own. No matrices.
  AIFT_HD void run_lanes(index_t first) {
    begin(first);
    group_.sync();
    load();
    group_.sync();
    group_.each(count_, [&](int c) { lane(c); });
    group_.sync();
  }

  /// Candidates [first, first + tile) of the chunk.
  AIFT_HD void run(index_t first) {
    begin(first);
    group_.sync();
    if constexpr (kResident) {
      load();
      group_.sync();
    }
    if constexpr (kLogits) {
      softmax();
    } else {
      validate();
    }
    group_.sync();
    sum_classes();
    group_.sync();
    find_dominant();
    group_.sync();
    read_confidence();
    group_.sync();
    keep_majority();
    group_.sync();
    write_kept();
    if (task_.summed() || task_.matrix != nullptr) {
      read_kept();
      group_.sync();
      find_entropies();
      group_.sync();
      if (task_.matrix != nullptr) write_matrix();
      if (task_.summed()) {
        centre();
        group_.sync();
        finish();
      }
    }
    group_.sync();
  }

 private:
  // ---------------------------------------------------------------- where things are

  AIFT_HD int slot(int c, int j) const { return c * task_.slots + j; }
  AIFT_HD int at(int c, int j) const { return slot(c, j) * task_.row_stride; }  // resident
  AIFT_HD bool good(int c) const { return tile_.q[c] > 0 && tile_.refused[c] == 0; }
  AIFT_HD T input(int c, int j, int k) const {
    return read_value<T>(task_, (tile_.first_row[c] + j) * task_.classes + k);
  }
  /// Probability of any patch.
  AIFT_HD T probability(int c, int j, int k) const {
    if constexpr (kResident) {
      return kLogits ? tile_.p[at(c, j) + k] : tile_.x[at(c, j) + k];
    } else if constexpr (kLogits) {
      return math::exp_nonpositive(clamp_w(input(c, j, k) - tile_.largest[j])) * tile_.inverse[j];
    } else {
      return input(c, j, k);
    }
  }
  /// Probability of the t-th kept patch.
  AIFT_HD T kept_p(int c, int t, int k) const {
    if constexpr (kResident) {
      return probability(c, tile_.kept[c * task_.most_kept + t], k);
    } else {
      return tile_.kept_p[static_cast<index_t>(t) * task_.classes + k];
    }
  }
  /// Logarithm, or w, of the t-th kept patch.
  AIFT_HD T kept_v(int c, int t, int k) const {
    if constexpr (!kResident) {
      return tile_.kept_v[static_cast<index_t>(t) * task_.classes + k];
    } else if constexpr (kLogits) {
      return tile_.x[at(c, tile_.kept[c * task_.most_kept + t]) + k];
    } else {
      return tile_.kept_v[(c * task_.most_kept + t) * task_.row_stride + k];
    }
  }
  AIFT_HD void refuse(int c, int patch, FaultCode fault) const {
    lower(task_.status, pack_status(task_.first_candidate + first_ + c, patch, fault));
    tile_.refused[c] = 1;  // whoever writes it writes this
  }

  // ---------------------------------------------------------------- reading and refusing

  AIFT_HD void begin(index_t first) {
    first_ = first;
    const index_t left = task_.candidates - first;
    count_ = left < task_.tile ? static_cast<int>(left) : task_.tile;
    group_.each(count_, [&](int c) {
      const index_t i = first_ + c;
      index_t begin = i * task_.patches;
      index_t q = task_.patches;
      bool bad = false;
      if (task_.offsets != nullptr) {
        begin = task_.offsets[i];
        bad = bad_offsets(task_, i);
        q = bad ? 0 : task_.offsets[i + 1] - begin;
      }
      tile_.first_row[c] = begin;
      tile_.q[c] = static_cast<std::int32_t>(q);
      tile_.m[c] = bad ? 0 : static_cast<std::int32_t>(kept_patches(q, task_.alpha));
      tile_.refused[c] = 0;
      if (bad) refuse(c, 0, FaultCode::offsets);
    });
  }

  AIFT_HD void load() {
    if (task_.offsets == nullptr) {
      // The rows of the tile lie one after another: neighbouring lanes read neighbouring numbers.
      const index_t start = first_ * task_.patches * task_.classes;
      const int numbers = count_ * static_cast<int>(task_.patches) * task_.classes;
      switch (task_.dtype) {
        case DType::f64:
          return load_dense(static_cast<const double*>(task_.values) + start, numbers);
        case DType::f32:
          return load_dense(static_cast<const float*>(task_.values) + start, numbers);
        case DType::f16:
          return load_dense(static_cast<const half_t*>(task_.values) + start, numbers);
        case DType::bf16:
          return load_dense(static_cast<const bfloat16_t*>(task_.values) + start, numbers);
      }
    }
    for (int c = 0; c < count_; ++c) {
      const index_t start = tile_.first_row[c] * task_.classes;
      group_.each(static_cast<index_t>(tile_.q[c]) * task_.classes, [&](int i) {
        const int j = task_.by_classes.quotient(i);
        tile_.x[at(c, j) + (i - j * task_.classes)] = read_value<T>(task_, start + i);
      });
    }
  }

  static AIFT_HD T convert(double x) { return static_cast<T>(x); }
  static AIFT_HD T convert(float x) { return static_cast<T>(x); }
  static AIFT_HD T convert(half_t x) { return static_cast<T>(to_float(x)); }
  static AIFT_HD T convert(bfloat16_t x) { return static_cast<T>(to_float(x)); }

  /// Where number i of the tile goes, and then one after the other.
  struct Cursor {
    int to;
    int k;
    int j;
  };
  AIFT_HD Cursor cursor(int i) const {
    const int row = task_.by_classes.quotient(i);
    const int c = task_.by_patches.quotient(row);
    const int j = row - c * static_cast<int>(task_.patches);
    const int k = i - row * task_.classes;
    return {at(c, j) + k, k, j};
  }
  AIFT_HD void step(Cursor& cursor) const {
    ++cursor.to;
    if (++cursor.k < task_.classes) return;
    cursor.k = 0;
    cursor.to += task_.row_stride - task_.classes;
    if (++cursor.j < task_.patches) return;
    cursor.j = 0;
    cursor.to += (task_.slots - static_cast<int>(task_.patches)) * task_.row_stride;
  }

  template <class In>
  AIFT_HD void load_dense(const In* values, int numbers) {
    // 16 bytes at a time from the first multiple of 16 on; what is before and after, one by one.
    constexpr int kPack = 16 / static_cast<int>(sizeof(In));
    struct alignas(16) Pack {
      In x[kPack];
    };
    const auto address = reinterpret_cast<std::uintptr_t>(values);
    const int skew = static_cast<int>((16 - address % 16) % 16 / sizeof(In));
    const int head = skew < numbers ? skew : numbers;
    const int packs = (numbers - head) / kPack;
    const int tail = head + packs * kPack;
    group_.each(packs, [&](int i) {
      const Pack pack = *reinterpret_cast<const Pack*>(values + head + i * kPack);
      Cursor to = cursor(head + i * kPack);
      AIFT_UNROLL
      for (int a = 0; a < kPack; ++a) {
        tile_.x[to.to] = convert(pack.x[a]);
        step(to);
      }
    });
    group_.each(head, [&](int i) { tile_.x[cursor(i).to] = convert(values[i]); });
    group_.each(numbers - tail,
                [&](int i) { tile_.x[cursor(tail + i).to] = convert(values[tail + i]); });
  }

  /// f(team, c, j) for every patch of the tile.
  template <class F>
  AIFT_HD void each_patch(const F& f) {
    group_.rows(static_cast<index_t>(count_) * task_.slots, task_.wide(),
                [&](const auto& team, int row) {
                  // One candidate per group may have more patches than the divider takes.
                  const int c = count_ == 1 ? 0 : task_.by_slots.quotient(row);
                  const int j = row - c * task_.slots;
                  if (j < tile_.q[c]) f(team, c, j);
                });
  }

  AIFT_HD void validate() {
    each_patch([&](const auto& team, int c, int j) {
      bool low = false;
      const T sum = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
        const T x = probability(c, j, k);
        low = low || !(x >= bounds_.least);
        return acc + x;
      });
      const T off = sum - T{1};
      const bool bad = team.vote(low) || !((off < T{0} ? -off : off) <= bounds_.tolerance);
      if (bad && team.leads()) {
        refuse(c, j, fault_of(task_, bounds_, [&](int k) { return input(c, j, k); }));
      }
    });
  }

  AIFT_HD void softmax() {
    each_patch([&](const auto& team, int c, int j) {
      const int classes = task_.classes;
      const auto z = [&](int k) {
        if constexpr (kResident)
          return tile_.x[at(c, j) + k];
        else
          return input(c, j, k);
      };
      if (team.any(classes, [&](int k) { return !is_finite(z(k)); })) {
        if (team.leads()) refuse(c, j, FaultCode::not_finite);
        return;
      }
      const Located<T> top = team.template largest<T>(classes, z);
      if constexpr (kResident) {
        T* const w = tile_.x + at(c, j);
        T* const p = tile_.p + at(c, j);
        team.each(classes, [&](int k) {
          w[k] = clamp_w(w[k] - top.value);
          p[k] = math::exp_nonpositive(w[k]);
        });
        const T r = team.template class_sum<T>(
            classes, [&](int k, T acc) { return acc + (k == top.index ? T{0} : p[k]); });
        const T dot = team.template class_sum<T>(
            classes, [&](int k, T acc) { return math::fma(p[k], w[k], acc); });
        const T inverse = T{1} / (T{1} + r);
        team.each(classes, [&](int k) { p[k] *= inverse; });
        if (team.leads()) tile_.base[slot(c, j)] = math::fma(-dot, inverse, math::log1p(r));
      } else {
        const T r = team.template class_sum<T>(classes, [&](int k, T acc) {
          return acc + (k == top.index ? T{0} : math::exp_nonpositive(clamp_w(z(k) - top.value)));
        });
        if (team.leads()) {
          tile_.largest[j] = top.value;
          tile_.inverse[j] = T{1} / (T{1} + r);
          tile_.base[j] = math::log1p(r);
        }
      }
    });
  }

  // ---------------------------------------------------------------- who speaks for the candidate

  /// f(c, k) for every class of every good candidate.
  template <class F>
  AIFT_HD void each_class(const F& f) {
    group_.each(static_cast<index_t>(count_) * task_.classes, [&](int i) {
      const int c = count_ == 1 ? 0 : task_.by_classes.quotient(i);
      if (good(c)) f(c, i - c * task_.classes);
    });
  }

  /// Sum over patches t < n of term(t, sum of the block so far) in the order of math/sum.hpp.
  template <class F>
  static AIFT_HD T sum_over(int n, const F& term) {
    T total = 0;
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    for (int first = 0; first < n; first += kBlock) {
      const int last = n < first + kBlock ? n : first + kBlock;
      T block = 0;
      for (int t = first; t < last; ++t)
        block = term(t, block);
      total += block;
    }
    return total;
  }

  AIFT_HD void sum_classes() {
    each_class([&](int c, int k) {
      tile_.class_a[c * task_.classes + k] =
          sum_over(tile_.q[c], [&](int j, T block) { return block + probability(c, j, k); });
    });
  }

  AIFT_HD void find_dominant() {
    group_.rows(count_, task_.wide(), [&](const auto& team, int c) {
      if (!good(c)) return;
      const T* const sums = tile_.class_a + c * task_.classes;
      const Located<T> top =
          team.template largest<T>(task_.classes, [&](int k) { return sums[k]; });
      if (!team.leads()) return;
      tile_.dominant[c] = top.index;
      if (task_.dominant != nullptr) task_.dominant[first_ + c] = top.index;
    });
  }

  AIFT_HD void read_confidence() {
    group_.each(static_cast<index_t>(count_) * task_.slots, [&](int row) {
      const int c = count_ == 1 ? 0 : task_.by_slots.quotient(row);
      const int j = row - c * task_.slots;
      if (j < tile_.q[c] && good(c)) {
        tile_.confidence[row] = probability(c, j, tile_.dominant[c]);
      }
    });
  }

  AIFT_HD void keep_majority() {
    if (task_.slots > kCountedPatches) {
      for (int c = 0; c < count_; ++c)
        select_large(c);
      return;
    }
    if (task_.most_kept < task_.most_patches || task_.offsets != nullptr) {
      group_.each(static_cast<index_t>(count_) * task_.slots, [&](int row) {
        const int c = count_ == 1 ? 0 : task_.by_slots.quotient(row);
        const int j = row - c * task_.slots;
        const int q = tile_.q[c];
        if (j >= q || !good(c)) return;
        const T* const others = tile_.confidence + c * task_.slots;
        const T mine = others[j];
        int ahead = 0;
        for (int l = 0; l < j; ++l)
          ahead += others[l] >= mine ? 1 : 0;
        for (int l = j + 1; l < q; ++l)
          ahead += others[l] > mine ? 1 : 0;
        tile_.chosen[row] = ahead < tile_.m[c] ? 1 : 0;
      });
      group_.sync();
      group_.each(count_, [&](int c) {
        if (!good(c)) return;
        int held = 0;
        for (int j = 0; j < tile_.q[c]; ++j) {
          if (tile_.chosen[slot(c, j)] != 0) tile_.kept[c * task_.most_kept + held++] = j;
        }
      });
      return;
    }
    group_.each(static_cast<index_t>(count_) * task_.most_kept, [&](int i) {
      const int c = count_ == 1 ? 0 : task_.by_kept.quotient(i);
      tile_.kept[i] = i - c * task_.most_kept;
    });
  }

  using Bits = std::conditional_t<std::is_same_v<T, double>, std::uint64_t, std::uint32_t>;

  /// Bits of a number that is not negative: their order is that of the numbers.
  static AIFT_HD Bits bits_of(T x) {
    const T positive = x + T{0};  // no -0
    Bits bits;
    std::memcpy(&bits, &positive, sizeof bits);
    return bits;
  }

  AIFT_HD void select_large(int c) {
    if (!good(c)) return;  // the same for every lane
    const int q = tile_.q[c];
    const int m = tile_.m[c];
    std::int32_t* const kept = tile_.kept + c * task_.most_kept;
    const T* const confidence = tile_.confidence + slot(c, 0);
    if (m == q) {
      group_.each(q, [&](int j) { kept[j] = j; });
      return;
    }
    // The m-th largest, bit by bit from above: as many as m are not below it.
    Bits border = 0;
    int not_below = q;
    for (int bit = static_cast<int>(sizeof(T)) * 8 - 2; bit >= 0 && not_below != m; --bit) {
      const Bits trial = border | (Bits{1} << bit);
      const int count = group_.count(q, [&](int j) { return bits_of(confidence[j]) >= trial; });
      if (count >= m) {
        border = trial;
        not_below = count;
      }
    }
    // Those above are kept, and of those on it the first ones. When exactly m are not below, it
    // does not matter who is above.
    const int blocks = (q + kSelectionBlock - 1) / kSelectionBlock;
    group_.each(blocks, [&](int b) {
      int above = 0;
      int equal = 0;
      const int last = q < (b + 1) * kSelectionBlock ? q : (b + 1) * kSelectionBlock;
      for (int j = b * kSelectionBlock; j < last; ++j) {
        const Bits bits = bits_of(confidence[j]);
        above += bits > border ? 1 : 0;
        equal += bits == border ? 1 : 0;
      }
      tile_.above[b] = above;
      tile_.equal[b] = equal;
    });
    group_.sync();
    const int all_above = group_.count(q, [&](int j) { return bits_of(confidence[j]) > border; });
    const int ties = m - all_above;
    group_.each(1, [&](int) {
      int above = 0;
      int equal = 0;
      for (int b = 0; b < blocks; ++b) {
        const int a = tile_.above[b];
        const int e = tile_.equal[b];
        tile_.above[b] = above;
        tile_.equal[b] = equal;
        above += a;
        equal += e;
      }
    });
    group_.sync();
    group_.each(blocks, [&](int b) {
      int equal = tile_.equal[b];
      int held = tile_.above[b] + (equal < ties ? equal : ties);
      const int last = q < (b + 1) * kSelectionBlock ? q : (b + 1) * kSelectionBlock;
      for (int j = b * kSelectionBlock; j < last; ++j) {
        const Bits bits = bits_of(confidence[j]);
        const bool keep = bits > border || (bits == border && equal < ties);
        equal += bits == border ? 1 : 0;
        if (keep) kept[held++] = j;
      }
    });
    group_.sync();
  }

  AIFT_HD void write_kept() {
    if (task_.kept == nullptr && task_.kept_ascending == nullptr) return;
    group_.each(static_cast<index_t>(count_) * task_.most_kept, [&](int i) {
      const int c = count_ == 1 ? 0 : task_.by_kept.quotient(i);
      const int t = i - c * task_.most_kept;
      const int m = tile_.m[c];
      if (t >= m || !good(c)) return;
      const std::int32_t* const kept = tile_.kept + c * task_.most_kept;
      const index_t out = task_.kept_offsets != nullptr
                              ? task_.kept_offsets[first_ + c]
                              : (first_ + c) * static_cast<index_t>(task_.most_kept);
      if (task_.kept_ascending != nullptr) task_.kept_ascending[out + t] = kept[t];
      if (task_.kept == nullptr) return;
      const T* const confidence = tile_.confidence + slot(c, 0);
      const T mine = confidence[kept[t]];
      int ahead = 0;
      for (int other = 0; other < m; ++other) {
        const T x = confidence[kept[other]];
        ahead += x > mine || (x == mine && other < t) ? 1 : 0;
      }
      task_.kept[out + ahead] = kept[t];
    });
  }

  // ---------------------------------------------------------------- what they say

  /// f(team, c, t) for every kept patch.
  template <class F>
  AIFT_HD void each_kept(const F& f) {
    group_.rows(static_cast<index_t>(count_) * task_.most_kept, task_.wide(),
                [&](const auto& team, int row) {
                  const int c = count_ == 1 ? 0 : task_.by_kept.quotient(row);
                  const int t = row - c * task_.most_kept;
                  if (t < tile_.m[c] && good(c)) f(team, c, t);
                });
  }

  AIFT_HD void read_kept() {
    if constexpr (kResident && kLogits) return;
    if constexpr (kResident) {
      each_kept([&](const auto& team, int c, int t) {
        const T* const p = tile_.x + at(c, tile_.kept[c * task_.most_kept + t]);
        T* const v =
            tile_.kept_v + static_cast<index_t>(c * task_.most_kept + t) * task_.row_stride;
        team.each(task_.classes, [&](int k) { v[k] = bounds_.log_of(p[k]); });
      });
    } else {
      each_kept([&](const auto& team, int c, int t) {
        const int j = tile_.kept[t];
        T* const p = tile_.kept_p + static_cast<index_t>(t) * task_.classes;
        T* const v = tile_.kept_v + static_cast<index_t>(t) * task_.classes;
        if constexpr (kLogits) {
          const T inverse = tile_.inverse[j];
          const T dot = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
            const T w = clamp_w(input(c, j, k) - tile_.largest[j]);
            const T e = math::exp_nonpositive(w);
            v[k] = w;
            p[k] = e * inverse;
            return math::fma(e, w, acc);
          });
          if (team.leads()) tile_.entropies[t] = math::fma(-dot, inverse, tile_.base[j]);
        } else {
          team.each(task_.classes, [&](int k) {
            const T x = input(c, j, k);
            p[k] = x;
            v[k] = bounds_.log_of(x);
          });
        }
      });
    }
  }

  AIFT_HD void find_entropies() {
    if constexpr (kLogits && !kResident) return;  // done while they were read
    each_kept([&](const auto& team, int c, int t) {
      const int out = c * task_.most_kept + t;
      if constexpr (kLogits) {
        if (team.leads()) tile_.entropies[out] = tile_.base[slot(c, tile_.kept[out])];
        return;
      }
      const T dot = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
        return math::fma(kept_p(c, t, k), kept_v(c, t, k), acc);
      });
      if (team.leads()) tile_.entropies[out] = T{0} - dot;
    });
  }

  AIFT_HD void write_matrix() {
    const T lambda1 = static_cast<T>(task_.lambda1);
    const T lambda2 = static_cast<T>(task_.lambda2);
    for (int c = 0; c < count_; ++c) {
      if (!good(c)) continue;
      const int m = tile_.m[c];
      const index_t cell = static_cast<index_t>(task_.most_kept) * task_.most_kept;
      double* const out =
          task_.matrix + (task_.matrix_offsets != nullptr ? task_.matrix_offsets[first_ + c]
                                                          : (first_ + c) * cell);
      // Narrow rows: every cell for itself (both halves give the same bits), so that neighbours are
      // written together. Wide rows: each pair once.
      const bool wide = task_.wide();
      group_.rows(static_cast<index_t>(m) * m, wide, [&](const auto& team, int i) {
        const int t = i / m;
        const int l = i - t * m;
        if (t == l) {
          if (team.leads())
            out[i] = static_cast<double>(lambda1 * tile_.entropies[c * task_.most_kept + t]);
          return;
        }
        if (wide && l < t) return;
        const T d = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
          return math::fma(kept_p(c, t, k) - kept_p(c, l, k), kept_v(c, t, k) - kept_v(c, l, k),
                           acc);
        });
        if (!team.leads()) return;
        const double value = static_cast<double>(lambda2 * (d > T{0} ? d : T{0}));
        out[i] = value;
        if (wide) out[static_cast<index_t>(l) * m + t] = value;
      });
    }
  }

  /// Per class: mean over the kept patches into class_a, sum of products of deviations into
  /// class_b.
  AIFT_HD void centre() {
    each_class([&](int c, int k) {
      const int m = tile_.m[c];
      const T share = T{1} / static_cast<T>(m);
      const T p0 = kept_p(c, 0, k);
      const T v0 = kept_v(c, 0, k);
      const T mean_p =
          sum_over(m, [&](int t, T block) { return block + (kept_p(c, t, k) - p0); }) * share;
      const T mean_v =
          sum_over(m, [&](int t, T block) { return block + (kept_v(c, t, k) - v0); }) * share;
      tile_.class_b[c * task_.classes + k] = sum_over(m, [&](int t, T block) {
        return math::fma((kept_p(c, t, k) - p0) - mean_p, (kept_v(c, t, k) - v0) - mean_v, block);
      });
      const T mean = mean_p + p0;
      tile_.class_a[c * task_.classes + k] = mean;
      if (task_.mean_probabilities != nullptr) {
        task_.mean_probabilities[(first_ + c) * task_.classes + k] = static_cast<double>(mean);
      }
    });
  }

  AIFT_HD void finish() {
    group_.rows(count_, task_.wide(), [&](const auto& team, int c) {
      if (!good(c)) return;
      const T* const e = tile_.entropies + c * task_.most_kept;
      const T* const products = tile_.class_b + c * task_.classes;
      const T entropy_sum = sum_over(tile_.m[c], [&](int t, T block) { return block + e[t]; });
      const T product = team.template class_sum<T>(task_.classes,
                                                   [&](int k, T acc) { return acc + products[k]; });
      write_score(team, c, task_.classes, entropy_sum, product, tile_.class_a + c * task_.classes);
    });
  }

  /// The numbers of a candidate from its sums; mean [classes].
  template <class Team>
  AIFT_HD void write_score(const Team& team, int c, int classes, T entropy_sum, T product,
                           const T* mean) const {
    const int m = tile_.m[c];
    const T entropy_mean = entropy_sum / static_cast<T>(m);
    const T entropy = task_.mean_of_entropies ? entropy_mean : entropy_sum;
    const T pairs = task_.ordered_pairs ? T{2} : T{1};
    const T raw = (pairs * static_cast<T>(m)) * product;
    const T diversity = raw > T{0} ? raw : T{0};  // never negative but by rounding
    T score = 0;
    switch (task_.rank) {
      case Rank::entropy:
        score = entropy;
        break;
      case Rank::diversity:
        score = diversity;
        break;
      case Rank::aift:
        score = static_cast<T>(task_.lambda1) * entropy + static_cast<T>(task_.lambda2) * diversity;
        break;
      case Rank::bald: {
        const T dot = team.template class_sum<T>(classes, [&](int k, T acc) {
          const T x = mean[k];
          const T v = kLogits ? (x > T{0} ? math::log(x) : T{0}) : math::log(x + bounds_.eps);
          return math::fma(x, v, acc);
        });
        score = -dot - entropy_mean;
        break;
      }
      case Rank::least_confidence:
      case Rank::margin: {
        const TopTwo<T> top = team.template top_two<T>(classes, [&](int k) { return mean[k]; });
        score = task_.rank == Rank::margin ? T{1} - (top.first - top.second) : T{1} - top.first;
        break;
      }
    }
    if (!team.leads()) return;
    task_.score[first_ + c] = static_cast<double>(score);
    if (task_.entropy != nullptr) task_.entropy[first_ + c] = static_cast<double>(entropy);
    if (task_.diversity != nullptr) task_.diversity[first_ + c] = static_cast<double>(diversity);
  }

  // ---------------------------------------------------------------- a lane per candidate, K = 2

  struct alignas(2 * sizeof(T)) Pair {
    T a;
    T b;
  };

  /// The m-th largest of q values, by keeping the kMost >= m largest in order.
  template <int kMost>
  AIFT_HD static Bits border_by_insertion(const T* values, int q, int m) {
    Bits best[kMost];
    AIFT_UNROLL
    for (int a = 0; a < kMost; ++a)
      best[a] = 0;
    for (int j = 0; j < q; ++j) {
      Bits x = bits_of(values[2 * j]);
      AIFT_UNROLL
      for (int a = 0; a < kMost; ++a) {
        const Bits larger = x > best[a] ? x : best[a];
        x = x > best[a] ? best[a] : x;
        best[a] = larger;
      }
    }
    Bits border = best[0];
    AIFT_UNROLL
    for (int a = 1; a < kMost; ++a)
      border = a < m ? best[a] : border;
    return border;
  }

  /// A number that divides the values: of those on it as many are kept as fit. values: every
  /// second.
  AIFT_HD static Bits find_border(const T* values, int q, int m) {
    if (m <= 4) return border_by_insertion<4>(values, q, m);
    if (m <= 8) return border_by_insertion<8>(values, q, m);
    if (m <= 10) return border_by_insertion<10>(values, q, m);
    if (m <= 16) return border_by_insertion<16>(values, q, m);
    Bits border = 0;
    int not_below = q;
    for (int bit = static_cast<int>(sizeof(T)) * 8 - 2; bit >= 0 && not_below != m; --bit) {
      const Bits trial = border | (Bits{1} << bit);
      int count = 0;
      for (int j = 0; j < q; ++j)
        count += bits_of(values[2 * j]) >= trial ? 1 : 0;
      if (count >= m) {
        border = trial;
        not_below = count;
      }
    }
    return border;
  }

  AIFT_HD void lane(int c) {
    const int q = tile_.q[c];
    const int m = tile_.m[c];
    if (q == 0) return;  // refused
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    Pair* const x = reinterpret_cast<Pair*>(tile_.x + at(c, 0));
    Pair* const p = kLogits ? reinterpret_cast<Pair*>(tile_.p + at(c, 0)) : x;
    T* const base = tile_.base + slot(c, 0);

    // Refuse, or not; sums over all patches.
    Pair sum{T{0}, T{0}};
    for (int first = 0; first < q; first += kBlock) {
      const int last = q < first + kBlock ? q : first + kBlock;
      Pair block{T{0}, T{0}};
      for (int j = first; j < last; ++j) {
        const Pair in = x[j];
        Pair now = in;
        if constexpr (kLogits) {
          if (!is_finite(in.a) || !is_finite(in.b)) return refuse(c, j, FaultCode::not_finite);
          const bool second = in.b > in.a;
          const T w = clamp_w(second ? in.a - in.b : in.b - in.a);
          const T r = math::exp_nonpositive(w);
          const T inverse = T{1} / (T{1} + r);
          const T rest = r * inverse;
          now = second ? Pair{rest, inverse} : Pair{inverse, rest};
          x[j] = second ? Pair{w, T{0}} : Pair{T{0}, w};
          p[j] = now;
          base[j] = r;
        } else {
          const T off = (in.a + in.b) - T{1};
          const bool fine = in.a >= bounds_.least && in.b >= bounds_.least &&
                            (off < T{0} ? -off : off) <= bounds_.tolerance;
          if (!fine) {
            return refuse(c, j,
                          fault_of(task_, bounds_, [&](int k) { return k == 0 ? in.a : in.b; }));
          }
        }
        block.a += now.a;
        block.b += now.b;
      }
      sum.a += block.a;
      sum.b += block.b;
    }

    // Who speaks.
    const int dominant = sum.b > sum.a ? 1 : 0;
    if (task_.dominant != nullptr) task_.dominant[first_ + c] = dominant;
    const T* const column = reinterpret_cast<const T*>(p) + dominant;
    std::int32_t* const kept = tile_.kept + c * task_.most_kept;
    if (m == q) {
      for (int j = 0; j < q; ++j)
        kept[j] = j;
    } else {
      const Bits border = find_border(column, q, m);
      int above = 0;
      for (int j = 0; j < q; ++j)
        above += bits_of(column[2 * j]) > border ? 1 : 0;
      int ties = m - above;
      int held = 0;
      for (int j = 0; j < q && held < m; ++j) {
        const Bits bits = bits_of(column[2 * j]);
        const bool tie = bits == border && ties > 0;
        if (tie) --ties;
        if (bits > border || tie) kept[held++] = j;
      }
    }
    if (task_.kept != nullptr) {
      const index_t out = task_.kept_offsets != nullptr
                              ? task_.kept_offsets[first_ + c]
                              : (first_ + c) * static_cast<index_t>(task_.most_kept);
      for (int t = 0; t < m; ++t) {
        const T mine = column[2 * kept[t]];
        int ahead = 0;
        for (int other = 0; other < m; ++other) {
          const T its = column[2 * kept[other]];
          ahead += its > mine || (its == mine && other < t) ? 1 : 0;
        }
        task_.kept[out + ahead] = kept[t];
      }
    }
    if (!task_.summed()) return;

    // What they say: entropies, and deviations from the first kept patch.
    Pair* const v =
        kLogits ? nullptr : reinterpret_cast<Pair*>(tile_.kept_v + c * task_.most_kept * 2);
    T entropy = 0;
    Pair total_p{T{0}, T{0}};
    Pair total_v{T{0}, T{0}};
    Pair p0{};
    Pair v0{};
    for (int first = 0; first < m; first += kBlock) {
      const int last = m < first + kBlock ? m : first + kBlock;
      T block = 0;
      Pair block_p{T{0}, T{0}};
      Pair block_v{T{0}, T{0}};
      for (int t = first; t < last; ++t) {
        const int j = kept[t];
        const Pair pt = p[j];
        Pair vt;
        T e;
        if constexpr (kLogits) {
          vt = x[j];
          const T r = base[j];
          const bool second = vt.a < T{0};  // 1 / (1 + r) is the P of the largest
          e = math::fma(-(r * (second ? vt.a : vt.b)), second ? pt.b : pt.a, math::log1p(r));
        } else {
          vt = {bounds_.log_of(pt.a), bounds_.log_of(pt.b)};
          v[t] = vt;
          e = T{0} - (math::fma(pt.a, vt.a, T{0}) + math::fma(pt.b, vt.b, T{0}));
        }
        if (t == 0) {
          p0 = pt;
          v0 = vt;
        }
        block += e;
        block_p.a += pt.a - p0.a;
        block_p.b += pt.b - p0.b;
        block_v.a += vt.a - v0.a;
        block_v.b += vt.b - v0.b;
      }
      entropy += block;
      total_p.a += block_p.a;
      total_p.b += block_p.b;
      total_v.a += block_v.a;
      total_v.b += block_v.b;
    }
    const T share = T{1} / static_cast<T>(m);
    const Pair mean_p{total_p.a * share, total_p.b * share};
    const Pair mean_v{total_v.a * share, total_v.b * share};
    Pair product{T{0}, T{0}};
    for (int first = 0; first < m; first += kBlock) {
      const int last = m < first + kBlock ? m : first + kBlock;
      Pair block{T{0}, T{0}};
      for (int t = first; t < last; ++t) {
        const Pair pt = p[kept[t]];
        const Pair vt = kLogits ? x[kept[t]] : v[t];
        block.a = math::fma((pt.a - p0.a) - mean_p.a, (vt.a - v0.a) - mean_v.a, block.a);
        block.b = math::fma((pt.b - p0.b) - mean_p.b, (vt.b - v0.b) - mean_v.b, block.b);
      }
      product.a += block.a;
      product.b += block.b;
    }
    const T mean[2] = {mean_p.a + p0.a, mean_p.b + p0.b};
    if (task_.mean_probabilities != nullptr) {
      task_.mean_probabilities[2 * (first_ + c)] = static_cast<double>(mean[0]);
      task_.mean_probabilities[2 * (first_ + c) + 1] = static_cast<double>(mean[1]);
    }
    write_score(LaneTeam{}, c, 2, entropy, (product.a + product.b) + T{0}, mean);
  }

  const Group& group_;
  const ScoreTask& task_;
  const Tile<T>& tile_;
  Bounds<T> bounds_;
  index_t first_ = 0;
  int count_ = 0;
};

/// e_j of the rows [first, first + count) of a chunk, straight from memory: no state but registers.
template <class T, bool kLogits, class Group>
AIFT_HD void patch_entropies_body(const Group& group, const ScoreTask& task, index_t first,
                                  index_t count) {
  const Bounds<T> bounds(task);
  const int classes = task.classes;
  // Row numbers count from the first row of the chunk; who owns a row matters only when it is bad.
  const index_t origin = task.offsets != nullptr ? task.offsets[0] : 0;
  const auto refuse = [&](index_t row, FaultCode fault) {
    index_t candidate = 0;
    index_t patch = 0;
    if (task.offsets == nullptr) {
      candidate = row / task.patches;
      patch = row - candidate * task.patches;
    } else {
      index_t last = task.candidates;  // offsets[candidate] <= row < offsets[last]
      while (last - candidate > 1) {
        const index_t middle = candidate + (last - candidate) / 2;
        if (task.offsets[middle] <= row)
          candidate = middle;
        else
          last = middle;
      }
      patch = row - task.offsets[candidate];
      if (patch < 0 || patch >= task.most_patches) {
        patch = 0;
        fault = FaultCode::offsets;
      }
    }
    lower(task.status, pack_status(task.first_candidate + candidate, patch, fault));
  };
  group.rows(count, task.wide(), [&](const auto& team, int r) {
    const index_t row = origin + first + r;
    const auto x = [&](int k) { return read_value<T>(task, row * classes + k); };
    T entropy{0};
    if constexpr (kLogits) {
      if (team.any(classes, [&](int k) { return !is_finite(x(k)); })) {
        if (team.leads()) refuse(row, FaultCode::not_finite);
        return;
      }
      const Located<T> top = team.template largest<T>(classes, x);
      const T sum = team.template class_sum<T>(classes, [&](int k, T acc) {
        return acc + (k == top.index ? T{0} : math::exp_nonpositive(clamp_w(x(k) - top.value)));
      });
      const T dot = team.template class_sum<T>(classes, [&](int k, T acc) {
        const T w = clamp_w(x(k) - top.value);
        return math::fma(math::exp_nonpositive(w), w, acc);
      });
      entropy = math::fma(-dot, T{1} / (T{1} + sum), math::log1p(sum));
    } else {
      bool low = false;
      const T sum = team.template class_sum<T>(classes, [&](int k, T acc) {
        const T p = x(k);
        low = low || !(p >= bounds.least);
        return acc + p;
      });
      const T off = sum - T{1};
      if (team.vote(low) || !((off < T{0} ? -off : off) <= bounds.tolerance)) {
        if (team.leads()) refuse(row, fault_of(task, bounds, x));
        return;
      }
      entropy = T{0} - team.template class_sum<T>(classes, [&](int k, T acc) {
        return math::fma(x(k), bounds.log_of(x(k)), acc);
      });
    }
    if (team.leads()) task.patch_entropy[row - origin] = static_cast<double>(entropy);
  });
}

}  // namespace aift::cuda::detail
