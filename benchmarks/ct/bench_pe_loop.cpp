// SPDX-License-Identifier: Apache-2.0
// The active loop on candidates in volumes without a network: a logistic regression on coarse pixels
// of the vessel-aligned patches, which shows what selectors do at the cost of seconds. Not a CNN;
// benchmarks/ct/pe_study.sh is the same with one.
//
//   bench_pe_loop data=candidates.csv scans=scans.csv out=curves.csv [seeds=5] [budget=20] [rounds=8]
//                 [views=6] [grid=8]
//
// The data set's split says which scans are pool and test. Writes selector,seed,labels,auc, and per run
// what FROC says of the test scans after the first batch and at the end (mean sensitivity at 1/8 to 8
// false positives per scan, and at 1 and 4). scans.csv: volume and emboli.
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/core/settings.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/froc.hpp>
#include <aift/ct/vessel_augmenter.hpp>
#include <aift/ct/volume_source.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/registry.hpp>

#include "examples/03_own_parts/head_trainer.hpp"

namespace {

using namespace aift;

/// Means of the cells of a grid over each channel.
Body coarse_pixels(const PatchFormat& format, index_t grid) {
  return [format, grid](std::span<const float> patches, index_t n, std::span<float> features) {
    const index_t cell = format.height / grid;
    auto to = features.begin();
    for (index_t plane = 0; plane < n * format.channels; ++plane) {
      const float* from = patches.data() + plane * format.height * format.width;
      for (index_t gy = 0; gy < grid; ++gy) {
        for (index_t gx = 0; gx < grid; ++gx) {
          float sum = 0;
          for (index_t y = gy * cell; y < (gy + 1) * cell; ++y) {
            for (index_t x = gx * cell; x < (gx + 1) * cell; ++x)
              sum += from[y * format.width + x];
          }
          *to++ = sum / static_cast<float>(cell * cell);
        }
      }
    }
  };
}

struct Scans {
  std::map<std::string, index_t> number;  ///< of the test scans, by volume
  std::vector<index_t> emboli;
};

/// The test scans: those whose candidates are marked so, and the rows of scans.csv marked so.
Scans read_test_scans(const std::filesystem::path& file, const std::string& prefix) {
  const io::CsvTable table = io::read_csv(file);
  Scans out;
  for (const io::CsvRow& row : table.rows) {
    if (row.fields.at(*table.column("split")) != "test") continue;
    out.number[prefix + row.fields.at(*table.column("volume"))] =
        static_cast<index_t>(out.emboli.size());
    out.emboli.push_back(*io::parse_integer(row.fields.at(*table.column("emboli"))));
  }
  return out;
}

void run(const Settings& settings) {
  const std::filesystem::path file = settings.text("data", "");
  const index_t seeds = settings.integer("seeds", 5);
  const index_t grid = settings.integer("grid", 8);
  const io::Dataset data = io::read_dataset(file, {.classes = {"other", "embolus"}});
  const std::vector<ct::Candidate> list = ct::read_candidates(file);
  const std::filesystem::path scans_file = settings.text("scans", "");
  const Scans scans = read_test_scans(
      scans_file, scans_file.parent_path().lexically_relative(file.parent_path()).string() + "/");

  ct::VesselAugmentOptions views;
  views.format = {.channels = 3, .height = 32, .width = 32, .mean = {127, 127, 127}};
  views.scoring_patches = settings.integer("views", 6);
  views.test_patches = 4;
  const ct::VolumeSource source(data, {.reach_mm = ct::VesselAugmenter(views).reach_mm()});
  SimulatedOracle oracle(data.labels);
  const index_t d = 3 * grid * grid;
  const RuntimeModel start(coarse_pixels(views.format, grid),
                           {.architecture = "coarse_pixels",
                            .classes = 2,
                            .feature_size = d,
                            .input = views.format,
                            .class_names = data.class_names,
                            .preparation = {}},
                           blank_head(2, d));
  const SelectorRegistry registry = SelectorRegistry::with_builtin();
  const std::filesystem::path out = settings.text("out", "");
  const index_t budget = settings.integer("budget", 20);
  const index_t rounds = settings.integer("rounds", 8);
  settings.expect_all_used("bench_pe_loop");
  std::string curves = "selector,seed,labels,auc\n";
  for (const std::string name : {"aift", "margin", "random"}) {
    for (index_t seed = 1; seed <= seeds; ++seed) {
      views.seed = static_cast<std::uint64_t>(seed);
      const ct::VesselAugmenter augmenter(views);
      Settings how;
      if (name == "aift") how.set("alpha=1");
      const auto selector = registry.make(name, how);
      HeadTrainer trainer;
      LearnerOptions options;
      options.data = &data;
      options.source = &source;
      options.augmenter = &augmenter;
      options.oracle = &oracle;
      options.initial = &start;
      options.trainer = &trainer;
      options.selector = selector.get();
      options.budget = budget;
      options.rounds = rounds;
      options.seed = static_cast<std::uint64_t>(seed);
      Progress silent;
      ActiveLearner learner(std::move(options), silent);
      const auto detection = [&] {
        const auto p = predict_mean_probabilities(learner.model(), augmenter, source,
                                                  learner.test_set(), Purpose::test, 0, {}, silent);
        std::vector<ct::Finding> findings;
        for (std::size_t k = 0; k < learner.test_set().size(); ++k) {
          const auto i = static_cast<std::size_t>(learner.test_set()[k].index);
          const std::string& embolus = list[i].embolus_id;
          findings.push_back({scans.number.at(list[i].volume), p[2 * k + 1],
                              embolus.empty() ? -1 : *io::parse_integer(embolus) - 1});
        }
        return ct::froc(findings, scans.emboli, 500);
      };
      while (learner.step(silent)) {
        const RoundRecord& round = learner.state().rounds.back();
        curves +=
            fmt::format("{},{},{},{}\n", name, seed, round.labels, io::shortest(round.metrics.auc));
        if (round.round != 0 && round.round + 1 != rounds) continue;
        const ct::Froc froc = detection();
        fmt::print(
            "{} seed {}, {} labels: AUC {:.3f}, mean sensitivity {:.3f} [{:.3f}, {:.3f}], at "
            "1 {:.3f}, at 4 {:.3f}\n",
            name, seed, round.labels, round.metrics.auc, froc.mean.value, froc.mean.low,
            froc.mean.high, froc.at_rates[3].value, froc.at_rates[5].value);
        std::fflush(stdout);
      }
    }
  }
  io::write_file_atomically(out, curves);
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
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
