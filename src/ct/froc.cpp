// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/froc.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include <aift/core/error.hpp>
#include <aift/ct/crop.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/metrics.hpp>

namespace aift::ct {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Ends of the middle 95 % of some values, interpolated between order statistics; NaN without any.
void set_interval(std::vector<double> values, Estimate& out) {
  out.low = out.high = kNan;
  if (values.empty()) return;
  std::sort(values.begin(), values.end());
  const auto quantile = [&](double q) {
    const double place = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
  };
  out.low = quantile(0.025);
  out.high = quantile(0.975);
}

/// Findings by falling score; of each the number of its embolus among all, or -1.
struct Sorted {
  std::vector<double> score;
  std::vector<index_t> scan;
  std::vector<index_t> embolus;
};

/// One sweep over the thresholds, scans counted `times` over.
class Sweep {
 public:
  Sweep(const Sorted& sorted, std::span<const index_t> emboli, index_t all_emboli)
      : sorted_(sorted), emboli_(emboli), seen_(static_cast<std::size_t>(all_emboli)) {}

  /// point(score, false positives, hits) after each distinct score.
  template <class Point>
  void run(std::span<const index_t> times, Point point) {
    std::fill(seen_.begin(), seen_.end(), std::uint8_t{0});
    index_t false_positives = 0;
    index_t hits = 0;
    const std::size_t n = sorted_.score.size();
    for (std::size_t i = 0; i < n; ++i) {
      const index_t weight = times[static_cast<std::size_t>(sorted_.scan[i])];
      if (sorted_.embolus[i] < 0) {
        false_positives += weight;
      } else if (auto& seen = seen_[static_cast<std::size_t>(sorted_.embolus[i])]; seen == 0) {
        seen = 1;
        hits += weight;
      }
      if (i + 1 == n || sorted_.score[i + 1] != sorted_.score[i])
        point(sorted_.score[i], false_positives, hits);
    }
  }

  /// Sensitivities at the rates, and whether there is an embolus at all.
  bool at_rates(std::span<const index_t> times, std::array<double, 7>& out) {
    index_t scans = 0;
    index_t total = 0;
    for (std::size_t s = 0; s < times.size(); ++s) {
      scans += times[s];
      total += times[s] * emboli_[s];
    }
    if (total == 0) return false;
    out.fill(0);
    run(times, [&](double, index_t false_positives, index_t hits) {
      for (std::size_t r = 0; r < kFrocRates.size(); ++r) {
        if (static_cast<double>(false_positives) <= kFrocRates[r] * static_cast<double>(scans)) {
          out[r] = static_cast<double>(hits) / static_cast<double>(total);
        }
      }
    });
    return true;
  }

 private:
  const Sorted& sorted_;
  std::span<const index_t> emboli_;
  std::vector<std::uint8_t> seen_;
};

Sorted sort_findings(std::span<const Finding> findings, std::span<const index_t> emboli) {
  std::vector<index_t> first_of_scan(emboli.size());
  std::exclusive_scan(emboli.begin(), emboli.end(), first_of_scan.begin(), index_t{0});
  std::vector<std::size_t> order(findings.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return findings[a].score > findings[b].score;
  });
  Sorted sorted;
  for (const std::size_t i : order) {
    const Finding& f = findings[i];
    sorted.score.push_back(f.score);
    sorted.scan.push_back(f.scan);
    sorted.embolus.push_back(
        f.embolus < 0 ? -1 : first_of_scan[static_cast<std::size_t>(f.scan)] + f.embolus);
  }
  return sorted;
}

}  // namespace

Froc froc(std::span<const Finding> findings, std::span<const index_t> emboli, index_t replicates,
          std::uint64_t seed) {
  const auto scans = static_cast<index_t>(emboli.size());
  AIFT_EXPECT(replicates >= 0, ValueError,
              "The number of bootstrap replicates must not be negative; got {}.", replicates);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Finding& f = findings[i];
    AIFT_EXPECT(std::isfinite(f.score), ValueError, "Scores must be finite; finding {} has {}.", i,
                f.score);
    AIFT_EXPECT(f.scan >= 0 && f.scan < scans, ValueError,
                "Finding {} must be of a scan in [0, {}); got {}.", i, scans, f.scan);
    AIFT_EXPECT(f.embolus >= -1 && f.embolus < emboli[static_cast<std::size_t>(f.scan)], ValueError,
                "Finding {} must hit an embolus in [0, {}) of its scan, or -1; got {}.", i,
                emboli[static_cast<std::size_t>(f.scan)], f.embolus);
  }
  Froc result;
  result.scans = scans;
  for (const index_t n : emboli) {
    AIFT_EXPECT(n >= 0, ValueError, "A scan has no negative number of emboli; got {}.", n);
    result.emboli += n;
  }
  AIFT_EXPECT(result.emboli > 0, ValueError,
              "A FROC curve needs at least one embolus; the {} scans have none.", scans);

  const Sorted sorted = sort_findings(findings, emboli);
  Sweep sweep(sorted, emboli, result.emboli);
  const std::vector<index_t> once(emboli.size(), 1);
  sweep.run(once, [&](double score, index_t false_positives, index_t hits) {
    result.curve.push_back({score,
                            static_cast<double>(false_positives) / static_cast<double>(scans),
                            static_cast<double>(hits) / static_cast<double>(result.emboli)});
    result.reachable = hits;
  });
  const auto mean_of = [](const std::array<double, 7>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / 7;
  };
  std::array<double, 7> values{};
  sweep.at_rates(once, values);
  for (std::size_t r = 0; r < values.size(); ++r)
    result.at_rates[r].value = values[r];
  result.mean.value = mean_of(values);

  const KeyedRandom random(seed, Purpose::test, 0, 0x46524F43);
  std::array<std::vector<double>, 7> drawn;
  std::vector<double> drawn_mean;
  std::vector<index_t> times(emboli.size());
  for (index_t replicate = 0; replicate < replicates; ++replicate) {
    std::fill(times.begin(), times.end(), index_t{0});
    for (index_t s = 0; s < scans; ++s)
      ++times[static_cast<std::size_t>(random.below(replicate * scans + s, scans))];
    if (!sweep.at_rates(times, values)) continue;
    for (std::size_t r = 0; r < values.size(); ++r)
      drawn[r].push_back(values[r]);
    drawn_mean.push_back(mean_of(values));
  }
  for (std::size_t r = 0; r < drawn.size(); ++r)
    set_interval(std::move(drawn[r]), result.at_rates[r]);
  set_interval(std::move(drawn_mean), result.mean);
  return result;
}

Estimate candidate_auc(std::span<const double> scores, std::span<const std::uint8_t> positive,
                       std::span<const index_t> groups, index_t replicates, std::uint64_t seed) {
  AIFT_EXPECT(scores.size() == positive.size() && scores.size() == groups.size(), ShapeError,
              "scores, positive and groups must be of one length; got {}, {} and {}.",
              scores.size(), positive.size(), groups.size());
  AIFT_EXPECT(replicates >= 0, ValueError,
              "The number of bootstrap replicates must not be negative; got {}.", replicates);
  Estimate out;
  out.value = auc(scores, positive);
  std::map<index_t, std::vector<std::size_t>> by_group;
  for (std::size_t i = 0; i < groups.size(); ++i)
    by_group[groups[i]].push_back(i);
  std::vector<const std::vector<std::size_t>*> members;
  for (const auto& [group, samples] : by_group)
    members.push_back(&samples);
  const auto count = static_cast<index_t>(members.size());
  const KeyedRandom random(seed, Purpose::test, 0, 0x415543);
  std::vector<double> values;
  std::vector<double> some;
  std::vector<std::uint8_t> are;
  for (index_t replicate = 0; replicate < replicates && count > 0; ++replicate) {
    some.clear();
    are.clear();
    for (index_t g = 0; g < count; ++g) {
      const auto chosen = static_cast<std::size_t>(random.below(replicate * count + g, count));
      for (const std::size_t i : *members[chosen]) {
        some.push_back(scores[i]);
        are.push_back(positive[i]);
      }
    }
    const double value = auc(some, are);
    if (std::isfinite(value)) values.push_back(value);
  }
  set_interval(std::move(values), out);
  return out;
}

index_t embolus_at(const Volume& labels, const Point& point, double tolerance_mm) {
  AIFT_EXPECT(tolerance_mm >= 0 && std::isfinite(tolerance_mm), ValueError,
              "The tolerance of a hit must be a number of mm of at least 0; got {}.", tolerance_mm);
  const CropView all = whole(labels);
  const Geometry& g = labels.geometry;
  const Point index = g.to_index(point);
  if (g.contains(point)) {
    std::array<index_t, 3> at;
    for (std::size_t a = 0; a < 3; ++a) {
      at[a] =
          std::clamp<index_t>(static_cast<index_t>(std::floor(index[a] + 0.5)), 0, g.size[a] - 1);
    }
    const std::int16_t label = labels.at(at[0], at[1], at[2]);
    if (label > 0) return label - 1;
  }
  std::array<index_t, 3> low;
  std::array<index_t, 3> high;
  for (std::size_t a = 0; a < 3; ++a) {
    const double reach = tolerance_mm / g.spacing[a];
    const double last = static_cast<double>(all.size[a] - 1);
    if (!(index[a] + reach >= 0) || !(index[a] - reach <= last)) return -1;
    low[a] = static_cast<index_t>(std::ceil(std::max(index[a] - reach, 0.0)));
    high[a] = static_cast<index_t>(std::floor(std::min(index[a] + reach, last)));
  }
  index_t best = -1;
  double best_distance = tolerance_mm * tolerance_mm * (1 + 1e-12);
  for (index_t z = low[2]; z <= high[2]; ++z) {
    for (index_t y = low[1]; y <= high[1]; ++y) {
      for (index_t x = low[0]; x <= high[0]; ++x) {
        const std::int16_t label = labels.at(x, y, z);
        if (label <= 0) continue;
        const Point d =
            g.to_world({static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)}) -
            point;
        const double distance = dot(d, d);
        if (distance < best_distance || (distance == best_distance && label - 1 < best)) {
          best_distance = distance;
          best = label - 1;
        }
      }
    }
  }
  return best;
}

std::string froc_csv(const Froc& result) {
  std::string text = "score,false_positives_per_scan,sensitivity\n";
  for (const FrocPoint& p : result.curve) {
    text += io::shortest(p.score) + "," + io::shortest(p.false_positives_per_scan) + "," +
            io::shortest(p.sensitivity) + "\n";
  }
  return text;
}

}  // namespace aift::ct
