// SPDX-License-Identifier: Apache-2.0
// Scoring a pool on a GPU from JPEG files (decode, copy, render views, forward pass, score) against
// the bare forward pass of the same network, with batch norm folded in the same way, in the same
// numbers and batches, on patches that lie ready on the GPU. In turn, so that both see the same
// machine; both end when the GPU has ended.
//
//   bench_gpu_pool [REPETITIONS [ARCHITECTURE [CANDIDATES [VIEWS [INPUT [BATCH [WORKERS]]]]]]]
//
// Defaults: 7 repetitions, resnet50 where the library has it (else efficientnet_lite0), 2,000
// candidates of 256 px (synthetic: waves and noise), 8 views, 224 px, 256 patches per forward pass,
// all processors but one decode. Weights are untrained, which costs the same. One JSON object per
// line, as the other GPU benchmarks; exits with 77 where there is no GPU.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <ATen/autocast_mode.h>
#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/device.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/module_model.hpp>

namespace {

using namespace aift;
namespace fs = std::filesystem;

/// n JPEG files of 256 px, and their manifest.
fs::path generate(const fs::path& folder, index_t n) {
  constexpr index_t kSize = 256;
  Image image;
  image.width = image.height = kSize;
  image.pixels.resize(static_cast<std::size_t>(3 * kSize * kSize));
  std::string manifest = "path,label\n";
  for (index_t i = 0; i < n; ++i) {
    const KeyedRandom random(1, Purpose::split, 0, static_cast<std::uint64_t>(i));
    const double a = random.uniform(0, 0.03, 0.2);
    const double b = random.uniform(1, 0.03, 0.2);
    for (index_t y = 0; y < kSize; ++y) {
      for (index_t x = 0; x < kSize; ++x) {
        const double wave = 40 * std::sin(a * static_cast<double>(x) + b * static_cast<double>(y));
        for (index_t c = 0; c < 3; ++c) {
          const std::uint64_t noise =
              splitmix64(static_cast<std::uint64_t>((i * kSize + y) * kSize * 3 + x * 3 + c));
          image.pixels[static_cast<std::size_t>((y * kSize + x) * 3 + c)] =
              static_cast<std::uint8_t>(128 + wave + static_cast<double>(noise % 24));
        }
      }
    }
    const std::string name = std::to_string(i) + ".jpg";
    io::write_file_atomically(folder / name, io::encode_jpeg(image.view(), 90));
    manifest += name + (i % 2 == 0 ? ",a\n" : ",b\n");
  }
  io::write_file_atomically(folder / "manifest.csv", manifest);
  return folder / "manifest.csv";
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
}

int run(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t at, index_t fallback) {
    return at < arguments.size() ? std::max<index_t>(1, std::stoll(arguments[at])) : fallback;
  };
  std::string gpu;
  try {
    gpu = nn::gpu_name();
  } catch (const ValueError& error) {
    std::printf("SKIPPED: no CUDA device for LibTorch: %s\n", error.what());
    return 77;
  }
  const auto& known = nn::architectures();
  const bool resnet = std::any_of(known.begin(), known.end(),
                                  [](const auto& entry) { return entry.name == "resnet50"; });
  const index_t repetitions = number(0, 7);
  const std::string architecture = arguments.size() > 1 ? arguments[1]
                                   : resnet             ? "resnet50"
                                                        : "efficientnet_lite0";
  const index_t n = number(2, 2000);
  const index_t views = number(3, 8);
  const index_t input = number(4, 224);
  const index_t batch = number(5, 256);
  const index_t workers = number(
      6, std::max<index_t>(1, static_cast<index_t>(std::thread::hardware_concurrency()) - 1));

  const fs::path folder =
      fs::temp_directory_path() / ("bench_gpu_pool-" + std::to_string(getpid()));
  fs::create_directories(folder);
  const io::Dataset data = io::read_dataset(generate(folder, n).string());
  const io::FileImageSource source(data);

  const auto model = nn::on_gpu(*nn::make_model(architecture, 2, input, 1), nn::ForwardType::bf16);
  const auto& module = dynamic_cast<const nn::ModuleModel&>(*model);
  ImageAugmentOptions options;
  options.format = model->info().input;
  options.scoring_views = views;
  const ImageAugmenter augmenter(options);
  const AiftSelector selector;

  const index_t per_batch = std::max<index_t>(1, batch / views) * views;
  const index_t batches = (n * views + per_batch - 1) / per_batch;
  const nn::Network::Compiled body = module.network()->compile(0, module.network()->stages());
  const nn::Network::Head head = module.network()->head();
  const torch::Tensor ready =
      torch::rand({per_batch, 3, input, input},
                  torch::TensorOptions().device(torch::kCUDA).dtype(torch::kFloat32))
          .to(torch::kBFloat16)
          .contiguous(torch::MemoryFormat::ChannelsLast);
  const auto bare = [&] {
    const torch::NoGradGuard no_gradients;
    at::autocast::set_autocast_dtype(torch::kCUDA, torch::kBFloat16);
    for (index_t b = 0; b < batches; ++b) {
      at::autocast::set_autocast_enabled(torch::kCUDA, true);
      const torch::Tensor features = body(ready);
      at::autocast::set_autocast_enabled(torch::kCUDA, false);
      (void)torch::linear(features.to(torch::kFloat32), head.weight, head.bias);
    }
    torch::cuda::synchronize();
  };
  const auto whole = [&] {
    Progress progress;
    PipelineOptions pipeline;
    pipeline.batch = per_batch;
    pipeline.workers = workers;
    const PoolSummary summary = summarise_pool(
        *model, augmenter, source, n, [&](index_t i) { return data.ref(i); }, Purpose::scoring, 0,
        {.scorer = &selector}, pipeline, progress);
    AIFT_EXPECT(summary.scores.size() == n, ShapeError, "{} of {} candidates were scored.",
                summary.scores.size(), n);
  };
  const auto decode = [&] {  // what the processors can do
    std::vector<std::thread> threads;
    for (index_t w = 0; w < workers; ++w) {
      threads.emplace_back([&, w] {
        for (index_t i = w; i < n; i += workers)
          (void)source.read(data.ref(i));
      });
    }
    for (std::thread& thread : threads)
      thread.join();
  };

  bare();
  whole();
  std::vector<double> bare_seconds, whole_seconds, decode_seconds;
  for (index_t r = 0; r < repetitions; ++r) {
    bare_seconds.push_back(seconds_of(bare));
    whole_seconds.push_back(seconds_of(whole));
  }
  decode_seconds.push_back(seconds_of(decode));
  const double whole_median = quantile(whole_seconds, 0.5);
  // The bare pass of full batches; the pool's last batch may be smaller.
  const double bare_median = quantile(bare_seconds, 0.5) * static_cast<double>(n * views) /
                             static_cast<double>(batches * per_batch);
  const char* commit = std::getenv("AIFT_COMMIT");
  fmt::print(
      "{{\"program\": \"bench_gpu_pool\", \"device\": \"{}\", \"libtorch\": \"{}\", "
      "\"commit\": \"{}\", \"repetitions\": {}, \"workers\": {}, "
      "\"decode_seconds\": {:.6f}}}\n",
      gpu, TORCH_VERSION, commit != nullptr ? commit : "", repetitions, workers,
      decode_seconds.front());
  fmt::print(
      "{{\"case\": \"pool end to end, {}, {} px, bf16, {} views, {} candidates\", "
      "\"seconds_median\": {:.9f}, \"seconds_p10\": {:.9f}, \"seconds_p90\": {:.9f}, "
      "\"patches_per_s\": {:.1f}, \"limit\": \"bare forward pass\", "
      "\"limit_seconds_median\": {:.9f}, \"share_of_limit\": {:.3f}}}\n",
      architecture, input, views, n, whole_median, quantile(whole_seconds, 0.1),
      quantile(whole_seconds, 0.9), static_cast<double>(n * views) / whole_median, bare_median,
      bare_median / whole_median);
  fs::remove_all(folder);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_gpu_pool: %s\n", error.what());
    return 1;
  }
}
