// SPDX-License-Identifier: Apache-2.0
#include <aift/select/k_center_selector.hpp>

#include <limits>

#include <aift/core/error.hpp>

#include "rows.hpp"

namespace aift {

using namespace select::detail;

namespace {

/// The row nearest to the mean of all, the first of equals.
index_t most_central(const Rows& rows) {
  std::vector<index_t> all(at(rows.size()));
  std::iota(all.begin(), all.end(), index_t{0});
  const std::vector<float> mean = mean_row(rows, all);
  const float* const centre[1] = {mean.data()};
  std::vector<float> squared(at(rows.size()));
  distances().squared(rows.rows(), rows.size(), centre, 1, rows.columns(), squared.data());
  return std::min_element(squared.begin(), squared.end()) - squared.begin();
}

}  // namespace

std::unique_ptr<Selector> KCenterSelector::make(const Settings& settings) {
  return std::make_unique<KCenterSelector>(settings.flag("normalise", false));
}

void KCenterSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                           Selection& out) const {
  const Rows rows(pool, canonical(pool, false), normalise_);
  const Rows known(pool, canonical(pool, true), normalise_);
  std::vector<const float*> centres(known.rows(), known.rows() + known.size());
  const auto take = [&](index_t p, double squared) {
    centres.push_back(rows.row(p));
    out.indices.push_back(rows.candidate(p));
    out.score.push_back(std::sqrt(squared));
    out.reason.push_back(
        fmt::format("distance {:.4g} from all that is labelled or picked", std::sqrt(squared)));
  };

  std::vector<float> nearest(at(rows.size()), std::numeric_limits<float>::infinity());
  std::vector<index_t> seen(at(rows.size()), 0);  // centres that `nearest` takes into account
  const auto bring_up_to_date = [&](std::span<const index_t> positions) {
    in_parts(context.executor, static_cast<index_t>(positions.size()), 16,
             [&](index_t first, index_t last) {
               std::vector<float> tile(centres.size());
               for (index_t t = first; t < last; ++t) {
                 const index_t p = positions[at(t)];
                 const float* const row[1] = {rows.row(p)};
                 const index_t missed = static_cast<index_t>(centres.size()) - seen[at(p)];
                 distances().squared(row, 1, centres.data() + seen[at(p)], missed, rows.columns(),
                                     tile.data());
                 for (index_t c = 0; c < missed; ++c)
                   nearest[at(p)] = std::min(nearest[at(p)], tile[at(c)]);
                 seen[at(p)] += missed;
               }
             });
  };

  index_t first = -1;
  if (centres.empty()) {
    first = most_central(rows);
    take(first, 0);
  }
  std::vector<index_t> all(at(rows.size()));
  std::iota(all.begin(), all.end(), index_t{0});
  bring_up_to_date(all);
  std::vector<double> gains(nearest.begin(), nearest.end());
  if (first >= 0) gains[at(first)] = -1;  // behind everything else
  LazyGreedy greedy(std::move(gains));
  while (static_cast<index_t>(out.indices.size()) < budget) {
    const index_t p = greedy.next([&](std::span<const index_t> positions) {
      bring_up_to_date(positions);
      for (const index_t q : positions)
        greedy.gains()[at(q)] = q == first ? -1 : static_cast<double>(nearest[at(q)]);
    });
    take(p, greedy.gains()[at(p)]);
  }
}

}  // namespace aift
