// SPDX-License-Identifier: Apache-2.0
// The network of a run or a project: found, loaded, placed.
#include "src/app/torch/network.hpp"

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/safetensors.hpp>
#include <aift/torch/device.hpp>
#include <aift/torch/models.hpp>

#include "src/core/fnv.hpp"
#include "src/io/view_fields.hpp"

namespace aift::app {

namespace fs = std::filesystem;

namespace {

bool is_file_model(const std::string& model) {
  const std::string extension = fs::path(model).extension().string();
  return model.find('/') != std::string::npos || extension == ".safetensors" ||
         extension == ".pt" || extension == ".pth" || extension == ".ts";
}

/// "14.6 MB, 0f3a...": what a file holds, wherever it lies (FNV-1a, 64 bit).
std::string content_of(const fs::path& file) {
  const io::MappedFile mapped(file);
  return fmt::format("{} bytes, {:016x}", mapped.bytes().size(), detail::fnv1a(mapped.bytes()));
}

}  // namespace

std::string absolute(const std::string& path) {
  return fs::absolute(path).lexically_normal().string();
}

Network find_network(RunConfig& config) {
  Network network;
  if (is_file_model(config.model)) {
    AIFT_EXPECT(config.weights.empty() || config.weights == "none", ValueError,
                "--model {} brings its own weights; leave --weights {} out.", config.model,
                config.weights);
    AIFT_EXPECT(config.start != "scratch", ValueError,
                "--start scratch needs the name of an architecture; --model {} is a file.",
                config.model);
    config.weights.clear();
    config.model = absolute(config.model);
    std::error_code error;
    AIFT_EXPECT(
        fs::is_regular_file(config.model, error), IoError,
        "--model {} is not there; give a file or one of the names that `aift models` lists.",
        config.model);
    network.weights = config.model;
    network.description = content_of(config.model);
    if (fs::path(config.model).extension() != ".safetensors") {
      AIFT_EXPECT(
          config.first != "imagenet", ValueError,
          "--first imagenet needs a network with ImageNet's classes; the TorchScript file {} "
          "has those of the data. Take --first random.",
          config.model);
      network.script = true;
      return network;
    }
    const auto metadata = io::read_safetensors(config.model).metadata();
    const auto at = metadata.find("architecture");
    AIFT_EXPECT(at != metadata.end(), IoError,
                "{} does not say of which architecture it is; name one with --model and give the "
                "file to --weights.",
                config.model);
    network.architecture = nn::architecture(at->second).name;
    return network;
  }
  network.architecture = nn::architecture(config.model).name;
  if (config.weights.empty()) config.weights = config.start == "scratch" ? "none" : "imagenet";
  if (config.weights == "none") {
    network.description = "none";
    return network;
  }
  if (config.weights == "imagenet") {
    network.weights = nn::find_weights(network.architecture);
  } else {
    config.weights = absolute(config.weights);
    network.weights = config.weights;
    std::error_code error;
    AIFT_EXPECT(fs::is_regular_file(network.weights, error), IoError,
                "--weights {} is not there; give a safetensors file, imagenet or none.",
                config.weights);
  }
  network.description = content_of(network.weights);
  return network;
}

std::unique_ptr<Model> load_network(const RunConfig& config, const Network& network,
                                    const std::vector<std::string>& class_names) {
  const auto classes = static_cast<index_t>(class_names.size());
  if (network.script) {
    std::unique_ptr<Model> model = nn::load_model(config.model, {.input_size = config.input_size});
    AIFT_EXPECT(model->info().classes == classes, ShapeError,
                "--model {} gives {} logits per image, and the data has {} classes; a TorchScript "
                "file needs one output per class of the data, in their order.",
                config.model, model->info().classes, classes);
    return nn::with_class_names(*model, class_names);
  }
  std::unique_ptr<Model> model =
      network.weights.empty()
          ? nn::make_model(network.architecture, classes, config.input_size, config.seed)
          : nn::load_pretrained(network.architecture, network.weights, classes, config.input_size,
                                config.seed);
  // A head for other classes keeps their names: the trainer then makes a new one.
  const bool own_head = static_cast<index_t>(model->info().class_names.size()) == classes;
  return own_head ? std::move(model) : nn::with_class_names(*model, class_names);
}

std::string find_gpu(const RunConfig& config, const Network& network) {
  if (config.device == "cpu") return {};
  AIFT_EXPECT(!network.script, ValueError,
              "--device cuda takes the networks that `aift models` lists; the TorchScript file {} "
              "runs with --device cpu.",
              config.model);
  try {
    return nn::gpu_name();
  } catch (const ValueError& error) {
    throw ValueError(fmt::format("--device cuda cannot be used: {}", error.what()));
  }
}

std::unique_ptr<Model> placed(std::unique_ptr<Model> model, const RunConfig& config) {
  if (config.device == "cpu") return model;
  return nn::on_gpu(*model,
                    config.forward == "bf16" ? nn::ForwardType::bf16 : nn::ForwardType::f32);
}

StartFrom start_from(const std::string& word) {
  return word == "scratch"      ? StartFrom::scratch
         : word == "pretrained" ? StartFrom::pretrained
                                : StartFrom::current;
}

TrainSet train_set_from(const std::string& word) {
  return word == "new" ? TrainSet::only_new : word == "hard" ? TrainSet::hard : TrainSet::all;
}

std::string joined(const OptionMap& options) {
  std::string text;
  for (const auto& [key, value] : options) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", key, value);
  }
  return text.empty() ? "defaults" : text;
}

std::string joined(const ViewRanges& ranges) {
  std::string text;
  for (const auto& [name, member] : io::kViewFields) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, io::shortest(ranges.*member));
  }
  return text;
}

std::string preparation_word(const RunConfig& config) {
  const std::string text = config.preparation().text();
  return text.empty() ? "none" : text;
}

}  // namespace aift::app
