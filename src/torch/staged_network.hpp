// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <aift/torch/module_model.hpp>

namespace aift::nn {

/// A convolution (weight [out, in, k, k]) or a fully connected layer (weight [out, in]), with batch
/// norm and ReLU where it has them. Shares its tensors with the network that registered them.
struct Layer {
  torch::Tensor weight;
  torch::Tensor bias;  ///< undefined where there is none
  torch::nn::BatchNorm2d norm{nullptr};
  std::int64_t stride = 1;
  std::int64_t padding = 0;
  bool relu = true;

  /// In evaluation mode batch norm is folded into the weights, differentiably; in training mode it
  /// uses and updates the statistics of the batch.
  [[nodiscard]] torch::Tensor operator()(const torch::Tensor& x) const;
  /// A layer of its own without batch norm that gives the same in evaluation mode.
  [[nodiscard]] Layer folded() const;
};

/// One stage: its layers, and how they are put together. The function must hold nothing but
/// structure, as the compiled copy of a network calls it with folded layers.
using Layers = std::span<const Layer>;
struct Stage {
  std::vector<Layer> layers;
  std::function<torch::Tensor(Layers, const torch::Tensor&)> forward;
};

/// A network that is a list of stages; parameters have the dotted names of a Python state_dict.
/// Convolutions and fully connected layers start without values, biases at zero, batch norm as the
/// identity.
class StagedNetwork final : public Network {
 public:
  using Make = std::shared_ptr<Network> (*)(index_t classes);
  /// make  what builds such a network with another number of classes
  explicit StagedNetwork(Make make) : make_(make) {}

  /// Size of a convolution.
  struct Convolution {
    std::int64_t in, out, kernel, stride = 1, padding = 0;
    bool relu = true;
    bool bias_before_norm = false;  ///< a bias although a batch norm follows, as in VGG
  };
  /// A convolution with a bias: <name>.weight, <name>.bias.
  [[nodiscard]] Layer convolution(const std::string& name, const Convolution& size);
  /// A convolution, <name>.weight, as a rule without a bias, and its batch norm <norm>.*.
  [[nodiscard]] Layer convolution(const std::string& name, const std::string& norm,
                                  const Convolution& size, double eps = 1e-5);
  /// A fully connected layer with a ReLU: <name>.weight, <name>.bias.
  [[nodiscard]] Layer connected(const std::string& name, std::int64_t in, std::int64_t out);
  void add(Stage stage) { stages_.push_back(std::move(stage)); }
  /// Registers the head; the network is complete and in evaluation mode.
  void finish(const std::string& head, std::int64_t features, index_t classes);

  [[nodiscard]] index_t stages() const override { return std::ssize(stages_); }
  [[nodiscard]] torch::Tensor run(torch::Tensor x, index_t first, index_t last) override;
  [[nodiscard]] std::vector<torch::Tensor> stage_parameters(index_t stage) const override;
  [[nodiscard]] Head head() const override { return head_; }
  [[nodiscard]] std::shared_ptr<Network> make_like(index_t classes) const override {
    return make_(classes);
  }
  [[nodiscard]] Compiled compile(index_t first, index_t last) const override;

 private:
  /// Registers a tensor under a dotted name.
  torch::Tensor parameter(const std::string& name, torch::Tensor value);

  Make make_;
  std::vector<Stage> stages_;
  Head head_;
};

/// The last stage of most networks: the mean over all positions.
[[nodiscard]] Stage mean_pool();

}  // namespace aift::nn
