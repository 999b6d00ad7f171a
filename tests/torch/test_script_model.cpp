// SPDX-License-Identifier: Apache-2.0
// TorchScript models in training and in the loop; as models they are in test_networks.cpp.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <torch/script.h>

#include "tests/app/image_set.hpp"
#include "tests/app/program.hpp"
#include "tests/support/catch.hpp"
#include "tests/torch/synthetic.hpp"

#include <aift/core/error.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/loop/oracle.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/torch/fine_tune_trainer.hpp>
#include <aift/torch/models.hpp>

using aift::index_t;
using aift::test::SmallRound;
using Catch::Matchers::ContainsSubstring;
namespace nn = aift::nn;
namespace fs = std::filesystem;

namespace {

constexpr index_t kInput = 24;

torch::Tensor drawn(std::vector<std::int64_t> shape, std::uint64_t id, double scale) {
  torch::Tensor out = torch::empty(shape);
  const aift::KeyedRandom random(1, aift::Purpose::weights, 0, id);
  for (index_t i = 0; i < out.numel(); ++i)
    out.data_ptr<float>()[i] = static_cast<float>(scale * random.normal(i));
  return out;
}

/// Three convolutions with batch norm as TorchScript; the first convolution needs no gradient.
/// Gives (logits, features).
fs::path write_script(const aift::test::TempDir& dir, index_t classes = 2,
                      bool with_gradients = true, bool in_double = false) {
  torch::jit::Module module("Small");
  module.register_attribute("training", c10::BoolType::get(), true);  // as Python saves it
  index_t in = 3;
  std::string code = "def forward(self, x):\n";
  if (in_double) code += "  x = x.double()\n";
  const auto typed = [&](const torch::Tensor& t) { return in_double ? t.to(torch::kFloat64) : t; };
  for (int i = 0; i < 3; ++i) {
    const index_t out = i == 2 ? 12 : 8;
    const std::string n = std::to_string(i);
    module.register_parameter("conv" + n, typed(drawn({out, in, 3, 3}, i, 0.2)), false);
    module.register_parameter("scale" + n, typed(torch::ones({out})), false);
    module.register_parameter("shift" + n, typed(torch::zeros({out})), false);
    module.register_buffer("mean" + n, typed(torch::zeros({out})));
    module.register_buffer("var" + n, typed(torch::ones({out})));
    code += "  x = torch.conv2d(x, self.conv" + n + ", None, [2, 2], [1, 1])\n";
    code += "  x = torch.relu(torch.batch_norm(x, self.scale" + n + ", self.shift" + n +
            ", self.mean" + n + ", self.var" + n + ", self.training, 0.1, 1e-5, False))\n";
    in = out;
  }
  module.register_parameter("head", typed(drawn({12, classes}, 9, 0.05)), false);
  module.register_parameter("bias", typed(torch::zeros({classes})), false);
  code += "  f = x.mean([2, 3])\n  return f @ self.head + self.bias, f\n";
  module.define(code);
  for (auto item : module.named_parameters())
    item.value.set_requires_grad(with_gradients && item.name != "conv0");
  const fs::path file = dir / "small.pt";
  module.save(file.string());
  return file;
}

std::unique_ptr<aift::Model> load(const fs::path& file) {
  return nn::load_model(file, {.input_size = kInput, .class_names = {"disc", "ring"}});
}

nn::FineTuneOptions quick() {
  nn::FineTuneOptions options;
  options.steps = 8;
  options.batch = 8;
  options.views = 3;
  options.members = 1;
  options.backbone_rate = 1e-2;
  options.guard = nn::Guard::off;
  return options;
}

std::string fact(const aift::FitReport& report, std::string_view key) {
  for (const auto& [name, value] : report.facts)
    if (name == key) return value;
  return "";
}

std::vector<float> logits(const aift::Model& model, const SmallRound& set) {
  const auto n = std::ssize(set.samples);
  std::vector<aift::PatchPlan> plans;
  for (const auto& sample : set.samples)
    plans.push_back(set.augmenter.plan(sample.candidate, aift::Purpose::test, 0, 0));
  const aift::PatchFormat& format = model.info().input;
  std::vector<float> patches(static_cast<std::size_t>(n * format.elements()));
  set.augmenter.render(plans, set.source, {patches.data(), n, format});
  std::vector<float> out(static_cast<std::size_t>(n * model.info().classes));
  model.predict(patches, n, out, {});
  return out;
}

/// Parameters and buffers of a file, and which require a gradient.
std::map<std::string, std::pair<torch::Tensor, bool>> tensors(const fs::path& file) {
  const torch::jit::Module module = torch::jit::load(file.string());
  std::map<std::string, std::pair<torch::Tensor, bool>> out;
  for (const auto& item : module.named_parameters())
    out[item.name] = {item.value.detach(), item.value.requires_grad()};
  for (const auto& item : module.named_buffers())
    out[item.name] = {item.value, false};
  return out;
}

}  // namespace

TEST_CASE("a TorchScript model is fine-tuned where it requires a gradient") {
  const aift::test::TempDir dir;
  const fs::path file = write_script(dir);
  const auto parent = load(file);
  const SmallRound set(40, parent->info().input);
  const SmallRound test(60, parent->info().input, 1000);
  const std::vector<float> before = logits(*parent, test);
  nn::FineTuneOptions options = quick();
  options.steps = 120;
  options.batch = 16;
  options.mix = 1;
  aift::Progress progress;
  const auto result = nn::FineTuneTrainer(options).fit_all(*parent, set.round, progress);
  CHECK_FALSE(result.probe);
  CHECK(result.tuned_chosen);
  CHECK(fact(result.report, "start") == "parent");
  CHECK(fact(result.report, "steps") == "120");
  CHECK(fact(result.report, "frozen_stages") == "0");
  CHECK(fact(result.report, "logit_scale").empty());
  CHECK(fact(result.report, "guard") == "off");
  CHECK(*aift::io::parse_number(fact(result.report, "loss_last")) <
        0.5 * *aift::io::parse_number(fact(result.report, "loss_first")));
  const double tuned = accuracy(*result.model, test);
  CAPTURE(tuned, accuracy(*parent, test));
  CHECK(tuned > 0.85);
  CHECK(logits(*parent, test) == before);  // the parent stays as it was
  CHECK(result.model->info().architecture == "torchscript");
  CHECK(result.model->info().class_names == set.round.class_names);

  // What moved, what did not, and that the file can go on.
  result.model->save(dir / "tuned.pt");
  const auto was = tensors(file);
  const auto is = tensors(dir / "tuned.pt");
  REQUIRE(was.size() == is.size());
  for (const auto& [name, tensor] : was) {
    CAPTURE(name);
    CHECK(is.at(name).second == tensor.second);
    CHECK(torch::equal(tensor.first, is.at(name).first) == !tensor.second);
  }
  const auto loaded = load(dir / "tuned.pt");
  CHECK(logits(*loaded, test) == logits(*result.model, test));
  const auto from_memory = nn::FineTuneTrainer(quick()).fit(*result.model, set.round, progress);
  const auto from_file = nn::FineTuneTrainer(quick()).fit(*loaded, set.round, progress);
  CHECK(logits(*from_memory.model, test) == logits(*from_file.model, test));
  CHECK(logits(*from_memory.model, test) != logits(*result.model, test));
}

TEST_CASE("two fits of a TorchScript model give the same bits") {
  const aift::test::TempDir dir;
  const fs::path file = write_script(dir);
  const SmallRound set(24, load(file)->info().input);
  for (const bool fresh : {false, true}) {
    nn::FineTuneOptions options = quick();
    options.fresh_views = fresh;
    options.guard = nn::Guard::folds;
    options.guard_min_samples = 0;
    aift::Progress progress;
    const auto a = nn::FineTuneTrainer(options).fit(*load(file), set.round, progress);
    const auto b = nn::FineTuneTrainer(options).fit(*load(file), set.round, progress);
    CHECK(logits(*a.model, set) == logits(*b.model, set));
  }
}

TEST_CASE("the guard of a TorchScript model compares with the parent") {
  const aift::test::TempDir dir;
  nn::FineTuneOptions options = quick();
  options.steps = 80;
  options.batch = 16;
  options.mix = 1;
  aift::Progress progress;
  const auto untrained = load(write_script(dir));
  const SmallRound first(40, untrained->info().input, 2000);
  const auto parent = nn::FineTuneTrainer(options).fit(*untrained, first.round, progress).model;
  const SmallRound set(60, parent->info().input);
  options.guard = nn::Guard::folds;
  options.guard_errors = 0;
  options.guard_steps = 1;
  options.steps = 10;
  std::vector<bool> chosen;
  for (const double rate : {1e-4, 10.0}) {
    CAPTURE(rate);
    options.backbone_rate = rate;
    const auto result = nn::FineTuneTrainer(options).fit_all(*parent, set.round, progress);
    for (const auto& [key, value] : result.report.facts)
      UNSCOPED_INFO(key << " = " << value);
    CHECK(fact(result.report, "guard") == (result.tuned_chosen ? "kept tuned" : "kept parent"));
    CHECK(aift::io::parse_number(fact(result.report, "guard_probe_auc")).value() > 0.6);
    CHECK(logits(*result.model, set) == logits(result.tuned_chosen ? *result.tuned : *parent, set));
    chosen.push_back(result.tuned_chosen);
  }
  CHECK(chosen == std::vector<bool>{true, false});
}

TEST_CASE("TorchScript models that cannot be fine-tuned are refused in one sentence") {
  const aift::test::TempDir dir;
  aift::Progress progress;
  const auto refused = [&](const fs::path& file, const std::string& sentence) {
    const auto model = nn::load_model(file, {.input_size = kInput});
    const SmallRound set(8, model->info().input);
    CHECK_THROWS_WITH(nn::FineTuneTrainer(quick()).fit(*model, set.round, progress),
                      ContainsSubstring(sentence));
  };
  refused(write_script(dir, 3), "it has 3, and the data has 2 classes");
  refused(write_script(dir, 2, false), "No parameter of the TorchScript model requires a gradient");
  refused(write_script(dir, 2, true, true), "in float32");
}

TEST_CASE("the loop runs with a TorchScript model, and a resumed run ends with the same bytes") {
  const aift::test::TempDir dir;
  const auto model = load(write_script(dir));
  const aift::test::Pictures source;
  const aift::test::PlainAugmenter augmenter(model->info().input);
  aift::io::Dataset data;
  data.class_names = {"disc", "ring"};
  for (index_t i = 0; i < 60; ++i) {
    data.paths.push_back(std::to_string(i) + ".png");
    data.ids.push_back(aift::io::candidate_id(data.paths.back()));
    data.labels.push_back(aift::test::Pictures::label(i));
    data.groups.push_back(i);
    data.group_names.push_back(data.paths.back());
  }
  aift::SimulatedOracle oracle(data.labels);
  nn::FineTuneTrainer trainer(quick());
  const aift::AiftSelector selector;
  const auto options = [&](const std::string& folder, aift::OpenRun open) {
    aift::LearnerOptions o;
    o.data = &data;
    o.source = &source;
    o.augmenter = &augmenter;
    o.oracle = &oracle;
    o.initial = model.get();
    o.trainer = &trainer;
    o.selector = &selector;
    o.budget = 8;
    o.rounds = 3;
    o.folder = dir / folder;
    o.open = open;
    o.load = load;
    return o;
  };
  aift::Progress progress;
  aift::ActiveLearner(options("whole", aift::OpenRun::create), progress).run(progress);
  {
    aift::ActiveLearner learner(options("parts", aift::OpenRun::create), progress);
    REQUIRE(learner.step(progress));
  }
  CHECK(fs::exists(dir / "parts" / "model-000.pt"));
  dir.write("parts/model-001.pt", "of a round that never ended");
  aift::ActiveLearner(options("parts", aift::OpenRun::resume), progress).run(progress);
  for (const char* file : {"curve.csv", "picks.csv"}) {
    CAPTURE(file);
    CHECK(aift::test::read_file(dir / "whole" / file) ==
          aift::test::read_file(dir / "parts" / file));
  }
  CHECK(fs::exists(dir / "parts" / "model-002.pt"));
}

#ifdef AIFT_PROGRAM
TEST_CASE("aift run takes a TorchScript file") {
  const aift::test::TempDir dir;
  const fs::path data = aift::test::write_image_set(dir, "data", 12);
  const fs::path out = dir / "out";
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {
        "run",     "--out",   out.string(), "--threads",    "1",  "--train",  "steps=2", "--train",
        "views=1", "--train", "guard=off",  "--input-size", "24", "--rounds", "2",       "--budget",
        "5",       "--data",  data.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return aift::test::run_aift(arguments);
  };
  const auto refused = run({"--model", write_script(dir, 3).string()});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err,
             ContainsSubstring("gives 3 logits per image, and the data has 2 classes"));
  CHECK_FALSE(fs::exists(out));
  const auto frozen = run({"--model", write_script(dir, 2, false).string()});
  CHECK(frozen.status == 2);
  CHECK_THAT(frozen.err, ContainsSubstring("requires a gradient"));
  CHECK_FALSE(fs::exists(out));
  const std::string file = write_script(dir).string();
  const auto result = run({"--model", file});
  INFO(result.err);
  REQUIRE(result.status == 0);
  CHECK(fs::exists(out / "model-001.pt"));
  CHECK(fs::exists(out / "report.html"));
  const std::string before = aift::test::read_file(out / "curve.csv");
  const auto more =
      aift::test::run_aift({"run", "--resume", "--rounds", "3", "--out", out.string()});
  INFO(more.err);
  CHECK(more.status == 0);
  CHECK(aift::test::read_file(out / "curve.csv").starts_with(before));
  CHECK(fs::exists(out / "model-002.pt"));
}
#endif
