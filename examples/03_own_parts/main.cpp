// SPDX-License-Identifier: Apache-2.0
// The loop with parts of your own and with people: images from memory, an augmenter, a network that
// another runtime computes, a trainer for it; queries that are answered by another process. Without
// LibTorch. docs/write-an-augmenter.md, write-a-trainer.md, use-your-own-network.md and resume.md show
// the regions between the markers. The images are synthetic.
//
//   example_own_parts FOLDER       runs are written below FOLDER, whose sub-folder `people` is replaced
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/io/dataset.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/select/aift_selector.hpp>

#include "head_trainer.hpp"
#include "quarter_turns.hpp"
#include "runtime_model.hpp"

namespace {

using aift::index_t;

constexpr index_t kCandidates = 120;
constexpr index_t kSide = 16;
constexpr index_t kFeatures = 6;

/// Ends the program with a message: this file is also a test.
void check(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(fmt::format("check failed: {}", what));
}

aift::label_t truth(index_t candidate) { return candidate / 2 % 2 == 0 ? 1 : 0; }

// [begin source]
/// Images that the application holds in memory, by position in the data set. Several threads read.
class MemorySource final : public aift::ImageSource {
 public:
  explicit MemorySource(std::vector<aift::Image> images) : images_(std::move(images)) {}
  aift::Image read(const aift::CandidateRef& candidate) const override {
    return images_.at(static_cast<std::size_t>(candidate.index));
  }

 private:
  std::vector<aift::Image> images_;
};
// [end source]

/// Noise on a ground of any colour; class 1 has a bright corner.
std::vector<aift::Image> synthetic_images() {
  std::vector<aift::Image> images;
  for (index_t i = 0; i < kCandidates; ++i) {
    const aift::KeyedRandom random(3, aift::Purpose::weights, 0, static_cast<std::uint64_t>(i));
    aift::Image image{kSide, kSide, aift::ChannelOrder::rgb, {}};
    for (index_t y = 0; y < kSide; ++y) {
      for (index_t x = 0; x < kSide; ++x) {
        const double light = truth(i) == 1 && x < kSide / 3 && y < kSide / 3 ? 15 : 0;
        for (index_t c = 0; c < 3; ++c) {
          const double ground = random.uniform(c, 60, 140);
          const double noise = random.uniform(3 + (y * kSide + x) * 3 + c, -15, 15);
          image.pixels.push_back(static_cast<std::uint8_t>(ground + light + noise));
        }
      }
    }
    images.push_back(std::move(image));
  }
  return images;
}

// [begin dataset]
/// A data set that no manifest describes. The label of a pool image is not known yet; two images
/// come from one patient; the last third is the labelled test set.
aift::io::Dataset data_of_the_application() {
  aift::io::Dataset data;
  data.class_names = {"plain", "corner"};
  for (index_t i = 0; i < kCandidates; ++i) {
    const bool test = i >= kCandidates * 2 / 3;
    data.paths.push_back(fmt::format("study/{:04}", i));  // any name that stays the same
    data.ids.push_back(aift::io::candidate_id(data.paths.back()));
    data.labels.push_back(test ? truth(i) : aift::kUnlabelled);
    data.groups.push_back(i / 2);
    if (i % 2 == 0) data.group_names.push_back(fmt::format("patient {}", i / 2));
    data.split.push_back(
        static_cast<std::uint8_t>(test ? aift::io::Split::test : aift::io::Split::pool));
  }
  return data;
}
// [end dataset]

// [begin body]
/// In the place of a runtime: mean and standard deviation of each channel.
void mean_and_spread(std::span<const float> patches, index_t n, std::span<float> features) {
  constexpr index_t kPixels = kSide * kSide;
  for (index_t i = 0; i < n * 3; ++i) {
    double sum = 0;
    double squares = 0;
    for (const float value : patches.subspan(static_cast<std::size_t>(i * kPixels), kPixels)) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    const double mean = sum / kPixels;
    features[static_cast<std::size_t>(2 * i)] = static_cast<float>(mean);
    features[static_cast<std::size_t>(2 * i + 1)] =
        static_cast<float>(std::sqrt(std::max(0.0, squares / kPixels - mean * mean)));
  }
}
// [end body]

/// In the place of a physician: sees the picture, cannot tell now and then.
aift::label_t ask_reader(const aift::Pick& pick) {
  return pick.candidate.index % 17 == 0 ? aift::kUnlabelled : truth(pick.candidate.index);
}

void the_augmenter_is_right(const aift::ImageSource& source) {
  const QuarterTurns augmenter(1);
  const aift::PatchFormat format{3, kSide, kSide};
  const aift::CandidateRef candidate{0, 7};
  std::vector<aift::PatchPlan> plans;
  for (index_t i = 0; i < 8; ++i)
    plans.push_back(augmenter.plan(candidate, aift::Purpose::scoring, 0, i));
  std::vector<float> patches(static_cast<std::size_t>(8 * format.elements()));
  augmenter.render(plans, source, {patches.data(), 8, format});
  const auto pixel = [&](index_t patch, index_t y, index_t x) {
    return patches[static_cast<std::size_t>(patch * format.elements() + y * kSide + x)];
  };
  const aift::Image image = source.read(candidate);
  for (index_t y = 0; y < kSide; ++y) {
    for (index_t x = 0; x < kSide; ++x) {
      const float itself =
          (static_cast<float>(image.pixels[static_cast<std::size_t>((y * kSide + x) * 3)]) - 127) /
          128;
      check(pixel(0, y, x) == itself, "view 0 is the image");
      check(pixel(1, kSide - 1 - x, y) == itself, "view 1 is a quarter turn anticlockwise");
      check(pixel(2, kSide - 1 - y, kSide - 1 - x) == itself, "view 2 is half a turn");
      check(pixel(4, y, kSide - 1 - x) == itself, "view 4 is mirrored");
    }
  }
}

aift::RunState people_answer(const std::filesystem::path& folder) {
  const aift::io::Dataset data = data_of_the_application();
  const MemorySource source(synthetic_images());
  the_augmenter_is_right(source);

  // [begin wiring]
  aift::ModelInfo info;
  info.architecture = "our body 1";  // recorded, and compared when a run is resumed
  info.classes = data.classes();
  info.feature_size = kFeatures;
  info.input.height = info.input.width = kSide;
  info.class_names = data.class_names;
  const RuntimeModel initial(mean_and_spread, info, blank_head(info.classes, kFeatures));
  const QuarterTurns augmenter(1);
  HeadTrainer trainer;
  const aift::AiftSelector selector({.alpha = 0.5});

  aift::LearnerOptions options;
  options.data = &data;
  options.source = &source;
  options.augmenter = &augmenter;
  options.initial = &initial;
  options.trainer = &trainer;
  options.selector = &selector;
  options.budget = 8;
  options.rounds = 4;
  options.seed = 1;
  options.folder = folder;
  options.open = aift::OpenRun::create_or_resume;
  options.load = [&](const std::filesystem::path& file) { return initial.load(file); };
  // [end wiring]

  aift::Progress progress;
  while (true) {
    std::vector<std::string> asked;
    // [begin ask]
    {  // One process: whom to ask about? It may end then: the query is in the run folder.
      aift::ActiveLearner learner(options, progress);
      if (learner.stopped()) return learner.state();
      for (const aift::Pick& pick : learner.query(progress).picks)
        asked.push_back(pick.path);  // a work list for the readers
    }
    // [end ask]

    // [begin answer]
    {  // Another process, a week later.
      aift::ActiveLearner learner(options, progress);
      if (!learner.state().answered) {  // it is, where training was interrupted
        std::vector<aift::label_t> answers;
        for (const aift::Pick& pick : learner.query(progress).picks)  // the same query, again
          answers.push_back(ask_reader(pick));  // kUnlabelled: cannot tell; never asked again
        learner.submit(answers);
      }
      const aift::RoundRecord& round = learner.train(progress);
      fmt::print("round {}: {} labels, accuracy {:.3f}\n", round.round, round.labels,
                 round.metrics.accuracy);
    }
    // [end answer]
    const aift::RunState state = aift::read_run_state(folder);
    const std::vector<aift::Pick>& picks = state.rounds.back().picks;
    check(picks.size() == asked.size(), "the query was kept");
    for (std::size_t i = 0; i < picks.size(); ++i)
      check(picks[i].path == asked[i], "the query was kept in its order");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "expected one argument: a folder for the runs\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / "people";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder.parent_path());
    const aift::RunState state = people_answer(folder);
    check(state.rounds.size() == 4, "four rounds");
    check(state.labels() < 32, "the reader could not tell now and then");
    check(state.rounds.back().metrics.accuracy > 0.9, "the head has learnt the corner");
    check(state.stop && state.stop->rule == "rounds", "stopped after its rounds");
    fmt::print("{}\nall checks passed\n", state.stop->reason);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
