// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/loop/run_state.hpp>

namespace aift {

/// What a stopping rule may look at, between rounds.
struct LoopStatus {
  std::span<const RoundRecord> rounds;  ///< finished ones
  index_t labels = 0;                   ///< labels in all
  index_t pool_left = 0;                ///< candidates that can still be asked for
};

/// Decides between rounds whether to stop. Looks at the recorded history alone and keeps nothing,
/// so that a resumed run decides as the uninterrupted one.
class StoppingRule {
 public:
  virtual ~StoppingRule() = default;
  /// Name in the state and in reports, snake_case.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// One sentence when it is time to stop.
  [[nodiscard]] virtual std::optional<std::string> check(const LoopStatus& status) const = 0;
};

/// Which number of Metrics a rule looks at.
enum class MetricKind : std::uint8_t { auc, accuracy, balanced_accuracy, log_loss };

/// The name that metric_kind_from reads.
[[nodiscard]] std::string_view to_string(MetricKind kind) noexcept;
/// That number of the metrics.
[[nodiscard]] double metric_value(const Metrics& metrics, MetricKind kind) noexcept;
/// "auc", "accuracy", "balanced_accuracy", "log_loss". throws ValueError
[[nodiscard]] MetricKind metric_kind_from(std::string_view name);

/// "rounds": so many rounds are done, the first batch counted.
class MaxRounds final : public StoppingRule {
 public:
  explicit MaxRounds(index_t rounds);  ///< throws ValueError unless >= 1
  [[nodiscard]] std::string_view name() const noexcept override { return "rounds"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;

 private:
  index_t rounds_;
};

/// "max_labels": so many labels are spent. (The learner cuts the last batch to fit.)
class MaxLabels final : public StoppingRule {
 public:
  explicit MaxLabels(index_t labels);  ///< throws ValueError unless >= 1
  [[nodiscard]] std::string_view name() const noexcept override { return "max_labels"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;

 private:
  index_t labels_;
};

/// "empty_pool": nobody is left to be asked about. Every learner has it.
class EmptyPool final : public StoppingRule {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "empty_pool"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;
};

/// "target": the metric of the last round reached the target (at least; log_loss: at most). Rounds
/// without a trained model do not count.
class TargetMetric final : public StoppingRule {
 public:
  TargetMetric(MetricKind metric, double target);  ///< throws ValueError for NaN
  [[nodiscard]] std::string_view name() const noexcept override { return "target"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;

 private:
  MetricKind metric_;
  double target_;
};

/// "no_gain": the best of the last p rounds is not better than the best before them by more than
/// `gain`. Rounds without a trained model, and NaN, do not count.
class NoGain final : public StoppingRule {
 public:
  NoGain(MetricKind metric, index_t rounds, double gain = 0);  ///< ValueError: p < 1, gain < 0, NaN
  [[nodiscard]] std::string_view name() const noexcept override { return "no_gain"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;

 private:
  MetricKind metric_;
  index_t rounds_;
  double gain_;
};

/// "already_right": in each of the last p rounds the model had at least `share` of the new batch
/// right before it was trained on it.
class AlreadyRight final : public StoppingRule {
 public:
  explicit AlreadyRight(index_t rounds, double share = 1);  ///< ValueError: p < 1, share not (0,1]
  [[nodiscard]] std::string_view name() const noexcept override { return "already_right"; }
  [[nodiscard]] std::optional<std::string> check(const LoopStatus& status) const override;

 private:
  index_t rounds_;
  double share_;
};

}  // namespace aift
