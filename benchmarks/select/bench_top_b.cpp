// SPDX-License-Identifier: Apache-2.0
// Time of top-b over N scores against one read of them (their sum), the two taking turns.
//
//   bench_top_b [N = 100000000] [b = 1000] [repetitions = 7] [threads = 2]
//
// One JSON line per type, order of the scores and number of threads; times in milliseconds, ratio =
// median over median.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/select/top_b.hpp>

namespace {

using namespace aift;

double milliseconds(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

/// Sum in many lanes, so that reading is the limit and not the addition.
template <class T>
T sum(std::span<const T> x) {
  constexpr std::size_t kLanes = 64;
  T lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j)
      lanes[j] += x[i + j];
  }
  T total = 0;
  for (; i < x.size(); ++i)
    total += x[i];
  for (const T lane : lanes)
    total += lane;
  return total;
}

template <class T>
void run(const char* type, index_t count, index_t budget, int repetitions, int threads) {
  std::vector<T> scores(static_cast<std::size_t>(count));
  ThreadExecutor pool(threads);
  for (const bool upwards : {false, true}) {
    std::uint64_t state = 1;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      scores[i] = upwards ? static_cast<T>(i) : static_cast<T>(state >> 40) + static_cast<T>(0.5);
    }
    for (const bool together : {false, true}) {
      std::vector<double> read;
      std::vector<double> pick;
      T kept = 0;
      for (int r = -1; r < repetitions; ++r) {
        auto start = std::chrono::steady_clock::now();
        if (together) {
          constexpr std::size_t kPart = 1 << 18;
          std::vector<T> parts((scores.size() + kPart - 1) / kPart);
          pool.run(static_cast<index_t>(parts.size()), [&](index_t p, int) {
            const std::size_t first = static_cast<std::size_t>(p) * kPart;
            parts[static_cast<std::size_t>(p)] = sum(
                std::span<const T>(scores).subspan(first, std::min(kPart, scores.size() - first)));
          });
          kept += sum(std::span<const T>(parts));
        } else {
          kept += sum(std::span<const T>(scores));
        }
        if (r >= 0) read.push_back(milliseconds(start));
        start = std::chrono::steady_clock::now();
        const std::vector<index_t> best = top_b(scores, budget, together ? &pool : nullptr);
        if (r >= 0) pick.push_back(milliseconds(start));
        kept += static_cast<T>(best.empty() ? 0 : best.front());
      }
      std::sort(read.begin(), read.end());
      std::sort(pick.begin(), pick.end());
      const double read_median = read[read.size() / 2];
      const double pick_median = pick[pick.size() / 2];
      std::printf(
          "{\"type\": \"%s\", \"scores\": %lld, \"budget\": %lld, \"order\": \"%s\", "
          "\"threads\": %d, \"read_ms\": [%.2f, %.2f, %.2f], \"top_b_ms\": [%.2f, %.2f, %.2f], "
          "\"ratio\": %.2f, \"read_gb_per_s\": %.1f, \"check\": %g}\n",
          type, static_cast<long long>(count), static_cast<long long>(budget),
          upwards ? "upwards" : "random", together ? threads : 1, read.front(), read_median,
          read.back(), pick.front(), pick_median, pick.back(), pick_median / read_median,
          static_cast<double>(count) * sizeof(T) / read_median / 1e6, static_cast<double>(kept));
      std::fflush(stdout);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const index_t count = argc > 1 ? std::atoll(argv[1]) : 100000000;
  const index_t budget = argc > 2 ? std::atoll(argv[2]) : 1000;
  const int repetitions = argc > 3 ? std::atoi(argv[3]) : 7;
  const int threads = argc > 4 ? std::atoi(argv[4]) : 2;
  run<double>("f64", count, budget, repetitions, threads);
  run<float>("f32", count, budget, repetitions, threads);
}
