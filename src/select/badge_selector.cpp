// SPDX-License-Identifier: Apache-2.0
#include <aift/select/badge_selector.hpp>

#include <limits>

#include <aift/core/error.hpp>

#include "mean_margin.hpp"
#include "rows.hpp"

namespace aift {

using namespace select::detail;

namespace {

constexpr index_t kPart = 512;
constexpr double kRoom = 1 + 1e-5;  // more than the rounding of any bound

}  // namespace

std::unique_ptr<Selector> BadgeSelector::make(const Settings& /*settings*/) {
  return std::make_unique<BadgeSelector>();
}

void BadgeSelector::pick(const PoolView& pool, index_t budget, const SelectContext& context,
                         Selection& out) const {
  const Rows rows(pool, canonical(pool, false), false);
  const index_t n = rows.size();
  const index_t width = (pool.classes + 15) / 16 * 16;  // zeros at the end: whole registers
  std::vector<float> a(at(n * width), 0.0F);
  std::vector<const float*> a_rows(at(n));
  std::vector<double> a_length(at(n));  // |a|, |x|
  std::vector<double> x_length(at(n));
  in_parts(context.executor, n, kPart, [&](index_t first, index_t last) {
    for (index_t p = first; p < last; ++p) {
      const index_t i = rows.candidate(p);
      float* to = a.data() + p * width;
      const index_t dominant = mean_margin(pool, i).dominant;
      for (index_t k = 0; k < pool.classes; ++k) {
        const double probability = pool.mean_probabilities[at(i * pool.classes + k)];
        to[k] = static_cast<float>(probability - (k == dominant ? 1 : 0));
      }
      a_rows[at(p)] = to;
      const float* const own_a[1] = {to};
      const float* const own_x[1] = {rows.row(p)};
      float aa = 0;
      float xx = 0;
      distances().dot(own_a, 1, own_a, 1, width, &aa);
      distances().dot(own_x, 1, own_x, 1, rows.columns(), &xx);
      a_length[at(p)] = std::sqrt(static_cast<double>(aa));
      x_length[at(p)] = std::sqrt(static_cast<double>(xx));
    }
  });

  std::vector<double> squared(at(n));  // distance to the nearest pick; before any, the length
  for (index_t p = 0; p < n; ++p)
    squared[at(p)] = a_length[at(p)] * a_length[at(p)] * x_length[at(p)] * x_length[at(p)];
  std::vector<char> taken(at(n), 0);
  std::vector<double> part_sum(at((n + kPart - 1) / kPart), 0.0);
  const KeyedRandom random(context.seed, Purpose::selection, context.round);
  index_t chosen = std::max_element(squared.begin(), squared.end()) - squared.begin();
  for (index_t step = 0;; ++step) {
    out.indices.push_back(rows.candidate(chosen));
    out.score.push_back(squared[at(chosen)]);
    out.reason.push_back(
        step == 0 ? fmt::format("largest gradient, squared length {:.4g}", squared[at(chosen)])
                  : fmt::format("gradient at squared distance {:.4g} from the picks before",
                                squared[at(chosen)]));
    taken[at(chosen)] = 1;
    if (step + 1 == budget) return;

    const index_t c = chosen;
    const float* const centre_a[1] = {a_rows[at(c)]};
    const float* const centre_x[1] = {rows.row(c)};
    in_parts(context.executor, n, kPart, [&](index_t first, index_t last) {
      std::vector<float> aa(at(last - first));
      distances().dot(a_rows.data() + first, last - first, centre_a, 1, width, aa.data());
      std::vector<const float*> x;
      std::vector<index_t> who;
      for (index_t p = first; p < last; ++p) {
        if (taken[at(p)] != 0) {
          squared[at(p)] = 0;
          continue;
        }
        const double g = a_length[at(p)] * x_length[at(p)];
        const double gc = a_length[at(c)] * x_length[at(c)];
        // |a.a'| |x||x'| is the most that the product can take off.
        const double most = 2 * std::fabs(static_cast<double>(aa[at(p - first)])) *
                            x_length[at(p)] * x_length[at(c)];
        if (step > 0 && g * g + gc * gc - most >= kRoom * squared[at(p)] + 1e-5 * most) continue;
        x.push_back(rows.row(p));
        who.push_back(p);
      }
      std::vector<float> xx(x.size());
      distances().dot(x.data(), static_cast<index_t>(x.size()), centre_x, 1, rows.columns(),
                      xx.data());
      for (std::size_t t = 0; t < who.size(); ++t) {
        const index_t p = who[t];
        const double g = a_length[at(p)] * x_length[at(p)];
        const double gc = a_length[at(c)] * x_length[at(c)];
        const double product = static_cast<double>(aa[at(p - first)]) * static_cast<double>(xx[t]);
        const double to = std::max(0.0, g * g + gc * gc - 2 * product);
        squared[at(p)] = step == 0 ? to : std::min(squared[at(p)], to);
      }
      double sum = 0;
      for (index_t p = first; p < last; ++p)
        sum += squared[at(p)];
      part_sum[at(first / kPart)] = sum;
    });

    double total = 0;
    for (const double sum : part_sum)
      total += sum;
    chosen = -1;
    if (total > 0) {
      const double target = random.uniform(step + 1) * total;
      double run = 0;
      for (std::size_t part = 0; part < part_sum.size() && chosen < 0; ++part) {
        if (!(run + part_sum[part] > target) && part + 1 < part_sum.size()) {
          run += part_sum[part];
          continue;
        }
        const auto first = static_cast<index_t>(part) * kPart;
        for (index_t p = first; p < std::min(n, first + kPart); ++p) {
          run += squared[at(p)];
          if (taken[at(p)] == 0 && squared[at(p)] > 0 && run > target) {
            chosen = p;
            break;
          }
        }
      }
      // Rounding may leave the target just above the last sum: then the last that has a chance.
      for (index_t p = n - 1; p >= 0 && chosen < 0; --p) {
        if (taken[at(p)] == 0 && squared[at(p)] > 0) chosen = p;
      }
    }
    for (index_t p = 0; p < n && chosen < 0; ++p) {  // all that is left equals a pick
      if (taken[at(p)] == 0) chosen = p;
    }
  }
}

}  // namespace aift
