// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/summary.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/bench/statistics.hpp"

namespace aift::bench {

namespace {

using detail::mean_interval;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr index_t kDraws = 2000;  // of the bootstrap

/// The points of one seed, in the order of rounds.
using Curve = std::vector<const CurvePoint*>;
/// Curves of one selector by seed.
using Curves = std::map<std::uint64_t, Curve>;

double value_of(const Metrics& metrics, const std::string& metric) {
  if (metric == "auc") return metrics.auc;
  if (metric == "balanced_accuracy") return metrics.balanced_accuracy;
  if (metric == "accuracy") return metrics.accuracy;
  throw ValueError(
      fmt::format("metric must be auc, balanced_accuracy or accuracy; got \"{}\".", metric));
}

/// Names in the order in which they first occur.
class Names {
 public:
  std::size_t operator()(const std::string& name) {
    const auto [at, fresh] = number_.emplace(name, list_.size());
    if (fresh) list_.push_back(name);
    return at->second;
  }
  [[nodiscard]] const std::vector<std::string>& list() const noexcept { return list_; }

 private:
  std::map<std::string, std::size_t> number_;
  std::vector<std::string> list_;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return detail::quantile(values, 0.5);
}

/// What was picked after the initial set, and how long that took.
void describe_picks(const Curves& curves, SelectorResult& result) {
  std::vector<double> select;
  std::vector<double> fit;
  std::vector<double> redundant;
  double all = 0;
  for (const auto& [seed, curve] : curves) {
    for (const CurvePoint* point : curve) {
      fit.push_back(point->seconds_fit);
      if (point->round == 0) continue;
      select.push_back(point->seconds_select);
      if (point->bytes_select >= 0) {
        // std::fmax: a NaN, which stands for none so far, gives way.
        result.bytes_select =
            std::fmax(result.bytes_select, static_cast<double>(point->bytes_select));
      }
      redundant.push_back(point->redundancy);
      result.class_share.resize(std::max(result.class_share.size(), point->batch_classes.size()));
      for (std::size_t k = 0; k < point->batch_classes.size(); ++k) {
        result.class_share[k] += static_cast<double>(point->batch_classes[k]);
        all += static_cast<double>(point->batch_classes[k]);
      }
      result.mislabelled += static_cast<double>(point->mislabelled);
      result.duplicates += static_cast<double>(point->duplicates);
      result.ambiguous += static_cast<double>(point->ambiguous);
    }
  }
  result.seconds_select = median(std::move(select));
  result.seconds_fit = median(std::move(fit));
  result.redundancy = mean_interval(redundant).mean;
  if (all == 0) return;
  for (double& share : result.class_share)
    share /= all;
  result.mislabelled /= all;
  result.duplicates /= all;
  result.ambiguous /= all;
}

/// One task while it is summarised: heights[selector][seed] of complete curves, or empty.
struct Work {
  TaskSummary summary;
  std::vector<double> x;       ///< labels
  std::vector<double> x_log2;  ///< of the labels above 0
  std::vector<std::vector<std::vector<double>>> heights;
};

/// Numbers of labels of most of the task's curves: the longest curve decides.
std::vector<index_t> labels_of(const std::map<std::string, Curves>& by_selector) {
  std::vector<index_t> labels;
  for (const auto& [selector, curves] : by_selector) {
    if (selector == kAllLabels) continue;
    for (const auto& [seed, curve] : curves) {
      if (curve.size() <= labels.size()) continue;
      labels.clear();
      for (const CurvePoint* point : curve)
        labels.push_back(point->labels);
    }
  }
  return labels;
}

/// The mean of the curves of `seeds`, whoever is listed twice counts twice.
std::vector<double> mean_curve(const std::vector<std::vector<double>>& heights,
                               const std::vector<std::size_t>& seeds, std::size_t points) {
  std::vector<double> mean(points, 0.0);
  for (const std::size_t s : seeds) {
    for (std::size_t i = 0; i < points; ++i)
      mean[i] += heights[s][i] / static_cast<double>(seeds.size());
  }
  return mean;
}

/// Labels that are saved until the baseline's last score, as a share of the baseline's labels.
double saving(const Work& work, std::size_t selector, std::size_t baseline,
              const std::vector<std::size_t>& seeds) {
  const std::size_t points = work.x.size();
  const auto mine = mean_curve(work.heights[selector], seeds, points);
  const auto theirs = mean_curve(work.heights[baseline], seeds, points);
  const double at = detail::first_reach(work.x, mine, theirs.back());
  return std::isinf(at) ? 0.0 : 1 - at / work.x.back();
}

void compare_with_baseline(Work& work, std::size_t selector, std::size_t baseline) {
  SelectorResult& mine = work.summary.selectors[selector];
  const SelectorResult& base = work.summary.selectors[baseline];
  std::vector<std::size_t> both;
  std::vector<double> differences;
  for (std::size_t s = 0; s < work.summary.seeds.size(); ++s) {
    if (work.heights[selector][s].empty() || work.heights[baseline][s].empty()) continue;
    both.push_back(s);
    differences.push_back(mine.areas[s] - base.areas[s]);
    mine.seeds_ahead += differences.back() > 0 ? 1 : 0;
  }
  mine.seeds_compared = std::ssize(both);
  if (both.empty()) return;
  const auto own = mean_curve(work.heights[selector], both, work.x.size());
  const auto theirs = mean_curve(work.heights[baseline], both, work.x.size());
  mine.labels_to_baseline_end = detail::first_reach(work.x, own, theirs.back());
  mine.difference = mean_interval(differences);
  if (selector == baseline) return;
  mine.p = detail::paired_p(differences);
  mine.saving.value = saving(work, selector, baseline, both);
  if (both.size() < 2) return;
  std::vector<double> drawn;
  std::vector<std::size_t> sample(both.size());
  const KeyedRandom random(0, Purpose::bench_task, 100);
  for (index_t draw = 0; draw < kDraws; ++draw) {
    for (std::size_t s = 0; s < sample.size(); ++s) {
      const auto number = draw * std::ssize(sample) + static_cast<index_t>(s);
      sample[s] = both[static_cast<std::size_t>(random.below(number, std::ssize(both)))];
    }
    drawn.push_back(saving(work, selector, baseline, sample));
  }
  std::sort(drawn.begin(), drawn.end());
  mine.saving.low = detail::quantile(drawn, 0.025);
  mine.saving.high = detail::quantile(drawn, 0.975);
}

void summarise_selector(Work& work, std::size_t s, const std::string& metric,
                        const Curves& curves) {
  SelectorResult& result = work.summary.selectors[s];
  const std::size_t points = work.x.size();
  std::vector<double> areas_log2;
  std::vector<double> last;
  std::vector<std::vector<double>> columns(points);
  for (const std::uint64_t seed : work.summary.seeds) {
    std::vector<double> heights;
    const auto found = curves.find(seed);
    if (found != curves.end() && found->second.size() == points) {
      for (std::size_t i = 0; i < points; ++i) {
        if (found->second[i]->labels == work.summary.labels[i])
          heights.push_back(value_of(found->second[i]->metrics, metric));
      }
    }
    if (heights.size() != points) heights.clear();
    result.areas.push_back(heights.empty() ? kNan : detail::mean_height(work.x, heights));
    if (!heights.empty()) {
      const auto from = static_cast<std::ptrdiff_t>(points - work.x_log2.size());
      areas_log2.push_back(detail::mean_height(
          work.x_log2, std::span(heights).subspan(static_cast<std::size_t>(from))));
      last.push_back(heights.back());
      for (std::size_t i = 0; i < points; ++i)
        columns[i].push_back(heights[i]);
    }
    work.heights[s].push_back(std::move(heights));
  }
  for (const auto& column : columns)
    result.curve.push_back(mean_interval(column));
  result.area = mean_interval(result.areas);
  result.area_log2 = mean_interval(areas_log2);
  result.last = mean_interval(last);
  std::vector<double> mean;
  for (const MeanInterval& point : result.curve)
    mean.push_back(point.mean);
  for (const double share : kShares) {
    result.labels_to_share.push_back(
        detail::first_reach(work.x, mean, share * work.summary.all_labels.mean));
  }
  describe_picks(curves, result);
}

Work summarise_task(const std::string& task, const std::map<std::string, Curves>& by_selector,
                    const std::vector<std::string>& selectors, const std::string& metric) {
  Work work;
  TaskSummary& summary = work.summary;
  summary.task = task;
  summary.labels = labels_of(by_selector);
  std::set<std::uint64_t> seeds;
  for (const auto& [selector, curves] : by_selector) {
    for (const auto& [seed, curve] : curves)
      seeds.insert(seed);
  }
  summary.seeds.assign(seeds.begin(), seeds.end());
  for (const index_t n : summary.labels) {
    work.x.push_back(static_cast<double>(n));
    if (n > 0) work.x_log2.push_back(std::log2(static_cast<double>(n)));
  }
  if (const auto all = by_selector.find(std::string(kAllLabels)); all != by_selector.end()) {
    std::vector<double> scores;
    double total = 0;
    for (const auto& [seed, curve] : all->second) {
      const CurvePoint& point = *curve.front();
      scores.push_back(value_of(point.metrics, metric));
      summary.pool_classes.resize(point.batch_classes.size());
      for (std::size_t k = 0; k < point.batch_classes.size(); ++k) {
        summary.pool_classes[k] += static_cast<double>(point.batch_classes[k]);
        total += static_cast<double>(point.batch_classes[k]);
      }
    }
    summary.all_labels = mean_interval(scores);
    for (double& share : summary.pool_classes)
      share /= total;
  }
  work.heights.resize(selectors.size());
  for (std::size_t s = 0; s < selectors.size(); ++s) {
    summary.selectors.emplace_back();
    summary.selectors.back().selector = selectors[s];
    const auto curves = by_selector.find(selectors[s]);
    summarise_selector(work, s, metric, curves == by_selector.end() ? Curves{} : curves->second);
  }
  // Ranks within every seed that all have.
  std::vector<std::vector<double>> ranks(selectors.size());
  for (std::size_t seed = 0; seed < summary.seeds.size(); ++seed) {
    std::vector<double> areas;
    for (const SelectorResult& one : summary.selectors)
      areas.push_back(one.areas[seed]);
    if (std::any_of(areas.begin(), areas.end(), [](double a) { return std::isnan(a); })) continue;
    const auto of = detail::ranks(areas);
    for (std::size_t s = 0; s < of.size(); ++s)
      ranks[s].push_back(of[s]);
  }
  for (std::size_t s = 0; s < ranks.size(); ++s)
    summary.selectors[s].rank = mean_interval(ranks[s]).mean;
  return work;
}

/// Points of the curve at which `ahead` is above `behind` by a paired t-test at 95 %, as a share.
double share_ahead(const Work& work, std::size_t ahead, std::size_t behind) {
  index_t count = 0;
  for (std::size_t i = 0; i < work.x.size(); ++i) {
    std::vector<double> differences;
    for (std::size_t s = 0; s < work.summary.seeds.size(); ++s) {
      const auto& a = work.heights[ahead][s];
      const auto& b = work.heights[behind][s];
      if (!a.empty() && !b.empty()) differences.push_back(a[i] - b[i]);
    }
    const MeanInterval difference = mean_interval(differences);
    count += difference.mean - difference.half > 0 ? 1 : 0;  // false where there is no interval
  }
  return work.x.empty() ? 0 : static_cast<double>(count) / static_cast<double>(work.x.size());
}

void judge_all(BenchSummary& summary) {
  std::vector<double> p;
  for (const TaskSummary& task : summary.tasks) {
    for (const SelectorResult& one : task.selectors)
      p.push_back(one.p);
  }
  const auto corrected = detail::holm(p);
  std::size_t next = 0;
  for (TaskSummary& task : summary.tasks) {
    for (std::size_t s = 0; s < task.selectors.size(); ++s) {
      SelectorResult& one = task.selectors[s];
      one.p_holm = corrected[next++];
      if (std::isnan(one.p_holm)) continue;
      one.verdict = one.p_holm >= 0.05        ? Verdict::tie
                    : one.difference.mean > 0 ? Verdict::win
                                              : Verdict::loss;
      summary.wins[s] += one.verdict == Verdict::win ? 1 : 0;
      summary.ties[s] += one.verdict == Verdict::tie ? 1 : 0;
      summary.losses[s] += one.verdict == Verdict::loss ? 1 : 0;
    }
  }
}

}  // namespace

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::win:
      return "win";
    case Verdict::loss:
      return "loss";
    case Verdict::tie:
      return "tie";
    case Verdict::none:
      break;
  }
  return "";
}

BenchSummary summarise(std::span<const CurvePoint> points, const std::string& metric,
                       const std::string& baseline) {
  (void)value_of(Metrics{}, metric);
  BenchSummary out;
  out.metric = metric;
  out.baseline = baseline;
  Names tasks;
  Names selectors;
  std::vector<std::map<std::string, Curves>> by_task;
  for (const CurvePoint& point : points) {
    const std::size_t task = tasks(point.task);
    if (point.selector != kAllLabels) (void)selectors(point.selector);
    by_task.resize(tasks.list().size());
    by_task[task][point.selector][point.seed].push_back(&point);
  }
  out.selectors = selectors.list();
  const std::size_t count = out.selectors.size();
  const auto base = static_cast<std::size_t>(
      std::find(out.selectors.begin(), out.selectors.end(), baseline) - out.selectors.begin());
  out.penalty.assign(count, std::vector<double>(count, 0.0));
  out.wins.assign(count, 0);
  out.ties = out.losses = out.wins;
  std::vector<std::vector<double>> ranks(count);
  for (std::size_t t = 0; t < by_task.size(); ++t) {
    for (auto& [selector, curves] : by_task[t]) {
      for (auto& [seed, curve] : curves) {
        std::stable_sort(curve.begin(), curve.end(), [](const CurvePoint* a, const CurvePoint* b) {
          return a->round < b->round;
        });
      }
    }
    Work work = summarise_task(tasks.list()[t], by_task[t], out.selectors, metric);
    if (base < count) {
      for (std::size_t s = 0; s < count; ++s)
        compare_with_baseline(work, s, base);
    }
    for (std::size_t i = 0; i < count; ++i) {
      ranks[i].push_back(work.summary.selectors[i].rank);
      for (std::size_t j = 0; j < count; ++j) {
        if (i != j) out.penalty[i][j] += share_ahead(work, j, i);
      }
    }
    out.tasks.push_back(std::move(work.summary));
  }
  for (const auto& of : ranks) {
    const bool everywhere =
        std::none_of(of.begin(), of.end(), [](double r) { return std::isnan(r); });
    out.mean_rank.push_back(everywhere ? mean_interval(of).mean : kNan);
  }
  judge_all(out);
  return out;
}

}  // namespace aift::bench
