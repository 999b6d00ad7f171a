// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/report.hpp>
#include <aift/io/safetensors.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/select/registry.hpp>
#if AIFT_WITH_TORCH
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>
#endif

#include "src/app/commands.hpp"
#include "src/app/console.hpp"
#include "src/app/run_config.hpp"
#include "src/app/run_folder_guard.hpp"
#include "src/io/view_fields.hpp"

namespace aift::app {
namespace {

namespace fs = std::filesystem;

struct RunArguments {
  std::string config;
  std::string out;
  bool resume = false;
  bool force = false;
  bool has_data = false;
  std::vector<std::function<void(RunConfig&)>> changes;  ///< what the command line says, in order
};

/// Where the configuration starts: --config, the folder that is resumed, or the defaults.
RunConfig configuration(const RunArguments& arguments) {
  RunConfig config;
  std::error_code error;
  const fs::path own = fs::path(arguments.out) / "config.toml";
  if (!arguments.config.empty()) {
    config = read_run_config(arguments.config);
  } else if (arguments.resume && fs::is_regular_file(own, error)) {
    config = read_run_config(own);
  }
  for (const auto& change : arguments.changes)
    change(config);
  AIFT_EXPECT(
      !arguments.resume || !config.data.empty(), IoError,
      "{} holds no run to resume (no config.toml); check --out, or begin a new run with --data.",
      arguments.out);
  config.validate();
  return config;
}

std::string absolute(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

#if AIFT_WITH_TORCH

/// More broken images than this are counted and not named.
constexpr std::size_t kMaxNamed = 20;
/// A report after a round may take this share of the round's own time.
constexpr double kReportShare = 0.05;

bool is_file_model(const std::string& model) {
  const std::string extension = fs::path(model).extension().string();
  return model.find('/') != std::string::npos || extension == ".safetensors" ||
         extension == ".pt" || extension == ".pth" || extension == ".ts";
}

/// "14.6 MB, 0f3a...": what a file holds, wherever it lies (FNV-1a, 64 bit).
std::string content_of(const fs::path& file) {
  const io::MappedFile mapped(file);
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const std::byte byte : mapped.bytes()) {
    hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3u;
  }
  return fmt::format("{} bytes, {:016x}", mapped.bytes().size(), hash);
}

/// The network that is fine-tuned, and what a run needs to know to make it again.
struct Network {
  std::string architecture;
  fs::path weights;         ///< empty: untrained
  std::string description;  ///< for the fingerprint
};

/// Finds what --model and --weights name without loading it. Fills config.weights.
Network find_network(RunConfig& config) {
  Network network;
  if (is_file_model(config.model)) {
    AIFT_EXPECT(config.weights.empty() || config.weights == "none", ValueError,
                "--model {} brings its own weights; leave --weights {} out.", config.model,
                config.weights);
    AIFT_EXPECT(config.start != "scratch", ValueError,
                "--start scratch needs the name of an architecture; --model {} is a file.",
                config.model);
    config.weights.clear();
    config.model = absolute(config.model);
    std::error_code error;
    AIFT_EXPECT(
        fs::is_regular_file(config.model, error), IoError,
        "--model {} is not there; give a file or one of the names that `aift models` lists.",
        config.model);
    AIFT_EXPECT(fs::path(config.model).extension() == ".safetensors", ValueError,
                "--model {} is no safetensors file, and a TorchScript file can predict but not be "
                "fine-tuned; give one of the names that `aift models` lists, with --weights.",
                config.model);
    const auto metadata = io::read_safetensors(config.model).metadata();
    const auto at = metadata.find("architecture");
    AIFT_EXPECT(at != metadata.end(), IoError,
                "{} does not say of which architecture it is; name one with --model and give the "
                "file to --weights.",
                config.model);
    network.architecture = nn::architecture(at->second).name;
    network.weights = config.model;
    network.description = content_of(config.model);
    return network;
  }
  network.architecture = nn::architecture(config.model).name;
  if (config.weights.empty()) config.weights = config.start == "scratch" ? "none" : "imagenet";
  if (config.weights == "none") {
    network.description = "none";
    return network;
  }
  if (config.weights == "imagenet") {
    network.weights = nn::find_weights(network.architecture);
  } else {
    config.weights = absolute(config.weights);
    network.weights = config.weights;
    std::error_code error;
    AIFT_EXPECT(fs::is_regular_file(network.weights, error), IoError,
                "--weights {} is not there; give a safetensors file, imagenet or none.",
                config.weights);
  }
  network.description = content_of(network.weights);
  return network;
}

std::unique_ptr<Model> load_network(const RunConfig& config, const Network& network,
                                    const std::vector<std::string>& class_names) {
  const auto classes = static_cast<index_t>(class_names.size());
  std::unique_ptr<Model> model =
      network.weights.empty()
          ? nn::make_model(network.architecture, classes, config.input_size, config.seed)
          : nn::load_pretrained(network.architecture, network.weights, classes, config.input_size,
                                config.seed);
  // A head for other classes keeps their names: the trainer then makes a new one.
  const bool own_head = static_cast<index_t>(model->info().class_names.size()) == classes;
  return own_head ? std::move(model) : nn::with_class_names(*model, class_names);
}

StartFrom start_from(const std::string& word) {
  return word == "scratch"      ? StartFrom::scratch
         : word == "pretrained" ? StartFrom::pretrained
                                : StartFrom::current;
}

TrainSet train_set_from(const std::string& word) {
  return word == "new" ? TrainSet::only_new : word == "hard" ? TrainSet::hard : TrainSet::all;
}

std::string joined(const OptionMap& options) {
  std::string text;
  for (const auto& [key, value] : options) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  }
  return text.empty() ? "defaults" : text;
}

std::string joined(const ViewRanges& ranges) {
  std::string text;
  for (const auto& [name, member] : io::kViewFields) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, io::shortest(ranges.*member));
  }
  return text;
}

/// Decodes every image once; reports the broken ones and stops when they are too many.
std::vector<io::BadImage> find_bad_images(const io::Dataset& data, const RunConfig& config,
                                          ConsoleProgress& progress) {
  const auto bad = io::check_images(data, config.threads, [&](index_t done, index_t total) {
    throw_if_cancelled(progress);
    progress.report("check images", done, total);
  });
  throw_if_cancelled(progress);
  const double share = static_cast<double>(bad.size()) / static_cast<double>(data.size());
  if (share <= config.max_bad) return bad;  // the learner reports and records them
  for (std::size_t i = 0; i < std::min(bad.size(), kMaxNamed); ++i)
    progress.note(bad[i].reason);
  if (bad.size() > kMaxNamed) progress.note(fmt::format("and {} more", bad.size() - kMaxNamed));
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
  config.data = absolute(config.data);
  const io::Dataset data =
      io::read_dataset(config.data, {.classes = config.classes, .require_labels = false});
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
  const auto model = load_network(config, network, data.class_names);
  const ImageAugmenter augmenter(config.augment_options(model->info().input));
  std::unique_ptr<Model> first_model;
  std::optional<ImageAugmenter> first_augmenter;
  if (config.first == "imagenet") {
    first_model = nn::load_pretrained(network.architecture, network.weights, 0, config.input_size);
    first_augmenter.emplace(config.augment_options(first_model->info().input));
  }
  const io::FileImageSource source(data);
  SimulatedOracle oracle(data.labels);
  nn::FineTuneTrainer trainer(recipe);

  LearnerOptions options;
  if (new_run) options.unreadable = find_bad_images(data, config, progress);
  options.data = &data;
  options.source = &source;
  options.augmenter = &augmenter;
  options.oracle = &oracle;
  options.test_share = config.test_share;
  options.initial = model.get();
  options.trainer = &trainer;
  options.start = start_from(config.start);
  options.set = train_set_from(config.train_set);
  const auto classes = static_cast<index_t>(data.class_names.size());
  options.make_scratch = [&](index_t round) {
    const std::uint64_t seed = KeyedRandom(config.seed, Purpose::weights, round).bits(0);
    return nn::with_class_names(
        *nn::make_model(network.architecture, classes, config.input_size, seed), data.class_names);
  };
  options.selector = selector.get();
  options.first = config.first == "imagenet" ? FirstBatch::imagenet : FirstBatch::random;
  options.first_model = first_model.get();
  options.first_augmenter = first_augmenter ? &*first_augmenter : nullptr;
  options.budget = config.budget;
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
    return nn::load_model(file, {.input_size = config.input_size, .class_names = data.class_names});
  };
  options.keep = config.keep_models ? KeepModels::all : KeepModels::last;
  options.facts = {{"libtorch", nn::torch_version()},
                   {"weights", network.description},
                   {"selector options", joined(config.selector_options)},
                   {"recipe", joined(config.train_options)},
                   {"scoring views", joined(config.scoring_ranges)},
                   {"training views", joined(config.training_ranges)},
                   {"border", fmt::format("{} {}", config.border, config.border_value)}};
  learner.emplace(std::move(options), progress);
  folder.keep();
  begun = true;
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

#else

void run(const RunArguments& arguments) {
  (void)configuration(arguments);
  throw ValueError(
      "This aift was built without LibTorch and cannot train; configure with -DAIFT_BUILD_TORCH=ON "
      "where LibTorch is.");
}

#endif

}  // namespace

void add_run_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "run",
      "The whole loop: score, ask, fine-tune, test, round by round, from a labelled data set");
  auto arguments = std::make_shared<RunArguments>();
  const RunConfig defaults;

  const auto add = [&]<class T>(const std::string& name, T RunConfig::*member,
                                const std::string& help, const std::string& type) {
    auto* option = command->add_option_function<T>(
        name,
        [arguments, member](const T& value) {
          arguments->changes.push_back(
              [member, value](RunConfig& config) { config.*member = value; });
        },
        help);
    option->type_name(type);
    if constexpr (!std::is_same_v<T, std::vector<std::string>>) option->take_last();
    if constexpr (std::is_unsigned_v<T>) {  // CLI11 would wrap a negative number
      option->check([](const std::string& text) {
        return text.starts_with('-') ? fmt::format("must be at least 0; got '{}'", text) : "";
      });
      option->type_name(type);  // check() had put its own in
    }
    if constexpr (std::is_arithmetic_v<T>) {
      option->default_str(fmt::format("{}", defaults.*member));
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!(defaults.*member).empty()) option->default_str(defaults.*member);
    }
    return option;
  };
  const auto add_assignments = [&](const std::string& name, const std::string& help, auto apply) {
    command
        ->add_option_function<std::vector<std::string>>(
            name,
            [arguments, apply](const std::vector<std::string>& values) {
              arguments->changes.push_back([apply, values](RunConfig& config) {
                for (const std::string& value : values)
                  apply(config, value);
              });
            },
            help)
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
  };

  const char* group = "What is learnt from";
  add("--data", &RunConfig::data, "manifest.csv, or a folder of class folders", "PATH")
      ->group(group)
      ->each([arguments](const std::string&) { arguments->has_data = true; });
  add("--classes", &RunConfig::classes,
      "Classes in this order, a,b,...; by default from the labels", "NAMES")
      ->delimiter(',')
      ->group(group);
  add("--test-share", &RunConfig::test_share,
      "Share of the groups to test on, where the manifest has no split", "SHARE")
      ->group(group);
  add("--max-bad", &RunConfig::max_bad, "More unreadable images than this share stop the run",
      "SHARE")
      ->group(group);
  command
      ->add_flag_function(
          "--synthetic",
          [arguments](std::int64_t) {
            arguments->changes.push_back([](RunConfig& config) { config.synthetic = true; });
          },
          "The images are generated: the report says so")
      ->group(group);

  group = "Who learns";
  add("--model", &RunConfig::model,
      "A name that `aift models` lists, or a .safetensors file of such a network", "NAME|FILE")
      ->group(group);
  add("--weights", &RunConfig::weights,
      "imagenet, none or a .safetensors file; by default imagenet", "NAME|FILE")
      ->group(group);
  add("--input-size", &RunConfig::input_size, "Pixels of the network's input; 0: the model's own",
      "PIXELS")
      ->group(group);
  add("--start", &RunConfig::start, "Where each round starts: scratch, pretrained, current", "WORD")
      ->group(group);
  add("--train-set", &RunConfig::train_set, "What each round trains on: new, all, hard", "WORD")
      ->group(group);
  add_assignments(
      "--train", "An option of the training recipe, e.g. steps=100",
      [](RunConfig& config, const std::string& value) { set_option(config.train_options, value); });
  command->get_option("--train")->group(group);
  command
      ->add_flag_function(
          "--no-guard",
          [arguments](std::int64_t) {
            arguments->changes.push_back(
                [](RunConfig& config) { config.train_options["guard"] = "off"; });
          },
          "Never hand back the linear probe in the place of the tuned network")
      ->group(group);

  group = "Who is asked about";
  add("--selector", &RunConfig::selector, "Strategy that picks", "NAME")->group(group);
  add_assignments("--set", "An option of the selector, e.g. alpha=0.5",
                  [](RunConfig& config, const std::string& value) {
                    set_option(config.selector_options, value);
                  });
  command->get_option("--set")->group(group);
  add("--first", &RunConfig::first, "First batch: random, imagenet", "WORD")->group(group);
  add("--views", &RunConfig::scoring_views, "Augmented views per image when the pool is scored",
      "N")
      ->group(group);
  add_assignments(
      "--augment", "orientation=any|upright, or a range of the views, e.g. rotation_deg=20",
      [](RunConfig& config, const std::string& value) { config.set_view_option(value); });
  command->get_option("--augment")->group(group);

  group = "How long";
  add("--budget", &RunConfig::budget, "Labels per round", "N")->group(group);
  add("--rounds", &RunConfig::rounds, "Rounds, the first batch counted; 0: no limit", "N")
      ->group(group);
  add("--max-labels", &RunConfig::max_labels, "Labels in all; 0: no limit", "N")->group(group);
  add("--target-auc", &RunConfig::target_auc,
      "Stop at this AUC on the test images; 0: no such rule", "AUC")
      ->group(group);
  add("--patience", &RunConfig::patience,
      "Stop after so many rounds without a gain in AUC; 0: no such rule", "N")
      ->group(group);
  add("--already-right", &RunConfig::already_right,
      "Stop when the model had every new image right for so many rounds; 0: no such rule", "N")
      ->group(group);

  group = "How";
  add("--seed", &RunConfig::seed, "Fixes every random choice", "N")->group(group);
  add("--threads", &RunConfig::threads, "Threads of the network; 0: all", "N")->group(group);
  add("--workers", &RunConfig::workers, "Threads that decode and augment beside it", "N")
      ->group(group);
  add("--batch", &RunConfig::batch, "Patches per forward pass", "N")->group(group);
  add("--test-views", &RunConfig::test_views, "Views per test image, averaged", "N")->group(group);

  group = "Where to";
  command->add_option("--out", arguments->out, "Folder of the run, new or empty")
      ->required()
      ->type_name("FOLDER")
      ->group(group);
  command
      ->add_option("--config", arguments->config,
                   "config.toml of a run: the same again; further options change it")
      ->type_name("FILE")
      ->group(group);
  command->add_flag("--resume", arguments->resume, "Go on with the run in --out")->group(group);
  command
      ->add_flag("--force", arguments->force,
                 "Resume although machine, build, data or options differ")
      ->group(group);

  command->footer(
      "Examples:\n"
      "  aift run --data polyps/manifest.csv --model efficientnet_lite0 --weights imagenet \\\n"
      "           --selector aift --set alpha=0.5 --budget 20 --rounds 6 --seed 1 --out "
      "runs/first\n"
      "  aift run --resume --rounds 10 --out runs/first\n"
      "  aift run --config runs/first/config.toml --selector random --out runs/random\n"
      "\n"
      "The folder holds config.toml, state.json, curve.csv, picks.csv, times.csv, one model per "
      "round\n"
      "and report.html. Interrupted or killed at any moment, a run goes on with --resume.");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace aift::app
