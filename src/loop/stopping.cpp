// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/stopping.hpp>

#include <cmath>

#include <aift/core/error.hpp>
#include <aift/io/numbers.hpp>

namespace aift {
namespace {

/// Positive: a is better than b by that much.
double advantage(MetricKind kind, double a, double b) {
  return kind == MetricKind::log_loss ? b - a : a - b;
}

bool counts(const RoundRecord& round, MetricKind kind) {
  return round.has_model && !std::isnan(metric_value(round.metrics, kind));
}

}  // namespace

std::string_view to_string(MetricKind kind) noexcept {
  switch (kind) {
    case MetricKind::auc:
      return "auc";
    case MetricKind::accuracy:
      return "accuracy";
    case MetricKind::balanced_accuracy:
      return "balanced_accuracy";
    case MetricKind::log_loss:
      return "log_loss";
  }
  return "";
}

double metric_value(const Metrics& metrics, MetricKind kind) noexcept {
  switch (kind) {
    case MetricKind::auc:
      return metrics.auc;
    case MetricKind::accuracy:
      return metrics.accuracy;
    case MetricKind::balanced_accuracy:
      return metrics.balanced_accuracy;
    case MetricKind::log_loss:
      return metrics.log_loss;
  }
  return std::nan("");
}

MetricKind metric_kind_from(std::string_view name) {
  for (const MetricKind kind : {MetricKind::auc, MetricKind::accuracy,
                                MetricKind::balanced_accuracy, MetricKind::log_loss}) {
    if (name == to_string(kind)) return kind;
  }
  throw ValueError(
      fmt::format("A metric is auc, accuracy, balanced_accuracy or log_loss; got \"{}\".", name));
}

MaxRounds::MaxRounds(index_t rounds) : rounds_(rounds) {
  AIFT_EXPECT(rounds >= 1, ValueError, "The number of rounds must be at least 1; got {}.", rounds);
}

std::optional<std::string> MaxRounds::check(const LoopStatus& status) const {
  if (static_cast<index_t>(status.rounds.size()) < rounds_) return std::nullopt;
  return fmt::format("{} of {} rounds are done.", status.rounds.size(), rounds_);
}

MaxLabels::MaxLabels(index_t labels) : labels_(labels) {
  AIFT_EXPECT(labels >= 1, ValueError, "The number of labels must be at least 1; got {}.", labels);
}

std::optional<std::string> MaxLabels::check(const LoopStatus& status) const {
  if (status.labels < labels_) return std::nullopt;
  return fmt::format("{} of {} labels are spent.", status.labels, labels_);
}

std::optional<std::string> EmptyPool::check(const LoopStatus& status) const {
  if (status.pool_left > 0) return std::nullopt;
  return "The pool is empty: every candidate has been asked for.";
}

TargetMetric::TargetMetric(MetricKind metric, double target) : metric_(metric), target_(target) {
  AIFT_EXPECT(!std::isnan(target), ValueError, "The target of {} must be a number; got NaN.",
              to_string(metric));
}

std::optional<std::string> TargetMetric::check(const LoopStatus& status) const {
  if (status.rounds.empty() || !counts(status.rounds.back(), metric_)) return std::nullopt;
  const double value = metric_value(status.rounds.back().metrics, metric_);
  if (advantage(metric_, value, target_) < 0) return std::nullopt;
  return fmt::format("{} is {}, and the target was {}.", to_string(metric_), io::shortest(value),
                     io::shortest(target_));
}

NoGain::NoGain(MetricKind metric, index_t rounds, double gain)
    : metric_(metric), rounds_(rounds), gain_(gain) {
  AIFT_EXPECT(rounds >= 1, ValueError, "No gain must be seen for at least 1 round; got {}.",
              rounds);
  AIFT_EXPECT(gain >= 0, ValueError, "The gain that counts must be at least 0; got {}.", gain);
}

std::optional<std::string> NoGain::check(const LoopStatus& status) const {
  std::vector<double> values;
  for (const RoundRecord& round : status.rounds) {
    if (counts(round, metric_)) values.push_back(metric_value(round.metrics, metric_));
  }
  const auto p = static_cast<std::size_t>(rounds_);
  if (values.size() <= p) return std::nullopt;
  double before = values.front();
  double lately = values[values.size() - p];
  for (std::size_t i = 0; i < values.size(); ++i) {
    double& best = i < values.size() - p ? before : lately;
    if (advantage(metric_, values[i], best) > 0) best = values[i];
  }
  if (advantage(metric_, lately, before) > gain_) return std::nullopt;
  return fmt::format("{} gained no more than {} in the last {} rounds: {} at best, {} before.",
                     to_string(metric_), io::shortest(gain_), rounds_, io::shortest(lately),
                     io::shortest(before));
}

AlreadyRight::AlreadyRight(index_t rounds, double share) : rounds_(rounds), share_(share) {
  AIFT_EXPECT(rounds >= 1, ValueError, "The model must be right for at least 1 round; got {}.",
              rounds);
  AIFT_EXPECT(share > 0 && share <= 1, ValueError,
              "The share of a batch that is right must be in (0, 1]; got {}.", share);
}

std::optional<std::string> AlreadyRight::check(const LoopStatus& status) const {
  const auto p = static_cast<std::size_t>(rounds_);
  if (status.rounds.size() < p) return std::nullopt;
  for (const RoundRecord& round : status.rounds.last(p)) {
    if (!(round.agreement >= share_)) return std::nullopt;  // NaN: no model had a say
  }
  return fmt::format(
      "The model had at least {} of the new batch right before it saw its labels, {} rounds in a "
      "row.",
      io::shortest(share_), rounds_);
}

}  // namespace aift
