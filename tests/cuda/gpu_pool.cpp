// SPDX-License-Identifier: Apache-2.0
// A pool in host memory scored on the GPU: the table and the errors of the CPU, however it is cut.
#include <limits>

#include <aift/core/error.hpp>
#include <aift/cuda/device.hpp>
#include <aift/cuda/pool.hpp>

#include "gpu_test.hpp"
#include "score_cases.hpp"

namespace {

using namespace aift;

void compare(test::Checks& checks, test::ScoreCase c, index_t chunk_bytes, bool spoil) {
  score::PoolScoring how;
  how.kind = c.rank;
  how.options = c.options;
  how.request = {.kept = c.seed % 3 != 0, .mean_probabilities = c.seed % 2 == 0};
  if (spoil) {
    const KeyedRandom random(c.seed, Purpose::folds);
    for (index_t i = 0; i < 2; ++i)
      c.set(random.below(i, c.rows() * c.classes), std::numeric_limits<double>::infinity());
  }
  ScoreTable expected;
  std::string refused;
  try {
    expected = score::score_pool(c.host(), how);
  } catch (const Error& error) {
    refused = error.what();
  }
  ScoreTable got;
  std::string message;
  try {
    got = cuda::score_pool(c.host(), how, chunk_bytes);
  } catch (const Error& error) {
    message = error.what();
  }
  checks.expect(message == refused, c.name() + ": \"" + message + "\" for \"" + refused + '"');
  checks.expect(test::same_bits(got.score, expected.score), c.name() + ": score");
  checks.expect(test::same_bits(got.entropy, expected.entropy), c.name() + ": entropy");
  checks.expect(test::same_bits(got.diversity, expected.diversity), c.name() + ": diversity");
  checks.expect(test::same_bits(got.mean_probabilities, expected.mean_probabilities),
                c.name() + ": means");
  checks.expect(got.dominant == expected.dominant, c.name() + ": dominant");
  checks.expect(got.kept == expected.kept && got.kept_offsets == expected.kept_offsets &&
                    got.patches == expected.patches,
                c.name() + ": kept");
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  const cuda::DeviceInfo device = cuda::current_device();
  std::printf("%s, capability %d, %zu MiB\n", device.name.c_str(), device.capability,
              device.memory_bytes >> 20);
  checks.expect(device.memory_bytes > 0 && device.capability >= 50, "what the device is");
  const index_t classes[] = {2, 3, 10, 33, 100};
  const char* const cases = std::getenv("AIFT_GPU_CASES");
  const std::uint64_t most = cases != nullptr ? std::strtoull(cases, nullptr, 10) : 150;
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    const index_t bytes[] = {1, 900, 20000, index_t{32} << 20};
    compare(checks,
            test::random_case(seed, static_cast<index_t>(1 + seed % 90),
                              classes[seed % std::size(classes)], 30),
            bytes[seed % std::size(bytes)], seed % 5 == 0);
  }
  test::ScoreCase none = test::random_case(1, 3, 2, 4);
  PatchPredictions p = none.host();
  p.candidates = 0;
  checks.expect(cuda::score_pool(p, score::PoolScoring{}).size() == 0, "no candidates");
  return checks.finish("gpu_pool");
}
