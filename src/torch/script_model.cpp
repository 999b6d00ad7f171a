// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

#include <torch/script.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/torch/models.hpp>

#include "networks.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

constexpr index_t kForwardBatch = 32;

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

class ScriptModel final : public Model {
 public:
  ScriptModel(torch::jit::Module module, std::string file, ModelInfo info)
      : module_(std::move(module)), file_(std::move(file)), info_(std::move(info)) {
    module_.eval();
    const PatchFormat& input = info_.input;
    const Output output = forward(torch::zeros({1, input.channels, input.height, input.width}), 1);
    info_.classes = output.logits.size(1);
    info_.feature_size = output.features.defined() ? output.features.size(1) : 0;
    AIFT_EXPECT(info_.classes >= 2, ShapeError,
                "The TorchScript model {} must give logits [n, K] with K >= 2; got K = {}.", file_,
                info_.classes);
    AIFT_EXPECT(info_.class_names.empty() || std::ssize(info_.class_names) == info_.classes,
                ShapeError, "The model has {} classes, but {} class names came.", info_.classes,
                info_.class_names.size());
  }

  [[nodiscard]] const ModelInfo& info() const noexcept override { return info_; }

  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override {
    const PatchFormat& input = info_.input;
    AIFT_EXPECT(n >= 0 && std::ssize(patches) == n * input.elements(), ShapeError,
                "{} patches of {} x {} x {} are {} values; got {}.", n, input.channels,
                input.height, input.width, n * input.elements(), patches.size());
    AIFT_EXPECT(std::ssize(logits) == n * info_.classes, ShapeError,
                "Logits of {} patches and {} classes need room for {} values; got {}.", n,
                info_.classes, n * info_.classes, logits.size());
    AIFT_EXPECT(features.empty() ||
                    (info_.feature_size > 0 && std::ssize(features) == n * info_.feature_size),
                ShapeError,
                "The TorchScript model gives {} features per patch, so features of {} patches need "
                "room for {} values or none; got {}.",
                info_.feature_size, n, n * info_.feature_size, features.size());
    const torch::NoGradGuard no_gradients;
    for (index_t first = 0; first < n; first += kForwardBatch) {
      const index_t count = std::min(kForwardBatch, n - first);
      const Output output = forward(
          torch::from_blob(const_cast<float*>(patches.data() + first * input.elements()),
                           {count, input.channels, input.height, input.width}, torch::kFloat32),
          count);
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

  void save(const std::filesystem::path& file) const override {
    std::ostringstream bytes;
    module_.save(bytes);
    const std::string text = bytes.str();
    io::write_file_atomically(file, std::as_bytes(std::span(text)));
  }

  [[nodiscard]] std::unique_ptr<Model> clone() const override {
    return std::make_unique<ScriptModel>(module_.deepcopy(), file_, info_);
  }

  [[nodiscard]] std::unique_ptr<Model> with_names(std::vector<std::string> names) const {
    ModelInfo info = info_;
    info.class_names = std::move(names);
    return std::make_unique<ScriptModel>(module_.deepcopy(), file_, std::move(info));
  }

 private:
  [[nodiscard]] Output forward(const Tensor& x, index_t n) const {
    const torch::NoGradGuard no_gradients;
    c10::IValue value;
    try {
      value = module_.forward({x});
    } catch (const std::exception& error) {
      AIFT_EXPECT(
          false, ValueError,
          "The TorchScript model {} could not process patches of {} x {} x {} ({}); give the "
          "input size that it was made for.",
          file_, x.size(1), x.size(2), x.size(3), last_line(error));
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
                file_, value.tagKind());
    AIFT_EXPECT(out.logits.dim() == 2 && out.logits.size(0) == n, ShapeError,
                "The TorchScript model {} must give logits [n, K] with one row per patch; got rank "
                "{} with {} rows for {} patches.",
                file_, out.logits.dim(), out.logits.dim() > 0 ? out.logits.size(0) : 0, n);
    out.logits = out.logits.to(torch::kFloat32).contiguous();
    if (out.features.defined()) {
      AIFT_EXPECT(out.features.dim() == 2 && out.features.size(0) == n, ShapeError,
                  "The features of the TorchScript model {} must be [n, d]; got rank {}.", file_,
                  out.features.dim());
      out.features = out.features.to(torch::kFloat32).contiguous();
    }
    return out;
  }

  mutable torch::jit::Module module_;  // forward() is not const in LibTorch
  std::string file_;
  ModelInfo info_;
};

}  // namespace

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
    return std::make_unique<ScriptModel>(torch::jit::load(file.string(), torch::kCPU),
                                         file.string(), std::move(info));
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

}  // namespace aift::nn
