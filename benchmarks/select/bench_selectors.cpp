// SPDX-License-Identifier: Apache-2.0
// Seconds, peak memory and picks of selectors on features, for benchmarks/select/peers.py, which runs
// other programs beside it, and for the growth with the pool:
//
//   bench_selectors --generate N D K [--labelled L] --budget B [--threads T] [--repeat R]
//                   [--subsample S] SELECTOR [KEY=VALUE]...
//   bench_selectors --features f.npy --means p.npy ...           float32 [N, D], float64 [N, K]
//                   [--seeds S]                                  picks with the seeds 0 to S - 1 too
//
// Prints one line of JSON. Peak memory is that of the process, features and all.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <aift/core/executor.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/npy.hpp>
#include <aift/select/registry.hpp>

using namespace aift;

namespace {

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

struct Data {
  std::vector<float> features;
  std::vector<double> means;
  index_t n = 0, d = 0, k = 0;
};

/// A hundred blobs and the softmax of K random directions.
Data generate(index_t n, index_t d, index_t k, Executor& executor) {
  Data data{{}, {}, n, d, k};
  data.features.resize(static_cast<std::size_t>(n * d));
  data.means.resize(static_cast<std::size_t>(n * k));
  const KeyedRandom world(1, Purpose::bench_task, 1);
  executor.run((n + 4095) / 4096, [&](index_t part, int) {
    std::vector<double> z(static_cast<std::size_t>(k));
    for (index_t i = part * 4096; i < std::min(n, (part + 1) * 4096); ++i) {
      const KeyedRandom random(1, Purpose::bench_task, 2, static_cast<std::uint64_t>(i));
      const index_t blob = random.below(0, 100);
      for (index_t f = 0; f < d; ++f) {
        // Sums of uniform numbers are cheaper than normal ones and do as well here.
        const double x = random.uniform(2 * f + 2) + random.uniform(2 * f + 3) - 1;
        data.features[static_cast<std::size_t>(i * d + f)] =
            static_cast<float>(2 * world.uniform(blob * d + f) + x);
      }
      double sum = 0;
      for (index_t c = 0; c < k; ++c)
        sum += z[static_cast<std::size_t>(c)] = std::exp(3 * random.uniform(2 * d + 2 + c));
      for (index_t c = 0; c < k; ++c)
        data.means[static_cast<std::size_t>(i * k + c)] = z[static_cast<std::size_t>(c)] / sum;
    }
  });
  return data;
}

int usage() {
  std::fputs("bench_selectors: see the head of its source for how it is called.\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::string features, means, name;
  std::vector<index_t> sizes;
  index_t budget = 100, labelled = 0, threads = 2, repeat = 3, subsample = 0, seeds = 0;
  Settings settings;
  for (int a = 1; a < argc; ++a) {
    const std::string word = argv[a];
    const auto next = [&] { return a + 1 < argc ? std::string(argv[++a]) : std::string("0"); };
    if (word == "--generate") {
      for (int i = 0; i < 3; ++i)
        sizes.push_back(std::stoll(next()));
    } else if (word == "--features") {
      features = next();
    } else if (word == "--means") {
      means = next();
    } else if (word == "--budget") {
      budget = std::stoll(next());
    } else if (word == "--labelled") {
      labelled = std::stoll(next());
    } else if (word == "--threads") {
      threads = std::stoll(next());
    } else if (word == "--repeat") {
      repeat = std::stoll(next());
    } else if (word == "--seeds") {
      seeds = std::stoll(next());
    } else if (word == "--subsample") {
      subsample = std::stoll(next());
    } else if (word.find('=') != std::string::npos) {
      settings.set(word);
    } else {
      name = word;
    }
  }
  if (name.empty() || (sizes.empty() && features.empty())) return usage();
  try {
    ThreadExecutor executor(static_cast<int>(threads));
    Data data;
    PoolView pool;
    io::NpyArray feature_file, mean_file;
    if (!sizes.empty()) {
      data = generate(sizes[0], sizes[1], sizes[2], executor);
      pool.size = data.n;
      pool.features = data.features;
      pool.feature_size = data.d;
      pool.classes = data.k;
      pool.mean_probabilities = data.means;
    } else {
      feature_file = io::read_npy(features);
      pool.size = feature_file.shape.at(0);
      pool.features = feature_file.values<float>();
      pool.feature_size = feature_file.shape.at(1);
      if (!means.empty()) {
        mean_file = io::read_npy(means);
        pool.classes = mean_file.shape.at(1);
        pool.mean_probabilities = mean_file.values<double>();
      }
    }
    std::vector<label_t> labels(static_cast<std::size_t>(pool.size), kUnlabelled);
    for (index_t i = 0; i < labelled; ++i)
      labels[static_cast<std::size_t>(i)] = 0;
    pool.labels = labels;
    std::vector<Standing> standing;
    if (subsample > 0) {  // everybody else is barred: evenly spaced candidates stay
      standing.assign(static_cast<std::size_t>(pool.size), Standing::barred);
      for (index_t s = 0; s < subsample; ++s)
        standing[static_cast<std::size_t>(s * pool.size / subsample)] = Standing::open;
      pool.standing = standing;
    }
    const double before = peak_mib();
    const auto selector = SelectorRegistry::with_builtin().make(name, settings);
    std::vector<double> seconds;
    Selection picks;
    for (index_t r = 0; r < repeat; ++r) {
      const auto begin = std::chrono::steady_clock::now();
      picks = selector->select(pool, budget, {.seed = 1, .round = 0, .executor = &executor});
      seconds.push_back(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    std::string by_seed;
    for (index_t seed = 0; seed < seeds; ++seed) {
      const auto one = selector->select(pool, budget, {.seed = static_cast<std::uint64_t>(seed)});
      by_seed += fmt::format("{}[{}]", seed == 0 ? "" : ",", fmt::join(one.indices, ","));
    }
    fmt::print(
        "{{\"selector\":\"{}\",\"n\":{},\"d\":{},\"classes\":{},\"budget\":{},\"threads\":{},"
        "\"seconds\":[{}],\"data_mib\":{:.1f},\"peak_mib\":{:.1f},\"picks\":[{}],"
        "\"picks_by_seed\":[{}]}}\n",
        name, pool.size, pool.feature_size, pool.classes, budget, threads, fmt::join(seconds, ","),
        before, peak_mib(), fmt::join(picks.indices, ","), by_seed);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_selectors: {}\n", error.what());
    return 1;
  }
  return 0;
}
