// SPDX-License-Identifier: Apache-2.0
// The whole loop on the frames of colonoscopies (or any other images), from the public headers:
//
//   example_colonoscopy data=frames/manifest.csv out=runs/first budget=20 rounds=6
//
// It hides the labels of the data set and asks for them batch by batch. Called again with the same
// words, it goes on where it was interrupted. docs/start.md explains it; the regions between the
// markers are what docs/ shows. For research, not for clinical use.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/settings.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

namespace {

// [begin progress]
/// One line that is written over; `cancelled` is where an application looks at its stop button.
class OneLine final : public aift::Progress {
 public:
  void report(std::string_view stage, aift::index_t done, aift::index_t total) override {
    fmt::print(stderr, "\r{:<8} {:>6} of {:<6}", stage, done, total);
  }
  void note(std::string_view line) override { fmt::print(stderr, "\r{}\n", line); }
};
// [end progress]

// [begin network]
/// A network with one output per class: ImageNet's weights and a new head, or untrained.
std::unique_ptr<aift::Model> network(const aift::io::Dataset& data, aift::index_t input_size,
                                     std::uint64_t seed) {
  const std::string name = "efficientnet_lite0";
  std::unique_ptr<aift::Model> model;
  try {
    model = aift::nn::load_pretrained(name, aift::nn::find_weights(name), data.classes(),
                                      input_size, seed);
  } catch (const aift::IoError& error) {
    fmt::print("{} Going on with an untrained network, which learns far less.\n", error.what());
    model = aift::nn::make_model(name, data.classes(), input_size, seed);
  }
  return aift::nn::with_class_names(*model, data.class_names);
}
// [end network]

void run(const aift::Settings& settings) {
  const std::string manifest = settings.text("data", "");
  const std::filesystem::path out = settings.text("out", "");
  AIFT_EXPECT(!manifest.empty() && !out.empty(), ValueError,
              "data and out are needed: example_colonoscopy data=frames out=runs/first.");
  const auto seed = static_cast<std::uint64_t>(settings.integer("seed", 1));
  OneLine progress;
  aift::nn::keep_freed_memory();

  // [begin data]
  const aift::io::Dataset data = aift::io::read_dataset(manifest, {.require_labels = true});
  const aift::io::FileImageSource source(data);  // decodes an image when it is asked for
  aift::SimulatedOracle oracle(data.labels);     // answers in the place of a physician
  // [end data]

  // [begin model]
  const aift::nn::LoadOptions loading = {.input_size = settings.integer("input_size", 96),
                                         .class_names = data.class_names};
  const std::string script = settings.text("model", "");  // a TorchScript file, if there is one
  const auto model = script.empty() ? network(data, loading.input_size, seed)
                                    : aift::nn::load_model(script, loading);
  // [end model]

  // [begin parts]
  aift::ImageAugmentOptions views;
  views.format = model->info().input;  // size and normalisation that the network wants
  views.seed = seed;
  views.scoring_views = settings.integer("views", 8);
  const aift::ImageAugmenter augmenter(views);

  const aift::AiftSelector selector({.alpha = settings.number("alpha", 0.25)});

  aift::nn::FineTuneOptions recipe;
  recipe.steps = settings.integer("steps", 0);  // 0: by the number of labels
  recipe.validate();
  aift::nn::FineTuneTrainer trainer(recipe);
  // [end parts]

  // [begin learner]
  aift::LearnerOptions options;
  options.data = &data;
  options.source = &source;
  options.augmenter = &augmenter;
  options.oracle = &oracle;
  options.initial = model.get();
  options.trainer = &trainer;
  options.selector = &selector;
  options.budget = settings.integer("budget", 20);
  options.rounds = settings.integer("rounds", 6);
  options.seed = seed;
  options.threads = aift::nn::torch_threads();
  options.folder = out;
  options.open = aift::OpenRun::create_or_resume;
  options.load = [&](const std::filesystem::path& file) {
    return aift::nn::load_model(file, loading);
  };
  options.facts = {{"libtorch", aift::nn::torch_version()},  // what a resumed run must share
                   {"alpha", std::to_string(selector.options().alpha)},
                   {"steps", std::to_string(recipe.steps)},
                   {"input size", std::to_string(loading.input_size)},
                   {"network", script}};
  settings.expect_all_used("example_colonoscopy");
  aift::ActiveLearner learner(options, progress);
  // [end learner]

  // [begin loop]
  while (learner.step(progress)) {
    const aift::RoundRecord& round = learner.state().rounds.back();
    fmt::print("\rround {}: {} labels, AUC {:.4f}, asked by {}\n", round.round, round.labels,
               round.metrics.auc, round.rule);
  }
  fmt::print("{}\n", learner.state().stop->reason);
  fmt::print("curve: {}\n", (out / "curve.csv").string());
  // [end loop]
}

}  // namespace

int main(int argc, char** argv) {
  try {
    aift::Settings settings;
    for (int i = 1; i < argc; ++i)
      settings.set(argv[i]);
    run(settings);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "\n{}\n", error.what());
    return 1;
  }
}
