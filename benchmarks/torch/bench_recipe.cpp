// SPDX-License-Identifier: Apache-2.0
// The default recipe of FineTuneTrainer against the linear probe alone.
//
//   bench_recipe --data manifest.csv --out recipe.csv [--weights w.safetensors]
//                [--labels 20,100,400] [--first-seed 0] [--seeds 5] [--input 96] [--threads 2]
//                [--test-share 0.5] [--set key=value]...
//
// Per seed the data are split into pool and test by whole groups; the labelled sets are nested, in
// an order drawn by the seed. Test AUC on the identity view. One CSV row per (seed, labels),
// appended as soon as it is known; a repeated call goes on where the file ends. The summary (mean
// paired difference to the probe, and its range over seeds) goes to stdout.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/loop/splits.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

namespace {

using namespace aift;

/// "--seeds" -> "seeds"
std::string option_name(std::string_view text) {
  AIFT_EXPECT(text.starts_with("--"), ValueError, "Expected an option such as --data; got '{}'.",
              text);
  text.remove_prefix(2);
  return std::string(text);
}

struct Row {
  double probe, tuned, guarded;
  std::string guard;
};

std::string fact(const FitReport& report, std::string_view key) {
  for (const auto& [name, value] : report.facts)
    if (name == key) return value;
  return "";
}

/// The labelled set in the order in which it grows: at random, with three of each class among the
/// first 20 (no probe can be fitted on fewer with grouped folds).
std::vector<index_t> labelling_order(const io::Dataset& data,
                                     const std::vector<std::uint8_t>& is_test, std::uint64_t seed) {
  for (index_t attempt = 0;; ++attempt) {
    std::vector<std::pair<std::uint64_t, index_t>> keyed;
    for (index_t i = 0; i < data.size(); ++i) {
      if (is_test[static_cast<std::size_t>(i)] != 0) continue;
      keyed.emplace_back(KeyedRandom(seed, Purpose::first_batch, attempt, data.ref(i).id).bits(0),
                         i);
    }
    std::sort(keyed.begin(), keyed.end());
    std::vector<index_t> order;
    std::vector<index_t> count(static_cast<std::size_t>(data.classes()));
    for (const auto& [key, i] : keyed) {
      if (order.size() < 20)
        ++count[static_cast<std::size_t>(data.labels[static_cast<std::size_t>(i)])];
      order.push_back(i);
    }
    if (*std::min_element(count.begin(), count.end()) >= 3) return order;
  }
}

int run(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string key = option_name(argv[i]);
    if (key == "set") {
      settings.set(argv[i + 1]);
    } else {
      arguments[key] = argv[i + 1];
    }
  }
  const auto text = [&](const std::string& key, const std::string& fallback) {
    return arguments.contains(key) ? arguments.at(key) : fallback;
  };
  AIFT_EXPECT(arguments.contains("data") && arguments.contains("out"), ValueError,
              "bench_recipe needs --data manifest.csv and --out recipe.csv.");
  nn::keep_freed_memory();
  nn::set_torch_threads(std::stoi(text("threads", "2")));
  const io::Dataset data =
      io::read_dataset(arguments["data"], {.classes = {}, .require_labels = true});
  const io::FileImageSource source(data);
  const std::string weights = arguments.contains("weights")
                                  ? arguments["weights"]
                                  : nn::find_weights("efficientnet_lite0").string();
  const auto parent = nn::load_pretrained("efficientnet_lite0", weights, data.classes(),
                                          std::stoll(text("input", "96")));
  nn::FineTuneTrainer trainer(nn::FineTuneOptions::from(settings));
  settings.expect_all_used("the trainer");

  std::vector<index_t> sizes;
  std::stringstream list(text("labels", "20,100,400"));
  for (std::string part; std::getline(list, part, ',');)
    sizes.push_back(std::stoll(part));
  const index_t first_seed = std::stoll(text("first-seed", "0"));
  const index_t seeds = std::stoll(text("seeds", "5"));

  // What an earlier call has done.
  const std::string header =
      "seed,labels,probe_auc,tuned_auc,guarded_auc,guard,probe_log_loss,tuned_log_loss,"
      "probe_accuracy,tuned_accuracy,guard_probe_auc,guard_tuned_auc,l2,steps,loss_last,logit_"
      "scale,seconds_views,"
      "seconds_probe,seconds_tune,seconds_guard";
  std::map<std::pair<index_t, index_t>, Row> rows;
  {
    std::ifstream in(arguments["out"]);
    std::string line;
    const bool there = static_cast<bool>(std::getline(in, line));
    AIFT_EXPECT(!there || line == header, IoError,
                "{} is not a result of bench_recipe; name another.", arguments["out"]);
    while (std::getline(in, line)) {
      std::vector<std::string> cells;
      std::stringstream cut(line);
      for (std::string cell; std::getline(cut, cell, ',');)
        cells.push_back(cell);
      if (cells.size() < 19) continue;  // cut short by an interruption (the last may be empty)
      rows[{std::stoll(cells[0]), std::stoll(cells[1])}] = {
          std::stod(cells[2]), std::stod(cells[3]), std::stod(cells[4]), cells[5]};
    }
    if (!there) std::ofstream(arguments["out"]) << header << "\n";
  }

  for (index_t seed = first_seed; seed < first_seed + seeds; ++seed) {
    const auto key = static_cast<std::uint64_t>(seed);
    const std::vector<std::uint8_t> is_test = grouped_test_split(
        data.groups, data.labels, data.classes(), std::stod(text("test-share", "0.5")), key);
    const std::vector<index_t> order = labelling_order(data, is_test, key);
    std::vector<CandidateRef> test;
    std::vector<label_t> truth;
    for (index_t i = 0; i < data.size(); ++i) {
      if (is_test[static_cast<std::size_t>(i)] == 0) continue;
      test.push_back(data.ref(i));
      truth.push_back(data.labels[static_cast<std::size_t>(i)]);
    }
    ImageAugmentOptions augment;
    augment.format = parent->info().input;
    augment.seed = key;
    const ImageAugmenter augmenter(augment);
    for (const index_t n : sizes) {
      if (rows.contains({seed, n})) continue;
      std::vector<LabelledCandidate> samples;
      for (index_t j = 0; j < std::min<index_t>(n, std::ssize(order)); ++j) {
        const index_t i = order[static_cast<std::size_t>(j)];
        samples.push_back({data.ref(i), data.labels[static_cast<std::size_t>(i)],
                           data.groups[static_cast<std::size_t>(i)]});
      }
      TrainingRound round;
      round.seed = key;
      round.classes = data.classes();
      round.class_names = data.class_names;
      round.all = round.fresh = round.samples = samples;
      round.augmenter = &augmenter;
      round.source = &source;
      Progress progress;
      const nn::FineTuneResult result = trainer.fit_all(*parent, round, progress);
      const auto test_metrics = [&](const Model& model) {
        return evaluate(predict_mean_probabilities(model, augmenter, source, test, Purpose::test, 0,
                                                   {}, progress),
                        truth, data.classes());
      };
      const Metrics probe = test_metrics(*result.probe);
      const Metrics tuned = result.tuned ? test_metrics(*result.tuned) : probe;
      Row row{probe.auc, tuned.auc, 0, fact(result.report, "guard")};
      row.guarded = result.tuned_chosen ? row.tuned : row.probe;
      std::replace(row.guard.begin(), row.guard.end(), ',', ';');
      rows[{seed, n}] = row;
      std::string line = fmt::format("{},{},{},{},{},{}", seed, n, io::shortest(row.probe),
                                     io::shortest(row.tuned), io::shortest(row.guarded), row.guard);
      for (const double value : {probe.log_loss, tuned.log_loss, probe.accuracy, tuned.accuracy})
        line.append(",").append(io::shortest(value));
      for (const char* name :
           {"guard_probe_auc", "guard_tuned_auc", "probe_l2", "steps", "loss_last", "logit_scale",
            "seconds_views", "seconds_probe", "seconds_tune", "seconds_guard"})
        line.append(",").append(fact(result.report, name));
      std::ofstream(arguments["out"], std::ios::app) << line << "\n";
      std::fprintf(stderr, "seed %lld, %lld labels: probe %.4f, tuned %+.4f, guarded %+.4f, %s\n",
                   static_cast<long long>(seed), static_cast<long long>(n), row.probe,
                   row.tuned - row.probe, row.guarded - row.probe, row.guard.c_str());
    }
  }

  std::printf(
      "labels  probe   tuned - probe (range)        guarded - probe (range)      guard acted\n");
  for (const index_t n : sizes) {
    std::vector<double> probe, tuned, guarded;
    index_t acted = 0;
    for (index_t seed = first_seed; seed < first_seed + seeds; ++seed) {
      const Row& row = rows.at({seed, n});
      probe.push_back(row.probe);
      tuned.push_back(row.tuned - row.probe);
      guarded.push_back(row.guarded - row.probe);
      acted += row.guard == "kept probe" ? 1 : 0;
    }
    const auto mean = [](const std::vector<double>& v) {
      return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
    };
    const auto [t0, t1] = std::minmax_element(tuned.begin(), tuned.end());
    const auto [g0, g1] = std::minmax_element(guarded.begin(), guarded.end());
    std::printf("%6lld  %.4f  %+.4f (%+.4f to %+.4f)  %+.4f (%+.4f to %+.4f)  %lld of %lld\n",
                static_cast<long long>(n), mean(probe), mean(tuned), *t0, *t1, mean(guarded), *g0,
                *g1, static_cast<long long>(acted), static_cast<long long>(seeds));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_recipe: %s\n", error.what());
    return 1;
  }
}
