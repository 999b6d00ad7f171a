// SPDX-License-Identifier: Apache-2.0
#include <aift/torch/fine_tune_trainer.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/loop/splits.hpp>
#include <aift/torch/module_model.hpp>
#include <aift/torch/settings_guard.hpp>

#include "forward.hpp"
#include "script_model.hpp"
#include "tune_guard.hpp"
#include "tune_head.hpp"
#include "tune_steps.hpp"
#include "tune_views.hpp"

namespace aift::nn {
namespace {

using namespace tuning;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

/// What of the recipe can be done with a network of which only the logits are known.
FineTuneOptions script_options(FineTuneOptions options) {
  options.probe = options.refit = options.calibrate = false;
  options.tune = true;
  options.frozen_stages = 0;
  options.train_norms = true;  // every parameter that requires a gradient
  options.head_rate = 0;       // there is no head of ours
  options.dropout = 0;
  options.batch_norm = BatchNorm::frozen;
  return options;
}

}  // namespace

FineTuneTrainer::FineTuneTrainer(const FineTuneOptions& options) : options_(options) {
  options_.validate();
}

FitResult FineTuneTrainer::fit(const Model& parent, const TrainingRound& round,
                               Progress& progress) {
  FineTuneResult all = fit_all(parent, round, progress);
  return {std::move(all.model), std::move(all.report)};
}

void FineTuneTrainer::expect_trainable(const Model& parent) {
  const auto* script = dynamic_cast<const ScriptModel*>(&parent);
  AIFT_EXPECT(script != nullptr || dynamic_cast<const ModuleModel*>(&parent) != nullptr, ValueError,
              "Fine-tuning needs a network of aift::nn (see `aift models`, a TorchScript file, or "
              "one of your own in a ModuleModel); got '{}', which can only be scored.",
              parent.info().architecture);
  AIFT_EXPECT(script == nullptr || !script->network()->stage_parameters(0).empty(), ValueError,
              "No parameter of the TorchScript model requires a gradient, so nothing can be "
              "fine-tuned; export it without torch.jit.freeze and with requires_grad.");
}

FineTuneResult FineTuneTrainer::fit_all(const Model& parent, const TrainingRound& round,
                                        Progress& progress) {
  const auto started = Clock::now();
  const auto* module = dynamic_cast<const ModuleModel*>(&parent);
  const auto* script = dynamic_cast<const ScriptModel*>(&parent);
  expect_trainable(parent);
  const FineTuneOptions options = script != nullptr ? script_options(options_) : options_;
  AIFT_EXPECT(
      round.augmenter != nullptr && round.source != nullptr, ValueError,
      "A training round needs an augmenter and a source of images; one of them is missing.");
  AIFT_EXPECT(round.classes >= 2, ValueError, "Training needs two classes or more; got {}.",
              round.classes);
  AIFT_EXPECT(round.class_names.empty() || std::ssize(round.class_names) == round.classes,
              ShapeError, "The round has {} classes, but {} class names came.", round.classes,
              round.class_names.size());
  AIFT_EXPECT(!round.samples.empty(), ValueError,
              "Training needs labelled candidates; the set is empty.");

  const torch::Device device =
      module != nullptr ? module->network()->head().weight.device() : torch::Device(torch::kCPU);
  const DeviceSettings settings(device, ForwardType::f32);
  Task task{options, round, progress, parent.info().input, round.classes, device, {}, {}, 0, 0};
  for (const LabelledCandidate& sample : round.samples) {
    AIFT_EXPECT(sample.label >= 0 && sample.label < round.classes, ValueError,
                "Labels must be in [0, {}); candidate {} has {}.", round.classes,
                sample.candidate.index, sample.label);
    task.labels.push_back(sample.label);
    task.groups.push_back(sample.group);
  }
  AIFT_EXPECT(std::adjacent_find(task.labels.begin(), task.labels.end(), std::not_equal_to<>()) !=
                  task.labels.end(),
              ValueError,
              "Training needs labels of two classes or more; all {} candidates are of class {}. "
              "Label more before training.",
              task.size(), task.labels.front());

  const torch::NoGradGuard no_gradients;
  AIFT_EXPECT(script == nullptr || parent.info().classes == round.classes, ShapeError,
              "A TorchScript model must have one output per class to be fine-tuned; it has {}, and "
              "the data has {} classes. Export it with {} outputs.",
              parent.info().classes, round.classes, round.classes);
  const std::shared_ptr<const Network> kept =
      script != nullptr ? script->network() : std::shared_ptr<const Network>(module->network());
  const Network& given = *kept;
  std::shared_ptr<Network> start = make_beside(given, round.classes);
  const bool own_head = parent.info().classes == round.classes &&
                        (module == nullptr || module->head_form() == HeadForm::linear) &&
                        (parent.info().class_names.empty() || round.class_names.empty() ||
                         parent.info().class_names == round.class_names);
  AIFT_EXPECT(
      own_head || options.probe, ValueError,
      "The parent's head has {} classes and cannot start one of {} (or its classes have other "
      "names, or a ReLU follows it); switch 'probe' on.",
      parent.info().classes, round.classes);
  copy_tensors(given, *start, own_head);
  if (!own_head)
    set_head(*start, {torch::zeros({round.classes, given.head().weight.size(1)}),
                      torch::zeros({round.classes})});
  start->eval();

  const index_t fits_before = module != nullptr ? module->fits() : 0;

  // The parent's head goes on, or a probe takes its place.
  const bool continued =
      options.tune && own_head && (!options.probe || (options.continue_head && fits_before > 0));
  const index_t wanted = options.frozen_stages >= 0                ? options.frozen_stages
                         : task.size() < options.train_all_samples ? start->stages() / 3
                                                                   : 0;
  const index_t frozen = options.tune ? std::min(wanted, start->stages()) : 0;
  const Schedule schedule = schedule_for(options, task.size(), continued && options.probe);
  const index_t members = options.members > 0                       ? options.members
                          : task.size() < options.train_all_samples ? 2
                                                                    : 1;
  Schedule guard_schedule = schedule;
  guard_schedule.steps =
      std::max<index_t>(1, std::llround(options.guard_steps * static_cast<double>(schedule.steps)));
  const bool guard_wanted =
      options.tune && (options.probe || script != nullptr) && options.guard == Guard::folds;
  const bool guarded = guard_wanted && task.size() >= options.guard_min_samples;
  const bool probed = options.probe;
  const bool refit = options.tune && options.refit && task.size() >= options.refit_min_samples;

  FineTuneResult result;
  FitReport& report = result.report;
  ModelInfo info = parent.info();
  info.class_names = round.class_names.empty() && own_head ? info.class_names : round.class_names;
  const index_t fits = (own_head ? fits_before : 0) + 1;
  const auto as_model = [&](std::shared_ptr<Network> network) -> std::unique_ptr<Model> {
    if (script == nullptr) {
      return std::make_unique<ModuleModel>(std::move(network), info, fits, HeadForm::linear,
                                           module->forward());
    }
    const auto& trained = dynamic_cast<const ScriptNetwork&>(*network);
    return std::make_unique<ScriptModel>(trained.module(), trained.file(), info);
  };
  const char* const kept_other = script != nullptr ? "kept parent" : "kept probe";
  std::vector<std::pair<std::string, double>> times;

  // Views, probe.
  auto since = Clock::now();
  Views views;
  if (options.tune) {
    views = plan_views(task, *start, frozen);
  } else {
    views.count = view_count(task);
  }
  // The views are rendered once into the cache, or again whenever all their features are wanted.
  const index_t passes = views.cached ? 1 : (probed ? 1 : 0) + (refit ? 1 : 0);
  task.begin(passes * view_batches(task, views.count) +
             (options.tune ? members * schedule.steps : 0) +
             (guarded ? options.guard_folds * guard_schedule.steps : 0));
  fill_cache(task, views);
  times.emplace_back("seconds_views", seconds_since(since));
  report.add("samples", std::to_string(task.size()));
  report.add("views",
             std::to_string(views.count) + (options.tune && !views.cached ? " fresh" : ""));
  if (options.tune) report.add("frozen_stages", std::to_string(frozen));

  std::vector<index_t> everybody(static_cast<std::size_t>(task.size()));
  std::iota(everybody.begin(), everybody.end(), index_t{0});
  const index_t width = start->head().weight.size(1);
  std::vector<float> features;
  Head probe_head;
  double l2 = 0;
  double scale = 1;
  if (probed) {
    since = Clock::now();
    features = features_of(task, views, *start);
    const LinearProbe probe =
        fit_probe(task, features, width, everybody, views.count, std::nullopt);
    l2 = probe.l2;
    std::shared_ptr<Network> with_probe = copy_of(*start);
    probe_head = to_head(probe);
    set_head(*with_probe, probe_head);
    if (!continued) set_head(*start, probe_head);
    report.add("probe_l2", number(l2));
    if (!probe.cv_log_loss.empty())
      report.add("probe_log_loss",
                 number(*std::min_element(probe.cv_log_loss.begin(), probe.cv_log_loss.end())));
    times.emplace_back("seconds_probe", seconds_since(since));
    result.probe = as_model(std::move(with_probe));
  }

  // Training.
  if (options.tune) {
    since = Clock::now();
    std::vector<index_t> training = everybody;
    std::vector<index_t> held_out;
    if (options.holdout > 0 && task.size() >= options.holdout_min_samples) {
      const index_t folds =
          std::max<index_t>(2, static_cast<index_t>(std::llround(1 / options.holdout)));
      const std::vector<index_t> fold =
          grouped_folds(task.groups, task.labels, task.classes, folds, round.seed, round.round);
      training.clear();
      for (const index_t i : everybody)
        (fold[static_cast<std::size_t>(i)] == 0 ? held_out : training).push_back(i);
    }
    std::shared_ptr<Network> tuned = copy_of(*start);
    const TuneReport done = tune(task, views, *tuned, training, held_out, schedule, /*stream=*/0);
    for (index_t k = 1; k < members; ++k) {  // a running mean of weights
      const std::shared_ptr<Network> other = copy_of(*start);
      (void)tune(task, views, *other, training, held_out, schedule, kMemberStreams + k);
      mix_into(*other, *tuned, static_cast<double>(k) / static_cast<double>(k + 1));
    }
    if (schedule.mix < 1) mix_into(*start, *tuned, schedule.mix);
    report.add("start", continued ? "parent" : "probe");
    report.add("members", std::to_string(members));
    report.add("steps", std::to_string(done.steps));
    report.add("loss_first", number(done.loss_first));
    report.add("loss_last", number(done.loss_last));
    if (done.held_out) {
      report.add("holdout_log_loss", number(done.holdout_log_loss));
      report.add("best_step", std::to_string(done.best_step));
    }
    report.add("mix", number(schedule.mix));
    if (probed && options.calibrate && !refit) {
      scale = calibrate(task, views, *tuned, everybody, features, probe_head);
      report.add("logit_scale", number(scale));
    }
    if (refit) {
      const LinearProbe again = fit_probe(task, features_of(task, views, *tuned), width, everybody,
                                          views.count, std::nullopt);
      set_head(*tuned, to_head(again));
      report.add("refit_l2", number(again.l2));
    }
    times.emplace_back("seconds_tune", seconds_since(since));
    result.tuned = as_model(std::move(tuned));
    result.tuned_chosen = true;
  }

  // Guard.
  if (!(scale > 0) && guard_wanted) {
    result.tuned_chosen = false;
    report.add("guard", "kept probe: the tuned network contradicts it");
  } else if (guarded) {
    since = Clock::now();
    const GuardReport guard =
        run_guard(task, views, *start, !continued, features, l2, guard_schedule);
    if (guard.possible) {
      result.tuned_chosen = !harmful(options, guard);
      report.add("guard", result.tuned_chosen ? "kept tuned" : kept_other);
      report.add("guard_probe_auc", number(guard.probe_auc));
      report.add("guard_tuned_auc", number(guard.tuned_auc));
      report.add("guard_probe_log_loss", number(guard.probe_log_loss));
      report.add("guard_tuned_log_loss", number(guard.tuned_log_loss));
    } else {
      report.add("guard", "kept tuned: too few groups to compare");
    }
    times.emplace_back("seconds_guard", seconds_since(since));
  } else if (options.tune) {
    report.add("guard", guard_wanted ? "kept tuned: too few labels to compare" : "off");
  }
  times.emplace_back("seconds", seconds_since(started));
  for (const auto& [key, value] : times)
    report.add(key, fmt::format("{:.2f}", value));
  const Model& chosen = result.tuned_chosen       ? *result.tuned
                        : result.probe != nullptr ? *result.probe
                                                  : parent;
  result.model = chosen.clone();
  if (task.steps_done < task.steps_planned)  // folds that were not needed
    progress.report("train", task.steps_planned, task.steps_planned);
  return result;
}

}  // namespace aift::nn
