// SPDX-License-Identifier: Apache-2.0
// What the operators refuse: at the call what the host can see, through the status word what only
// the GPU sees, with the sentence of the CPU.
#include <limits>

#include <aift/core/error.hpp>
#include <aift/cuda/top.hpp>

#include "gpu_score_run.hpp"

namespace {

using namespace aift;

void values(test::Checks& checks, cudaStream_t stream) {
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    const KeyedRandom random(seed, Purpose::folds);
    const index_t classes[] = {2, 3, 10, 40};
    test::ScoreCase c = test::random_case(seed, 50, classes[seed % 4], seed % 5 == 0 ? 300 : 20);
    c.options.eps = seed % 4 == 0 && c.kind == PredictionKind::probabilities ? 0 : 0x1p-52;
    const double bad[] = {std::numeric_limits<double>::quiet_NaN(),
                          std::numeric_limits<double>::infinity(), -0.25, 0.75, 0};
    for (int spoiled = 0; spoiled < 3; ++spoiled) {
      c.set(random.below(10 * spoiled, c.rows() * c.classes),
            bad[random.below(10 * spoiled + 1, 5)]);
    }
    std::string expected;
    try {
      ScoreTable table;
      table.first_candidate = 7000;
      score::compute(c.rank, c.host(), c.options, table);
    } catch (const Error& error) {
      expected = error.what();
    }
    const test::DeviceChunk chunk(c.host(), c.offsets, c.bytes());
    const auto n = static_cast<std::size_t>(c.candidates());
    const test::DeviceArray<double> score(n);
    const test::DeviceArray<cuda::Status> status(1);
    const test::DeviceArray<std::byte> workspace(
        cuda::score_workspace_bytes(chunk.predictions, c.options));
    cuda::reset_async(status.data(), stream);
    cuda::ScoreOutputs outputs;
    outputs.score = score.view();
    std::string got;
    try {
      cuda::score_async(c.rank, chunk.predictions, c.options, outputs, status.data(),
                        workspace.view(), stream, 7000);
      cuda::check(status.data(), chunk.predictions, c.options, 7000, stream);
    } catch (const Error& error) {
      got = error.what();
    }
    checks.expect(got == expected, c.name() + ": \"" + got + "\" for \"" + expected + '"');
    if (!expected.empty()) {
      checks.expect_throw<ValueError>([&] { cuda::check(status.data(), stream); }, "candidate 70",
                                      c.name() + " without the chunk");
    }
  }
}

void calls(test::Checks& checks, cudaStream_t stream) {
  test::ScoreCase c;
  for (std::uint64_t seed = 1; c.offsets.empty() || !c.dense || c.dtype != DType::f32; ++seed)
    c = test::random_case(seed, 5, 3, 8);
  const test::DeviceChunk chunk(c.host(), c.offsets, c.bytes());
  const test::DeviceArray<double> score(5);
  const test::DeviceArray<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  const cuda::DevicePredictions good = chunk.predictions;
  cuda::ScoreOutputs outputs;
  outputs.score = score.view();
  const auto run = [&](const cuda::DevicePredictions& p, const cuda::ScoreOutputs& out,
                       cuda::Status* word) {
    cuda::score_async(ScoreKind::aift, p, c.options, out, word, {}, stream);
  };
  run(good, outputs, status.data());
  cuda::check(status.data(), stream);
  cuda::DevicePredictions p = good;
  p.values = c.storage.data();
  checks.expect_throw<ValueError>([&] { run(p, outputs, status.data()); }, "host memory",
                                  "values on the host");
  p = good;
  p.values = nullptr;
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "null", "null values");
  p = good;
  p.values = static_cast<const char*>(good.values) + 1;
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "aligned",
                                  "misaligned values");
  p = good;
  p.classes = 1;
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "2 classes", "K = 1");
  p = good;
  p.rows += 1;
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "rows", "wrong rows");
  p = good;
  p.candidates = std::numeric_limits<index_t>::max();
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "at most", "overflow");
  p = good;
  p.patches = p.most_patches = 0;
  checks.expect_throw<ShapeError>([&] { run(p, outputs, status.data()); }, "one patch", "q = 0");
  cuda::ScoreOutputs small = outputs;
  small.score.size = 4;
  checks.expect_throw<ShapeError>([&] { run(good, small, status.data()); }, "room for 5",
                                  "score too small");
  std::vector<double> on_host(5);
  small.score = {on_host.data(), 5};
  checks.expect_throw<ValueError>([&] { run(good, small, status.data()); }, "host memory",
                                  "score on the host");
  checks.expect_throw<ShapeError>([&] { run(good, outputs, nullptr); }, "null", "no status");
  checks.expect_throw<ShapeError>(
      [&] {
        cuda::score_async(ScoreKind::aift, good, c.options, outputs, status.data(), {}, stream, 0,
                          cuda::ScorePolicy{64, 1, cuda::ScoreForm::direct});
      },
      "workspace", "no workspace");
  p = good;
  p.candidates = p.rows = 0;
  p.values = nullptr;
  run(p, {}, nullptr);  // N = 0
  checks.expect_throw<ShapeError>(
      [&] { cuda::top_b_async(score.const_view(), 2, {}, {}, status.data(), {}, stream); },
      "workspace", "top-b without workspace");
  PatchPredictions host = c.host();
  checks.expect_throw<ValueError>([&] { (void)cuda::DevicePredictions::from(host); }, "host memory",
                                  "place host");
}

void offsets(test::Checks& checks, cudaStream_t stream) {
  test::ScoreCase c;
  for (std::uint64_t seed = 1; c.offsets.empty() || c.dense; ++seed)
    c = test::random_case(seed, 20, 4, 30);
  std::vector<index_t> bad = c.offsets;
  bad[13] = bad[12];
  const test::DeviceChunk chunk(c.host(), c.offsets, c.bytes());
  const test::DeviceArray<index_t> bad_offsets(bad);
  cuda::DevicePredictions p = chunk.predictions;
  p.offsets = bad_offsets.data();
  const test::DeviceArray<double> out(static_cast<std::size_t>(p.rows));
  const test::DeviceArray<cuda::Status> status(1);
  const test::DeviceArray<std::byte> workspace(cuda::score_workspace_bytes(p, c.options));
  cuda::ScoreOutputs outputs;
  outputs.score = out.view();
  cuda::reset_async(status.data(), stream);
  cuda::score_async(ScoreKind::aift, p, c.options, outputs, status.data(), workspace.view(),
                    stream);
  checks.expect_throw<ShapeError>([&] { cuda::check(status.data(), p, c.options, 0, stream); },
                                  "candidate 12", "offset twice");
  cuda::reset_async(status.data(), stream);
  cuda::patch_entropies_async(p, c.options, out.view(), status.data(), stream);
  checks.expect_throw<ShapeError>([&] { cuda::check(status.data(), stream); }, "candidate 12",
                                  "offset twice, patch entropies");
}

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  values(checks, stream);
  calls(checks, stream);
  offsets(checks, stream);
  cudaStreamDestroy(stream);
  return checks.finish("gpu_bad_input");
}
