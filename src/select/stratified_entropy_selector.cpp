// SPDX-License-Identifier: Apache-2.0
#include <aift/select/stratified_entropy_selector.hpp>

#include <aift/core/error.hpp>

#include "pool_scores.hpp"
#include "round_robin.hpp"

namespace aift {

using namespace select::detail;

StratifiedEntropySelector::StratifiedEntropySelector(const ScoreOptions& options, double beta,
                                                     double share)
    : options_(options), beta_(beta), share_(share) {
  options_.validate();
  AIFT_EXPECT(beta >= 0 && std::isfinite(beta), ValueError,
              "beta, the strength of the entropy against the noise, must be finite and at least 0; "
              "got {}.",
              beta);
  AIFT_EXPECT(share >= 0 && share <= 1, ValueError,
              "share, of the batch that is drawn by class, must be in [0, 1]; got {}.", share);
}

std::unique_ptr<Selector> StratifiedEntropySelector::make(const Settings& settings) {
  const auto options = ScoreOptions::from(settings, ScoreOptions{.alpha = 1});
  const double beta = settings.number("beta", 1);
  return std::make_unique<StratifiedEntropySelector>(options, beta, settings.number("share", 0.66));
}

void StratifiedEntropySelector::pick(const PoolView& pool, index_t budget,
                                     const SelectContext& context, Selection& out) const {
  ScoreTable scored;
  const ScoreTable& table = aift::detail::pool_scores(*this, pool, scored);
  const std::vector<index_t> order = canonical(pool, false);
  std::vector<double> scores;
  for (const index_t i : order)
    scores.push_back(std::max(0.0, table.score[at(i)]));  // eps leaves a certain patch below 0
  std::vector<double> keys =
      noised_keys(scores, PickRule{.kind = PickRule::Kind::power, .beta = beta_});
  for (std::size_t p = 0; p < order.size(); ++p)
    keys[p] += gumbel_of(pool, order[p], context);

  const auto by_class =
      static_cast<index_t>(std::floor(share_ * static_cast<double>(budget) + 0.5));
  std::vector<char> taken(at(pool.size), 0);
  const auto add = [&](index_t i, const std::string& reason) {
    taken[at(i)] = 1;
    aift::detail::push_pick(table, i, out);
    out.reason.push_back(reason);
  };
  if (by_class > 0) {
    std::vector<index_t> classes;
    for (const index_t i : order)
      classes.push_back(table.dominant[at(i)]);
    Selection even;
    round_robin(
        order, classes, keys, {}, by_class, context,
        [](index_t k, index_t held) {
          return fmt::format("drawn with noise for class {}, of which {} were picked before", k,
                             held);
        },
        even);
    for (std::size_t r = 0; r < even.indices.size(); ++r)
      add(even.indices[r], even.reason[r]);
  }
  std::vector<double> rest;
  std::vector<index_t> who;
  for (std::size_t p = 0; p < order.size(); ++p) {
    if (taken[at(order[p])] != 0) continue;
    rest.push_back(keys[p]);
    who.push_back(order[p]);
  }
  for (const index_t p : top_b(rest, budget - out.size(), context.executor))
    add(who[at(p)], "drawn with noise among all classes");
}

}  // namespace aift
