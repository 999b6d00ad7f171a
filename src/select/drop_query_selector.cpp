// SPDX-License-Identifier: Apache-2.0
#include <aift/select/drop_query_selector.hpp>

#include <aift/core/error.hpp>

#include "k_means.hpp"
#include "pool_scores.hpp"

namespace aift {

using namespace select::detail;

namespace {

/// Patches of every candidate whose largest value is not at its dominant class.
template <class T>
void count_differing(const PatchPredictions& chunk, const ScoreTable& table,
                     std::vector<double>& score) {
  const auto number = [](T x) {
    if constexpr (std::is_floating_point_v<T>) {
      return x;
    } else {
      return to_float(x);
    }
  };
  const T* values = static_cast<const T*>(chunk.values);
  for (index_t i = 0; i < chunk.candidates; ++i) {
    index_t differ = 0;
    for (index_t row = chunk.row_begin(i); row < chunk.row_begin(i + 1); ++row) {
      const T* p = values + row * chunk.classes;
      index_t largest = 0;
      for (index_t k = 1; k < chunk.classes; ++k) {
        if (number(p[k]) > number(p[largest])) largest = k;
      }
      differ += largest != table.dominant[at(i)] ? 1 : 0;
    }
    score.push_back(static_cast<double>(differ) / static_cast<double>(chunk.patch_count(i)));
  }
}

}  // namespace

DropQuerySelector::DropQuerySelector(bool normalise, double disagree)
    : normalise_(normalise), disagree_(disagree) {
  AIFT_EXPECT(disagree >= 0 && disagree <= 1, ValueError,
              "disagree, a share of the patches, must be in [0, 1]; got {}.", disagree);
}

std::unique_ptr<Selector> DropQuerySelector::make(const Settings& settings) {
  const bool normalise = settings.flag("normalise", true);
  return std::make_unique<DropQuerySelector>(normalise, settings.number("disagree", 0));
}

void DropQuerySelector::score_into(const PatchPredictions& chunk, ScoreTable& out) const {
  score::margin(chunk, ScoreOptions{.alpha = 1}, out);  // validates, finds the dominant class
  std::vector<double> score;
  score.reserve(out.score.size());
  switch (chunk.dtype) {
    case DType::f64:
      count_differing<double>(chunk, out, score);
      break;
    case DType::f32:
      count_differing<float>(chunk, out, score);
      break;
    case DType::f16:
      count_differing<half_t>(chunk, out, score);
      break;
    case DType::bf16:
      count_differing<bfloat16_t>(chunk, out, score);
      break;
  }
  out.score = std::move(score);
}

void DropQuerySelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                             Selection& out) const {
  ScoreTable scored;
  const ScoreTable& table = aift::detail::pool_scores(*this, pool, scored);
  std::vector<index_t> doubted;
  std::vector<index_t> others;
  for (const index_t i : canonical(pool, false))
    (table.score[at(i)] > disagree_ ? doubted : others).push_back(i);
  const auto take = [&](std::vector<index_t> from, index_t count, index_t use) {
    if (count == 0 || from.empty()) return;
    const Rows rows(pool, std::move(from), normalise_);
    const KeyedRandom random(context.seed, Purpose::selection, context.round,
                             static_cast<std::uint64_t>(use));
    const Clusters clusters = k_means(rows, count, random, 100, context.executor);
    for (const index_t p : nearest_to_centres(clusters, count)) {
      const index_t i = rows.candidate(p);
      aift::detail::push_pick(table, i, out);
      out.reason.push_back(fmt::format(
          "{:.3g} of the patches predict another class; nearest to the centre of a cluster",
          table.score[at(i)]));
    }
  };
  const index_t first = std::min(budget, static_cast<index_t>(doubted.size()));
  take(std::move(doubted), first, 0);
  take(std::move(others), budget - first, 1);
}

}  // namespace aift
