// SPDX-License-Identifier: Apache-2.0
// Forward passes of every network of the library: docs/models.md.
//
//   bench_networks [INPUT_SIZE] [REPETITIONS] [NETWORK...]
//
// Each predicts a batch of 32 patches with one thread, at INPUT_SIZE pixels (0, the default: its
// own), once to warm up and then REPETITIONS (5) times. Untrained weights cost what trained ones do.
// Prints one JSON object per network: patches per second, median and range.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/torch/models.hpp>
#include <aift/torch/settings_guard.hpp>

int main(int argc, char** argv) {
  using namespace aift;
  constexpr index_t kBatch = 32;
  const index_t size = argc > 1 ? std::atoll(argv[1]) : 0;
  const index_t repetitions = argc > 2 ? std::max(1LL, std::atoll(argv[2])) : 5;
  std::vector<std::string> names(argv + std::min(argc, 3), argv + argc);
  if (names.empty()) {
    for (const nn::Architecture& facts : nn::architectures())
      names.push_back(facts.name);
  }
  nn::set_torch_threads(1);
  nn::keep_freed_memory();
  for (const std::string& name : names) {
    const auto model = nn::make_model(name, 2, size);
    const ModelInfo& info = model->info();
    const std::vector<float> patches(static_cast<std::size_t>(kBatch * info.input.elements()),
                                     0.5F);
    std::vector<float> logits(static_cast<std::size_t>(kBatch * info.classes));
    std::vector<double> rates;
    for (index_t r = 0; r <= repetitions; ++r) {
      const auto start = std::chrono::steady_clock::now();
      model->predict(patches, kBatch, logits, {});
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      if (r > 0) rates.push_back(static_cast<double>(kBatch) / seconds.count());
    }
    std::sort(rates.begin(), rates.end());
    fmt::print(
        "{{\"network\": \"{}\", \"input\": {}, \"threads\": 1, \"patches_per_second\": {:.1f}, "
        "\"range\": [{:.1f}, {:.1f}]}}\n",
        name, info.input.height, rates[rates.size() / 2], rates.front(), rates.back());
    std::fflush(stdout);
  }
  return 0;
}
