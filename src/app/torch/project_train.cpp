// SPDX-License-Identifier: Apache-2.0
// aift train: the one command of a project that needs a network.
#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include <aift/core/rng.hpp>
#include <aift/io/video.hpp>
#include <aift/store/digest.hpp>
#include <aift/store/training.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

#include "src/app/console.hpp"
#include "src/app/project.hpp"
#include "src/app/torch/commands.hpp"
#include "src/app/torch/network.hpp"

namespace aift::app {

namespace fs = std::filesystem;

namespace {

void print_outcome(const store::Project& project, const store::TrainingOutcome& outcome) {
  if (!outcome.note.empty()) fmt::print("{}\n", outcome.note);
  if (outcome.model) {
    const store::StoredModel& model = *outcome.model;
    fmt::print("model {} of {} labels: {}\n", model.number, outcome.samples,
               model.accepted ? "accepted" : "rejected; the one before stays");
    if (outcome.gate) fmt::print("{}\n", outcome.gate->reason);
  }
  if (outcome.scored > 0) fmt::print("{} samples of the pool scored\n", outcome.scored);
  fmt::print("next: {}\n", project.status().next);
}

}  // namespace

void train_project(const TrainArguments& arguments) {
  store::Project project(arguments.project, open_options("train", arguments.wait_seconds));
  RunConfig config = project_config(project);
  const Network network = find_network(config);
  const std::string gpu = find_gpu(config, network);
  const Settings settings = to_settings(config.train_options);
  const nn::FineTuneOptions recipe = nn::FineTuneOptions::from(settings);
  settings.expect_all_used("the training recipe");
  recipe.validate();
  if (config.threads == 0)
    config.threads = std::max<index_t>(1, std::thread::hardware_concurrency());
  nn::set_torch_threads(static_cast<int>(config.threads));
  nn::keep_freed_memory();

  ConsoleProgress progress;
  const io::Dataset data = project.dataset();
  const bool has_videos = !data.frames.empty();
  auto model = load_network(config, network, data.class_names);
  if (has_videos) model = nn::with_preparation(*model, preparation_word(config));
  model = placed(std::move(model), config);
  nn::FineTuneTrainer::expect_trainable(*model);
  const ImageAugmenter augmenter(config.augment_options(model->info().input));
  const io::FrameSource source(data, config.preparation(), fs::path());
  nn::FineTuneTrainer trainer(recipe);

  store::TrainingParts parts;
  parts.initial = model.get();
  parts.initial_hash = network.weights.empty() ? "none" : store::sha256_of_file(network.weights);
  parts.trainer = &trainer;
  parts.augmenter = &augmenter;
  parts.source = &source;
  parts.batch = config.batch;
  parts.workers = config.workers;
  parts.load = [&](const fs::path& file) {
    return placed(
        nn::load_model(file, {.input_size = config.input_size, .class_names = data.class_names}),
        config);
  };
  const auto classes = static_cast<index_t>(data.class_names.size());
  parts.make_scratch = [&](index_t round) {
    const std::uint64_t seed = KeyedRandom(config.seed, Purpose::weights, round).bits(0);
    auto scratch = nn::with_class_names(
        *nn::make_model(network.architecture, classes, config.input_size, seed), data.class_names);
    if (has_videos) scratch = nn::with_preparation(*scratch, preparation_word(config));
    return placed(std::move(scratch), config);
  };
  parts.facts = {{"libtorch", nn::torch_version()},
                 {"device", gpu.empty() ? "cpu" : gpu + ", " + config.forward},
                 {"threads", std::to_string(config.threads)},
                 {"architecture", model->info().architecture},
                 {"recipe", joined(config.train_options)},
                 {"scoring views", joined(config.scoring_ranges)},
                 {"training views", joined(config.training_ranges)},
                 {"border", fmt::format("{} {}", config.border, config.border_value)},
                 {"frames", preparation_word(config)}};
  const store::TrainingOutcome outcome =
      store::train(project, parts, progress, arguments.partial);
  progress.clear();
  print_outcome(project, outcome);
}

}  // namespace aift::app
