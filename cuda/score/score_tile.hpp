// SPDX-License-Identifier: Apache-2.0
#pragma once

// A tile of candidates: its working memory, how predictions get there, and what is written in the
// end. The forms (score_body.hpp, score_lane.hpp) build on it.

#include "score_task.hpp"

namespace aift::cuda::detail {

/// Where a tile's predictions are while they are worked on; the values of ScoreForm.
enum class Form : std::uint8_t { lane, resident, direct };

/// Working memory of a tile: numbers of T, predictions as S. What a form or a task has no use for is null.
template <class T, class S = T>
struct Tile {
  S* x = nullptr;                    // [tile, slots, K] probabilities, once they are known
  T* w = nullptr;                    // lanes, logits: [tile, slots, K]
  T* kept_p = nullptr;               // direct, logits: [most_kept, K]
  T* kept_v = nullptr;               // [tile, most_kept, K] logarithms, or w
  T* largest = nullptr;              // logits: [tile, slots] maximum of a row
  T* inverse = nullptr;              // direct, logits: [slots] 1 / (1 + r)
  T* base = nullptr;                 // logits: [tile, slots] entropy (direct: log1p(r); lanes: r)
  T* confidence = nullptr;           // [tile, slots] column of the dominant class
  T* entropies = nullptr;            // [tile, most_kept]
  T* class_a = nullptr;              // [tile, K]
  T* class_b = nullptr;              // [tile, K]
  index_t* first_row = nullptr;      // [tile]
  std::int32_t* kept = nullptr;      // [tile, most_kept] ascending
  std::int32_t* q = nullptr;         // [tile] patches; 0: there is no candidate
  std::int32_t* m = nullptr;         // [tile] kept patches
  std::int32_t* dominant = nullptr;  // [tile]
  std::int32_t* above = nullptr;  // [blocks of slots] of large candidates: patches above the border
  std::int32_t* equal = nullptr;  // [blocks of slots] and on it
  std::int32_t* refused = nullptr;  // [tile]
  std::uint32_t* chosen = nullptr;  // [tile, kChosenWords] a bit per patch
};

/// Up to this many patches a patch is kept by counting who is ahead of it.
inline constexpr int kCountedPatches = 128;
/// Words with a bit for each of them.
inline constexpr int kChosenWords = kCountedPatches / 32;
/// Patches per entry of Tile::above.
inline constexpr int kSelectionBlock = 64;

/// Cuts `bytes` into a tile's arrays; returns how many bytes that takes (with a null pointer, only
/// that).
template <Form kForm, class T, class S>
AIFT_HD std::size_t carve(std::byte* bytes, const ScoreTask& task, Tile<T, S>& tile) {
  constexpr bool kLane = kForm == Form::lane;
  constexpr bool kDirect = kForm == Form::direct;
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
  const bool values = task.summed() || task.matrix != nullptr;
  const bool logits = task.logits;
  const bool logs =
      kLane ? !logits && values && 2 * m > q : values && (task.keep_logs || (kDirect && logits));
  take(tile.x, kDirect ? 0 : c * q * k);
  take(tile.w, kLane && logits ? c * q * k : 0);
  take(tile.kept_p, kDirect && logits && values ? m * k : 0);
  take(tile.kept_v, logs ? c * m * k : 0);
  take(tile.largest, !kLane && logits ? c * q : 0);
  take(tile.inverse, kDirect && logits ? q : 0);
  take(tile.base, logits ? c * q : 0);
  take(tile.confidence, kLane || task.by_lane() ? 0 : c * q);
  take(tile.entropies, values && !kLane ? c * m : 0);
  take(tile.class_a, kLane ? 0 : c * k);
  take(tile.class_b, values && !kLane ? c * k : 0);
  take(tile.first_row, c);
  take(tile.kept, !kLane || task.kept != nullptr ? c * m : 0);
  take(tile.q, c);
  take(tile.m, c);
  take(tile.dominant, kLane ? 0 : c);
  const bool large = q > kCountedPatches;
  const std::size_t blocks = large ? (q + kSelectionBlock - 1) / kSelectionBlock : 0;
  take(tile.above, blocks);
  take(tile.equal, blocks);
  take(tile.refused, c);
  take(tile.chosen, large || kLane || task.by_lane() ? 0 : c * kChosenWords);
  return used;
}

/// What the forms share.
template <class T, class S, bool kLogits, class Group>
class TileBody {
 public:
  AIFT_HD TileBody(const Group& group, const ScoreTask& task, const Tile<T, S>& tile)
      : group_(group), task_(task), tile_(tile), bounds_(task) {}

 protected:
  AIFT_HD int slot(int c, int j) const { return c * task_.slots + j; }
  AIFT_HD bool good(int c) const { return tile_.q[c] > 0 && tile_.refused[c] == 0; }
  AIFT_HD void refuse(int c, int patch, FaultCode fault) const {
    lower(task_.status, pack_status(task_.first_candidate + first_ + c, patch, fault));
    tile_.refused[c] = 1;  // whoever writes it writes this
  }

  /// Candidates [first, first + tile) of the chunk are next.
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
    if (tile_.chosen != nullptr)
      group_.each(count_ * kChosenWords, [&](int i) { tile_.chosen[i] = 0; });
  }

  /// The predictions of the tile into tile_.x.
  AIFT_HD void load() {
    switch (task_.dtype) {
      case DType::f64:
        return load_from(static_cast<const double*>(task_.values));
      case DType::f32:
        return load_from(static_cast<const float*>(task_.values));
      case DType::f16:
        return load_from(static_cast<const half_t*>(task_.values));
      case DType::bf16:
        return load_from(static_cast<const bfloat16_t*>(task_.values));
    }
  }

  /// Asks for the predictions of the tile that begins with candidate `next`.
  AIFT_HD void prefetch_tile(index_t next) const {
    if (task_.offsets != nullptr || next >= task_.candidates) return;
    const index_t left = task_.candidates - next;
    const index_t row_bytes = task_.classes * bytes_of(task_.dtype);
    const index_t tile_bytes = (left < task_.tile ? left : task_.tile) * task_.patches * row_bytes;
    const auto* const from =
        static_cast<const std::byte*>(task_.values) + next * task_.patches * row_bytes;
    constexpr int kLine = 128;
    group_.each((tile_bytes + kLine - 1) / kLine,
                [&](int i) { prefetch(from + static_cast<index_t>(i) * kLine); });
  }

  /// Sum over patches t < n of term(t, sum of the block so far) in the order of math/sum.hpp.
  template <class F>
  static AIFT_HD T sum_over(int n, const F& term) {
    T total = 0;
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    for (int first = 0; first < n; first += kBlock) {
      const int last = n < first + kBlock ? n : first + kBlock;
      T block = 0;
      AIFT_UNROLL_4
      for (int t = first; t < last; ++t)
        block = term(t, block);
      total += block;
    }
    return total;
  }

  using Bits = std::conditional_t<std::is_same_v<T, double>, std::uint64_t, std::uint32_t>;

  /// Bits of a number that is not negative: their order is that of the numbers.
  static AIFT_HD Bits bits_of(T x) {
    const T positive = x + T{0};  // no -0
    Bits bits;
    std::memcpy(&bits, &positive, sizeof bits);
    return bits;
  }

  /// What divides the kept patches from the others: `all` of those on it when no more than m are not
  /// below it, else the first `ties`.
  struct Border {
    Bits bits = 0;
    int ties = 0;
    bool all = true;

    AIFT_HD T value() const {
      T x;
      std::memcpy(&x, &bits, sizeof x);
      return x;
    }
    /// Whether the next patch is kept; `ties` is what is left of those on the border.
    AIFT_HD bool keeps(T confidence, int& ties_left) const {
      const T least = value();
      return confidence > least || (confidence == least && ties_left-- > 0);
    }
  };

  AIFT_HD static void order(Bits& larger, Bits& smaller) {
    const Bits a = larger;
    const Bits b = smaller;
    larger = a > b ? a : b;
    smaller = a > b ? b : a;
  }
  /// Eight numbers, largest first (Batcher's odd-even merge sort).
  AIFT_HD static void sort_eight(Bits* x) {
    constexpr int kPairs[19][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6},
                                   {5, 7}, {1, 2}, {5, 6}, {0, 4}, {1, 5}, {2, 6}, {3, 7},
                                   {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
    AIFT_UNROLL
    for (int i = 0; i < 19; ++i)
      order(x[kPairs[i][0]], x[kPairs[i][1]]);
  }

  /// From the kMost > m largest, in order: eight patches at a time are sorted and merged in.
  template <int kMost, class Value>
  AIFT_HD static Border border_by_merging(const Value& value, int q, int m) {
    constexpr int kEight = 8;
    constexpr int kRoom = kMost <= kEight ? kEight : kMost <= 16 ? 16 : 32;
    Bits best[kRoom];
    AIFT_UNROLL
    for (int a = 0; a < kRoom; ++a)
      best[a] = 0;
    const auto merge = [&](Bits* next) {
      sort_eight(next);
      // Of both lists the larger ones: rising to a point and falling from there, or the other way.
      AIFT_UNROLL
      for (int a = 0; a < kEight; ++a) {
        Bits& other = best[kRoom - 1 - a];
        other = next[a] > other ? next[a] : other;
      }
      AIFT_UNROLL
      for (int stride = kRoom / 2; stride > 0; stride /= 2) {
        AIFT_UNROLL
        for (int a = 0; a < kRoom; ++a) {
          if ((a & stride) == 0) order(best[a], best[a + stride]);
        }
      }
      AIFT_UNROLL
      for (int a = kMost; a < kRoom; ++a)
        best[a] = 0;
    };
    Bits eight[kEight];
    int first = 0;
    for (; first + kEight <= q; first += kEight) {
      AIFT_UNROLL
      for (int a = 0; a < kEight; ++a)
        eight[a] = bits_of(value(first + a));
      merge(eight);
    }
    if (first < q) {
      AIFT_UNROLL
      for (int a = 0; a < kEight; ++a)
        eight[a] = first + a < q ? bits_of(value(first + a)) : 0;
      merge(eight);
    }
    Border border;
    Bits next = 0;
    AIFT_UNROLL
    for (int a = 0; a < kMost; ++a) {
      border.bits = a == m - 1 ? best[a] : border.bits;
      next = a == m ? best[a] : next;
    }
    border.all = next != border.bits;
    border.ties = m;
    AIFT_UNROLL
    for (int a = 0; a < kMost; ++a)
      border.ties -= best[a] > border.bits ? 1 : 0;
    return border;
  }

  /// Of m < q patches; value(j) is the confidence of one.
  template <class Value>
  AIFT_HD static Border find_border(const Value& value, int q, int m) {
    if (m < 4) return border_by_merging<4>(value, q, m);
    if (m < 7) return border_by_merging<7>(value, q, m);
    if (m < 10) return border_by_merging<10>(value, q, m);
    if (m < 17) return border_by_merging<17>(value, q, m);
    Border border;
    int not_below = q;
    for (int bit = static_cast<int>(sizeof(T)) * 8 - 2; bit >= 0 && not_below != m; --bit) {
      const Bits trial = border.bits | (Bits{1} << bit);
      int count = 0;
      AIFT_UNROLL_4
      for (int j = 0; j < q; ++j)
        count += bits_of(value(j)) >= trial ? 1 : 0;
      if (count >= m) {
        border.bits = trial;
        not_below = count;
      }
    }
    border.all = not_below == m;
    border.ties = m;
    for (int j = 0; j < q && !border.all; ++j)
      border.ties -= bits_of(value(j)) > border.bits ? 1 : 0;
    return border;
  }

  /// Where the kept patches of candidate c are written.
  AIFT_HD index_t kept_begin(int c) const {
    return task_.kept_offsets != nullptr ? task_.kept_offsets[first_ + c]
                                         : (first_ + c) * static_cast<index_t>(task_.most_kept);
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
        const Two<T> top = team.template top_two<T>(classes, [&](int k) { return mean[k]; });
        score = task_.rank == Rank::margin ? T{1} - (top.first - top.second) : T{1} - top.first;
        break;
      }
    }
    if (!team.leads()) return;
    task_.score[first_ + c] = static_cast<double>(score);
    if (task_.entropy != nullptr) task_.entropy[first_ + c] = static_cast<double>(entropy);
    if (task_.diversity != nullptr) task_.diversity[first_ + c] = static_cast<double>(diversity);
  }

  const Group& group_;
  const ScoreTask& task_;
  const Tile<T, S>& tile_;
  Bounds<T> bounds_;
  index_t first_ = 0;
  int count_ = 0;

 private:
  static AIFT_HD S convert(double x) { return static_cast<S>(x); }
  static AIFT_HD S convert(float x) { return static_cast<S>(x); }
  static AIFT_HD S convert(half_t x) { return static_cast<S>(to_float(x)); }
  static AIFT_HD S convert(bfloat16_t x) { return static_cast<S>(to_float(x)); }

  static AIFT_HD index_t bytes_of(DType dtype) {
    return dtype == DType::f64 ? 8 : dtype == DType::f32 ? 4 : 2;
  }
  template <class X>
  static AIFT_HD bool aligned(const X* address, std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
  }

  template <class In>
  AIFT_HD void load_from(const In* values) {
    const int classes = task_.classes;
    if (task_.offsets != nullptr) {
      for (int c = 0; c < count_; ++c) {
        copy(values + tile_.first_row[c] * classes, tile_.x + slot(c, 0) * classes,
             tile_.q[c] * classes);
      }
    } else {
      const auto q = static_cast<int>(task_.patches);
      const In* const from = values + first_ * q * classes;
      if (q == task_.slots) {
        copy(from, tile_.x, count_ * q * classes);
      } else {
        copy_spread(from, count_ * q);
      }
    }
    wait_copies();
  }

  template <class X, int kCount>
  struct alignas(kCount * sizeof(X) < 16 ? kCount * sizeof(X) : 16) Pack {
    X x[kCount];
  };
  template <class In, int kCount>
  static AIFT_HD Pack<S, kCount> convert(const Pack<In, kCount>& in) {
    Pack<S, kCount> out;
    AIFT_UNROLL
    for (int a = 0; a < kCount; ++a)
      out.x[a] = convert(in.x[a]);
    return out;
  }

  /// Numbers that lie one after another here and there.
  template <class In>
  AIFT_HD void copy(const In* from, S* to, int numbers) const {
    constexpr int kPack = 16 / static_cast<int>(sizeof(In));
    using InPack = Pack<In, kPack>;
    using OutPack = Pack<S, kPack>;
    int done = 0;
    if (aligned(from, 16) && aligned(to, 16)) {
      const auto* const packs = reinterpret_cast<const InPack*>(from);
      auto* const out = reinterpret_cast<OutPack*>(to);
      const int count = numbers / kPack;
      if constexpr (std::is_same_v<In, S>) {
        group_.each(count, [&](int i) { copy_async(out + i, packs + i); });
      } else {
        group_.batches(
            count, [&](int i) { return packs[i]; },
            [&](int i, const InPack& pack) { out[i] = convert(pack); });
      }
      done = count * kPack;
    }
    group_.batches(
        numbers - done, [&](int i) { return from[done + i]; },
        [&](int i, In x) { to[done + i] = convert(x); });
  }

  using Row = Pack<S, 2>;
  /// Patch `patch` of pair `pair` of the tile's patches: two classes, an even number of patches per
  /// candidate, an odd number of slots.
  AIFT_HD Row* spread_row(int pair, int patch) const {
    const int c = count_ == 1 ? 0 : task_.by_pairs.quotient(pair);
    return reinterpret_cast<Row*>(tile_.x) +
           (2 * pair + patch + c * (task_.slots - static_cast<int>(task_.patches)));
  }
  /// `rows` such patches.
  template <class In>
  AIFT_HD void copy_spread(const In* from, int rows) {
    constexpr int kRows = 4;
    using Unit = Pack<In, 2 * kRows>;
    if constexpr (std::is_same_v<In, S>) {
      if (task_.patches % kRows == 0 && aligned(from, alignof(Row))) {
        const auto* const in = reinterpret_cast<const Row*>(from);
        group_.each(rows / kRows, [&](int i) {
          Row* const out = spread_row(i * (kRows / 2), 0);
          AIFT_UNROLL
          for (int a = 0; a < kRows; ++a)
            copy_async(out + a, in + kRows * i + a);
        });
        return;
      }
    } else if (task_.patches % kRows == 0 && aligned(from, alignof(Unit))) {
      const auto* const in = reinterpret_cast<const Unit*>(from);
      group_.batches(
          rows / kRows, [&](int i) { return in[i]; },
          [&](int i, const Unit& unit) {
            Row* const out = spread_row(i * (kRows / 2), 0);
            AIFT_UNROLL
            for (int a = 0; a < kRows; ++a)
              out[a] = {{convert(unit.x[2 * a]), convert(unit.x[2 * a + 1])}};
          });
      return;
    }
    group_.each(rows, [&](int i) {
      *spread_row(i / 2, i % 2) = {{convert(from[2 * i]), convert(from[2 * i + 1])}};
    });
  }
};

}  // namespace aift::cuda::detail
