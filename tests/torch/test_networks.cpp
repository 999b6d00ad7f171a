// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <vector>

#include "tests/support/catch.hpp"

#include <torch/script.h>
#include <aift/core/error.hpp>
#include <aift/io/safetensors.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/module_model.hpp>
#include <aift/torch/settings_guard.hpp>

using aift::index_t;
using Catch::Matchers::ContainsSubstring;
namespace nn = aift::nn;

namespace {

/// The pictures are so small that threads cost more than they give, above all when CTest runs
/// several programs at once; tests that are about threads ask for them.
[[maybe_unused]] const bool one_thread = (nn::set_torch_threads(1), true);

/// The formula of expected/make_efficientnet_lite0.py, normalised.
std::vector<float> picture(index_t size, index_t count = 1) {
  std::vector<float> out;
  for (index_t n = 0; n < count; ++n)
    for (index_t c = 0; c < 3; ++c)
      for (index_t y = 0; y < size; ++y)
        for (index_t x = 0; x < size; ++x) {
          const index_t ramp = (200 * x + 120 * y) / size;
          const index_t coarse = 40 * ((x * 8 / size + y * 6 / size + c) % 2);
          const index_t fine = (7 * x + 13 * y + 31 * c + (x * y) % 11) % 23;
          const index_t pixel = (ramp + coarse + fine + 17 * c + 29 * n) % 256;
          out.push_back((static_cast<float>(pixel) - 127.0F) / 128.0F);
        }
  return out;
}

struct Prediction {
  std::vector<float> logits;
  std::vector<float> features;
};

Prediction predict(const aift::Model& model, const std::vector<float>& patches, index_t n) {
  Prediction p;
  p.logits.resize(static_cast<std::size_t>(n * model.info().classes));
  p.features.resize(static_cast<std::size_t>(n * model.info().feature_size));
  model.predict(patches, n, p.logits, p.features);
  return p;
}

/// Largest difference as a share of the largest expected value.
template <class A, class B>
double relative_difference(const A& got, const B& expected) {
  REQUIRE(got.size() == expected.size());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    difference = std::max(difference,
                          std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
  }
  return difference / largest;
}

/// The prepared ImageNet weights, or nothing after saying that the test is skipped.
std::optional<std::filesystem::path> imagenet_weights() {
  try {
    return nn::find_weights("efficientnet_lite0");
  } catch (const aift::IoError& error) {
    aift::test::skip(error.what());
    return std::nullopt;
  }
}

/// Sets an environment variable for a scope.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    setenv(name, value.c_str(), 1);
  }
  ~Environment() {
    if (before_) {
      setenv(name_, before_->c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

/// Reads a safetensors file, lets `change` edit the list of tensors, writes it elsewhere.
template <class Change>
std::filesystem::path edited(const std::filesystem::path& from, const std::filesystem::path& to,
                             const Change& change) {
  const auto source = aift::io::read_safetensors(from);
  std::vector<aift::io::TensorView> tensors = source.tensors();
  aift::io::TensorMetadata metadata = source.metadata();
  change(tensors, metadata);
  aift::io::write_safetensors(to, tensors, metadata);
  return to;
}

}  // namespace

TEST_CASE("EfficientNet-Lite0 gives the Python package's logits and features with real weights") {
  const auto weights = imagenet_weights();
  if (!weights) return;
  const auto expected = aift::io::read_safetensors(std::string(AIFT_TEST_DIR) +
                                                   "/expected/efficientnet_lite0.safetensors");
  for (const index_t size : {96, 100, 224}) {
    CAPTURE(size);
    const auto model = nn::load_pretrained("efficientnet_lite0", *weights, 0, size);
    REQUIRE(model->info().classes == 1000);
    REQUIRE(model->info().feature_size == 1280);
    const Prediction got = predict(*model, picture(size), 1);
    const std::string name = std::to_string(size);
    CHECK(relative_difference(got.logits, expected.at("logits_" + name).values<float>()) < 1e-4);
    CHECK(relative_difference(got.features, expected.at("features_" + name).values<float>()) <
          1e-4);

    // The network as it is trained: unfused, with batch norm folded and with gradients.
    auto& network = *dynamic_cast<nn::ModuleModel&>(*model).network();
    const auto x = picture(size);
    const torch::Tensor features = network.run(
        torch::from_blob(const_cast<float*>(x.data()), {1, 3, size, size}), 0, network.stages());
    const std::vector<float> trained(features.const_data_ptr<float>(),
                                     features.const_data_ptr<float>() + features.numel());
    CHECK(relative_difference(trained, expected.at("features_" + name).values<float>()) < 1e-4);
  }
}

TEST_CASE(
    "an untrained model is the same for the same seed and leaves LibTorch's generator alone") {
  torch::manual_seed(5);
  const auto before = torch::rand({4});
  torch::manual_seed(5);
  const auto a = nn::make_model("efficientnet_lite0", 3, 32, 7);
  const auto b = nn::make_model("efficientnet_lite0", 3, 32, 7);
  const auto c = nn::make_model("efficientnet_lite0", 3, 32, 8);
  CHECK(torch::equal(before, torch::rand({4})));
  const auto x = picture(32, 2);
  const Prediction pa = predict(*a, x, 2);
  CHECK(pa.logits == predict(*b, x, 2).logits);
  CHECK(pa.logits != predict(*c, x, 2).logits);
  for (const float z : pa.logits)
    CHECK(std::isfinite(z));
  CHECK(a->info().architecture == "efficientnet_lite0");
  CHECK(a->info().input.height == 32);
}

TEST_CASE("the list of architectures tells the truth") {
  REQUIRE(nn::architectures().size() >= 1);
  CHECK(std::ranges::is_sorted(nn::architectures(), {}, &nn::Architecture::name));
  for (const nn::Architecture& facts : nn::architectures()) {
    CAPTURE(facts.name);
    const auto made = nn::make_network(facts.name, 2);
    const nn::Network& network = *made;
    CHECK(network.stages() == facts.stages);
    CHECK(network.head().weight.size(1) == facts.feature_size);
    CHECK(facts.input.height == facts.input_size);
    std::int64_t parameters = 0;
    for (index_t stage = 0; stage < network.stages(); ++stage)
      for (const auto& parameter : network.stage_parameters(stage))
        parameters += parameter.numel();
    CHECK(parameters == facts.parameters);
  }
  CHECK_THROWS_WITH(nn::architecture("resnet19"),
                    ContainsSubstring("'resnet19'") && ContainsSubstring("efficientnet_lite0"));
}

TEST_CASE("predicting many patches equals predicting them in passes, and n = 0 is nothing") {
  const auto model = nn::make_model("efficientnet_lite0", 2, 32, 1);
  const auto x = picture(32, 70);  // two full passes and a rest
  const Prediction all = predict(*model, x, 70);
  const auto elements = static_cast<std::size_t>(model->info().input.elements());
  const std::vector<float> tail(x.begin() + static_cast<std::ptrdiff_t>(64 * elements), x.end());
  const Prediction rest = predict(*model, tail, 6);
  for (std::size_t i = 0; i < rest.logits.size(); ++i)
    CHECK(rest.logits[i] == Catch::Approx(all.logits[128 + i]).margin(1e-5));
  CHECK(predict(*model, {}, 0).logits.empty());
  std::vector<float> logits(2);
  CHECK_THROWS_AS(model->predict(tail, 1, logits, {}), aift::ShapeError);
  CHECK_THROWS_AS(model->predict({}, 0, logits, {}), aift::ShapeError);
}

TEST_CASE("a saved model comes back with the same predictions and facts") {
  const aift::test::TempDir dir;
  const auto model = nn::with_class_names(*nn::make_model("efficientnet_lite0", 3, 40, 2),
                                          {"normal", "polyp, small", "polyp \"large\""});
  model->save(dir / "model.safetensors");
  const auto again = nn::load_model(dir / "model.safetensors");
  CHECK(again->info().architecture == "efficientnet_lite0");
  CHECK(again->info().classes == 3);
  CHECK(again->info().class_names == model->info().class_names);
  CHECK(again->info().input.height == 40);
  CHECK(again->info().input.mean == model->info().input.mean);
  CHECK(again->info().input.std == model->info().input.std);
  const auto x = picture(40, 3);
  const Prediction before = predict(*model, x, 3);
  CHECK(predict(*again, x, 3).logits == before.logits);
  CHECK(predict(*again->clone(), x, 3).features == before.features);

  again->save(dir / "again.safetensors");
  CHECK(aift::test::read_file(dir / "model.safetensors") ==
        aift::test::read_file(dir / "again.safetensors"));

  const auto larger = nn::load_model(dir / "model.safetensors", {.input_size = 64});
  CHECK(larger->info().input.width == 64);

  CHECK_THROWS_AS(nn::with_class_names(*model, {"one"}), aift::ShapeError);
  CHECK_THROWS_AS(model->save(dir / "no" / "such" / "folder.safetensors"), aift::IoError);
}

TEST_CASE("a new head is drawn by the seed, the head of the file is kept when it fits") {
  const aift::test::TempDir dir;
  const auto path = dir / "w.safetensors";
  nn::make_model("efficientnet_lite0", 5, 32, 3)->save(path);
  const auto x = picture(32);
  const auto kept = nn::load_pretrained("efficientnet_lite0", path, 0, 32);
  CHECK(kept->info().classes == 5);
  CHECK(predict(*nn::load_pretrained("efficientnet_lite0", path, 5, 32), x, 1).logits ==
        predict(*kept, x, 1).logits);
  const auto two = nn::load_pretrained("efficientnet_lite0", path, 2, 32, 1);
  CHECK(two->info().classes == 2);
  CHECK(predict(*two, x, 1).features == predict(*kept, x, 1).features);
  CHECK(predict(*two, x, 1).logits ==
        predict(*nn::load_pretrained("efficientnet_lite0", path, 2, 32, 1), x, 1).logits);
  CHECK(predict(*two, x, 1).logits !=
        predict(*nn::load_pretrained("efficientnet_lite0", path, 2, 32, 2), x, 1).logits);
  CHECK(nn::load_pretrained("efficientnet_lite0", path)->info().input.height == 224);
  CHECK_THROWS_AS(nn::load_pretrained("efficientnet_lite0", path, 1), aift::ValueError);
  CHECK_THROWS_AS(nn::load_pretrained("efficientnet_lite0", path, 2, 31), aift::ValueError);
  CHECK_THROWS_AS(nn::load_pretrained("vgg", path), aift::ValueError);
}

TEST_CASE("weights that do not fit are refused, naming the first offending tensor") {
  const aift::test::TempDir dir;
  const auto good = dir / "good.safetensors";
  nn::make_model("efficientnet_lite0", 2, 32)->save(good);
  const auto load = [&](const std::filesystem::path& file) {
    return nn::load_pretrained("efficientnet_lite0", file, 2, 32);
  };
  using Tensors = std::vector<aift::io::TensorView>;
  using Metadata = aift::io::TensorMetadata;

  // Of another network altogether.
  const std::vector<float> one = {1};
  const std::vector<aift::io::TensorView> other = {
      aift::io::tensor_view<float>("conv1.weight", one, {1})};
  aift::io::write_safetensors(dir / "other.safetensors", other, {{"architecture", "resnet19"}});
  CHECK_THROWS_WITH(load(dir / "other.safetensors"), ContainsSubstring("'_fc.weight' is missing"));
  CHECK_THROWS_WITH(nn::load_model(dir / "other.safetensors"), ContainsSubstring("'resnet19'"));

  const auto missing = edited(good, dir / "missing.safetensors", [](Tensors& t, Metadata&) {
    std::erase_if(t, [](const auto& v) { return v.name == "_blocks.3._bn1.running_var"; });
  });
  CHECK_THROWS_AS(load(missing), aift::IoError);
  CHECK_THROWS_WITH(load(missing), ContainsSubstring("'_blocks.3._bn1.running_var' is missing"));

  const auto shape = edited(good, dir / "shape.safetensors", [](Tensors& t, Metadata&) {
    for (auto& v : t)
      if (v.name == "_conv_stem.weight") v.shape = {3, 32, 3, 3};
  });
  CHECK_THROWS_AS(load(shape), aift::ShapeError);
  CHECK_THROWS_WITH(load(shape), ContainsSubstring("'_conv_stem.weight'") &&
                                     ContainsSubstring("[32, 3, 3, 3]") &&
                                     ContainsSubstring("[3, 32, 3, 3]"));

  const auto type = edited(good, dir / "type.safetensors", [](Tensors& t, Metadata&) {
    for (auto& v : t)
      if (v.name == "_bn0.weight") v.type = aift::io::ElementType::i32;
  });
  CHECK_THROWS_WITH(load(type),
                    ContainsSubstring("'_bn0.weight'") && ContainsSubstring("integers"));

  const auto extra = edited(good, dir / "extra.safetensors", [&](Tensors& t, Metadata&) {
    t.push_back(aift::io::tensor_view<float>("_blocks.16._bn1.weight", one, {1}));
  });
  CHECK_THROWS_WITH(load(extra), ContainsSubstring("'_blocks.16._bn1.weight'"));

  std::vector<float> nan(32, 0.0F);
  nan[3] = std::nanf("");
  const auto bad = edited(good, dir / "nan.safetensors", [&](Tensors& t, Metadata&) {
    for (auto& v : t)
      if (v.name == "_bn0.bias") v.bytes = std::as_bytes(std::span(nan));
  });
  CHECK_THROWS_AS(load(bad), aift::ValueError);
  CHECK_THROWS_WITH(load(bad), ContainsSubstring("'_bn0.bias'"));

  const auto unnamed = edited(good, dir / "unnamed.safetensors",
                              [](Tensors&, Metadata& m) { m.erase("architecture"); });
  CHECK_THROWS_WITH(nn::load_model(unnamed), ContainsSubstring("does not say"));
  const auto size = edited(good, dir / "size.safetensors",
                           [](Tensors&, Metadata& m) { m["input_height"] = "12x"; });
  CHECK_THROWS_WITH(nn::load_model(size), ContainsSubstring("'input_height'"));

  // Counters that Python's batch norm saves are no offence, and half precision is converted.
  const std::vector<std::int64_t> counter = {7};
  const auto counted = edited(good, dir / "counted.safetensors", [&](Tensors& t, Metadata&) {
    t.push_back(aift::io::tensor_view<std::int64_t>("_bn0.num_batches_tracked", counter, {}));
  });
  CHECK_NOTHROW(load(counted));
}

TEST_CASE("ImageNet weights are found through the environment, or the way to them is told") {
  const aift::test::TempDir dir;
  {
    const Environment weights("AIFT_WEIGHTS_DIR", dir.path().string());
    CHECK(nn::weights_folder() == dir.path());
    CHECK_THROWS_AS(nn::find_weights("efficientnet_lite0"), aift::IoError);
    CHECK_THROWS_WITH(
        nn::find_weights("efficientnet_lite0"),
        ContainsSubstring("scripts/bootstrap") && ContainsSubstring("AIFT_WEIGHTS_DIR"));
    dir.write("efficientnet_lite0-imagenet.safetensors", "x");
    CHECK(nn::find_weights("efficientnet_lite0") ==
          dir / "efficientnet_lite0-imagenet.safetensors");
    CHECK_THROWS_AS(nn::find_weights("vgg"), aift::ValueError);
  }
  const Environment none("AIFT_WEIGHTS_DIR", "");
  {
    const Environment cache("AIFT_CACHE_DIR", "/somewhere");
    CHECK(nn::weights_folder() == "/somewhere/weights");
  }
  const Environment cache("AIFT_CACHE_DIR", "");
  const Environment xdg("XDG_CACHE_HOME", "/xdg");
  CHECK(nn::weights_folder() == "/xdg/aift/weights");
}

TEST_CASE("a TorchScript file is a model of logits, or of logits and features") {
  const aift::test::TempDir dir;
  torch::jit::Module module("M");
  module.register_parameter("w", torch::tensor({{1.0F, -1.0F}, {0.5F, 2.0F}, {3.0F, 0.0F}}), false);
  module.define("def forward(self, x):\n  return x.mean([2, 3]) @ self.w\n");
  module.save((dir / "logits.pt").string());
  const auto model = nn::load_model(dir / "logits.pt", {.input_size = 8});
  CHECK(model->info().architecture == "torchscript");
  CHECK(model->info().classes == 2);
  CHECK(model->info().feature_size == 0);
  CHECK(model->info().input.height == 8);
  const auto x = picture(8, 40);
  const Prediction p = predict(*model, x, 40);
  const torch::Tensor mean =
      torch::from_blob(const_cast<float*>(x.data()), {40, 3, 8, 8}).mean({2, 3});
  CHECK(p.logits[1] == Catch::Approx(-mean[0][0].item<float>() + 2 * mean[0][1].item<float>()));
  CHECK(p.logits[78] == Catch::Approx(mean[39][0].item<float>() + 0.5 * mean[39][1].item<float>() +
                                      3 * mean[39][2].item<float>()));
  std::vector<float> logits(80);
  std::vector<float> features(40);
  CHECK_THROWS_AS(model->predict(x, 40, logits, features), aift::ShapeError);

  model->save(dir / "again.pt");
  CHECK(predict(*nn::load_model(dir / "again.pt", {.input_size = 8}), x, 40).logits == p.logits);
  CHECK(predict(*model->clone(), x, 40).logits == p.logits);
  CHECK(nn::with_class_names(*model, {"a", "b"})->info().class_names.size() == 2);

  torch::jit::Module both("B");
  both.define("def forward(self, x):\n  f = x.mean([2, 3])\n  return f[:, :2] * 2.0, f\n");
  both.save((dir / "both.pt").string());
  const auto featured = nn::load_model(dir / "both.pt", {.input_size = 8});
  CHECK(featured->info().feature_size == 3);
  const Prediction pf = predict(*featured, x, 40);
  CHECK(pf.logits[2] == Catch::Approx(2 * pf.features[3]));

  torch::jit::Module picky("P");
  picky.define("def forward(self, x):\n  return x.view([-1, 3 * 16 * 16])[:, :2]\n");
  picky.save((dir / "picky.pt").string());
  CHECK_NOTHROW(nn::load_model(dir / "picky.pt", {.input_size = 16}));
  CHECK_THROWS_WITH(nn::load_model(dir / "picky.pt", {.input_size = 8}),
                    ContainsSubstring("input size"));

  torch::jit::Module rank("R");
  rank.define("def forward(self, x):\n  return x\n");
  rank.save((dir / "rank.pt").string());
  CHECK_THROWS_AS(nn::load_model(dir / "rank.pt", {.input_size = 8}), aift::ShapeError);

  // A zip that is no TorchScript, as torch.save writes it; and no file at all.
  dir.write("state.pth", std::string("PK\x03\x04", 4) + std::string(60, '\0'));
  CHECK_THROWS_WITH(nn::load_model(dir / "state.pth"), ContainsSubstring("convert_weights.py"));
  CHECK_THROWS_AS(nn::load_model(dir / "none.pt"), aift::IoError);
  CHECK_THROWS_AS(nn::load_model(dir.write("text.safetensors", "hello")), aift::IoError);
}

TEST_CASE("settings of LibTorch are put back at the end of a scope") {
  const int threads = nn::torch_threads();
  REQUIRE(torch::GradMode::is_enabled());
  {
    const nn::SettingsGuard guard(threads + 1, false);
    CHECK(nn::torch_threads() == threads + 1);
    CHECK_FALSE(torch::GradMode::is_enabled());
    {
      const nn::SettingsGuard inner(0, true);
      CHECK(nn::torch_threads() == threads + 1);
      CHECK(torch::GradMode::is_enabled());
    }
    CHECK_FALSE(torch::GradMode::is_enabled());
  }
  CHECK(nn::torch_threads() == threads);
  CHECK(torch::GradMode::is_enabled());
  CHECK_THROWS_AS(nn::SettingsGuard(-1), aift::ValueError);

  const auto model = nn::make_model("efficientnet_lite0", 2, 32);
  (void)predict(*model, picture(32), 1);
  CHECK(torch::GradMode::is_enabled());
  CHECK(nn::torch_threads() == threads);
}
