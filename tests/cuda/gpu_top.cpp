// SPDX-License-Identifier: Apache-2.0
// Top-b and ACFT's chances on the GPU: the picks and the bits of the CPU, in one go and in chunks.
#include <algorithm>
#include <cmath>
#include <limits>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/cuda/top.hpp>
#include <aift/select/score_selector.hpp>

#include "gpu_test.hpp"

namespace {

using namespace aift;

std::vector<double> random_scores(std::uint64_t seed, index_t count) {
  const KeyedRandom random(seed, Purpose::order);
  std::vector<double> scores(static_cast<std::size_t>(count));
  for (index_t i = 0; i < count; ++i) {
    double x = random.uniform(i, -1, 1);
    if (seed % 3 == 0) x = std::round(20 * x);
    if (seed % 5 == 0) x = static_cast<double>(i / 7);
    if (seed % 7 == 0) x = 1;
    scores[static_cast<std::size_t>(i)] = i % 1000 == 999 ? -0.0 : x;
  }
  return scores;
}

/// Scores that are hard to sample, or to tell apart.
std::vector<double> hard_scores(int kind, index_t count) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> scores;
  for (index_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(i);
    const double kinds[] = {0.25,
                            x,
                            -x,
                            i % 2 == 0 ? 0.0 : -0.0,
                            i % 3 == 0 ? infinity : -infinity,
                            i >= count / 2 && i < count / 2 + 3000 ? 1 + x : -x,  // side by side
                            i % 4096 < 2 ? x : -1.0};
    scores.push_back(kinds[kind]);
  }
  return scores;
}
constexpr int kHardKinds = 7;

void compare(test::Checks& checks, const std::string& kind, const std::vector<double>& scores,
             index_t budget, cudaStream_t stream) {
  const auto n = static_cast<index_t>(scores.size());
  const std::string name = test::text(kind, ", N ", n, ", b ", budget);
  std::vector<index_t> expected = top_b(scores, budget);
  const test::DeviceArray<double> on_device(scores);
  const auto b = static_cast<std::size_t>(budget);
  const test::DeviceArray<index_t> picks(b);
  const test::DeviceArray<double> best(b);
  const test::DeviceArray<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  const std::size_t state_bytes = (cuda::top_state_bytes(budget) + 255) / 256 * 256;
  const test::DeviceArray<std::byte> workspace(state_bytes + cuda::top_workspace_bytes(n, budget));
  cuda::top_b_async(on_device.const_view(), budget, picks.view(), best.view(), status.data(),
                    workspace.view(), stream);
  cuda::check(status.data(), stream);
  const auto fetch = [&] {
    std::vector<index_t> got = picks.fetch();
    while (!got.empty() && got.back() == -1)
      got.pop_back();
    return got;
  };
  checks.expect(fetch() == expected, name + " at once");
  const std::vector<double> values = best.fetch();
  for (std::size_t i = 0; i < expected.size(); ++i) {
    checks.expect(values[i] == scores[static_cast<std::size_t>(expected[i])], name + " scores");
  }
  bool finite = true;
  for (std::size_t i = 0; i < expected.size(); ++i)
    finite = finite && values[i] - values[i] == 0;
  if (!expected.empty() && finite) {
    const AcftPool pool = acft_pool(scores, static_cast<index_t>(expected.size()), 1.0);
    const cuda::DeviceView<const double> pool_scores(best.data(),
                                                     static_cast<index_t>(expected.size()));
    const test::DeviceArray<double> chances(expected.size());
    cuda::acft_weights_async(pool_scores, chances.view(), status.data(), stream);
    cuda::check(status.data(), stream);
    checks.expect(test::same_bits(chances.fetch(), pool.probability), name + " chances");
  }

  const test::DeviceArray<std::byte> state(state_bytes);
  cuda::top_reset_async(budget, state.view(), stream);
  // Not in order; some short.
  const index_t few = std::min(n / 5, index_t{13});
  const index_t cuts[] = {n / 2, n, n / 5, n / 2, 0, few, few, n / 5};
  for (int chunk = 0; chunk < 4; ++chunk) {
    const index_t first = cuts[2 * chunk];
    const cuda::DeviceView<const double> part(on_device.data() + first,
                                              cuts[2 * chunk + 1] - first);
    cuda::top_update_async(part, first, budget, state.view(), status.data(), workspace.view(),
                           stream);
  }
  cuda::top_finish_async(budget, state.view(), picks.view(), {}, stream);
  cuda::check(status.data(), stream);
  checks.expect(fetch() == expected, name + " in chunks");
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  std::uint64_t seed = 1;
  // AIFT_GPU_CASES: smaller, for tools that make everything slow.
  const bool small = std::getenv("AIFT_GPU_CASES") != nullptr;
  for (const index_t n : {1, 31, 1000, 4096, 4097, 8193, 100000, 1000003}) {
    if (small && n > 5000) continue;
    for (const index_t budget : {1, 7, 500, 1000, 1024, 3000}) {
      const std::vector<double> drawn = random_scores(seed, n);
      compare(checks, test::text("seed ", seed++), drawn, budget, stream);
    }
    for (int kind = 0; kind < kHardKinds; ++kind) {
      for (const index_t budget : {1, 1000})
        compare(checks, test::text("kind ", kind), hard_scores(kind, n), budget, stream);
    }
  }
  std::vector<double> spoiled = random_scores(1, 50000);
  spoiled[41000] = spoiled[12345] = std::numeric_limits<double>::quiet_NaN();
  const test::DeviceArray<double> scores(spoiled);
  const test::DeviceArray<index_t> picks(10);
  const test::DeviceArray<cuda::Status> status(1);
  const test::DeviceArray<std::byte> workspace(256 + cuda::top_workspace_bytes(50000, 10));
  cuda::reset_async(status.data(), stream);
  cuda::top_b_async(scores.const_view(), 10, picks.view(), {}, status.data(), workspace.view(),
                    stream);
  checks.expect_throw<ValueError>([&] { cuda::check(status.data(), stream); },
                                  "Scores must be numbers; candidate 12345 has NaN.", "NaN");
  cudaStreamDestroy(stream);
  return checks.finish("gpu_top");
}
