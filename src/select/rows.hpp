// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the selectors on features share.

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/rng.hpp>
#include <aift/select/selector.hpp>

#include "distances.hpp"
#include "eligible.hpp"
#include "parts.hpp"

namespace aift::select::detail {

inline std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

using aift::detail::gumbel_of;
using aift::detail::id_of;
using aift::detail::luck_of;

/// Whether a candidate counts as covered: it has a label, or is in the batch that is being put
/// together.
inline bool counts_as_labelled(const PoolView& pool, index_t i) noexcept {
  return (!pool.labels.empty() && pool.labels[at(i)] >= 0) ||
         (!pool.standing.empty() && pool.standing[at(i)] == Standing::chosen);
}

/// Candidates by ascending id, those that count as labelled or those that may be picked: sums run
/// in this order and ties go to the first, so that the order of the pool changes neither a bit of a
/// sum nor a pick.
inline std::vector<index_t> canonical(const PoolView& pool, bool labelled) {
  std::vector<index_t> order;
  for (index_t i = 0; i < pool.size; ++i) {
    if (labelled ? counts_as_labelled(pool, i) : may_be_picked(pool, i)) order.push_back(i);
  }
  if (!pool.ids.empty()) {
    std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
      return pool.ids[at(a)] != pool.ids[at(b)] ? pool.ids[at(a)] < pool.ids[at(b)] : a < b;
    });
  }
  return order;
}

/// Calls work(first, last) for pieces of [0, count); the pieces do not depend on the executor.
template <class Work>
void in_parts(Executor* executor, index_t count, index_t part, const Work& work) {
  const index_t parts = (count + part - 1) / part;
  const auto one = [&](index_t p, int) { work(p * part, std::min(count, (p + 1) * part)); };
  if (executor == nullptr || parts < 2) {
    for (index_t p = 0; p < parts; ++p)
      one(p, 0);
  } else {
    executor->run(parts, one);
  }
}

/// Feature rows of some candidates: as they are, or brought to length 1 (a row of zeros stays).
class Rows {
 public:
  Rows(const PoolView& pool, std::vector<index_t> candidates, bool normalise)
      : d_(pool.feature_size), candidates_(std::move(candidates)) {
    pointers_.reserve(candidates_.size());
    if (normalise) own_.resize(candidates_.size() * at(d_));
    for (std::size_t p = 0; p < candidates_.size(); ++p) {
      const float* from = pool.features.data() + candidates_[p] * d_;
      if (!normalise) {
        pointers_.push_back(from);
        continue;
      }
      double length = 0;
      for (index_t f = 0; f < d_; ++f)
        length += static_cast<double>(from[f]) * static_cast<double>(from[f]);
      length = std::sqrt(length);
      float* to = own_.data() + p * at(d_);
      for (index_t f = 0; f < d_; ++f)
        to[f] = length > 0 ? static_cast<float>(static_cast<double>(from[f]) / length) : 0.0F;
      pointers_.push_back(to);
    }
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(pointers_.size()); }
  [[nodiscard]] index_t columns() const noexcept { return d_; }
  [[nodiscard]] index_t candidate(index_t p) const { return candidates_[at(p)]; }
  [[nodiscard]] const float* row(index_t p) const { return pointers_[at(p)]; }
  [[nodiscard]] const float* const* rows() const noexcept { return pointers_.data(); }

 private:
  index_t d_;
  std::vector<index_t> candidates_;
  std::vector<float> own_;
  std::vector<const float*> pointers_;
};

/// Mean of the rows at these positions, of which there is at least one; summed in double, by parts
/// of kSumPart.
inline std::vector<float> mean_row(const Rows& rows, std::span<const index_t> positions) {
  std::vector<double> sum(at(rows.columns()), 0.0);
  std::vector<double> part(sum.size());
  const auto count = static_cast<index_t>(positions.size());
  for (index_t begin = 0; begin < count; begin = part_end(begin, count)) {
    std::fill(part.begin(), part.end(), 0.0);
    for (index_t i = begin; i < part_end(begin, count); ++i) {
      const float* const row = rows.row(positions[at(i)]);
      for (std::size_t f = 0; f < part.size(); ++f)
        part[f] += static_cast<double>(row[f]);
    }
    for (std::size_t f = 0; f < sum.size(); ++f)
      sum[f] += part[f];
  }
  std::vector<float> mean;
  mean.reserve(sum.size());
  for (const double x : sum)
    mean.push_back(static_cast<float>(x / static_cast<double>(count)));
  return mean;
}

/// Greedy maximisation where a gain can only fall from step to step: gains are kept as they were
/// when last computed and computed again only when they come to the top. The picks are those of the
/// loop that computes all of them in every step, lowest position on a tie.
/// Source: Minoux, 1978 (accelerated greedy). cost: that loop at worst, in practice far less.
class LazyGreedy {
 public:
  /// gains of step 0, all exact
  explicit LazyGreedy(std::vector<double> gains) : gain_(std::move(gains)), fresh_(gain_.size()) {
    heap_.resize(gain_.size());
    std::iota(heap_.begin(), heap_.end(), index_t{0});
    heapify();
  }

  /// The position of the largest gain, which is taken out; refresh(positions) must bring
  /// `gains()` of these up to date with all picks so far. Somebody must be left.
  template <class Refresh>
  index_t next(const Refresh& refresh) {
    std::size_t most = 16;
    while (fresh_[at(heap_.front())] != step_) {
      std::vector<index_t> stale;
      while (!heap_.empty() && stale.size() < most && fresh_[at(heap_.front())] != step_) {
        std::pop_heap(heap_.begin(), heap_.end(), Behind{&gain_});
        stale.push_back(heap_.back());
        heap_.pop_back();
      }
      refresh(std::span<const index_t>(stale));
      for (const index_t p : stale) {
        fresh_[at(p)] = step_;
        heap_.push_back(p);
        std::push_heap(heap_.begin(), heap_.end(), Behind{&gain_});
      }
      most = std::min<std::size_t>(2 * most, 8192);
    }
    const index_t best = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end(), Behind{&gain_});
    heap_.pop_back();
    ++step_;
    return best;
  }
  [[nodiscard]] std::vector<double>& gains() noexcept { return gain_; }
  /// bound(p) is at least what refresh would give: closer bounds for all that are left.
  template <class Bound>
  void tighten(const Bound& bound) {
    for (const index_t p : heap_)
      gain_[at(p)] = bound(p);
    heapify();
  }

 private:
  struct Behind {
    const std::vector<double>* gain;
    bool operator()(index_t a, index_t b) const {
      const double x = (*gain)[at(a)];
      const double y = (*gain)[at(b)];
      return x < y || (x == y && a > b);
    }
  };
  void heapify() { std::make_heap(heap_.begin(), heap_.end(), Behind{&gain_}); }

  std::vector<double> gain_;
  std::vector<index_t> fresh_;  ///< step in which the gain was computed
  std::vector<index_t> heap_;
  index_t step_ = 0;
};

}  // namespace aift::select::detail
