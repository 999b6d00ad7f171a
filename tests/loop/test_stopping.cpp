// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/stopping.hpp>

#include <limits>

#include <aift/core/error.hpp>

#include "support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<RoundRecord> history(const std::vector<double>& auc) {
  std::vector<RoundRecord> rounds;
  for (const double value : auc) {
    RoundRecord round;
    round.round = static_cast<index_t>(rounds.size());
    round.has_model = round.trained = true;
    round.metrics.auc = value;
    round.metrics.log_loss = 1 - value;
    round.agreement = kNan;
    rounds.push_back(round);
  }
  return rounds;
}

bool fires(const StoppingRule& rule, const std::vector<RoundRecord>& rounds, index_t labels = 0,
           index_t left = 1) {
  return rule.check({rounds, labels, left}).has_value();
}

}  // namespace

TEST_CASE("rounds, labels and the pool run out") {
  CHECK_FALSE(fires(MaxRounds(2), history({0.5})));
  CHECK(fires(MaxRounds(2), history({0.5, 0.6})));
  CHECK_FALSE(fires(MaxLabels(10), {}, 9));
  CHECK(fires(MaxLabels(10), {}, 10));
  CHECK_FALSE(fires(EmptyPool(), {}, 0, 1));
  CHECK(fires(EmptyPool(), {}, 0, 0));
  CHECK_THAT(MaxLabels(10).check({{}, 12, 3}).value(), ContainsSubstring("12 of 10 labels"));
}

TEST_CASE("a target is reached by the last round alone") {
  const TargetMetric rule(MetricKind::auc, 0.9);
  CHECK_FALSE(fires(rule, {}));
  CHECK_FALSE(fires(rule, history({0.95, 0.89})));
  CHECK(fires(rule, history({0.5, 0.9})));
  CHECK_FALSE(fires(rule, history({kNan})));
  CHECK(fires(TargetMetric(MetricKind::log_loss, 0.25), history({0.8})));
  CHECK_FALSE(fires(TargetMetric(MetricKind::log_loss, 0.25), history({0.7})));
  std::vector<RoundRecord> untrained = history({0.95});
  untrained[0].has_model = false;
  CHECK_FALSE(fires(rule, untrained));
}

TEST_CASE("no gain compares the last rounds with the best before them") {
  const NoGain rule(MetricKind::auc, 2);
  CHECK_FALSE(fires(rule, history({0.9, 0.8})));  // nothing before the last two
  CHECK(fires(rule, history({0.9, 0.8, 0.9})));   // equal is no gain
  CHECK_FALSE(fires(rule, history({0.9, 0.8, 0.91})));
  CHECK_FALSE(fires(rule, history({0.5, 0.7, 0.6})));  // gained one round ago
  CHECK(fires(rule, history({0.7, 0.5, 0.6, 0.65})));
  CHECK(fires(NoGain(MetricKind::auc, 1, 0.05), history({0.80, 0.84})));
  CHECK_FALSE(fires(NoGain(MetricKind::auc, 1, 0.05), history({0.80, 0.86})));
  CHECK(fires(NoGain(MetricKind::log_loss, 1), history({0.8, 0.7})));
  CHECK_FALSE(fires(NoGain(MetricKind::log_loss, 1), history({0.7, 0.8})));
  CHECK_FALSE(fires(rule, history({kNan, kNan, kNan, kNan})));
}

TEST_CASE("already right wants every one of the last rounds") {
  std::vector<RoundRecord> rounds = history({0.9, 0.9, 0.9});
  CHECK_FALSE(fires(AlreadyRight(1), rounds));  // NaN: no model had a say
  rounds[1].agreement = 1;
  rounds[2].agreement = 0.9;
  CHECK_FALSE(fires(AlreadyRight(1), rounds));
  CHECK(fires(AlreadyRight(2, 0.9), rounds));
  CHECK_FALSE(fires(AlreadyRight(3, 0.9), rounds));
  CHECK_FALSE(fires(AlreadyRight(4, 0.9), rounds));
}

TEST_CASE("stopping rules refuse what makes no sense") {
  CHECK_THROWS_AS(MaxRounds(0), ValueError);
  CHECK_THROWS_AS(MaxLabels(0), ValueError);
  CHECK_THROWS_AS(TargetMetric(MetricKind::auc, kNan), ValueError);
  CHECK_THROWS_AS(NoGain(MetricKind::auc, 0), ValueError);
  CHECK_THROWS_AS(NoGain(MetricKind::auc, 1, -0.1), ValueError);
  CHECK_THROWS_AS(NoGain(MetricKind::auc, 1, kNan), ValueError);
  CHECK_THROWS_AS(AlreadyRight(0), ValueError);
  CHECK_THROWS_AS(AlreadyRight(1, 0), ValueError);
  CHECK_THROWS_AS(AlreadyRight(1, 1.1), ValueError);
  CHECK(metric_kind_from("log_loss") == MetricKind::log_loss);
  CHECK_THROWS_WITH(metric_kind_from("f1"), ContainsSubstring("balanced_accuracy"));
  for (const MetricKind kind :
       {MetricKind::auc, MetricKind::accuracy, MetricKind::balanced_accuracy, MetricKind::log_loss})
    CHECK(metric_kind_from(to_string(kind)) == kind);
}
