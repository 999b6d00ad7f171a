// SPDX-License-Identifier: Apache-2.0
// Fused score, matrices and top-b on the GPU, each against the machine's own limit on the same
// input in the same run: a plain reduction (memory), as many logarithms without memory
// (arithmetic), a fill (writing). One JSON line per case.
//
//   bench_gpu_score [repetitions] [--sweep]     --sweep: also every policy of a grid
#include <cstring>
#include <sstream>

#include <aift/core/half.hpp>
#include <aift/cuda/score.hpp>
#include <aift/cuda/top.hpp>
#include <aift/math/log.hpp>

#include "cuda/score/score_task.hpp"
#include "gpu_bench.cuh"

namespace {

using namespace aift;
using bench::Array;
using bench::Timing;

struct Shape {
  index_t candidates, patches, classes;
};

/// A number in [0, 1) from a counter.
__device__ float noise(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  x ^= x >> 31;
  return static_cast<float>(x >> 40) * 0x1p-24F;
}

/// Rows that sum to 1, around a mean of the candidate's own; one thread per row.
__global__ void fill_rows(float* f32, bfloat16_t* bf16, index_t rows, index_t patches,
                          int classes) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t row = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; row < rows;
       row += step) {
    const index_t candidate = row / patches;
    float sum = 0;
    const auto weight = [&](int k) {
      const float common = noise(static_cast<std::uint64_t>(candidate * classes + k));
      const float own = noise(0x1000000000000U + static_cast<std::uint64_t>(row * classes + k));
      return 0.01F + common * common * (0.5F + own);
    };
    for (int k = 0; k < classes; ++k)
      sum += weight(k);
    for (int k = 0; k < classes; ++k) {
      const float p = weight(k) / sum;
      f32[row * classes + k] = p;
      if (bf16 != nullptr) bf16[row * classes + k] = to_bfloat16(p);
    }
  }
}

__global__ void fill_scores(double* scores, index_t count) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    scores[i] = static_cast<double>(noise(static_cast<std::uint64_t>(i))) +
                static_cast<double>(noise(0x55U + static_cast<std::uint64_t>(i))) * 0x1p-24;
  }
}

/// `count` logarithms of the library and nothing else: the arithmetic of a score.
template <class T>
__global__ __launch_bounds__(256) void log_kernel(index_t count, T start, T* out) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  T sum = 0;
  T x = start + static_cast<T>(threadIdx.x) * static_cast<T>(1e-4);
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    sum = math::fma(x, math::log_normal_lane<math::Lane<T>>(x), sum);
    x = x + static_cast<T>(1e-5);
  }
  if (sum == static_cast<T>(123.5)) *out = sum;
}

template <class T>
Timing log_limit(cudaStream_t stream, int repetitions, index_t count) {
  static Array<T> out(1);
  return bench::time(stream, repetitions, [&] {
    log_kernel<T>
        <<<bench::processors() * 16, 256, 0, stream>>>(count, static_cast<T>(0.2), out.data());
  });
}

std::string name_of(const Shape& s, const char* type, const ScoreOptions& options,
                    const char* extra) {
  std::ostringstream out;
  out << "score (" << s.candidates << ", " << s.patches << ", " << s.classes << ") " << type << ' '
      << to_string(options.precision) << " alpha " << options.alpha << extra;
  return out.str();
}

void fused(cudaStream_t stream, int repetitions, const Shape& s, bool sweep) {
  const index_t rows = s.candidates * s.patches;
  const Array<float> f32(rows * s.classes);
  const Array<bfloat16_t> bf16(rows * s.classes);
  fill_rows<<<bench::processors() * 8, 256, 0, stream>>>(f32.data(), bf16.data(), rows, s.patches,
                                                         static_cast<int>(s.classes));
  bench::must(cudaStreamSynchronize(stream), "fill");
  const Array<double> score(s.candidates);
  const Array<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  cuda::ScoreOutputs outputs;
  outputs.score = {score.data(), s.candidates};

  const auto run = [&](const auto& values, const char* type, Precision precision, double alpha,
                       PredictionKind kind, const std::optional<cuda::ScorePolicy>& policy,
                       const char* extra) {
    const auto p =
        cuda::DevicePredictions::dense(values.data(), s.candidates, s.patches, s.classes, kind);
    ScoreOptions options;
    options.alpha = alpha;
    options.precision = precision;
    const Array<std::byte> workspace(
        static_cast<index_t>(cuda::score_workspace_bytes(p, options, policy)));
    const Timing t = bench::time(stream, repetitions, [&] {
      cuda::score_async(ScoreKind::aift, p, options, outputs, status.data(),
                        {workspace.data(), workspace.size()}, stream, 0, policy);
    });
    cuda::check(status.data(), p, options, 0, stream);
    const std::size_t bytes = static_cast<std::size_t>(rows * s.classes) * sizeof(*values.data());
    const std::string name =
        name_of(s, type, options, kind == PredictionKind::logits ? " logits" : extra);
    if (policy) {
      bench::print(name, t, "none", t, static_cast<double>(bytes));
      return;
    }
    const index_t logs = s.candidates * cuda::detail::kept_patches(s.patches, alpha) * s.classes;
    bench::print(name, t, "read", bench::read_limit(stream, repetitions, values.data(), bytes),
                 static_cast<double>(bytes));
    bench::print(name, t, "logarithms",
                 precision == Precision::single ? log_limit<float>(stream, repetitions, logs)
                                                : log_limit<double>(stream, repetitions, logs),
                 static_cast<double>(bytes));
  };
  const auto probabilities = PredictionKind::probabilities;
  for (const double alpha : {0.25, 1.0}) {
    run(f32, "f32", Precision::single, alpha, probabilities, std::nullopt, "");
    run(bf16, "bf16", Precision::single, alpha, probabilities, std::nullopt, "");
    run(f32, "f32", Precision::double_, alpha, probabilities, std::nullopt, "");
  }
  run(f32, "f32", Precision::single, 0.25, PredictionKind::logits, std::nullopt, "");
  if (!sweep) return;
  for (const int threads : {64, 128, 256, 512, 1024}) {
    for (const int candidates : {1, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256}) {
      for (const auto form :
           {cuda::ScoreForm::lane, cuda::ScoreForm::resident, cuda::ScoreForm::direct}) {
        std::ostringstream extra;
        extra << " policy " << threads << ' ' << candidates
              << (form == cuda::ScoreForm::lane       ? " lane"
                  : form == cuda::ScoreForm::resident ? " resident"
                                                      : " direct");
        for (const double alpha : {0.25, 1.0}) {
          try {
            run(f32, "f32", Precision::single, alpha, probabilities,
                cuda::ScorePolicy{threads, candidates, form}, extra.str().c_str());
          } catch (const std::exception&) {  // does not fit, or is not for this shape
          }
        }
      }
    }
  }
}

void matrices(cudaStream_t stream, int repetitions, const Shape& s) {
  const index_t rows = s.candidates * s.patches;
  const Array<float> f32(rows * s.classes);
  fill_rows<<<bench::processors() * 8, 256, 0, stream>>>(f32.data(), nullptr, rows, s.patches,
                                                         static_cast<int>(s.classes));
  const auto p = cuda::DevicePredictions::dense(f32.data(), s.candidates, s.patches, s.classes,
                                                PredictionKind::probabilities);
  ScoreOptions options;
  options.alpha = 1;
  options.precision = Precision::single;
  const Array<std::byte> workspace(static_cast<index_t>(cuda::score_workspace_bytes(p, options)));
  const Array<double> cells(s.candidates * s.patches * s.patches);
  const Array<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  cuda::MatrixOutputs outputs;
  outputs.cells = {cells.data(), cells.size()};
  const Timing t = bench::time(stream, repetitions, [&] {
    cuda::matrix_async(p, options, outputs, status.data(), {workspace.data(), workspace.size()},
                       stream);
  });
  cuda::check(status.data(), p, options, 0, stream);
  std::ostringstream name;
  name << "matrices (" << s.candidates << ", " << s.patches << ", " << s.classes
       << ") f32 single alpha 1";
  const std::size_t bytes = static_cast<std::size_t>(cells.size()) * sizeof(double);
  bench::print(name.str(), t, "write", bench::write_limit(stream, repetitions, cells.data(), bytes),
               static_cast<double>(bytes));
}

void top(cudaStream_t stream, int repetitions, index_t count, index_t budget) {
  const Array<double> scores(count);
  fill_scores<<<bench::processors() * 8, 256, 0, stream>>>(scores.data(), count);
  const Array<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  const Array<index_t> picks(budget);
  const Array<std::byte> workspace(static_cast<index_t>(cuda::top_workspace_bytes(count, budget) +
                                                        cuda::top_state_bytes(budget) + 256));
  const Timing t = bench::time(stream, repetitions, [&] {
    cuda::top_b_async({scores.data(), count}, budget, {picks.data(), budget}, {}, status.data(),
                      {workspace.data(), workspace.size()}, stream);
  });
  cuda::check(status.data(), stream);
  std::ostringstream name;
  name << "top-b N " << count << " b " << budget;
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(double);
  bench::print(name.str(), t, "read", bench::read_limit(stream, repetitions, scores.data(), bytes),
               static_cast<double>(bytes));
}

}  // namespace

int main(int argc, char** argv) {
  bench::require_device();
  int repetitions = 20;
  bool sweep = false;
  for (int a = 1; a < argc; ++a) {
    if (std::strcmp(argv[a], "--sweep") == 0)
      sweep = true;
    else
      repetitions = std::max(1, std::atoi(argv[a]));
  }
  cudaStream_t stream = nullptr;
  bench::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  bench::print_device("bench_gpu_score", repetitions);
  try {
    fused(stream, repetitions, {1000000, 36, 2}, sweep);
    fused(stream, repetitions, {1000000, 36, 10}, sweep);
    fused(stream, repetitions, {20000, 36, 1000}, sweep);
    matrices(stream, repetitions, {200000, 36, 2});
    matrices(stream, repetitions, {200000, 36, 10});
    top(stream, repetitions, 100000000, 1000);
    top(stream, repetitions, 1000000, 1000);
    top(stream, repetitions, 10000000, 100000);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  cudaStreamDestroy(stream);
  return 0;
}
