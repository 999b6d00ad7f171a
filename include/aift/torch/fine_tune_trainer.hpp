// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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
  folds,  ///< the better one on grouped folds of the labelled data, the probe on a tie
};

/// Every number of the recipe. The defaults are the default recipe.
struct FineTuneOptions {
  // What is done.
  bool probe = true;  ///< fit the head as a linear probe first; false: start from the parent's head
  bool tune = true;   ///< then train the network; false: the probe is the result
  bool refit = true;  ///< then fit the head once more on the features of the tuned network
  index_t refit_min_samples = 60;  ///< no refit below this number of labelled candidates

  // The probe.
  index_t probe_views = 8;  ///< views of each candidate whose features the head is fitted on
  std::vector<double> l2_grid;  ///< empty: that of ProbeOptions
  index_t probe_folds = 5;      ///< grouped folds that choose the L2

  // The training.
  Optimizer optimizer = Optimizer::adamw;
  double backbone_rate = 3e-4;  ///< peak learning rate of the convolutions
  double head_rate = 3e-4;      ///< peak learning rate of the head
  double momentum = 0.9;        ///< sgd
  double beta1 = 0.9;           ///< adamw
  double beta2 = 0.999;         ///< adamw
  double weight_decay = 0.01;   ///< of convolutions; never of norms, biases and the head
  index_t steps = 60;           ///< per round, or
  double epochs = 0;            ///< when > 0: passes over the samples, instead of `steps`
  index_t batch = 32;           ///< patches per step
  double warmup = 0.1;          ///< share of the steps with a rising rate; cosine to 0 afterwards
  bool balance_classes = true;  ///< every class equally often, whatever its size
  BatchNorm batch_norm = BatchNorm::frozen;
  bool train_norms = false;     ///< also scale and shift of batch norm
  double dropout = 0;           ///< of the pooled features, [0, 1); masks by Philox
  double label_smoothing = 0;   ///< [0, 1)
  double clip_norm = 0;         ///< gradients are scaled down to this norm; 0: never
  index_t frozen_stages = 6;    ///< stages from the input that stay as they are
  index_t train_views = 8;      ///< views of each candidate that are trained on; 0: a fresh view each
                                ///< time a candidate is drawn
  std::int64_t cache_bytes = std::int64_t{1} << 30;  ///< what frozen stages give for train_views
                                                    ///< views is kept in memory up to this size

  // Early stopping.
  double holdout = 0;               ///< share of the groups held out, [0, 0.5]; 0: none
  index_t holdout_min_samples = 100;  ///< no hold-out below this number of labelled candidates
  index_t check_every = 10;           ///< steps between looks at the hold-out
  index_t patience = 3;               ///< looks without a lower log loss before it stops

  // The guard.
  Guard guard = Guard::folds;
  index_t guard_folds = 3;
  bool report_unguarded = false;  ///< keep both models' numbers in the report

  /// keys: the field names above; enumerations by name. throws ValueError
  [[nodiscard]] static FineTuneOptions from(const Settings& settings);
  /// ValueError naming the field that is out of range.
  void validate() const;
};

/// Fine-tunes a network of this part: the head as a linear probe, everything from there at a small
/// rate, the head once more, and a guard that compares with the probe (never on the test set).
///
/// The recipe: the head is convex in its weights, so the start cannot be a bad minimum, and the
/// network's features are not destroyed by gradients of a random head. With few labels tuning can
/// still lose; grouped folds of the labelled data say when.
/// Works on models made by aift::nn (make_model, load_model, load_pretrained, ModuleModel).
/// parent head of another shape or with other class names: the head comes from the probe
/// result  bit-identical for the same inputs, machine, build and number of threads
/// throws  ValueError (no samples, a label out of range, one class only, parent of another library),
///         CancelledError between batches
/// thread rule: one fit at a time per object; uses one worker thread for rendering
class FineTuneTrainer final : public IncrementalTrainer {
 public:
  explicit FineTuneTrainer(const FineTuneOptions& options = {});
  [[nodiscard]] std::string_view name() const noexcept override { return "fine_tune"; }
  [[nodiscard]] FitResult fit(const Model& parent, const TrainingRound& round,
                              Progress& progress) override;
  [[nodiscard]] const FineTuneOptions& options() const noexcept { return options_; }

 private:
  FineTuneOptions options_;
};

}  // namespace aift::nn
