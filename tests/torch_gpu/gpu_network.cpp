// SPDX-License-Identifier: Apache-2.0
// Networks on a GPU: the CPU's predictions within the rounding of their numbers, pools through the
// device, scores with the bits of the CPU, copies, files and fine-tuning. LibTorch's settings stay.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include <unistd.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/device.hpp>
#include <aift/torch/fine_tune_trainer.hpp>

#include "tests/torch/synthetic.hpp"

namespace {

using namespace aift;

int g_done = 0;
int g_failed = 0;

void expect(bool good, const std::string& what) {
  ++g_done;
  if (good) return;
  ++g_failed;
  std::printf("FAILED: %s\n", what.c_str());
}

template <class T>
double distance(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size() || a.empty()) return 1e300;
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    difference =
        std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return difference / largest;
}

void near(double got, double most, const std::string& what) {
  std::printf("%s: %.3g (at most %.3g)\n", what.c_str(), got, most);
  expect(got <= most, what);
}

struct Result {
  std::vector<float> logits, features;
  PoolSummary summary;
};

Result go(const Model& model, const Augmenter& augmenter, const Source& source,
          const std::vector<CandidateRef>& pool, index_t batch) {
  Result out;
  Progress progress;
  PipelineOptions options;
  options.batch = batch;
  options.features = true;
  options.workers = 2;
  predict_pool(model, augmenter, source, pool, Purpose::scoring, 0, options, progress,
               [&](const PredictedChunk& chunk) {
                 out.logits.insert(out.logits.end(), chunk.logits.begin(), chunk.logits.end());
                 out.features.insert(out.features.end(), chunk.features.begin(),
                                     chunk.features.end());
               });
  const AiftSelector selector;
  out.summary = summarise_pool(
      model, augmenter, source, std::ssize(pool),
      [&](index_t i) { return pool[static_cast<std::size_t>(i)]; }, Purpose::scoring, 0,
      {.scorer = &selector, .mean_probabilities = true, .mean_features = true}, options, progress);
  return out;
}

void pools(const nn::ModuleModel& cpu, nn::ForwardType type, double most) {
  const std::string name = std::string("small network, ") + nn::to_string(type);
  const auto gpu = nn::on_gpu(cpu, type);
  expect(gpu->device_pipeline() != nullptr, name + ": a pipeline");
  ImageAugmentOptions options;
  options.format = cpu.info().input;
  options.scoring_views = 3;
  const ImageAugmenter augmenter(options);
  const test::Pictures source;
  std::vector<CandidateRef> pool;
  for (index_t i = 0; i < 101; ++i)
    pool.push_back({i, static_cast<std::uint64_t>(31 * i)});
  for (const index_t batch : {2, 64}) {
    const Result expected = go(cpu, augmenter, source, pool, batch);
    const Result got = go(*gpu, augmenter, source, pool, batch);
    near(distance(got.logits, expected.logits), most, name + ", logits");
    near(distance(got.features, expected.features), most, name + ", features");
    near(distance(got.summary.mean_probabilities, expected.summary.mean_probabilities), most,
         name + ", mean probabilities");
    near(distance(got.summary.mean_features, expected.summary.mean_features), most,
         name + ", mean features");
    ScoreTable table;
    AiftSelector().score(PatchPredictions::dense(got.logits.data(), 101, 3, cpu.info().classes,
                                                 PredictionKind::logits),
                         table);
    expect(table.score == got.summary.scores.score, name + ": scores of the same logits");
    const Result again = go(*gpu, augmenter, source, pool, batch);
    expect(again.logits == got.logits, name + ": the same bits again");
  }
  // predict() copies patches over.
  std::vector<float> patches(static_cast<std::size_t>(7 * cpu.info().input.elements()));
  for (std::size_t i = 0; i < patches.size(); ++i)
    patches[i] = std::sin(static_cast<float>(i));
  const auto predict = [&](const Model& model) {
    std::vector<float> logits(static_cast<std::size_t>(7 * cpu.info().classes));
    model.predict(patches, 7, logits, {});
    return logits;
  };
  near(distance(predict(*gpu), predict(cpu)), most, name + ", predict");
  expect(predict(*gpu->clone()) == predict(*gpu), name + ": clone");
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("aift-gpu_network-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  gpu->save(folder / "gpu.safetensors");
  cpu.save(folder / "cpu.safetensors");
  expect(io::read_text_file(folder / "gpu.safetensors") ==
             io::read_text_file(folder / "cpu.safetensors"),
         name + ": the file of the CPU");
  std::filesystem::remove_all(folder);
}

void lite0(nn::ForwardType type, double most) {
  const auto cpu = nn::make_model("efficientnet_lite0", 2, 96, 3);
  {
    const torch::NoGradGuard no_gradients;
    auto& module = dynamic_cast<nn::ModuleModel&>(*cpu);
    module.network()->head().weight.mul_(30);
    module.weights_changed();
  }
  const auto gpu = nn::on_gpu(*cpu, type);
  ImageAugmentOptions options;
  options.format = cpu->info().input;
  options.scoring_views = 4;
  const ImageAugmenter augmenter(options);
  const test::Pictures source;
  std::vector<CandidateRef> pool;
  for (index_t i = 0; i < 40; ++i)
    pool.push_back({i, static_cast<std::uint64_t>(31 * i)});
  const Result expected = go(*cpu, augmenter, source, pool, 32);
  const Result got = go(*gpu, augmenter, source, pool, 32);
  near(distance(got.features, expected.features), most,
       std::string("EfficientNet-Lite0, features, ") + nn::to_string(type));
}

void training() {
  const auto cpu = test::small_model(2);
  const auto gpu = nn::on_gpu(*cpu, nn::ForwardType::f32);
  test::SmallRound round(60, cpu->info().input);
  nn::FineTuneOptions options;
  options.steps = 120;
  options.batch_norm = nn::BatchNorm::running;
  options.frozen_stages = 0;
  options.members = 1;
  for (const bool fresh : {false, true}) {
    options.fresh_views = fresh;
    nn::FineTuneTrainer trainer(options);
    Progress progress;
    const std::string name = fresh ? "fine-tuning with fresh views" : "fine-tuning";
    const auto fit = trainer.fit_all(*gpu, round.round, progress);
    expect(fit.tuned != nullptr && fit.model->device_pipeline() != nullptr,
           name + ": the result lives on the GPU");
    double first = 0;
    double last = 0;
    for (const auto& [key, value] : fit.report.facts) {
      if (key == "loss_first") first = std::stod(value);
      if (key == "loss_last") last = std::stod(value);
    }
    std::printf("%s: loss %.4f to %.4f\n", name.c_str(), first, last);
    expect(last < first, name + ": the loss falls");
  }
  options.optimizer = nn::Optimizer::sgd;
  options.holdout = 0.2;
  options.holdout_min_samples = 10;
  options.clip_norm = 1;
  options.dropout = 0;
  nn::FineTuneTrainer trainer(options);
  Progress progress;
  expect(trainer.fit(*gpu, round.round, progress).model != nullptr, "sgd with a hold-out");
}

}  // namespace

int main() {
  try {
    std::printf("%s\n", nn::gpu_name().c_str());
  } catch (const ValueError& error) {
    const char* required = std::getenv("AIFT_REQUIRE_GPU");
    const bool must = required != nullptr && std::strcmp(required, "1") == 0;
    std::printf("%s: no CUDA device for LibTorch: %s\n", must ? "FAILED" : "SKIPPED", error.what());
    return must ? 1 : 77;
  }
  try {
    const bool deterministic = at::globalContext().deterministicCuDNN();
    const auto cpu = test::small_model(3);
    {
      const torch::NoGradGuard no_gradients;
      const torch::Tensor weight = cpu->network()->head().weight;
      for (index_t i = 0; i < weight.numel(); ++i)
        weight.data_ptr<float>()[i] = std::sin(static_cast<float>(i));
      cpu->weights_changed();
    }
    pools(*cpu, nn::ForwardType::f32, 5e-3);  // TF32
    pools(*cpu, nn::ForwardType::bf16, 5e-2);
    lite0(nn::ForwardType::f32, 2e-2);
    lite0(nn::ForwardType::bf16, 2e-1);
    training();
    expect(at::globalContext().deterministicCuDNN() == deterministic, "cuDNN's setting is back");
    expect(!at::autocast::is_autocast_enabled(torch::kCUDA), "autocast is off");
    expect(torch::GradMode::is_enabled(), "gradients are on");
  } catch (const std::exception& error) {
    expect(false, std::string("an exception: ") + error.what());
  }
  std::printf("gpu_network: %d checks, %d failed\n", g_done, g_failed);
  return g_failed == 0 ? 0 : 1;
}
