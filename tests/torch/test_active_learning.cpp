// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/torch/synthetic.hpp"

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/error.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

namespace {

using namespace aift;

/// Two rounds of the whole loop: files, views, network, trainer.
class World {
 public:
  explicit World(const std::filesystem::path& weights)
      : model_(nn::load_pretrained("efficientnet_lite0", weights, 2, 32)),
        imagenet_(nn::load_pretrained("efficientnet_lite0", weights, 0, 32)),
        augmenter_([this] {
          ImageAugmentOptions options;
          options.format = model_->info().input;
          options.scoring_views = 2;
          return options;
        }()),
        trainer_([] {
          nn::FineTuneOptions options;
          options.steps = 4;
          options.views = 2;
          options.batch = 8;
          options.guard_min_samples = 16;
          return options;
        }()) {
    const test::Pictures pictures;
    std::string manifest = "path,label,group,split\n";
    for (index_t i = 0; i < 44; ++i) {
      const std::string name = fmt::format("p{}.png", i);
      io::write_png(dir_ / name, pictures.read({i, static_cast<std::uint64_t>(i)}).view());
      manifest +=
          fmt::format("{},{},{},{}\n", name, test::Pictures::label(i) == 0 ? "disc" : "ring", i / 2,
                      i < 28 ? "pool" : "test");
    }
    data_ = io::read_dataset(dir_.write("manifest.csv", manifest));
    source_.emplace(data_);
    oracle_.emplace(data_.labels);
  }

  [[nodiscard]] LearnerOptions options(const std::string& folder, OpenRun open) {
    LearnerOptions o;
    o.data = &data_;
    o.source = &*source_;
    o.augmenter = &augmenter_;
    o.oracle = &*oracle_;
    o.initial = model_.get();
    o.trainer = &trainer_;
    o.selector = &selector_;
    o.first = FirstBatch::imagenet;
    o.first_model = imagenet_.get();
    o.budget = 10;
    o.rounds = 2;
    o.seed = 5;
    o.threads = nn::torch_threads();
    o.folder = dir_ / folder;
    o.open = open;
    o.load = [](const std::filesystem::path& file) { return nn::load_model(file); };
    return o;
  }
  [[nodiscard]] std::string content(const std::string& file) const {
    return test::read_file(dir_ / file);
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<Model> model_;
  std::unique_ptr<Model> imagenet_;
  ImageAugmenter augmenter_;
  nn::FineTuneTrainer trainer_;
  AiftSelector selector_;
  io::Dataset data_;
  std::optional<io::FileImageSource> source_;
  std::optional<SimulatedOracle> oracle_;
};

}  // namespace

TEST_CASE("the loop runs with the real network, and a resumed run ends with the same bytes") {
  std::optional<std::filesystem::path> weights;
  try {
    weights = nn::find_weights("efficientnet_lite0");
  } catch (const IoError& error) {
    test::skip(error.what());
    return;
  }
  World world(*weights);
  Progress progress;
  {
    ActiveLearner learner(world.options("whole", OpenRun::create), progress);
    learner.run(progress);
    REQUIRE(learner.state().rounds.size() == 2);
    CHECK(learner.model().info().class_names == std::vector<std::string>{"disc", "ring"});
    bool guarded = false;
    for (const auto& [key, value] : learner.state().rounds.back().fit.facts)
      guarded = guarded || key == "guard_tuned_auc";
    CHECK(guarded);
  }
  {
    ActiveLearner learner(world.options("parts", OpenRun::create), progress);
    REQUIRE(learner.step(progress));
    (void)learner.query(progress);  // and here the process ends
  }
  {
    ActiveLearner learner(world.options("parts", OpenRun::resume), progress);
    learner.run(progress);
  }
  for (const std::string file : {"curve.csv", "picks.csv"}) {
    CAPTURE(file);
    CHECK(world.content("whole/" + file) == world.content("parts/" + file));
  }
}
