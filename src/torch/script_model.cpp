// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/script.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/torch/models.hpp>

#include "networks.hpp"
#include "predict_buffers.hpp"
#include "script_model.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

constexpr index_t kForwardBatch = 32;
/// Name of the text in the file beside the module that says how frames were prepared.
constexpr const char* kPreparation = "frame_preparation";

/// The sentence that matters of what LibTorch says, which stands last, behind the script's stack.
std::string last_line(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error != nullptr ? torch_error->what_without_backtrace() : error.what();
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

/// What forward() gave: logits, and features where there are any.
struct Output {
  Tensor logits;
  Tensor features;
};

/// Without the optimisations that start after some calls and change the last bits: a run that is
/// resumed gives the same numbers as one that never stopped.
Output run_script(torch::jit::Module& module, const std::string& file, const Tensor& x) {
  const torch::jit::GraphOptimizerEnabledGuard optimizer(false);
  const index_t n = x.size(0);
  c10::IValue value;
  try {
    value = module.forward({x});
  } catch (const std::exception& error) {
    AIFT_EXPECT(false, ValueError,
                "The TorchScript model {} could not process patches of {} x {} x {} ({}); give the "
                "input size that it was made for.",
                file, x.size(1), x.size(2), x.size(3), last_line(error));
  }
  Output out;
  if (value.isTensor()) {
    out.logits = value.toTensor();
  } else if (value.isTuple() && value.toTupleRef().elements().size() == 2 &&
             value.toTupleRef().elements()[0].isTensor() &&
             value.toTupleRef().elements()[1].isTensor()) {
    out.logits = value.toTupleRef().elements()[0].toTensor();
    out.features = value.toTupleRef().elements()[1].toTensor();
  }
  AIFT_EXPECT(out.logits.defined(), ShapeError,
              "The TorchScript model {} must give logits or a tuple (logits, features); got {}.",
              file, value.tagKind());
  AIFT_EXPECT(out.logits.dim() == 2 && out.logits.size(0) == n, ShapeError,
              "The TorchScript model {} must give logits [n, K] with one row per patch; got rank "
              "{} with {} rows for {} patches.",
              file, out.logits.dim(), out.logits.dim() > 0 ? out.logits.size(0) : 0, n);
  out.logits = out.logits.to(torch::kFloat32).contiguous();
  if (out.features.defined()) {
    AIFT_EXPECT(out.features.dim() == 2 && out.features.size(0) == n, ShapeError,
                "The features of the TorchScript model {} must be [n, d]; got rank {}.", file,
                out.features.dim());
    out.features = out.features.to(torch::kFloat32).contiguous();
  }
  return out;
}

/// A copy that shares nothing; the same parameters require a gradient.
torch::jit::Module deep_copy(const torch::jit::Module& module) {
  const torch::NoGradGuard no_gradients;  // a copy with gradients would hang on the original
  torch::jit::Module copy = module.deepcopy();
  const auto copies = copy.parameters();
  auto to = copies.begin();
  for (const Tensor& from : module.parameters()) {
    (*to).set_requires_grad(from.requires_grad());
    ++to;
  }
  return copy;
}

}  // namespace

// ---------------------------------------------------------------------------------------- network

ScriptNetwork::ScriptNetwork(torch::jit::Module module, std::string file, index_t classes)
    : module_(std::move(module)), file_(std::move(file)) {
  const torch::NoGradGuard no_gradients;
  module_.eval();
  std::set<const void*> known;  // a tensor may have several names
  const auto first = [&](const Tensor& tensor) {
    return known.insert(tensor.unsafeGetTensorImpl()).second;
  };
  const auto own_name = [](std::string name) {
    std::replace(name.begin(), name.end(), '.', '/');  // of a part, in the names of modules
    return name;
  };
  for (const auto& item : module_.named_parameters()) {
    Tensor tensor = item.value;
    if (!first(tensor)) continue;
    if (tensor.requires_grad()) {
      AIFT_EXPECT(tensor.scalar_type() == torch::kFloat32, ValueError,
                  "Fine-tuning needs float32 weights; '{}' of the TorchScript model {} has {}. "
                  "Export it in float32.",
                  item.name, file_, torch::toString(tensor.scalar_type()));
      if (!tensor.is_contiguous()) tensor.set_data(tensor.contiguous());
      tunable_.push_back(tensor);
    }
    register_parameter(own_name(item.name), tensor, tensor.requires_grad());
  }
  for (const auto& item : module_.named_buffers()) {
    if (first(item.value)) register_buffer(own_name(item.name), item.value);
  }
  head_.weight = register_parameter("aift/head_weight", torch::eye(classes), false);
  head_.bias = register_parameter("aift/head_bias", torch::zeros({classes}), false);
  eval();
}

Tensor ScriptNetwork::run(Tensor x, index_t first, index_t last) {
  return first == last ? x : run_script(module_, file_, x).logits;
}

std::shared_ptr<Network> ScriptNetwork::make_like(index_t classes) const {
  const index_t own = head_.weight.size(0);
  AIFT_EXPECT(
      classes == own, ShapeError,
      "The TorchScript model {} gives {} logits per patch, and {} classes are to be learnt; "
      "export it with one output per class.",
      file_, own, classes);
  return std::make_shared<ScriptNetwork>(module(), file_, classes);
}

torch::jit::Module ScriptNetwork::module() const {
  torch::jit::Module copy = deep_copy(module_);
  // While it is trained the flags are the trainer's.
  std::set<const void*> tunable;
  for (const Tensor& tensor : tunable_)
    tunable.insert(tensor.unsafeGetTensorImpl());
  const auto copies = copy.parameters();
  auto to = copies.begin();
  for (const Tensor& from : module_.parameters()) {
    (*to).set_requires_grad(tunable.contains(from.unsafeGetTensorImpl()));
    ++to;
  }
  return copy;
}

// ---------------------------------------------------------------------------------------- model

ScriptModel::ScriptModel(torch::jit::Module module, std::string file, ModelInfo info)
    : module_(std::move(module)), file_(std::move(file)), info_(std::move(info)) {
  const torch::NoGradGuard no_gradients;
  module_.eval();
  const PatchFormat& input = info_.input;
  const Output output =
      run_script(module_, file_, torch::zeros({1, input.channels, input.height, input.width}));
  info_.classes = output.logits.size(1);
  info_.feature_size = output.features.defined() ? output.features.size(1) : 0;
  AIFT_EXPECT(info_.classes >= 2, ShapeError,
              "The TorchScript model {} must give logits [n, K] with K >= 2; got K = {}.", file_,
              info_.classes);
  AIFT_EXPECT(info_.class_names.empty() || std::ssize(info_.class_names) == info_.classes,
              ShapeError, "The model has {} classes, but {} class names came.", info_.classes,
              info_.class_names.size());
  info_.file_type = ".pt";
}

void ScriptModel::predict(std::span<const float> patches, index_t n, std::span<float> logits,
                          std::span<float> features) const {
  const PatchFormat& input = info_.input;
  expect_predict_buffers(info_, patches, n, logits, features);
  const torch::NoGradGuard no_gradients;
  for (index_t first = 0; first < n; first += kForwardBatch) {
    const index_t count = std::min(kForwardBatch, n - first);
    const Output output = run_script(
        module_, file_,
        torch::from_blob(const_cast<float*>(patches.data() + first * input.elements()),
                         {count, input.channels, input.height, input.width}, torch::kFloat32));
    AIFT_EXPECT(output.logits.size(1) == info_.classes, ShapeError,
                "The TorchScript model {} gave {} logits per patch first and now {}.", file_,
                info_.classes, output.logits.size(1));
    std::memcpy(logits.data() + first * info_.classes, output.logits.const_data_ptr<float>(),
                static_cast<std::size_t>(output.logits.numel()) * sizeof(float));
    if (!features.empty()) {
      AIFT_EXPECT(
          output.features.defined() && output.features.numel() == count * info_.feature_size,
          ShapeError, "The TorchScript model {} gave other features than the first time.", file_);
      std::memcpy(features.data() + first * info_.feature_size,
                  output.features.const_data_ptr<float>(),
                  static_cast<std::size_t>(output.features.numel()) * sizeof(float));
    }
  }
}

void ScriptModel::save(const std::filesystem::path& file) const {
  std::ostringstream bytes;
  torch::jit::ExtraFilesMap extra;
  if (!info_.preparation.empty()) extra[kPreparation] = info_.preparation;
  module_.save(bytes, extra);
  const std::string text = bytes.str();
  io::write_file_atomically(file, std::as_bytes(std::span(text)));
}

std::unique_ptr<Model> ScriptModel::clone() const {
  return std::make_unique<ScriptModel>(deep_copy(module_), file_, info_);
}

std::unique_ptr<Model> ScriptModel::with_names(std::vector<std::string> names) const {
  ModelInfo info = info_;
  info.class_names = std::move(names);
  return std::make_unique<ScriptModel>(deep_copy(module_), file_, std::move(info));
}

std::unique_ptr<Model> ScriptModel::with_preparation(std::string preparation) const {
  ModelInfo info = info_;
  info.preparation = std::move(preparation);
  return std::make_unique<ScriptModel>(deep_copy(module_), file_, std::move(info));
}

std::shared_ptr<ScriptNetwork> ScriptModel::network() const {
  return std::make_shared<ScriptNetwork>(deep_copy(module_), file_, info_.classes);
}

std::unique_ptr<Model> load_script_model(const std::filesystem::path& file,
                                         const LoadOptions& options) {
  ModelInfo info;
  info.architecture = "torchscript";
  info.input = options.torchscript_input;
  if (options.input_size > 0) info.input.height = info.input.width = options.input_size;
  if (info.input.height == 0) info.input.height = 224;
  if (info.input.width == 0) info.input.width = info.input.height;
  info.class_names = options.class_names;
  try {
    torch::jit::ExtraFilesMap extra{{kPreparation, ""}};
    torch::jit::Module module = torch::jit::load(file.string(), torch::kCPU, extra);
    info.preparation = extra[kPreparation];
    return std::make_unique<ScriptModel>(std::move(module), file.string(), std::move(info));
  } catch (const c10::Error&) {
    AIFT_EXPECT(
        false, IoError,
        "{} is not a TorchScript module; a state_dict saved by Python becomes readable with "
        "scripts/convert_weights.py --from.",
        file.string());
  }
  return nullptr;
}

std::unique_ptr<Model> script_with_class_names(const Model& model, std::vector<std::string> names) {
  const auto* script = dynamic_cast<const ScriptModel*>(&model);
  return script != nullptr ? script->with_names(std::move(names)) : nullptr;
}

std::unique_ptr<Model> script_with_preparation(const Model& model, std::string preparation) {
  const auto* script = dynamic_cast<const ScriptModel*>(&model);
  return script != nullptr ? script->with_preparation(std::move(preparation)) : nullptr;
}

}  // namespace aift::nn
