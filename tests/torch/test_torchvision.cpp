// SPDX-License-Identifier: Apache-2.0
#include <sys/wait.h>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/torch/synthetic.hpp"

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/safetensors.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>
#include <aift/torch/module_model.hpp>
#include <aift/torch/settings_guard.hpp>

using aift::index_t;
using Catch::Matchers::ContainsSubstring;
namespace nn = aift::nn;

namespace {

[[maybe_unused]] const bool one_thread = (nn::set_torch_threads(1), true);

struct Case {
  std::string architecture;
  index_t size;
};

/// One network of each family, small. What a fully connected layer of 100 million weights costs is
/// left to the release tests.
const std::vector<Case> kFamilies = {{"lenet5", 32},   {"alexnet", 63},   {"resnet18", 32},
                                     {"resnet50", 40}, {"googlenet", 48}, {"squeezenet1_1", 48}};

/// Runs a Python script of this folder; false after saying that the test is skipped.
bool python(const std::string& script, const std::string& arguments) {
  const char* named = std::getenv("AIFT_PYTHON");
  const std::string interpreter = named != nullptr ? named : AIFT_PYTHON;
  if (interpreter.empty()) {
    aift::test::skip("there is no Python with torch beside this LibTorch; AIFT_PYTHON names one");
    return false;
  }
  const std::string command =
      fmt::format("'{}' '{}/{}' {} > /dev/null", interpreter, AIFT_TEST_DIR, script, arguments);
  const int status = std::system(command.c_str());
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    aift::test::skip("a Python package of scripts/requirements.txt is missing for " + script);
    return false;
  }
  REQUIRE(WEXITSTATUS(status) == 0);
  return true;
}

std::vector<float> normalised(std::span<const float> pixels, const aift::PatchFormat& format) {
  const index_t plane = format.height * format.width;
  std::vector<float> out;
  for (index_t i = 0; i < std::ssize(pixels); ++i) {
    const auto c = static_cast<std::size_t>(i / plane % format.channels);
    out.push_back((pixels[static_cast<std::size_t>(i)] - format.mean[c]) / format.std[c]);
  }
  return out;
}

struct Prediction {
  std::vector<float> logits;
  std::vector<float> features;
};

Prediction predict(const aift::Model& model, const std::vector<float>& patches) {
  const index_t n = std::ssize(patches) / model.info().input.elements();
  Prediction p;
  p.logits.resize(static_cast<std::size_t>(n * model.info().classes));
  p.features.resize(static_cast<std::size_t>(n * model.info().feature_size));
  model.predict(patches, n, p.logits, p.features);
  return p;
}

/// Largest difference as a share of the largest expected value.
double relative_difference(const std::vector<float>& got, std::span<const float> expected) {
  REQUIRE(got.size() == expected.size());
  double largest = 0;
  double difference = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    REQUIRE(std::isfinite(got[i]));
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    difference = std::max(difference,
                          std::abs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
  }
  REQUIRE(largest > 0);
  return difference / largest;
}

nn::Network& network_of(const aift::Model& model) {
  return *dynamic_cast<const nn::ModuleModel&>(model).network();
}

/// Features as the trainer computes them: not compiled, stage after stage.
std::vector<float> run_features(const aift::Model& model, const std::vector<float>& patches) {
  const torch::NoGradGuard no_gradients;
  nn::Network& network = network_of(model);
  const aift::PatchFormat& f = model.info().input;
  torch::Tensor x = torch::from_blob(const_cast<float*>(patches.data()),
                                     {std::ssize(patches) / f.elements(), 3, f.height, f.width});
  for (index_t stage = 0; stage < network.stages(); ++stage)
    x = network.run(x, stage, stage + 1);
  x = x.contiguous();
  return {x.const_data_ptr<float>(), x.const_data_ptr<float>() + x.numel()};
}

std::vector<float> pixels(index_t n, index_t size) {
  std::vector<float> out;
  for (index_t i = 0; i < n * 3 * size * size; ++i)
    out.push_back(static_cast<float>((i * 7919 + i / size * 104729) % 251));
  return out;
}

/// Batch norm's statistics and parameters, and biases, as training leaves them: not 0 and 1.
void unsettle(nn::Network& network) {
  const torch::NoGradGuard no_gradients;
  for (const auto& list : {network.named_parameters(), network.named_buffers()}) {
    for (const auto& item : list) {
      torch::Tensor t = item.value();
      if (t.dim() != 1) continue;
      const torch::Tensor wave = torch::sin(torch::arange(t.numel()) * 1.7 + 0.4);
      if (item.key().ends_with("running_var") || item.key().ends_with("weight")) {
        t.copy_(1 + 0.5 * wave);
      } else {
        t.copy_(0.2 * wave);
      }
    }
  }
}

void check_parity(const std::vector<Case>& cases) {
  const aift::test::TempDir dir;
  std::string arguments = fmt::format("'{}'", dir.path().string());
  for (const Case& c : cases)
    arguments += fmt::format(" {}:{}", c.architecture, c.size);
  if (!python("torchvision_expected.py", arguments)) return;
  for (const Case& c : cases) {
    CAPTURE(c.architecture, c.size);
    const auto weights = dir / (c.architecture + ".safetensors");
    const auto expected =
        aift::io::read_safetensors(dir / (c.architecture + "-expected.safetensors"));
    const auto model = nn::load_pretrained(c.architecture, weights, 0, c.size);
    REQUIRE(model->info().classes == 7);
    const std::vector<float> x =
        normalised(expected.at("pixels").values<float>(), model->info().input);
    const Prediction got = predict(*model, x);
    CHECK(relative_difference(got.logits, expected.at("logits").values<float>()) < 1e-4);
    CHECK(relative_difference(got.features, expected.at("features").values<float>()) < 1e-4);
    CHECK(relative_difference(run_features(*model, x), expected.at("features").values<float>()) <
          1e-4);
  }
}

}  // namespace

TEST_CASE("one network of each family gives torchvision's logits and features") {
  std::vector<Case> cases;
  for (const Case& c : kFamilies)
    if (c.architecture != "lenet5") cases.push_back(c);
  check_parity(cases);
}

// ctest -C release -L release
TEST_CASE("every network gives torchvision's logits and features", "[.][release]") {
  for (const nn::Architecture& facts : nn::architectures()) {
    if (facts.name == "lenet5" || facts.name == "efficientnet_lite0") continue;
    for (const index_t size : {facts.smallest_input, index_t{97}, facts.input_size})
      check_parity({{facts.name, size}});
  }
}

namespace {

void check_onnx(const std::vector<Case>& cases) {
  const aift::test::TempDir dir;
  std::string arguments = fmt::format("'{}'", dir.path().string());
  std::vector<Prediction> own;
  for (const Case& c : cases) {
    const auto made = nn::make_model(c.architecture, 3, c.size, 5);
    unsettle(network_of(*made));
    const auto model = nn::with_class_names(*made, {"normal", "polyp", "débris"});
    model->save(dir / (c.architecture + ".safetensors"));
    const std::vector<float> x = pixels(3, c.size);
    const std::vector<aift::io::TensorView> views = {
        aift::io::tensor_view<float>("pixels", x, {3, 3, c.size, c.size})};
    aift::io::write_safetensors(dir / (c.architecture + "-pixels.safetensors"), views, {});
    own.push_back(predict(*model, normalised(x, model->info().input)));
    arguments += fmt::format(" {}", c.architecture);
  }
  if (!python("onnx_expected.py", arguments)) return;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(cases[i].architecture, cases[i].size);
    const auto onnx =
        aift::io::read_safetensors(dir / (cases[i].architecture + "-expected.safetensors"));
    CHECK(relative_difference(own[i].logits, onnx.at("logits").values<float>()) < 1e-4);
    CHECK(relative_difference(own[i].logits, onnx.at("logits_graph").values<float>()) < 1e-4);
    CHECK(relative_difference(own[i].features, onnx.at("features").values<float>()) < 1e-4);
  }
}

}  // namespace

TEST_CASE("models exported as ONNX give the same logits in ONNX Runtime") {
  check_onnx({{"efficientnet_lite0", 40}, {"lenet5", 41}, {"resnet18", 32}, {"squeezenet1_1", 48}});
}

TEST_CASE("every network exported as ONNX gives the same logits", "[.][release]") {
  for (const nn::Architecture& facts : nn::architectures())
    check_onnx({{facts.name, facts.smallest_input + 1}});
}

TEST_CASE("each family is saved, copied, compiled and made with other classes") {
  const aift::test::TempDir dir;
  for (const Case& c : kFamilies) {
    CAPTURE(c.architecture);
    if (c.architecture == "alexnet") continue;  // lenet5 is put together the same way
    const auto model = nn::make_model(c.architecture, 3, c.size, 2);
    CHECK(model->info().input.mean == nn::architecture(c.architecture).input.mean);
    nn::Network& network = network_of(*model);
    unsettle(network);
    dynamic_cast<nn::ModuleModel&>(*model).weights_changed();
    const std::vector<float> x = normalised(pixels(2, c.size), model->info().input);
    const Prediction before = predict(*model, x);
    CHECK(relative_difference(run_features(*model, x), before.features) < 1e-4);
    CHECK(predict(*model->clone(), x).logits == before.logits);

    model->save(dir / "model.safetensors");
    const auto again = nn::load_model(dir / "model.safetensors");
    CHECK(predict(*again, x).logits == before.logits);
    CHECK(again->info().input == model->info().input);

    const auto five = network.make_like(5);
    CHECK(five->head().weight.size(0) == 5);
    CHECK_NOTHROW(nn::copy_tensors(network, *five, false));

    // A compiled copy keeps the old weights.
    const auto whole = network.compile(0, network.stages());
    const torch::NoGradGuard no_gradients;
    const torch::Tensor patches =
        torch::from_blob(const_cast<float*>(x.data()), {2, 3, c.size, c.size});
    const torch::Tensor old = whole(patches).clone();
    for (const torch::Tensor& parameter : network.parameters())
      parameter.mul_(0.5);
    CHECK(torch::equal(whole(patches), old));
    CHECK_FALSE(torch::allclose(network.run(patches, 0, network.stages()), old));
  }
}

TEST_CASE("SqueezeNet's published head has a ReLU before the pooling; a trained one has not") {
  const aift::test::TempDir dir;
  const auto linear = nn::make_model("squeezenet1_1", 2, 48, 4);
  unsettle(network_of(*linear));
  const nn::ModuleModel published(dynamic_cast<const nn::ModuleModel&>(*linear).network(),
                                  linear->info(), 0, nn::HeadForm::rectified);
  const std::vector<float> x = normalised(pixels(3, 48), linear->info().input);
  const Prediction p = predict(published, x);
  CHECK(p.logits != predict(*linear, x).logits);
  CHECK(p.features == predict(*linear, x).features);
  for (const float z : p.logits)
    CHECK(z >= 0);

  // The file tells, by the shape of the head's weight.
  published.save(dir / "published.safetensors");
  CHECK(aift::io::read_safetensors(dir / "published.safetensors").at("classifier.1.weight").shape ==
        std::vector<index_t>{2, 512, 1, 1});
  const auto again = nn::load_model(dir / "published.safetensors");
  CHECK(predict(*again, x).logits == p.logits);
  CHECK(predict(*again->clone(), x).logits == p.logits);
  CHECK(predict(*nn::with_class_names(*again, {"a", "b"}), x).logits == p.logits);
  again->save(dir / "again.safetensors");
  CHECK(aift::test::read_file(dir / "published.safetensors") ==
        aift::test::read_file(dir / "again.safetensors"));
  // Another number of classes: a new head, which is linear.
  const auto three = nn::load_pretrained("squeezenet1_1", dir / "published.safetensors", 3, 48);
  CHECK(dynamic_cast<const nn::ModuleModel&>(*three).head_form() == nn::HeadForm::linear);

  // It cannot start a training, and what comes out is linear.
  const aift::test::SmallRound set(8, again->info().input);
  nn::FineTuneOptions options;
  options.steps = 1;
  options.views = 2;
  options.batch = 4;
  aift::Progress progress;
  const auto result = nn::FineTuneTrainer(options).fit(*again, set.round, progress);
  CHECK(dynamic_cast<const nn::ModuleModel&>(*result.model).head_form() == nn::HeadForm::linear);
  options.probe = false;
  options.guard = nn::Guard::off;
  CHECK_THROWS_WITH(nn::FineTuneTrainer(options).fit(*again, set.round, progress),
                    ContainsSubstring("a ReLU follows it"));
}

TEST_CASE("each family is fine-tuned with its first stages frozen, and with batch norm running") {
  for (const Case& c : kFamilies) {
    CAPTURE(c.architecture);
    const auto parent = nn::make_model(c.architecture, 2, c.size, 3);
    const aift::test::SmallRound set(8, parent->info().input);
    nn::FineTuneOptions options;
    options.steps = 1;
    options.views = 2;
    options.batch = 4;
    options.members = 1;
    options.mix = 1;
    options.calibrate = false;  // a network of one step that contradicts its probe is kept here
    for (const nn::BatchNorm mode : {nn::BatchNorm::frozen, nn::BatchNorm::running}) {
      if (mode == nn::BatchNorm::running && c.architecture == "alexnet") continue;  // it has none
      options.batch_norm = mode;
      aift::Progress progress;
      const auto result = nn::FineTuneTrainer(options).fit(*parent, set.round, progress);
      const nn::Network& before = network_of(*parent);
      const nn::Network& after = network_of(*result.model);
      const index_t frozen = before.stages() / 3;
      REQUIRE(frozen >= 1);
      for (index_t stage = 0; stage < before.stages(); ++stage) {
        CAPTURE(stage);
        const auto old = before.stage_parameters(stage);
        const auto tuned = after.stage_parameters(stage);
        REQUIRE(old.size() == tuned.size());
        for (std::size_t i = 0; i < old.size(); ++i) {
          CAPTURE(i);
          // Biases and batch norm's parameters stay (train_norms), weights move.
          CHECK(torch::equal(old[i], tuned[i]) == (stage < frozen || old[i].dim() == 1));
        }
      }
    }
  }
}

TEST_CASE("an input that a network is too deep for is refused") {
  CHECK_THROWS_AS(nn::make_model("alexnet", 2, 62), aift::ValueError);
  CHECK_THROWS_WITH(nn::make_model("alexnet", 2, 62), ContainsSubstring("alexnet must be 63"));
  CHECK_THROWS_WITH(nn::make_model("resnet18", 2, 31), ContainsSubstring("resnet18 must be 32"));
  const torch::NoGradGuard no_gradients;
  for (const nn::Architecture& facts : nn::architectures()) {
    CAPTURE(facts.name);
    if (facts.name.starts_with("vgg16")) continue;
    const auto network = nn::make_network(facts.name, 2);  // no values: none are looked at
    const torch::Tensor x = torch::zeros({1, 3, facts.smallest_input, facts.smallest_input});
    CHECK(network->run(x, 0, network->stages()).size(1) == facts.feature_size);
  }
}
