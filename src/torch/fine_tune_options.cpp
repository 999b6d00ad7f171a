// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/io/numbers.hpp>
#include <aift/torch/fine_tune_trainer.hpp>

namespace aift::nn {
namespace {

/// The value whose name the setting holds.
template <class E, std::size_t N>
E chosen(const Settings& settings, const std::string& key, E fallback,
         const std::pair<const char*, E> (&names)[N]) {
  std::string known;
  std::string before;
  for (const auto& [name, value] : names) {
    if (value == fallback) before = name;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  const std::string text = settings.text(key, before);
  for (const auto& [name, value] : names) {
    if (text == name) return value;
  }
  AIFT_EXPECT(false, ValueError, "Option '{}' must be one of {}; got '{}'.", key, known, text);
  return fallback;
}

void expect_within(const char* field, double value, double low, double high) {
  AIFT_EXPECT(value >= low && value <= high, ValueError,
              "Option '{}' must be between {} and {}; got {}.", field, low, high, value);
}

void expect_share(const char* field, double value) {
  AIFT_EXPECT(value >= 0 && value < 1, ValueError, "Option '{}' must be in [0, 1); got {}.", field,
              value);
}

void expect_at_least(const char* field, index_t value, index_t low) {
  AIFT_EXPECT(value >= low, ValueError, "Option '{}' must be {} or more; got {}.", field, low,
              value);
}

}  // namespace

FineTuneOptions FineTuneOptions::from(const Settings& settings) {
  FineTuneOptions o;
  o.probe = settings.flag("probe", o.probe);
  o.continue_head = settings.flag("continue_head", o.continue_head);
  o.tune = settings.flag("tune", o.tune);
  o.refit = settings.flag("refit", o.refit);
  o.refit_min_samples = settings.integer("refit_min_samples", o.refit_min_samples);
  o.views = settings.integer("views", o.views);
  o.fresh_views = settings.flag("fresh_views", o.fresh_views);
  o.cache_bytes = settings.integer("cache_bytes", o.cache_bytes);
  if (const std::string grid = settings.text("l2_grid", ""); !grid.empty()) {
    for (std::size_t at = 0; at <= grid.size();) {
      const std::size_t end = std::min(grid.find(' ', at), grid.size());
      const auto value = io::parse_number(std::string_view(grid).substr(at, end - at));
      AIFT_EXPECT(value.has_value(), ValueError,
                  "Option 'l2_grid' must be numbers separated by spaces; got '{}'.", grid);
      o.l2_grid.push_back(*value);
      at = end + 1;
    }
  }
  o.probe_folds = settings.integer("probe_folds", o.probe_folds);
  o.optimizer = chosen(settings, "optimizer", o.optimizer,
                       {{"sgd", Optimizer::sgd}, {"adamw", Optimizer::adamw}});
  o.backbone_rate = settings.number("backbone_rate", o.backbone_rate);
  o.head_rate = settings.number("head_rate", o.head_rate);
  o.momentum = settings.number("momentum", o.momentum);
  o.beta1 = settings.number("beta1", o.beta1);
  o.beta2 = settings.number("beta2", o.beta2);
  o.weight_decay = settings.number("weight_decay", o.weight_decay);
  o.steps = settings.integer("steps", o.steps);
  o.continued_rate = settings.number("continued_rate", o.continued_rate);
  o.continued_steps = settings.number("continued_steps", o.continued_steps);
  o.batch = settings.integer("batch", o.batch);
  o.members = settings.integer("members", o.members);
  o.warmup = settings.number("warmup", o.warmup);
  o.balance_classes = settings.flag("balance_classes", o.balance_classes);
  o.batch_norm = chosen(settings, "batch_norm", o.batch_norm,
                        {{"frozen", BatchNorm::frozen}, {"running", BatchNorm::running}});
  o.train_norms = settings.flag("train_norms", o.train_norms);
  o.dropout = settings.number("dropout", o.dropout);
  o.label_smoothing = settings.number("label_smoothing", o.label_smoothing);
  o.clip_norm = settings.number("clip_norm", o.clip_norm);
  o.frozen_stages = settings.integer("frozen_stages", o.frozen_stages);
  o.train_all_samples = settings.integer("train_all_samples", o.train_all_samples);
  o.mix = settings.number("mix", o.mix);
  o.calibrate = settings.flag("calibrate", o.calibrate);
  o.holdout = settings.number("holdout", o.holdout);
  o.holdout_min_samples = settings.integer("holdout_min_samples", o.holdout_min_samples);
  o.check_every = settings.integer("check_every", o.check_every);
  o.patience = settings.integer("patience", o.patience);
  o.guard = chosen(settings, "guard", o.guard, {{"off", Guard::off}, {"folds", Guard::folds}});
  o.guard_metric = chosen(settings, "guard_metric", o.guard_metric,
                          {{"auc", GuardMetric::auc}, {"log_loss", GuardMetric::log_loss}});
  o.guard_min_samples = settings.integer("guard_min_samples", o.guard_min_samples);
  o.guard_folds = settings.integer("guard_folds", o.guard_folds);
  o.guard_steps = settings.number("guard_steps", o.guard_steps);
  o.guard_views = settings.integer("guard_views", o.guard_views);
  o.guard_tolerance = settings.number("guard_tolerance", o.guard_tolerance);
  o.guard_errors = settings.number("guard_errors", o.guard_errors);
  o.validate();
  return o;
}

void FineTuneOptions::validate() const {
  AIFT_EXPECT(probe || tune, ValueError,
              "Options 'probe' and 'tune' are both off; one of them has to be on.");
  AIFT_EXPECT(guard == Guard::off || !tune || probe, ValueError,
              "The guard compares with the probe; switch 'probe' on or set guard=off.");
  expect_at_least("refit_min_samples", refit_min_samples, 0);
  expect_at_least("views", views, 0);
  expect_at_least("cache_bytes", cache_bytes, 0);
  for (const double l2 : l2_grid)
    AIFT_EXPECT(std::isfinite(l2) && l2 > 0, ValueError,
                "Every value of 'l2_grid' must be positive and finite; got {}.", l2);
  expect_at_least("probe_folds", probe_folds, 2);
  expect_within("backbone_rate", backbone_rate, 0, 10);
  expect_within("head_rate", head_rate, 0, 10);
  expect_share("momentum", momentum);
  expect_share("beta1", beta1);
  expect_share("beta2", beta2);
  expect_within("weight_decay", weight_decay, 0, 1);
  expect_at_least("steps", steps, 0);
  expect_at_least("batch", batch, 1);
  expect_at_least("members", members, 0);
  expect_within("warmup", warmup, 0, 1);
  expect_share("dropout", dropout);
  expect_share("label_smoothing", label_smoothing);
  AIFT_EXPECT(clip_norm >= 0 && std::isfinite(clip_norm), ValueError,
              "Option 'clip_norm' must be 0 or more; got {}.", clip_norm);
  expect_at_least("frozen_stages", frozen_stages, -1);
  expect_at_least("train_all_samples", train_all_samples, 0);
  AIFT_EXPECT(mix == -1 || (mix >= 0 && mix <= 1), ValueError,
              "Option 'mix' must be in [0, 1], or -1 for the default; got {}.", mix);
  expect_within("holdout", holdout, 0, 0.5);
  expect_at_least("holdout_min_samples", holdout_min_samples, 0);
  expect_at_least("check_every", check_every, 1);
  expect_at_least("patience", patience, 1);
  expect_within("continued_rate", continued_rate, 0, 10);
  expect_within("continued_steps", continued_steps, 0, 10);
  expect_at_least("guard_min_samples", guard_min_samples, 0);
  expect_at_least("guard_folds", guard_folds, 2);
  expect_within("guard_steps", guard_steps, 0, 10);
  expect_at_least("guard_views", guard_views, 1);
  expect_within("guard_tolerance", guard_tolerance, 0, 1e9);
  expect_within("guard_errors", guard_errors, 0, 1e9);
}

}  // namespace aift::nn
