// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/report.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/select/registry.hpp>
#include <aift/torch/device.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

#include "src/app/advice.hpp"
#include "src/app/console.hpp"
#include "src/app/run_command.hpp"
#include "src/app/torch/commands.hpp"
#include "src/app/torch/network.hpp"
#include "src/app/torch/run_data.hpp"
#include "src/app/torch/run_folder_guard.hpp"

namespace aift::app {
namespace {

namespace fs = std::filesystem;

/// More broken images than this are counted and not named.
constexpr std::size_t kMaxNamed = 20;
/// A report after a round may take this share of the round's own time.
constexpr double kReportShare = 0.05;

/// Decodes every image once; reports the broken ones and stops when they are too many.
std::vector<io::BadImage> find_bad_images(const io::Dataset& data, const RunData& source,
                                          const RunConfig& config, ConsoleProgress& progress) {
  const auto bad = source.check(config.threads, [&](index_t done, index_t total) {
    throw_if_cancelled(progress);
    progress.report("check images", done, total);
  });
  throw_if_cancelled(progress);
  const double share = static_cast<double>(bad.size()) / static_cast<double>(data.size());
  if (share <= config.max_bad) return bad;  // the learner reports and records them
  std::vector<std::string> reasons;         // the missing frames of a video have one
  for (const io::BadImage& one : bad) {
    if (reasons.empty() || reasons.back() != one.reason) reasons.push_back(one.reason);
  }
  for (std::size_t i = 0; i < std::min(reasons.size(), kMaxNamed); ++i)
    progress.note(reasons[i]);
  if (reasons.size() > kMaxNamed)
    progress.note(fmt::format("and {} more", reasons.size() - kMaxNamed));
  throw IoError(fmt::format(
      "{} of {} images cannot be read, more than the share of {} that --max-bad allows; repair or "
      "remove them, or raise --max-bad.",
      bad.size(), data.size(), config.max_bad));
}

std::string figure(double value) {
  return std::isfinite(value) ? fmt::format("{:.4f}", value) : "n/a";
}

void print_header() {
  fmt::print("{:>5} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9}  {}\n", "round", "labels", "auc",
             "accuracy", "balanced", "log_loss", "seconds", "asked_by");
}

void print_row(const RoundRecord& round) {
  const double seconds =
      round.times.score + round.times.label + round.times.train + round.times.test;
  fmt::print("{:>5} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9.1f}  {}{}\n", round.round, round.labels,
             figure(round.metrics.auc), figure(round.metrics.accuracy),
             figure(round.metrics.balanced_accuracy), figure(round.metrics.log_loss), seconds,
             round.rule, round.has_model ? "" : " (labels of one class only, no model yet)");
  std::fflush(stdout);
}

/// The run from its configuration to its report. `begun`: from then on the folder holds a state.
void run_to_end(const RunArguments& arguments, bool& begun) {
  RunConfig config = configuration(arguments);
  const fs::path out = arguments.out;

  // What is cheap to refuse comes first, before anything is written.
  const SelectorRegistry registry = SelectorRegistry::with_builtin();
  const auto selector = registry.make(config.selector, to_settings(config.selector_options));
  const Settings train = to_settings(config.train_options);
  const nn::FineTuneOptions recipe = nn::FineTuneOptions::from(train);
  train.expect_all_used("the training recipe");
  recipe.validate();
  const Network network = find_network(config);
  AIFT_EXPECT(
      config.first != "imagenet" || !network.weights.empty(), ValueError,
      "--first imagenet asks the pretrained network itself; give it --weights imagenet or a "
      "weight file.");
  const std::string gpu = find_gpu(config, network);
  config.data = absolute(config.data);
  if (!config.frame_labels.empty()) config.frame_labels = absolute(config.frame_labels);
  if (config.max_cost > 0 && config.cost_column.empty()) config.cost_column = "cost";
  const io::Dataset data = io::read_dataset(config.data, {.classes = config.classes,
                                                          .require_labels = false,
                                                          .times = config.min_gap > 0,
                                                          .cost_column = config.cost_column,
                                                          .every = config.every,
                                                          .frame_labels = config.frame_labels});
  const bool has_videos = !data.frames.empty();
  config.volumes = !data.volumes.empty();
  AIFT_EXPECT(
      has_videos || config.preparation() == io::FramePreparation{}, ValueError,
      "--crop-field, --deinterlace and --mask-overlay are for frames of videos, and {} holds "
      "no video; leave them out.",
      config.data);
  AIFT_EXPECT(std::any_of(data.labels.begin(), data.labels.end(),
                          [](label_t label) { return label != kUnlabelled; }),
              ValueError,
              "aift run answers its own queries from the labels of the data set, and {} has none; "
              "add a label column or sort the images into class folders.",
              config.data);
  if (config.threads == 0) {
    config.threads = std::max<index_t>(1, std::thread::hardware_concurrency());
  }
  nn::set_torch_threads(static_cast<int>(config.threads));
  nn::keep_freed_memory();

  RunFolderGuard folder(out, arguments.resume);
  const bool new_run = !folder.holds_run();
  if (new_run) folder.write_config(to_toml(config));

  ConsoleProgress progress;
  std::optional<ActiveLearner> learner;
  auto model = load_network(config, network, data.class_names);
  if (has_videos) {
    const std::string& before = model->info().preparation;
    if (!before.empty() && before != preparation_word(config)) {
      progress.note(
          fmt::format("The network was trained on frames with the preparation \"{}\", and those of "
                      "this run have "
                      "\"{}\"; its predictions may be off.",
                      before, preparation_word(config)));
    }
    model = nn::with_preparation(*model, preparation_word(config));
  }
  model = placed(std::move(model), config);
  nn::FineTuneTrainer::expect_trainable(*model);
  const auto run_data = make_run_data(data, config, out);
  const auto augmenter = run_data->augmenter(model->info().input);
  std::unique_ptr<Model> first_model;
  std::unique_ptr<Augmenter> first_augmenter;
  if (config.first == "imagenet") {
    first_model = placed(
        nn::load_pretrained(network.architecture, network.weights, 0, config.input_size), config);
    first_augmenter = run_data->augmenter(first_model->info().input);
  }
  nn::FineTuneTrainer trainer(recipe);

  ThreadExecutor executor(static_cast<int>(config.threads));

  LearnerOptions options;
  options.executor = &executor;
  if (new_run) options.unreadable = find_bad_images(data, *run_data, config, progress);
  options.data = &data;
  options.source = &run_data->source();
  options.augmenter = augmenter.get();
  options.oracle = &run_data->oracle();
  options.test_share = config.test_share;
  options.initial = model.get();
  options.trainer = &trainer;
  options.start = start_from(config.start);
  options.set = train_set_from(config.train_set);
  const auto classes = static_cast<index_t>(data.class_names.size());
  options.make_scratch = [&](index_t round) {
    const std::uint64_t seed = KeyedRandom(config.seed, Purpose::weights, round).bits(0);
    auto scratch = nn::with_class_names(
        *nn::make_model(network.architecture, classes, config.input_size, seed), data.class_names);
    if (has_videos) scratch = nn::with_preparation(*scratch, preparation_word(config));
    return placed(std::move(scratch), config);
  };
  options.selector = selector.get();
  options.first = config.first == "imagenet" ? FirstBatch::imagenet : FirstBatch::random;
  options.first_model = first_model.get();
  options.first_augmenter = first_augmenter.get();
  options.budget = config.budget;
  options.rules = config.batch_rules();
  options.rounds = config.rounds;
  options.max_labels = config.max_labels;
  if (config.target_auc > 0) {
    options.stopping.push_back(std::make_shared<TargetMetric>(MetricKind::auc, config.target_auc));
  }
  if (config.patience > 0) {
    options.stopping.push_back(std::make_shared<NoGain>(MetricKind::auc, config.patience));
  }
  if (config.already_right > 0) {
    options.stopping.push_back(std::make_shared<AlreadyRight>(config.already_right));
  }
  options.seed = config.seed;
  options.batch = config.batch;
  options.workers = config.workers;
  options.threads = config.threads;
  options.max_unreadable = config.max_bad;
  options.folder = out;
  options.open = !arguments.resume                                 ? OpenRun::create
                 : arguments.has_data || !arguments.config.empty() ? OpenRun::create_or_resume
                                                                   : OpenRun::resume;
  options.force = arguments.force;
  options.load = [&](const fs::path& file) {
    return placed(
        nn::load_model(file, {.input_size = config.input_size, .class_names = data.class_names}),
        config);
  };
  options.keep = config.keep_models ? KeepModels::all : KeepModels::last;
  options.facts = {{"libtorch", nn::torch_version()},
                   {"weights", network.description},
                   {"selector options", joined(config.selector_options)},
                   {"recipe", joined(config.train_options)},
                   {"scoring views", joined(config.scoring_ranges)},
                   {"training views", joined(config.training_ranges)},
                   {"border", fmt::format("{} {}", config.border, config.border_value)}};
  if (!gpu.empty()) options.facts.emplace_back("device", gpu + ", " + config.forward);
  for (auto& fact : run_data->facts())
    options.facts.push_back(std::move(fact));
  const std::vector<io::BadImage> unreadable = options.unreadable;
  learner.emplace(std::move(options), progress);
  folder.keep();
  begun = true;
  if (const auto warning = single_view_warning(*selector, config.scoring_views)) {
    progress.note(*warning);
  }
  if (new_run) run_data->write_tables(out, unreadable);
  if (!new_run) folder.write_config(to_toml(config));  // rounds and stopping rules may be others

  const fs::path report = out / "report.html";
  const auto write_report = [&] { io::write_report(std::span(&out, 1), {}, report); };
  double report_seconds = 0;
  const auto started = [] { return std::chrono::steady_clock::now(); };
  const auto since = [](auto begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };

  progress.clear();
  print_header();
  for (const RoundRecord& round : learner->state().rounds)
    print_row(round);
  std::fflush(stdout);
  while (true) {
    const auto number = learner->state().rounds.size();
    progress.set_context(config.rounds > 0
                             ? fmt::format("round {} of 0 to {}", number, config.rounds - 1)
                             : fmt::format("round {}", number));
    const auto round_began = started();
    if (!learner->step(progress)) break;
    progress.clear();
    print_row(learner->state().rounds.back());
    if (report_seconds < kReportShare * since(round_began)) {
      const auto began = started();
      write_report();
      report_seconds = since(began);
    }
  }
  progress.clear();
  write_report();
  if (learner->state().stop) fmt::print("stopped: {}\n", learner->state().stop->reason);
  fmt::print("report: {}\n", report.string());
}

}  // namespace

void run(const RunArguments& arguments) {
  bool begun = false;
  try {
    run_to_end(arguments, begun);
  } catch (const CancelledError&) {
    throw CancelledError(
        begun ? fmt::format("interrupted; what was finished is kept, go on with `aift run --resume "
                            "--out {}`.",
                            arguments.out)
              : std::string("interrupted before the run began; nothing was written."));
  }
}

}  // namespace aift::app
