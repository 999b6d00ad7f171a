// SPDX-License-Identifier: Apache-2.0
#pragma once

// The scores of src/score, over a group (cuda/core/group.hpp): the same operations in the same
// order, hence the same bits. A group takes a tile of candidates through phases; every sum is taken
// by one lane, or by a team in the order of aift/math/sum.hpp.
//
// Two forms, by where the predictions are while they are worked on:
//   resident  read from memory once into the group's own (shared) memory, several candidates at a
//             time when they are small
//   direct    one candidate at a time, read where it lies (kept patches again, from the cache); for
//             candidates that the shared memory does not hold
// A third one, for two classes, is in score_lane.hpp.

#include "score_tile.hpp"

namespace aift::cuda::detail {

/// The phases of one tile. kMost: rows have up to so many classes and a lane takes one; kWide: a
/// warp does.
template <class T, class S, bool kLogits, bool kResident, int kMost, class Group>
class ScoreBody : TileBody<T, S, kLogits, Group> {
  using Base = TileBody<T, S, kLogits, Group>;
  using typename Base::Bits;

 public:
  using Base::Base;

  /// Candidates [first, first + tile) of the chunk; `next` is where the group goes on.
  AIFT_HD void run(index_t first, index_t next) {
    this->begin(first);
    group_.sync();
    if constexpr (kResident) {
      this->load();
      if constexpr (kMost == kWide) this->prefetch_tile(next);
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
    if (kMost != kWide && task_.by_lane()) {
      majority_by_lane();
    } else {
      find_dominant();
      group_.sync();
      read_confidence();
      group_.sync();
      keep_majority();
    }
    group_.sync();
    write_kept();
    if (task_.summed() || task_.matrix != nullptr) {
      if constexpr (kLogits && !kResident) {
        read_kept();
        group_.sync();
      }
      centre();
      group_.sync();
      find_entropies();
      group_.sync();
      if (task_.matrix != nullptr) write_matrix();
      if (task_.summed()) finish();
    }
    group_.sync();
  }

 private:
  using Base::bounds_;
  using Base::count_;
  using Base::first_;
  using Base::good;
  using Base::group_;
  using Base::slot;
  using Base::sum_over;
  using Base::task_;
  using Base::tile_;

  // ---------------------------------------------------------------- where things are

  AIFT_HD int row_at(int c, int j) const { return slot(c, j) * task_.classes; }  // resident
  AIFT_HD T input(int c, int j, int k) const {
    return read_value<T>(task_, (tile_.first_row[c] + j) * task_.classes + k);
  }
  /// Probabilities of a patch: value(k).
  AIFT_HD auto probabilities(int c, int j) const {
    if constexpr (kResident) {
      const S* const row = tile_.x + row_at(c, j);
      return [row](int k) { return static_cast<T>(row[k]); };
    } else if constexpr (kLogits) {
      const index_t at = (tile_.first_row[c] + j) * task_.classes;
      const T largest = tile_.largest[j];
      const T inverse = tile_.inverse[j];
      const ScoreTask& task = task_;
      return [&task, at, largest, inverse](int k) {
        return math::exp_nonpositive(clamp_w(read_value<T>(task, at + k) - largest)) * inverse;
      };
    } else {
      const index_t at = (tile_.first_row[c] + j) * task_.classes;
      const ScoreTask& task = task_;
      return [&task, at](int k) { return read_value<T>(task, at + k); };
    }
  }
  /// The same of the t-th kept patch.
  AIFT_HD auto kept_probabilities(int c, int t) const {
    if constexpr (kLogits && !kResident) {
      const T* const row = tile_.kept_p + static_cast<index_t>(t) * task_.classes;
      return [row](int k) { return row[k]; };
    } else {
      return probabilities(c, tile_.kept[c * task_.most_kept + t]);
    }
  }
  /// Where the logarithms, or w, of the t-th kept patch lie.
  AIFT_HD T* logs_at(int c, int t) const {
    return tile_.kept_v + static_cast<index_t>(c * task_.most_kept + t) * task_.classes;
  }
  /// Calls f with how to get the logarithms, or w, of the t-th kept patch from its probabilities p:
  /// logs(c, t, p)(k).
  template <class F>
  AIFT_HD void with_logs(const F& f) const {
    if (tile_.kept_v != nullptr) {
      f([this](int c, int t, const auto&) {
        const T* const row = logs_at(c, t);
        return [row](int k) { return row[k]; };
      });
    } else {
      f([this](int c, int t, const auto& p) { return fresh_logs<false>(c, t, p); });
    }
  }
  /// The same, not from where they were kept. Logits are read once more.
  template <bool kNormal, class P>
  AIFT_HD auto fresh_logs(int c, int t, const P& p) const {
    if constexpr (kLogits) {
      const int j = tile_.kept[c * task_.most_kept + t];
      const T largest = tile_.largest[slot(c, j)];
      const index_t at = (tile_.first_row[c] + j) * task_.classes;
      const ScoreTask& task = task_;
      return [&task, at, largest](int k) { return clamp_w(read_value<T>(task, at + k) - largest); };
    } else {
      const Bounds<T>& bounds = bounds_;
      return [&bounds, p](int k) {
        return kNormal ? bounds.template log_of<true>(p(k)) : bounds.log_of(p(k));
      };
    }
  }

  // ---------------------------------------------------------------- reading and refusing

  /// f(team, c, j) for every patch of the tile.
  template <class F>
  AIFT_HD void each_patch(const F& f) {
    group_.template rows<kMost>(static_cast<index_t>(count_) * task_.slots,
                                [&](const auto& team, int row) {
                                  const int c = candidate_of(task_.by_slots, row);
                                  const int j = row - c * task_.slots;
                                  if (j < tile_.q[c]) f(team, c, j);
                                });
  }
  /// One candidate per group may have more patches than a divider takes.
  AIFT_HD int candidate_of(const Divider& divider, int i) const {
    return count_ == 1 ? 0 : divider.quotient(i);
  }

  AIFT_HD void validate() {
    const bool no_zeros = bounds_.least > T{0};
    each_patch([&](const auto& team, int c, int j) {
      const auto p = probabilities(c, j);
      T lowest = 0;  // NaN passes by, and spoils the sum
      const T sum = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
        const T x = p(k);
        lowest = std::fmin(lowest, x);
        return acc + x;
      });
      bool bad = team.vote(lowest < T{0}) || !(std::fabs(sum - T{1}) <= bounds_.tolerance);
      if (no_zeros)
        bad = bad || team.any(task_.classes, [&](int k) { return p(k) < bounds_.least; });
      if (bad && team.leads()) {
        this->refuse(c, j, fault_of(task_, bounds_, [&](int k) { return input(c, j, k); }));
      }
    });
  }

  AIFT_HD void softmax() {
    each_patch([&](const auto& team, int c, int j) {
      const int classes = task_.classes;
      const auto z = [&](int k) -> T {
        if constexpr (kResident)
          return tile_.x[row_at(c, j) + k];
        else
          return input(c, j, k);
      };
      if (team.any(classes, [&](int k) { return !is_finite(z(k)); })) {
        if (team.leads()) this->refuse(c, j, FaultCode::not_finite);
        return;
      }
      const Located<T> top = team.template largest<T>(classes, z);
      if (team.leads()) tile_.largest[slot(c, j)] = top.value;
      if constexpr (kResident) {
        S* const p = tile_.x + row_at(c, j);
        const Two<T> sums = team.template class_sums<T>(classes, [&](int k, Two<T> acc) -> Two<T> {
          const T w = clamp_w(p[k] - top.value);
          const T e = math::exp_nonpositive(w);
          p[k] = e;
          return {acc.first + (k == top.index ? T{0} : e), math::fma(e, w, acc.second)};
        });
        const T inverse = T{1} / (T{1} + sums.first);
        team.each(classes, [&](int k) { p[k] *= inverse; });
        if (team.leads())
          tile_.base[slot(c, j)] = math::fma(-sums.second, inverse, math::log1p(sums.first));
      } else {
        const T r = team.template class_sum<T>(classes, [&](int k, T acc) {
          return acc + (k == top.index ? T{0} : math::exp_nonpositive(clamp_w(z(k) - top.value)));
        });
        if (team.leads()) {
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
      const int c = candidate_of(task_.by_classes, i);
      if (good(c)) f(c, i - c * task_.classes);
    });
  }
  /// f(c, j, slot) for every patch of every good candidate, each on its own.
  template <class F>
  AIFT_HD void each_slot(const F& f) {
    group_.each(static_cast<index_t>(count_) * task_.slots, [&](int i) {
      const int c = candidate_of(task_.by_slots, i);
      const int j = i - c * task_.slots;
      if (j < tile_.q[c] && good(c)) f(c, j, i);
    });
  }

  AIFT_HD void sum_classes() {
    each_class([&](int c, int k) {
      T& sum = tile_.class_a[c * task_.classes + k];
      if constexpr (kResident) {
        const S* at = tile_.x + row_at(c, 0) + k;
        sum = sum_over(tile_.q[c], [&](int, T block) {
          const T x = *at;
          at += task_.classes;
          return block + x;
        });
      } else {
        sum = sum_over(tile_.q[c], [&](int j, T block) { return block + probabilities(c, j)(k); });
      }
    });
  }

  /// Few kept patches of few classes: a lane finds the dominant class of a candidate and keeps.
  AIFT_HD void majority_by_lane() {
    group_.each(count_, [&](int c) {
      if (!good(c)) return;
      const T* const sums = tile_.class_a + c * task_.classes;
      const int dominant = LaneTeam<kNarrowClasses>{}
                               .template largest<T>(task_.classes, [&](int k) { return sums[k]; })
                               .index;
      set_dominant(c, dominant);
      const int q = tile_.q[c];
      const int m = tile_.m[c];
      std::int32_t* kept = tile_.kept + c * task_.most_kept;
      if (m == q) {
        for (int j = 0; j < q; ++j)
          kept[j] = j;
        return;
      }
      const int classes = task_.classes;
      const auto confidence = [&, column = kResident ? tile_.x + row_at(c, 0) + dominant
                                                     : nullptr](int j) -> T {
        if constexpr (kResident) return column[j * classes];
        return probabilities(c, j)(dominant);
      };
      const auto border = Base::find_border(confidence, q, m);
      if (border.all) {
        const T least = border.value();
        AIFT_UNROLL_4
        for (int j = 0; j < q; ++j) {
          if (confidence(j) >= least) *kept++ = j;
        }
        return;
      }
      int ties = border.ties;
      for (int j = 0; j < q; ++j) {
        if (border.keeps(confidence(j), ties)) *kept++ = j;
      }
    });
  }

  AIFT_HD void find_dominant() {
    group_.template rows<kMost>(count_, [&](const auto& team, int c) {
      if (!good(c)) return;
      const T* const sums = tile_.class_a + c * task_.classes;
      const Located<T> top =
          team.template largest<T>(task_.classes, [&](int k) { return sums[k]; });
      if (team.leads()) set_dominant(c, top.index);
    });
  }
  AIFT_HD void set_dominant(int c, int dominant) {
    tile_.dominant[c] = dominant;
    if (task_.dominant != nullptr) task_.dominant[first_ + c] = dominant;
  }

  AIFT_HD void read_confidence() {
    each_slot([&](int c, int j, int at) {
      tile_.confidence[at] = probabilities(c, j)(tile_.dominant[c]);
    });
  }

  AIFT_HD void keep_majority() {
    if (task_.slots > kCountedPatches) {
      for (int c = 0; c < count_; ++c)
        select_large(c);
      return;
    }
    if (task_.most_kept == task_.most_patches && task_.offsets == nullptr) {
      group_.each(static_cast<index_t>(count_) * task_.most_kept, [&](int i) {
        const int c = candidate_of(task_.by_kept, i);
        tile_.kept[i] = i - c * task_.most_kept;
      });
      return;
    }
    // Fewer than m are ahead: kept, but for ties.
    each_slot([&](int c, int j, int) {
      const T* const others = tile_.confidence + slot(c, 0);
      const T mine = others[j];
      const int q = tile_.q[c];
      int ahead = 0;
      AIFT_UNROLL_4
      for (int l = 0; l < q; ++l)
        ahead += others[l] > mine ? 1 : 0;
      if (ahead < tile_.m[c])
        set_bits(tile_.chosen + (c * kChosenWords + j / 32), std::uint32_t{1} << (j % 32));
    });
    group_.sync();
    each_slot([&](int c, int j, int) {
      const std::uint32_t* const chosen = tile_.chosen + c * kChosenWords;
      const std::uint32_t bit = std::uint32_t{1} << (j % 32);
      if ((chosen[j / 32] & bit) == 0) return;
      int before = 0;
      int all = 0;
      AIFT_UNROLL
      for (int w = 0; w < kChosenWords; ++w) {
        const std::uint32_t mask = w < j / 32 ? ~std::uint32_t{0} : w == j / 32 ? bit - 1 : 0;
        before += bits_in(chosen[w] & mask);
        all += bits_in(chosen[w]);
      }
      if (all == tile_.m[c]) {
        tile_.kept[c * task_.most_kept + before] = j;
      } else if (before == 0) {
        keep_ties(c);
      }
    });
  }

  /// The kept patches of a candidate of which more are chosen than there is room for: the first of
  /// those that share the least confidence.
  AIFT_HD void keep_ties(int c) {
    const int q = tile_.q[c];
    const T* const confidence = tile_.confidence + slot(c, 0);
    const auto chosen = [&](int j) {
      return (tile_.chosen[c * kChosenWords + j / 32] >> (j % 32) & 1U) != 0;
    };
    T border = T{2};  // above every probability
    for (int j = 0; j < q; ++j) {
      if (chosen(j) && confidence[j] < border) border = confidence[j];
    }
    int ties = tile_.m[c];
    for (int j = 0; j < q; ++j)
      ties -= confidence[j] > border ? 1 : 0;
    std::int32_t* kept = tile_.kept + c * task_.most_kept;
    for (int j = 0; j < q; ++j) {
      if (!chosen(j) || (confidence[j] == border && ties-- <= 0)) continue;
      *kept++ = j;
    }
  }

  AIFT_HD void select_large(int c) {
    if (!this->good(c)) return;  // the same for every lane
    const int q = tile_.q[c];
    const int m = tile_.m[c];
    std::int32_t* const kept = tile_.kept + c * task_.most_kept;
    const T* const confidence = tile_.confidence + this->slot(c, 0);
    if (m == q) {
      group_.each(q, [&](int j) { kept[j] = j; });
      return;
    }
    // The m-th largest, bit by bit from above: as many as m are not below it.
    Bits border = 0;
    int not_below = q;
    for (int bit = static_cast<int>(sizeof(T)) * 8 - 2; bit >= 0 && not_below != m; --bit) {
      const Bits trial = border | (Bits{1} << bit);
      const int count =
          group_.count(q, [&](int j) { return Base::bits_of(confidence[j]) >= trial; });
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
        const Bits bits = Base::bits_of(confidence[j]);
        above += bits > border ? 1 : 0;
        equal += bits == border ? 1 : 0;
      }
      tile_.above[b] = above;
      tile_.equal[b] = equal;
    });
    group_.sync();
    const int all_above =
        group_.count(q, [&](int j) { return Base::bits_of(confidence[j]) > border; });
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
        const Bits bits = Base::bits_of(confidence[j]);
        const bool keep = bits > border || (bits == border && equal < ties);
        equal += bits == border ? 1 : 0;
        if (keep) kept[held++] = j;
      }
    });
    group_.sync();
  }

  AIFT_HD void write_kept() {
    if (task_.kept == nullptr && task_.kept_ascending == nullptr) return;
    each_kept_slot([&](int c, int t) {
      const int m = tile_.m[c];
      const std::int32_t* const kept = tile_.kept + c * task_.most_kept;
      const index_t out = this->kept_begin(c);
      if (task_.kept_ascending != nullptr) task_.kept_ascending[out + t] = kept[t];
      if (task_.kept == nullptr) return;
      const int dominant = tile_.dominant[c];
      const T mine = probabilities(c, kept[t])(dominant);
      int ahead = 0;
      for (int other = 0; other < m; ++other) {
        const T x = probabilities(c, kept[other])(dominant);
        ahead += x > mine || (x == mine && other < t) ? 1 : 0;
      }
      task_.kept[out + ahead] = kept[t];
    });
  }

  // ---------------------------------------------------------------- what they say

  /// f(c, t) for every kept patch, each on its own.
  template <class F>
  AIFT_HD void each_kept_slot(const F& f) {
    group_.each(static_cast<index_t>(count_) * task_.most_kept, [&](int i) {
      const int c = candidate_of(task_.by_kept, i);
      const int t = i - c * task_.most_kept;
      if (t < tile_.m[c] && good(c)) f(c, t);
    });
  }
  /// f(team, c, t) for every kept patch.
  template <class F>
  AIFT_HD void each_kept(const F& f) {
    group_.template rows<kMost>(static_cast<index_t>(count_) * task_.most_kept,
                                [&](const auto& team, int row) {
                                  const int c = candidate_of(task_.by_kept, row);
                                  const int t = row - c * task_.most_kept;
                                  if (t < tile_.m[c] && good(c)) f(team, c, t);
                                });
  }

  /// Direct, from logits: kept probabilities, w and entropies.
  AIFT_HD void read_kept() {
    each_kept([&](const auto& team, int c, int t) {
      const int j = tile_.kept[t];
      T* const p = tile_.kept_p + static_cast<index_t>(t) * task_.classes;
      T* const v = tile_.kept_v + static_cast<index_t>(t) * task_.classes;
      const T inverse = tile_.inverse[j];
      const T dot = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
        const T w = clamp_w(input(c, j, k) - tile_.largest[j]);
        const T e = math::exp_nonpositive(w);
        v[k] = w;
        p[k] = e * inverse;
        return math::fma(e, w, acc);
      });
      if (team.leads()) tile_.entropies[t] = math::fma(-dot, inverse, tile_.base[j]);
    });
  }

  AIFT_HD void centre() {
    if (kLogits || bounds_.normal) {
      centre_classes<true>();
    } else {
      centre_classes<false>();
    }
  }

  /// Per class: logarithms, mean over the kept patches into class_a, sum of products of deviations
  /// into class_b.
  template <bool kNormal>
  AIFT_HD void centre_classes() {
    constexpr int kBlock = static_cast<int>(math::kPatchBlock);
    with_logs([&](const auto& logs) {
      each_class([&](int c, int k) {
        const int m = tile_.m[c];
        // Direct, from logits: w is there.
        [[maybe_unused]] T* const own = tile_.kept_v == nullptr ? nullptr : logs_at(c, 0) + k;
        const auto log_of = [&](int t, T p) {
          if constexpr (kLogits && !kResident) {
            return logs(c, t, p)(k);
          } else {
            const T v = fresh_logs<kNormal>(c, t, [p](int) { return p; })(k);
            if (own != nullptr) own[static_cast<index_t>(t) * task_.classes] = v;
            return v;
          }
        };
        const T p0 = kept_probabilities(c, 0)(k);
        const T v0 = log_of(0, p0);
        T total_p = 0;
        T total_v = 0;
        for (int first = 0; first < m; first += kBlock) {
          const int last = m < first + kBlock ? m : first + kBlock;
          T block_p = 0;
          T block_v = 0;
          AIFT_UNROLL_4
          for (int t = first > 0 ? first : 1; t < last; ++t) {
            const T p = kept_probabilities(c, t)(k);
            block_p += p - p0;
            block_v += log_of(t, p) - v0;
          }
          total_p += block_p;
          total_v += block_v;
        }
        const T share = T{1} / static_cast<T>(m);
        const T mean_p = total_p * share;
        const T mean_v = total_v * share;
        tile_.class_b[c * task_.classes + k] = sum_over(m, [&](int t, T block) {
          const auto p = kept_probabilities(c, t);
          const T v = logs(c, t, p)(k);
          return math::fma((p(k) - p0) - mean_p, (v - v0) - mean_v, block);
        });
        const T mean = mean_p + p0;
        tile_.class_a[c * task_.classes + k] = mean;
        if (task_.mean_probabilities != nullptr) {
          task_.mean_probabilities[(first_ + c) * task_.classes + k] = static_cast<double>(mean);
        }
      });
    });
  }

  AIFT_HD void find_entropies() {
    if constexpr (kLogits) {
      if constexpr (kResident) {
        each_kept_slot([&](int c, int t) {
          const int at = c * task_.most_kept + t;
          tile_.entropies[at] = tile_.base[slot(c, tile_.kept[at])];
        });
      }
    } else {
      with_logs([&](const auto& logs) {
        each_kept([&](const auto& team, int c, int t) {
          const auto p = kept_probabilities(c, t);
          const auto v = logs(c, t, p);
          const T dot = team.template class_sum<T>(
              task_.classes, [&](int k, T acc) { return math::fma(p(k), v(k), acc); });
          if (team.leads()) tile_.entropies[c * task_.most_kept + t] = T{0} - dot;
        });
      });
    }
  }

  AIFT_HD double* matrix_of(int c) const {
    const index_t cells = static_cast<index_t>(task_.most_kept) * task_.most_kept;
    return task_.matrix + (task_.matrix_offsets != nullptr ? task_.matrix_offsets[first_ + c]
                                                           : (first_ + c) * cells);
  }

  AIFT_HD void write_matrix() {
    const T lambda1 = static_cast<T>(task_.lambda1);
    const T lambda2 = static_cast<T>(task_.lambda2);
    const auto diagonal = [&](int c, int t) {
      return static_cast<double>(lambda1 * tile_.entropies[c * task_.most_kept + t]);
    };
    const auto cell = [&](T d) { return static_cast<double>(lambda2 * (d > T{0} ? d : T{0})); };
    if constexpr (kMost != kWide) {
      // A lane holds a patch and walks over the others, which its neighbours read with it; both
      // halves have the same bits, so it may write a column, which lies beside its neighbour's.
      each_kept_slot([&](int c, int t) {
        const int m = tile_.m[c];
        const int classes = task_.classes;
        double* const out = matrix_of(c) + t;
        T own_p[kMost];
        T own_v[kMost];
        const auto p = kept_probabilities(c, t);
        const T* const v = logs_at(c, t);
        AIFT_UNROLL
        for (int a = 0; a < kMost; ++a) {
          own_p[a] = a < classes ? p(a) : T{0};
          own_v[a] = a < classes ? v[a] : T{0};
        }
        for (int l = 0; l < m; ++l) {
          const auto other_p = kept_probabilities(c, l);
          const T* const other_v = logs_at(c, l);
          const T d = LaneTeam<kMost>{}.template class_sum<T>(classes, [&](int k, T acc) {
            return math::fma(own_p[k] - other_p(k), own_v[k] - other_v[k], acc);
          });
          out[static_cast<index_t>(l) * m] = l == t ? diagonal(c, t) : cell(d);
        }
      });
    } else {
      for (int c = 0; c < count_; ++c) {
        if (!good(c)) continue;
        const int m = tile_.m[c];
        double* const out = matrix_of(c);
        group_.template rows<kMost>(static_cast<index_t>(m) * m, [&](const auto& team, int i) {
          const int t = i / m;
          const int l = i - t * m;
          if (l < t) return;
          if (l == t) {
            if (team.leads()) out[i] = diagonal(c, t);
            return;
          }
          const auto p = kept_probabilities(c, t);
          const T* const v = logs_at(c, t);
          const auto other_p = kept_probabilities(c, l);
          const T* const other_v = logs_at(c, l);
          const T d = team.template class_sum<T>(task_.classes, [&](int k, T acc) {
            return math::fma(p(k) - other_p(k), v[k] - other_v[k], acc);
          });
          if (!team.leads()) return;
          out[i] = cell(d);
          out[static_cast<index_t>(l) * m + t] = cell(d);
        });
      }
    }
  }

  AIFT_HD void finish() {
    group_.template rows<kMost>(count_, [&](const auto& team, int c) {
      if (!good(c)) return;
      const T* const e = tile_.entropies + c * task_.most_kept;
      const T* const products = tile_.class_b + c * task_.classes;
      const T entropy_sum = sum_over(tile_.m[c], [&](int t, T block) { return block + e[t]; });
      const T product = team.template class_sum<T>(task_.classes,
                                                   [&](int k, T acc) { return acc + products[k]; });
      this->write_score(team, c, task_.classes, entropy_sum, product,
                        tile_.class_a + c * task_.classes);
    });
  }
};

/// Calls f with the number of classes, as a constant, that lanes are laid out for.
template <class F>
void with_most_classes(int classes, const F& f) {
  if (classes <= 4) return f(std::integral_constant<int, 4>{});
  if (classes <= 10) return f(std::integral_constant<int, 10>{});
  if (classes <= kNarrowClasses) return f(std::integral_constant<int, kNarrowClasses>{});
  f(std::integral_constant<int, kWide>{});
}

}  // namespace aift::cuda::detail
