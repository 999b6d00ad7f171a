// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

// [begin selector]
/// Always the candidate with the largest doubt x distance^power: doubt is 1 - the difference of the
/// two largest mean probabilities, distance that to the nearest labelled or picked candidate.
class DoubtAndDistanceSelector final : public aift::Selector {
 public:
  static constexpr std::string_view kName = "doubt_and_distance";
  static constexpr std::string_view kSummary = "Doubtful and far from all that is labelled";
  static constexpr std::string_view kOptions = "power";

  explicit DoubtAndDistanceSelector(double power) : power_(power) {
    AIFT_EXPECT(power >= 0, ValueError, "power must be at least 0; got {}.", power);
  }
  static std::unique_ptr<aift::Selector> make(const aift::Settings& settings) {
    return std::make_unique<DoubtAndDistanceSelector>(settings.number("power", 1));
  }
  std::string_view name() const noexcept override { return kName; }
  aift::Needs needs() const override {
    return {.mean_probabilities = true, .features = true, .labels = true};
  }

 protected:
  // The pool is valid here: sizes agree, nothing is NaN, 1 <= budget <= candidates to pick from.
  void pick(const aift::PoolView& pool, aift::index_t budget, const aift::SelectContext&,
            aift::Selection& out) const override {
    const auto n = static_cast<std::size_t>(pool.size);
    std::vector<double> nearest(n, 1e9);  // with nothing labelled, doubt alone decides
    std::vector<bool> open(n);
    for (std::size_t i = 0; i < n; ++i)
      open[i] = aift::may_be_picked(pool, static_cast<aift::index_t>(i));
    for (std::size_t i = 0; i < n; ++i) {
      if (counts_as_labelled(pool, i)) bring_nearer(pool, i, nearest);
    }
    for (aift::index_t step = 0; step < budget; ++step) {
      std::size_t best = n;
      double best_score = -1;
      for (std::size_t i = 0; i < n; ++i) {
        if (!open[i]) continue;
        const double score = doubt(pool, i) * std::pow(nearest[i], power_);
        if (score > best_score) {  // a tie goes to the smaller index
          best = i;
          best_score = score;
        }
      }
      open[best] = false;
      out.indices.push_back(static_cast<aift::index_t>(best));
      out.score.push_back(best_score);
      out.reason.push_back(fmt::format("doubt {:.3f}, {:.3g} from the nearest labelled or picked",
                                       doubt(pool, best), nearest[best]));
      bring_nearer(pool, best, nearest);
    }
  }

 private:
  static bool counts_as_labelled(const aift::PoolView& pool, std::size_t i) {
    return pool.labels[i] >= 0 ||
           (!pool.standing.empty() && pool.standing[i] == aift::Standing::chosen);
  }
  static double doubt(const aift::PoolView& pool, std::size_t i) {
    const auto k = static_cast<std::size_t>(pool.classes);
    std::vector<double> p(pool.mean_probabilities.begin() + static_cast<std::ptrdiff_t>(i * k),
                          pool.mean_probabilities.begin() + static_cast<std::ptrdiff_t>(i * k + k));
    std::partial_sort(p.begin(), p.begin() + 2, p.end(), std::greater<>());
    return 1 - (p[0] - p[1]);
  }
  static void bring_nearer(const aift::PoolView& pool, std::size_t to,
                           std::vector<double>& nearest) {
    const auto d = static_cast<std::size_t>(pool.feature_size);
    for (std::size_t i = 0; i < nearest.size(); ++i) {
      double squared = 0;
      for (std::size_t f = 0; f < d; ++f) {
        const double difference = static_cast<double>(pool.features[i * d + f]) -
                                  static_cast<double>(pool.features[to * d + f]);
        squared += difference * difference;
      }
      nearest[i] = std::min(nearest[i], std::sqrt(squared));
    }
  }

  double power_;
};
// [end selector]
