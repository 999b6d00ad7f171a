// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <torch/script.h>

#include <aift/loop/model.hpp>
#include <aift/torch/module_model.hpp>

namespace aift::nn {

/// A TorchScript module as a Network of one stage, so that it can be trained like one: the "pooled
/// features" are the logits themselves, and the head is the identity. The module stays in
/// evaluation mode.
class ScriptNetwork final : public Network {
 public:
  /// The module becomes the network's own. `file` is for messages.
  ScriptNetwork(torch::jit::Module module, std::string file, index_t classes);

  [[nodiscard]] index_t stages() const override { return 1; }
  [[nodiscard]] torch::Tensor run(torch::Tensor x, index_t first, index_t last) override;
  /// Those that require a gradient in the file, each once.
  [[nodiscard]] std::vector<torch::Tensor> stage_parameters(index_t) const override {
    return tunable_;
  }
  [[nodiscard]] Head head() const override { return head_; }
  /// A copy, weights included. throws ShapeError for another number of classes
  [[nodiscard]] std::shared_ptr<Network> make_like(index_t classes) const override;

  /// A copy of the module as it is now, in which the same parameters require a gradient as in the
  /// file.
  [[nodiscard]] torch::jit::Module module() const;
  [[nodiscard]] const std::string& file() const noexcept { return file_; }

 private:
  mutable torch::jit::Module module_;  // forward() is not const in LibTorch
  std::string file_;
  std::vector<torch::Tensor> tunable_;
  Head head_;
};

/// A TorchScript module as a Model.
class ScriptModel final : public Model {
 public:
  /// Runs the module once on zeros to learn the numbers of classes and features.
  /// throws ShapeError, ValueError
  ScriptModel(torch::jit::Module module, std::string file, ModelInfo info);

  [[nodiscard]] const ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override;
  void save(const std::filesystem::path& file) const override;
  [[nodiscard]] std::unique_ptr<Model> clone() const override;
  [[nodiscard]] std::unique_ptr<Model> with_names(std::vector<std::string> names) const;
  [[nodiscard]] std::unique_ptr<Model> with_preparation(std::string preparation) const;

  /// A network of its own with the same weights.
  [[nodiscard]] std::shared_ptr<ScriptNetwork> network() const;

 private:
  mutable torch::jit::Module module_;  // forward() is not const in LibTorch
  std::string file_;
  ModelInfo info_;
};

}  // namespace aift::nn
