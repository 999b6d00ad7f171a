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
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/report.hpp>
#include <aift/io/safetensors.hpp>
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
#include "src/app/torch/run_data.hpp"
#include "src/app/torch/run_folder_guard.hpp"
#include "src/io/view_fields.hpp"

namespace aift::app {
namespace {

namespace fs = std::filesystem;

std::string absolute(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

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
  bool script = false;      ///< `weights` is a TorchScript file
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
    network.weights = config.model;
    network.description = content_of(config.model);
    if (fs::path(config.model).extension() != ".safetensors") {
      AIFT_EXPECT(
          config.first != "imagenet", ValueError,
          "--first imagenet needs a network with ImageNet's classes; the TorchScript file {} "
          "has those of the data. Take --first random.",
          config.model);
      network.script = true;
      return network;
    }
    const auto metadata = io::read_safetensors(config.model).metadata();
    const auto at = metadata.find("architecture");
    AIFT_EXPECT(at != metadata.end(), IoError,
                "{} does not say of which architecture it is; name one with --model and give the "
                "file to --weights.",
                config.model);
    network.architecture = nn::architecture(at->second).name;
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
  if (network.script) {
    std::unique_ptr<Model> model = nn::load_model(config.model, {.input_size = config.input_size});
    AIFT_EXPECT(model->info().classes == classes, ShapeError,
                "--model {} gives {} logits per image, and the data has {} classes; a TorchScript "
                "file needs one output per class of the data, in their order.",
                config.model, model->info().classes, classes);
    return nn::with_class_names(*model, class_names);
  }
  std::unique_ptr<Model> model =
      network.weights.empty()
          ? nn::make_model(network.architecture, classes, config.input_size, config.seed)
          : nn::load_pretrained(network.architecture, network.weights, classes, config.input_size,
                                config.seed);
  // A head for other classes keeps their names: the trainer then makes a new one.
  const bool own_head = static_cast<index_t>(model->info().class_names.size()) == classes;
  return own_head ? std::move(model) : nn::with_class_names(*model, class_names);
}

/// The GPU of --device cuda, for records; empty: the CPU. Refuses what cannot be done there.
std::string find_gpu(const RunConfig& config, const Network& network) {
  if (config.device == "cpu") return {};
  AIFT_EXPECT(!network.script, ValueError,
              "--device cuda takes the networks that `aift models` lists; the TorchScript file {} "
              "runs with --device cpu.",
              config.model);
  try {
    return nn::gpu_name();
  } catch (const ValueError& error) {
    throw ValueError(fmt::format("--device cuda cannot be used: {}", error.what()));
  }
}

/// The model where --device says.
std::unique_ptr<Model> placed(std::unique_ptr<Model> model, const RunConfig& config) {
  if (config.device == "cpu") return model;
  return nn::on_gpu(*model,
                    config.forward == "bf16" ? nn::ForwardType::bf16 : nn::ForwardType::f32);
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

  LearnerOptions options;
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
