// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much of the bare forward pass is left when a pool is scored from files, and what it costs in
// memory. Shared by the benchmark with a stand-in model (here) and those with real networks.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <aift/core/rng.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/loop/run_state.hpp>
#include <aift/select/score_selector.hpp>

namespace aift::bench {

inline double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Spread {
  double median = 0, low = 0, high = 0;
};

inline Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2, values.front(),
          values.back()};
}

/// Scores a pool as a round does: decode, render, predict, score; no memory beyond its table.
inline ScoreTable score_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                             std::span<const CandidateRef> candidates,
                             const ScoreSelector& selector, const PipelineOptions& options) {
  Progress progress;
  ScoreTable table;
  predict_pool(model, augmenter, source, candidates, Purpose::scoring, 0, options, progress,
               [&](const PredictedChunk& chunk) {
                 selector.score(
                     PatchPredictions::dense(chunk.logits.data(), chunk.candidates, chunk.patches,
                                             chunk.classes, PredictionKind::logits),
                     table);
               });
  return table;
}

/// The same forward passes on patches that lie ready in memory.
inline void bare_forward(const Model& model, index_t patches, index_t batch,
                         std::span<const float> ready, std::vector<float>& logits) {
  const ModelInfo& info = model.info();
  for (index_t done = 0; done < patches; done += batch) {
    const index_t n = std::min(batch, patches - done);
    model.predict(ready.first(static_cast<std::size_t>(n * info.input.elements())), n,
                  std::span(logits).first(static_cast<std::size_t>(n * info.classes)), {});
  }
}

/// Prints one JSON line: patches per second of both, and their ratio, taken turn by turn.
inline void compare_with_bare_forward(const std::string& name, const Model& model,
                                      const Augmenter& augmenter, const Source& source,
                                      std::span<const CandidateRef> candidates,
                                      const ScoreSelector& selector, const PipelineOptions& options,
                                      int repetitions) {
  const index_t views = augmenter.patches(Purpose::scoring);
  const index_t patches = views * static_cast<index_t>(candidates.size());
  std::vector<float> ready(static_cast<std::size_t>(options.batch * model.info().input.elements()));
  const KeyedRandom random(1, Purpose::weights);
  for (std::size_t i = 0; i < ready.size(); ++i)
    ready[i] = static_cast<float>(random.uniform(static_cast<index_t>(i), -1, 1));
  std::vector<float> logits(static_cast<std::size_t>(options.batch * model.info().classes));

  bare_forward(model, std::min(patches, 4 * options.batch), options.batch, ready, logits);
  std::vector<double> bare, whole, ratio;
  for (int r = 0; r < repetitions; ++r) {
    const auto time_bare = [&] {
      bare.push_back(
          seconds_of([&] { bare_forward(model, patches, options.batch, ready, logits); }));
    };
    const auto time_whole = [&] {
      whole.push_back(seconds_of(
          [&] { (void)score_pool(model, augmenter, source, candidates, selector, options); }));
    };
    if (r % 2 == 0) time_bare();
    time_whole();
    if (r % 2 == 1) time_bare();
    ratio.push_back(bare.back() / whole.back());
  }
  const auto n = static_cast<double>(patches);
  const Spread b = spread_of(bare), w = spread_of(whole), q = spread_of(ratio);
  std::printf(
      "{\"bench\": \"scoring\", \"model\": \"%s\", \"candidates\": %zu, \"views\": %lld, "
      "\"batch\": %lld, \"workers\": %lld, \"repetitions\": %d, \"bare_patches_per_s\": %.1f, "
      "\"scoring_patches_per_s\": %.1f, \"ratio\": %.3f, \"ratio_low\": %.3f, \"ratio_high\": "
      "%.3f}\n",
      name.c_str(), candidates.size(), static_cast<long long>(views),
      static_cast<long long>(options.batch), static_cast<long long>(options.workers), repetitions,
      n / b.median, n / w.median, q.median, q.low, q.high);
  std::fflush(stdout);
}

/// Largest resident memory while `work` ran, bytes; 0 where the system does not tell (not Linux).
inline double peak_resident(const std::function<void()>& work) {
  std::ofstream("/proc/self/clear_refs") << "5";
  work();
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

/// Prints one JSON line: resident memory of scoring a pool and one ten times as large. The larger
/// one names the same files ten times over, under other ids.
inline void compare_memory(const std::string& name, const Model& model, const Augmenter& augmenter,
                           const Source& source, std::span<const CandidateRef> candidates,
                           const ScoreSelector& selector, const PipelineOptions& options) {
  std::vector<CandidateRef> tenfold;
  for (index_t copy = 0; copy < 10; ++copy) {
    for (const CandidateRef& c : candidates)
      tenfold.push_back({c.index, splitmix64(c.id + static_cast<std::uint64_t>(copy))});
  }
  const auto measure = [&](std::span<const CandidateRef> pool) {
    return peak_resident(
        [&] { (void)score_pool(model, augmenter, source, pool, selector, options); });
  };
  (void)measure(candidates);  // whatever a runtime allocates once
  const double one = measure(candidates);
  const double ten = measure(tenfold);
  const auto extra = 64.0 * static_cast<double>(tenfold.size() - candidates.size());
  std::printf(
      "{\"bench\": \"scoring_memory\", \"model\": \"%s\", \"candidates\": %zu, \"resident_mb\": "
      "%.1f, \"resident_10x_mb\": %.1f, \"ratio_beyond_64_bytes\": %.3f}\n",
      name.c_str(), candidates.size(), one / 1e6, ten / 1e6, (ten - extra) / one);
  std::fflush(stdout);
}

/// Prints one JSON line about the machine, as a run's fingerprint has it.
inline void print_machine(index_t threads) {
  std::string text;
  for (const auto& [key, value] : machine_fingerprint(threads).facts)
    text += (text.empty() ? "\"" : ", \"") + key + "\": \"" + value + "\"";
  std::printf("{%s}\n", text.c_str());
}

}  // namespace aift::bench
