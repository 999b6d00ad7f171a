// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "score_tile.hpp"

namespace aift::cuda::detail {

/// Two classes, up to kCountedPatches patches: a lane takes a candidate through all phases on its
/// own. No matrices.
template <class T, bool kLogits, class Group>
class LaneBody : TileBody<T, T, kLogits, Group> {
  using Base = TileBody<T, T, kLogits, Group>;

 public:
  using Base::Base;

  /// Candidates [first, first + tile) of the chunk.
  AIFT_HD void run(index_t first) {
    this->begin(first);
    group_.sync();
    this->load();
    group_.sync();
    group_.each(count_, [&](int c) { lane(c); });
    group_.sync();
  }

 private:
  using Base::bounds_;
  using Base::count_;
  using Base::first_;
  using Base::group_;
  using Base::task_;
  using Base::tile_;

  struct alignas(2 * sizeof(T)) Pair {
    T a;
    T b;
  };

  AIFT_HD static T of(const Pair& pair, bool second) { return second ? pair.b : pair.a; }

  AIFT_HD void lane(int c) {
    const int q = tile_.q[c];
    const int m = tile_.m[c];
    if (q == 0) return;  // refused
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    Pair* const p = reinterpret_cast<Pair*>(tile_.x) + this->slot(c, 0);
    Pair* const w = reinterpret_cast<Pair*>(tile_.w) + this->slot(c, 0);
    T* const base = tile_.base + this->slot(c, 0);

    // Refuse, or not; sums over all patches.
    Pair sum{T{0}, T{0}};
    bool fine = true;
    int offender = 0;  // logits are overwritten
    for (int first = 0; first < q; first += kBlock) {
      const int last = q < first + kBlock ? q : first + kBlock;
      Pair block{T{0}, T{0}};
      AIFT_UNROLL_4
      for (int j = first; j < last; ++j) {
        const Pair in = p[j];
        Pair now = in;
        if constexpr (kLogits) {
          const bool finite = is_finite(in.a) & is_finite(in.b);  // no branches
          offender = fine & !finite ? j : offender;
          fine = fine & finite;
          const bool second = in.b > in.a;
          const T below = clamp_w(second ? in.a - in.b : in.b - in.a);
          const T r = math::exp_nonpositive(below);
          const T inverse = T{1} / (T{1} + r);
          const T rest = r * inverse;
          now = second ? Pair{rest, inverse} : Pair{inverse, rest};
          w[j] = second ? Pair{below, T{0}} : Pair{T{0}, below};
          p[j] = now;
          base[j] = r;
        } else {
          fine = fine & good_pair(in);
        }
        block.a += now.a;
        block.b += now.b;
      }
      sum.a += block.a;
      sum.b += block.b;
    }
    if (!fine) {
      if constexpr (kLogits) return this->refuse(c, offender, FaultCode::not_finite);
      return refuse_first(c, q, p);
    }

    // Who speaks. The kept patches move to the front.
    const bool second = sum.b > sum.a;
    if (task_.dominant != nullptr) task_.dominant[first_ + c] = second ? 1 : 0;
    std::int32_t* const kept = tile_.kept == nullptr ? nullptr : tile_.kept + c * task_.most_kept;
    if (m == q) {
      for (int j = 0; j < q && kept != nullptr; ++j)
        kept[j] = j;
    } else {
      const auto border =
          Base::find_border([column = reinterpret_cast<const T*>(p) +
                                      (second ? 1 : 0)](int j) { return column[2 * j]; },
                            q, m);
      int held = 0;
      const auto keep = [&](int j, const Pair& now) {
        p[held] = now;
        if constexpr (kLogits) {
          w[held] = w[j];
          base[held] = base[j];
        }
        if (kept != nullptr) kept[held] = j;
        ++held;
      };
      if (border.all && kept == nullptr) {
        const T least = border.value();
        int j = 0;
        for (; j + 4 <= q; j += 4) {  // what is moved lies before what is read next
          const Pair now[4] = {p[j], p[j + 1], p[j + 2], p[j + 3]};
          AIFT_UNROLL
          for (int a = 0; a < 4; ++a) {
            if (of(now[a], second) >= least) keep(j + a, now[a]);
          }
        }
        for (; j < q; ++j) {
          const Pair now = p[j];
          if (of(now, second) >= least) keep(j, now);
        }
      } else {
        int ties = border.all ? q : border.ties;
        for (int j = 0; j < q; ++j) {
          const Pair now = p[j];
          if (border.keeps(of(now, second), ties)) keep(j, now);
        }
      }
    }
    if (kept != nullptr) write_kept(c, p, second, kept, m);
    if (!task_.summed()) return;
    if (bounds_.normal) {
      sum_up<true>(c, m, p, w, base);
    } else {
      sum_up<false>(c, m, p, w, base);
    }
  }

  AIFT_HD bool good_pair(const Pair& in) const {
    const T off = (in.a + in.b) - T{1};
    return (in.a >= bounds_.least) & (in.b >= bounds_.least) &
           (std::fabs(off) <= bounds_.tolerance);
  }

  /// Refuses candidate c for its first patch that is not fine.
  AIFT_HD void refuse_first(int c, int q, const Pair* p) const {
    int j = 0;
    while (j + 1 < q && good_pair(p[j]))
      ++j;
    this->refuse(c, j, fault_of(task_, bounds_, [&](int k) { return of(p[j], k == 1); }));
  }

  /// The kept patches, most confident first.
  AIFT_HD void write_kept(int c, const Pair* p, bool second, const std::int32_t* kept,
                          int m) const {
    const index_t out = this->kept_begin(c);
    for (int t = 0; t < m; ++t) {
      const T mine = of(p[t], second);
      int ahead = 0;
      for (int other = 0; other < m; ++other) {
        const T its = of(p[other], second);
        ahead += its > mine || (its == mine && other < t) ? 1 : 0;
      }
      task_.kept[out + ahead] = kept[t];
    }
  }

  /// What the m patches at the front say: entropies, and deviations from the first of them.
  template <bool kNormal>
  AIFT_HD void sum_up(int c, int m, Pair* p, Pair* w, const T* base) const {
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    // Logarithms go behind the kept patches where there is room.
    Pair* const own = reinterpret_cast<Pair*>(tile_.kept_v);
    Pair* const v = kLogits ? w : own == nullptr ? p + m : own + c * task_.most_kept;
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
      AIFT_UNROLL_4
      for (int t = first; t < last; ++t) {
        const Pair pt = p[t];
        Pair vt;
        T e;
        if constexpr (kLogits) {
          vt = w[t];
          const T r = base[t];
          const bool second = vt.a < T{0};  // 1 / (1 + r) is the P of the largest
          e = math::fma(-(r * (second ? vt.a : vt.b)), second ? pt.b : pt.a, math::log1p(r));
        } else {
          vt = {bounds_.template log_of<kNormal>(pt.a), bounds_.template log_of<kNormal>(pt.b)};
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
      AIFT_UNROLL_4
      for (int t = first; t < last; ++t) {
        const Pair pt = p[t];
        const Pair vt = v[t];
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
    this->write_score(LaneTeam<4>{}, c, 2, entropy, (product.a + product.b) + T{0}, mean);
  }
};

}  // namespace aift::cuda::detail
