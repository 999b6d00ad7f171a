// SPDX-License-Identifier: Apache-2.0
// The way of a pool through a device, with the CPU as the device: pixels are packed, rendered,
// predicted in slices and scored there as they would be on a GPU. And the folded copy of a network
// that predicts.
#include <ATen/autocast_mode.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/device.hpp>

#include "src/torch/device_pass.hpp"
#include "synthetic.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Forwards to a network and counts how often its weights are folded.
class CountingNetwork final : public nn::Network {
 public:
  explicit CountingNetwork(std::shared_ptr<nn::Network> inner) : inner_(std::move(inner)) {
    register_module("inner", inner_);
    eval();
  }
  [[nodiscard]] index_t stages() const override { return inner_->stages(); }
  [[nodiscard]] torch::Tensor run(torch::Tensor x, index_t first, index_t last) override {
    return inner_->run(std::move(x), first, last);
  }
  [[nodiscard]] std::vector<torch::Tensor> stage_parameters(index_t stage) const override {
    return inner_->stage_parameters(stage);
  }
  [[nodiscard]] Head head() const override { return inner_->head(); }
  [[nodiscard]] std::shared_ptr<nn::Network> make_like(index_t classes) const override {
    return std::make_shared<CountingNetwork>(inner_->make_like(classes));
  }
  [[nodiscard]] Compiled compile(index_t first, index_t last) const override {
    ++folded;
    return inner_->compile(first, last);
  }
  mutable index_t folded = 0;

 private:
  std::shared_ptr<nn::Network> inner_;
};

/// A model whose pools go through TorchPass on the CPU.
class PassModel final : public Model {
 public:
  PassModel(const nn::ModuleModel& model, nn::ForwardType type)
      : model_(model),
        pipeline_(
            [&model, type] {
              return nn::Forward{model.network()->compile(0, model.network()->stages()),
                                 model.network()->head(), type};
            },
            model.info(), nn::make_cpu_kernels) {}
  const ModelInfo& info() const noexcept override { return model_.info(); }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override {
    model_.predict(patches, n, logits, features);
  }
  void save(const std::filesystem::path&) const override {}
  std::unique_ptr<Model> clone() const override { return nullptr; }
  const DevicePipeline* device_pipeline() const noexcept override { return &pipeline_; }

 private:
  const nn::ModuleModel& model_;
  nn::TorchPipeline pipeline_;
};

std::vector<CandidateRef> candidates(index_t n) {
  std::vector<CandidateRef> out;
  for (index_t i = 0; i < n; ++i)
    out.push_back({i, static_cast<std::uint64_t>(17 * i + 3)});
  return out;
}

ImageAugmenter views(const PatchFormat& format, index_t count) {
  ImageAugmentOptions options;
  options.format = format;
  options.scoring_views = count;
  return ImageAugmenter(options);
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

template <class T>
double distance(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    difference =
        std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  }
  return difference / largest;
}

std::vector<float> pixels(const PatchFormat& format, index_t n) {
  std::vector<float> out(static_cast<std::size_t>(n * format.elements()));
  const KeyedRandom random(4, Purpose::split);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<float>(random.uniform(static_cast<index_t>(i), -1, 1));
  return out;
}

/// EfficientNet-Lite0 with statistics and scales that folding must not lose.
std::shared_ptr<nn::Network> shaken_network(index_t input) {
  const auto model = nn::make_model("efficientnet_lite0", 3, input, 5);
  const auto network = dynamic_cast<nn::ModuleModel&>(*model).network();
  const torch::NoGradGuard no_gradients;
  std::uint64_t id = 0;
  const auto shake = [&](const torch::Tensor& tensor, double low, double high) {
    const KeyedRandom random(9, Purpose::weights, 0, ++id);
    auto* const values = tensor.data_ptr<float>();
    for (index_t i = 0; i < tensor.numel(); ++i)
      values[i] = static_cast<float>(random.uniform(i, low, high));
  };
  for (const auto& item : network->named_buffers()) {
    if (item.key().ends_with("running_mean")) shake(item.value(), -0.3, 0.3);
    if (item.key().ends_with("running_var")) shake(item.value(), 0.5, 2);
  }
  for (const auto& item : network->named_parameters()) {
    if (item.value().dim() != 1) continue;
    item.key().ends_with("weight") ? shake(item.value(), 0.7, 1.3) : shake(item.value(), -0.2, 0.2);
  }
  shake(network->head().weight, -0.3, 0.3);
  return network;
}

}  // namespace

TEST_CASE("a pool through a device pass: what the model's own way gives") {
  const test::Pictures source;
  const auto model = test::small_model(3);
  {  // a head that tells classes apart
    const torch::NoGradGuard no_gradients;
    const torch::Tensor weight = model->network()->head().weight;
    for (index_t i = 0; i < weight.numel(); ++i)
      weight.data_ptr<float>()[i] = static_cast<float>(std::sin(static_cast<double>(i)));
    model->weights_changed();
  }
  const auto pool = candidates(11);
  for (const index_t q : {1, 3}) {
    const ImageAugmenter augmenter = views(model->info().input, q);
    for (const index_t batch : {2, 7, 100}) {
      CAPTURE(q, batch);
      const Result expected = go(*model, augmenter, source, pool, batch);
      const PassModel device(*model, nn::ForwardType::f32);
      const Result got = go(device, augmenter, source, pool, batch);
      CHECK(distance(got.logits, expected.logits) < 1e-5);
      CHECK(distance(got.features, expected.features) < 1e-5);
      CHECK(distance(got.summary.scores.score, expected.summary.scores.score) < 1e-3);
      CHECK(got.summary.scores.dominant == expected.summary.scores.dominant);
      CHECK(distance(got.summary.mean_probabilities, expected.summary.mean_probabilities) < 1e-5);
      CHECK(distance(got.summary.mean_features, expected.summary.mean_features) < 1e-5);
      // The score is that of the very logits that the pass gives.
      ScoreTable table;
      AiftSelector().score(
          PatchPredictions::dense(got.logits.data(), 11, q, 3, PredictionKind::logits), table);
      CHECK(table.score == got.summary.scores.score);
    }
  }
}

TEST_CASE("a device pass in bfloat16: near, float32 logits, and LibTorch's settings as before") {
  const test::Pictures source;
  const auto model = test::small_model(2);
  {
    const torch::NoGradGuard no_gradients;
    model->network()->head().weight.fill_(0.5);
    model->weights_changed();
  }
  const ImageAugmenter augmenter = views(model->info().input, 2);
  const auto pool = candidates(6);
  REQUIRE_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
  const bool cache = at::autocast::is_autocast_cache_enabled();
  const Result exact = go(*model, augmenter, source, pool, 8);
  const PassModel device(*model, nn::ForwardType::bf16);
  const Result rounded = go(device, augmenter, source, pool, 8);
  CHECK(distance(rounded.logits, exact.logits) < 0.03);
  CHECK(rounded.features != exact.features);  // it was bfloat16
  CHECK_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
  CHECK(at::autocast::is_autocast_cache_enabled() == cache);
  {
    const nn::DeviceSettings outer(torch::kCPU, nn::ForwardType::bf16);
    {
      const nn::DeviceSettings inner(torch::kCPU, nn::ForwardType::f32);
      CHECK_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
    }
    CHECK(at::autocast::is_autocast_enabled(torch::kCPU));
  }
  CHECK_FALSE(at::autocast::is_autocast_enabled(torch::kCPU));
}

TEST_CASE("a device pass refuses what it cannot do") {
  const auto model = test::small_model(2);
  const PassModel device(*model, nn::ForwardType::f32);
  const DevicePipeline& pipeline = *device.device_pipeline();
  CHECK_THROWS_AS(pipeline.begin({.views = 0, .batch = 4}), ValueError);
  CHECK_THROWS_AS(pipeline.begin({.views = 1, .batch = 0}), ValueError);
  const auto pass = pipeline.begin({.views = 2, .batch = 4});
  CHECK_THROWS_AS(pass->collect(), ValueError);
  const std::vector<std::uint8_t> bytes(12);
  const ImageView image{bytes.data(), 2, 2, 6, ChannelOrder::rgb};
  const std::vector<PatchPlan> plans(2);
  CHECK_THROWS_AS(pass->submit({&image, 1}, {plans.data(), 1}), ShapeError);
  ImageView bad = image;
  bad.stride = 5;
  CHECK_THROWS_AS(pass->submit({&bad, 1}, plans), ShapeError);
  pass->submit({&image, 1}, plans);
  pass->submit({&image, 1}, plans);
  CHECK_THROWS_WITH(pass->submit({&image, 1}, plans), ContainsSubstring("At most two"));
  CHECK(pass->collect().candidates == 1);
  CHECK(pass->collect().candidates == 1);
}

TEST_CASE("logits that are no numbers are refused by candidate, counted over the batches") {
  const test::Pictures source;
  const auto model = test::small_model(2);
  {
    const torch::NoGradGuard no_gradients;
    model->network()->head().bias.fill_(std::numeric_limits<float>::quiet_NaN());
    model->weights_changed();
  }
  const ImageAugmenter augmenter = views(model->info().input, 2);
  const PassModel device(*model, nn::ForwardType::f32);
  CHECK_THROWS_WITH(go(device, augmenter, source, candidates(3), 2),
                    ContainsSubstring("candidate 0"));
}

TEST_CASE("a model predicts with batch norm folded in, once per change of its weights") {
  const auto network = std::make_shared<CountingNetwork>(shaken_network(64));
  ModelInfo info;
  info.architecture = "counted";
  info.input.height = info.input.width = 64;
  nn::ModuleModel model(network, info);
  const std::vector<float> patches = pixels(info.input, 5);
  const auto logits_of = [&] {
    std::vector<float> logits(15);
    model.predict(patches, 5, logits, {});
    return logits;
  };
  const auto layer_by_layer = [&] {  // as in training; test_networks.cpp compares with Python
    const torch::NoGradGuard no_gradients;
    // In training mode nothing is folded; these are the layers one after another, with the running
    // statistics.
    const auto x = torch::from_blob(const_cast<float*>(patches.data()), {5, 3, 64, 64});
    const auto head = network->head();
    const auto z =
        torch::linear(network->run(x, 0, network->stages()), head.weight, head.bias).contiguous();
    return std::vector<float>(z.const_data_ptr<float>(), z.const_data_ptr<float>() + z.numel());
  };
  const std::vector<float> before = logits_of();
  CHECK(network->folded == 1);
  CHECK(distance(before, layer_by_layer()) < 1e-4);
  CHECK(logits_of() == before);
  CHECK(network->folded == 1);  // kept
  {
    const torch::NoGradGuard no_gradients;
    for (const torch::Tensor& parameter : network->stage_parameters(3))
      parameter.mul_(1.1);
    model.weights_changed();
  }
  const std::vector<float> after = logits_of();
  CHECK(network->folded == 2);
  CHECK(distance(after, before) > 1e-3);
  CHECK(distance(after, layer_by_layer()) < 1e-4);
}

TEST_CASE("folding changes no pick") {
  const test::Pictures source;
  const auto network = shaken_network(48);
  ModelInfo info;
  info.architecture = "efficientnet_lite0";
  info.input.height = info.input.width = 48;
  const nn::ModuleModel folded(network, info);
  // The same network without a folded copy: Network::compile's default runs the layers.
  class Plain final : public nn::Network {
   public:
    explicit Plain(std::shared_ptr<nn::Network> inner) : inner_(std::move(inner)) {
      register_module("inner", inner_);
      eval();
    }
    [[nodiscard]] index_t stages() const override { return inner_->stages(); }
    [[nodiscard]] torch::Tensor run(torch::Tensor x, index_t first, index_t last) override {
      return inner_->run(std::move(x), first, last);
    }
    [[nodiscard]] std::vector<torch::Tensor> stage_parameters(index_t stage) const override {
      return inner_->stage_parameters(stage);
    }
    [[nodiscard]] Head head() const override { return inner_->head(); }
    [[nodiscard]] std::shared_ptr<nn::Network> make_like(index_t classes) const override {
      return std::make_shared<Plain>(inner_->make_like(classes));
    }

   private:
    std::shared_ptr<nn::Network> inner_;
  };
  const nn::ModuleModel plain(std::make_shared<Plain>(network), info);
  const auto pool = candidates(40);
  const ImageAugmenter augmenter = views(info.input, 4);
  const auto picks = [&](const Model& model) {
    const Result result = go(model, augmenter, source, pool, 32);
    PoolView view;
    view.size = std::ssize(pool);
    view.classes = 3;
    view.scores = &result.summary.scores;
    return AiftSelector().select(view, 10).indices;
  };
  CHECK(picks(folded) == picks(plain));
}

TEST_CASE("without a GPU, putting a model there says what is missing") {
  const auto model = test::small_model(2);
  try {
    const auto there = nn::on_gpu(*model);  // a CHECK around it would take the exception
    CHECK(there->device_pipeline() != nullptr);
  } catch (const ValueError& error) {
    const std::string message = error.what();
    CHECK((message.find("built without CUDA") != std::string::npos ||
           message.find("no GPU") != std::string::npos));
  }
  CHECK(model->device_pipeline() == nullptr);
  CHECK(std::string(nn::to_string(nn::ForwardType::bf16)) == "bf16");
}
