// SPDX-License-Identifier: Apache-2.0
#include "src/app/run_command.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/select/registry.hpp>

#include "src/app/commands.hpp"

namespace aift::app {

namespace fs = std::filesystem;

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
  (void)SelectorRegistry::with_builtin().make(config.selector,
                                              to_settings(config.selector_options));
  return config;
}

void add_config_options(CLI::App* command, const std::shared_ptr<RunArguments>& arguments) {
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
  add("--data", &RunConfig::data, "manifest.csv, or a folder of class folders or videos", "PATH")
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

  const auto add_switch = [&](const std::string& name, bool RunConfig::*member,
                              const std::string& help) {
    command
        ->add_flag_function(
            name,
            [arguments, member](std::int64_t) {
              arguments->changes.push_back([member](RunConfig& config) { config.*member = true; });
            },
            help)
        ->group(group);
  };
  group = "Videos";
  add("--every", &RunConfig::every, "Every n-th frame of a video is a candidate", "N")
      ->group(group);
  add("--frame-labels", &RunConfig::frame_labels,
      "CSV path,first_frame,last_frame,label; by default labels.csv with the data", "FILE")
      ->group(group);
  add_switch("--crop-field", &RunConfig::crop_field,
             "Crop frames to the bright field of view, found once per video");
  add_switch("--deinterlace", &RunConfig::deinterlace,
             "Replace the second field by what lies between the lines of the first");
  add_switch("--mask-overlay", &RunConfig::mask_overlay,
             "Blacken what does not change over a video: text, logos");

  group = "Who learns";
  add("--model", &RunConfig::model,
      "A name that `aift models` lists, a .safetensors file of such a network, or TorchScript",
      "NAME|FILE")
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
  add("--max-per-group", &RunConfig::max_per_group,
      "At most so many of a group (patient, video) in a batch; 0: no such rule", "N")
      ->group(group);
  add("--min-gap", &RunConfig::min_gap,
      "Frames of a video in a batch are so far apart, by the column frame or time; 0: no such rule",
      "FRAMES")
      ->group(group);
  add("--veto-similarity", &RunConfig::veto_similarity,
      "No two of a batch have features of a larger cosine; 1: no such rule", "COSINE")
      ->group(group);
  add_switch("--against-labelled", &RunConfig::against_labelled,
             "Gap and similarity also count towards images that are labelled already");
  add("--max-cost", &RunConfig::max_cost,
      "Costs of a batch add up to at most this; 0: no such rule", "COST")
      ->group(group);
  add("--cost-column", &RunConfig::cost_column,
      "Column of the manifest that says what a label costs; by default cost", "NAME")
      ->group(group);
  add("--audit-share", &RunConfig::audit_share,
      "Share of a batch that is drawn at random and marked, to audit by", "SHARE")
      ->group(group);
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
  add("--device", &RunConfig::device, "Where the network lives: cpu, cuda", "WORD")->group(group);
  add("--forward", &RunConfig::forward, "Numbers of predictions on a GPU: bf16, f32", "WORD")
      ->group(group);
  add("--threads", &RunConfig::threads, "Threads of the network; 0: all", "N")->group(group);
  add("--workers", &RunConfig::workers, "Threads that decode and augment beside it", "N")
      ->group(group);
  add("--batch", &RunConfig::batch, "Patches per forward pass", "N")->group(group);
  add("--test-views", &RunConfig::test_views, "Views per test image, averaged", "N")->group(group);
}

void add_run_command(CLI::App& app, std::function<void(const RunArguments&)> work) {
  auto* command = app.add_subcommand(
      "run",
      "The whole loop: score, ask, fine-tune, test, round by round, from a labelled data set");
  auto arguments = std::make_shared<RunArguments>();
  add_config_options(command, arguments);

  const char* group = "Where to";
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
      "The folder holds config.toml, state.json, curve.csv, picks.csv, times.csv, "
      "predictions.csv,\n"
      "one model per round and report.html. Interrupted or killed at any moment, a run goes on "
      "with --resume.");
  command->callback([arguments, work = std::move(work)] { work(*arguments); });
}

}  // namespace aift::app
