// SPDX-License-Identifier: Apache-2.0
// Scores, majority, matrices and patch entropies on the GPU: the bits of the CPU over random
// shapes, types, forms and policies.
#include "gpu_score_run.hpp"

namespace {

using namespace aift;

void compare(test::Checks& checks, const test::ScoreCase& c, bool with_matrix,
             cudaStream_t stream) {
  const test::ScoreAnswer expected = test::expected_answer(c, with_matrix);
  const test::DeviceChunk chunk(c.host(), c.offsets, c.bytes());
  const auto run = [&](const char* what, const std::optional<cuda::ScorePolicy>& policy) {
    try {
      const test::ScoreAnswer got =
          test::gpu_answer(chunk, c.rank, c.options, expected, stream, policy);
      const std::string wrong = test::difference(got, expected);
      checks.expect(wrong.empty(), c.name() + " (" + what + "):" + wrong);
      checks.expect(got.kept_offsets == expected.kept_offsets, c.name() + ": kept offsets");
      if (with_matrix) {
        checks.expect(got.matrix_offsets == expected.matrix_offsets, c.name() + ": cell offsets");
      }
    } catch (const std::exception& error) {
      checks.expect(false, c.name() + " (" + what + "): " + error.what());
    }
  };
  run("table", std::nullopt);
  run("direct", cuda::ScorePolicy{static_cast<int>(32 << c.seed % 5), 1, cuda::ScoreForm::direct});
  if (c.most_patches() * c.classes <= 1000) {
    run("warp", cuda::ScorePolicy{32, static_cast<int>(1 + c.seed % 3), cuda::ScoreForm::resident});
  }
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  const index_t classes[] = {2, 2, 2, 3, 4, 7, 10, 16, 17, 31, 32, 33, 64, 100};
  // AIFT_GPU_CASES: fewer of them, for tools that make everything slow.
  const char* const cases = std::getenv("AIFT_GPU_CASES");
  const std::uint64_t most = cases != nullptr ? std::strtoull(cases, nullptr, 10) : 300;
  for (std::uint64_t seed = 1; seed <= most; ++seed) {
    compare(checks,
            test::random_case(seed, static_cast<index_t>(1 + seed % 150),
                              classes[seed % std::size(classes)], seed % 3 == 0 ? 90 : 40),
            true, stream);
  }
  for (std::uint64_t seed = 1000; seed < 1000 + std::min<std::uint64_t>(most, 20); ++seed) {
    compare(checks, test::random_case(seed, 9, seed % 2 == 0 ? 2 : 5, 1500), false, stream);
    compare(checks, test::random_case(seed + 100, 5, 1000, 60), true, stream);
  }
  compare(checks, test::random_case(2000, 2, 10000, 12), true, stream);
  compare(checks, test::random_case(2001, 2, 3, 4096), false, stream);
  cudaStreamDestroy(stream);
  return checks.finish("gpu_score");
}
