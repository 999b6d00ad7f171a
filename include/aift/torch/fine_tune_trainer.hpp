// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <aift/core/settings.hpp>
#include <aift/loop/trainer.hpp>

namespace aift::nn {

/// How weights are moved along their gradients.
enum class Optimizer : std::uint8_t {
  sgd,    ///< momentum, weight decay added to the gradient
  adamw,  ///< Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019)
};

/// What batch norm does while the network is trained.
enum class BatchNorm : std::uint8_t {
  frozen,   ///< statistics of the parent, gradients through them: right for small labelled sets
  running,  ///< statistics of the batch, running means updated
};

/// Which of the two models is handed back.
enum class Guard : std::uint8_t {
  off,    ///< always the tuned one
  folds,  ///< the probe where grouped folds of the labelled data show that tuning does harm
};

/// What "better" means to the guard; both over held-out candidates, mean probability of their
/// views.
enum class GuardMetric : std::uint8_t {
  auc,       ///< as Metrics::auc
  log_loss,  ///< with every class weighing the same, as the training
};

/// Every number of the recipe. The defaults are the default recipe.
struct FineTuneOptions {
  // What is done.
  bool probe = true;  ///< fit the head as a linear probe first; false: the parent's head
  /// A parent that a fit has made for the same classes starts with its own head instead of a probe:
  /// its features were fitted to these very candidates, a new head on them would be too sure.
  bool continue_head = true;
  bool tune = true;    ///< then train the network; false: the probe is the result
  bool refit = false;  ///< then fit the head once more on the features of the tuned network
  index_t refit_min_samples = 60;  ///< no refit below this number of labelled candidates

  // The views that head and network are trained on.
  index_t views =
      0;  ///< of each candidate; 0: 16 up to 40 labelled candidates, 8 up to 200, else 4
  /// A fresh view each time a candidate is drawn, instead of the same `views` again and again. The
  /// frozen stages are then computed in every step.
  bool fresh_views = false;
  /// What the frozen stages give for all views is kept in memory up to this size; beyond it the
  /// views are fresh.
  std::int64_t cache_bytes = std::int64_t{1} << 30;

  // The probe.
  std::vector<double> l2_grid;  ///< empty: that of ProbeOptions
  index_t probe_folds = 5;      ///< grouped folds that choose the L2

  // The training.
  Optimizer optimizer = Optimizer::adamw;  ///< of network and head
  double backbone_rate = 6e-4;             ///< peak learning rate of the convolutions
  double head_rate = 6e-4;                 ///< peak learning rate of the head
  double momentum = 0.9;                   ///< sgd
  double beta1 = 0.9;                      ///< adamw
  double beta2 = 0.999;                    ///< adamw
  double weight_decay = 0.01;              ///< of convolutions; never of norms, biases and the head
  /// 0: 60 with 20 labelled candidates or fewer, 100 with 400, on the line in ln n through them.
  index_t steps = 0;
  double continued_rate = 2.0 / 3;   ///< factor of both rates when the parent's head goes on
  double continued_steps = 2.0 / 3;  ///< factor of the steps in that case
  index_t batch = 32;                ///< patches per step
  /// So many trainings from the same start, in other orders, with other views and dropout, whose
  /// weights are averaged: the noise of few labels shrinks, the time grows.
  /// Source: Wortsman et al., ICML 2022 ("Model soups").
  /// 0: 2 below train_all_samples labelled candidates, 1 from there on.
  index_t members = 0;
  double warmup = 0.1;          ///< share of the steps with a rising rate; cosine to 0 afterwards
  bool balance_classes = true;  ///< every class equally often, whatever its size
  BatchNorm batch_norm = BatchNorm::frozen;  ///< while training
  bool train_norms = false;    ///< also scale and shift of batch norm (parameters of rank 1)
  double dropout = 0.3;        ///< of the pooled features, [0, 1); masks by Philox
  double label_smoothing = 0;  ///< [0, 1)
  double clip_norm = 0;        ///< gradients are scaled down to this norm; 0: never
  /// Stages from the input that stay as they are; -1: a third of the network's, rounded down (6 of
  /// EfficientNet-Lite0), below train_all_samples labelled candidates, none from there on.
  index_t frozen_stages = -1;
  index_t train_all_samples = 200;  ///< where `members` and `frozen_stages` change
  /// Where between the start (0) and the end (1) of the training the result lies, weight by weight.
  /// Part of the way back keeps what the network knew and damps the noise of few labels.
  /// Source: Wortsman et al., CVPR 2022 ("Robust fine-tuning of zero-shot models").
  /// -1: 0.5 with 20 labelled candidates or fewer, 1 with 400 or more, a line in ln n between.
  double mix = -1;

  /// Scale and bias of the result's logits are fitted so that it is as sure of the labelled views
  /// as the probe, whose shrinkage is cross-validated: a tuned network has no errors left to learn
  /// humility from, and mixing weights shifts the logits. The order by one class against another
  /// stays. Not without a probe, nor after `refit`.
  bool calibrate = true;

  // Early stopping.
  double holdout = 0;                 ///< share of the labelled data held out, [0, 0.5]; 0: none
  index_t holdout_min_samples = 100;  ///< no hold-out below this number of labelled candidates
  index_t check_every = 10;           ///< steps between looks at the hold-out
  index_t patience = 3;               ///< looks without a lower log loss before it stops

  // The guard. It hands back the probe when the tuned network is worse on held-out candidates by
  // more than guard_tolerance and by more than guard_errors standard errors of the mean over folds
  // (the larger one of their spread and a bootstrap over held-out groups): it is there for
  // collapses, as small sets cannot show small differences. A tuned network that
  // contradicts the probe on the labelled views (logit_scale <= 0) is never kept.
  Guard guard = Guard::folds;                   ///< whether there is one
  GuardMetric guard_metric = GuardMetric::auc;  ///< what it compares
  index_t guard_min_samples = 60;  ///< below this number of labelled candidates it cannot judge
  index_t guard_folds = 2;         ///< grouped folds of the labelled data
  double guard_steps = 0.6;        ///< steps in each fold, as a share of those of the training
  index_t guard_views = 1;         ///< views of a held-out candidate that are looked at
  double guard_tolerance = 0.02;   ///< loss that is let pass
  double guard_errors = 3;         ///< standard errors that are let pass

  /// keys: the field names above; enumerations by name. throws ValueError
  [[nodiscard]] static FineTuneOptions from(const Settings& settings);
  /// ValueError naming the field that is out of range.
  void validate() const;
};

/// All that a fit made: for studies that compare the stages of the recipe.
struct FineTuneResult {
  std::unique_ptr<Model> model;  ///< what fit() hands back: the guard's choice
  std::unique_ptr<Model>
      probe;  ///< the parent's network with the probe as head; null if none was fitted
  std::unique_ptr<Model> tuned;  ///< the tuned network, unguarded; null without tune
  bool tuned_chosen = false;     ///< whether `model` is the tuned one
  FitReport report;              ///< as FitResult::report
};

/// Fine-tunes a network of this part: the head as a linear probe, everything from there at a small
/// rate, part of the way back towards the start, and a guard that compares with the probe (never on
/// the test set).
///
/// The recipe: the head is convex in its weights, so the start cannot be a bad minimum, and the
/// network's features are not destroyed by gradients of a random head. With few labels tuning can
/// still lose; grouped folds of the labelled data say when.
/// Works on models made by aift::nn (make_model, load_model, load_pretrained, ModuleModel).
///
/// TorchScript: only the logits of such a model are known, no stages and no head. What can be done
/// with that is done: every parameter that requires a gradient in the file is trained from the
/// logits, at backbone_rate, with the module in evaluation mode (statistics of batch norm frozen,
/// no dropout); views, sampler, schedule, mix, hold-out and guard as always, the guard comparing
/// with the parent as it is. Of the options, probe, continue_head, refit, calibrate, tune,
/// head_rate, dropout, batch_norm, train_norms and frozen_stages have no effect. One output per
/// class is needed, in the order of the classes. The result is TorchScript again. Frozen modules
/// (torch.jit.freeze) have no parameters and are refused.
///
/// A head that a ReLU follows (HeadForm::rectified) is never the start; the result's is linear.
///
/// views   Purpose::probe as far as the augmenter has them, beyond that Purpose::training of the
///         round; fresh ones Purpose::training
/// parent  its head is the start where `continue_head` or the lack of a probe says so, and shape
///         and class names agree
/// report  facts, in this order where they apply: samples, views, frozen_stages, probe_l2,
///         probe_log_loss (cross-validated), start (probe, parent), members, steps, loss_first,
///         loss_last, holdout_log_loss, best_step, mix, logit_scale, refit_l2, guard,
///         guard_probe_auc, guard_tuned_auc, guard_probe_log_loss, guard_tuned_log_loss,
///         seconds_views, seconds_probe, seconds_tune, seconds_guard, seconds
/// progress  stage "train", once per fit from 0 to a total that is known at the start: rendered
///         batches of views and training steps, those of the guard's folds included; never beyond
/// result  bit-identical for the same inputs, machine, build and number of threads
/// throws  ValueError (no samples, a label out of range, one class only, parent of another library,
///         a TorchScript module without a trainable parameter or not in float32), ShapeError (a
///         TorchScript module of another number of classes), CancelledError between batches
/// thread rule: one fit at a time per object; uses one worker thread for rendering
class FineTuneTrainer final : public IncrementalTrainer {
 public:
  /// throws ValueError: an option out of range
  explicit FineTuneTrainer(const FineTuneOptions& options = {});
  [[nodiscard]] std::string_view name() const noexcept override { return "fine_tune"; }
  [[nodiscard]] FitResult fit(const Model& parent, const TrainingRound& round,
                              Progress& progress) override;
  /// The same fit, with the models that the guard chose from.
  [[nodiscard]] FineTuneResult fit_all(const Model& parent, const TrainingRound& round,
                                       Progress& progress);
  /// Refuses at once what fit() would refuse whatever the labels are. throws ValueError (a model of
  /// another library, a TorchScript module without a trainable parameter or not in float32)
  static void expect_trainable(const Model& parent);
  /// What it was made with.
  [[nodiscard]] const FineTuneOptions& options() const noexcept { return options_; }

 private:
  FineTuneOptions options_;
};

}  // namespace aift::nn
