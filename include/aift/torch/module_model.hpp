// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <torch/torch.h>

#include <aift/loop/device_pipeline.hpp>
#include <aift/loop/model.hpp>
#include <aift/torch/device.hpp>
#include <aift/torch/models.hpp>

namespace aift::nn {

/// A network that can be fine-tuned: stages from the input on, pooled features, a linear head.
/// For people who bring their own torch::nn module; the only header of the part that shows
/// LibTorch.
///
/// Batch norm follows torch::nn::Module::train(): in evaluation mode run() uses the running
/// statistics (and lets gradients through), in training mode those of the batch.
class Network : public torch::nn::Module {
 public:
  /// Number of stages; run(x, 0, stages()) gives the pooled features.
  [[nodiscard]] virtual index_t stages() const = 0;
  /// x: [n, C, H, W] when first == 0, else what run(.., first) gave -> what stage last - 1 gives;
  /// [n, d] when last == stages(). 0 <= first <= last.
  [[nodiscard]] virtual torch::Tensor run(torch::Tensor x, index_t first, index_t last) = 0;
  /// Parameters of one stage, in a fixed order.
  [[nodiscard]] virtual std::vector<torch::Tensor> stage_parameters(index_t stage) const = 0;
  /// The linear layer behind the features: weight [K, d], bias [K], both parameters of the network.
  struct Head {
    torch::Tensor weight;  ///< [K, d]
    torch::Tensor bias;    ///< [K]
  };
  /// The layer itself, not a copy: training changes it.
  [[nodiscard]] virtual Head head() const = 0;
  /// A network of the same architecture with `classes` outputs; its weights may be anything.
  [[nodiscard]] virtual std::shared_ptr<Network> make_like(index_t classes) const = 0;

  /// What run(x, first, last) gives in evaluation mode, without gradients, as quickly as possible.
  using Compiled = std::function<torch::Tensor(const torch::Tensor&)>;
  /// A Compiled over copies of the weights as they are now: it stays valid, with the old result,
  /// when the network is changed or destroyed. The default copies the network and calls run().
  [[nodiscard]] virtual Compiled compile(index_t first, index_t last) const;
};

/// Copies parameters and buffers by name; `head` false leaves the head of `to` alone.
/// throws ShapeError naming the first tensor that does not fit
void copy_tensors(const Network& from, Network& to, bool head = true);

/// How a model gets from its network's head to logits.
enum class HeadForm : std::uint8_t {
  /// linear(features, weight, bias)
  linear,
  /// The mean over all positions of relu(weight x + bias), where x [n, d, H, W] is what the last
  /// stage is given and the features are its mean over all positions: SqueezeNet's head as it is
  /// published. A trained head is linear.
  rectified,
};

/// A Network as a Model: prediction, files, copies.
///
/// file  safetensors: every parameter and buffer under its name, metadata aift_format,
///       aift_version, architecture, classes, class_name_<k>, input_channels, input_height, input_width,
///       input_mean, input_std, fits, and frame_preparation where it is known. load_model reads it
///       when the architecture is one of the library; with a network of your own, make it and call
///       load_tensors. The weight of a rectified head is stored as [K, d, 1, 1], that of a linear
///       one as [K, d].
/// thread rule: one call at a time per object
class ModuleModel final : public Model {
 public:
  /// info.architecture, info.input and info.class_names are the caller's; classes and feature_size
  /// are taken from the network's head. `fits`: how often a trainer has fitted it to this task; 0
  /// says that the head knows nothing of the classes yet. Where the network lives, it predicts;
  /// `forward` says in which numbers. throws ShapeError (class names, input without extent)
  ModuleModel(std::shared_ptr<Network> network, ModelInfo info, index_t fits = 0,
              HeadForm head_form = HeadForm::linear, ForwardType forward = ForwardType::f32);
  ~ModuleModel() override;

  [[nodiscard]] const ModelInfo& info() const noexcept override { return info_; }
  void predict(std::span<const float> patches, index_t n, std::span<float> logits,
               std::span<float> features) const override;
  void save(const std::filesystem::path& file) const override;
  [[nodiscard]] std::unique_ptr<Model> clone() const override;
  /// Of a network on a GPU, in a build with aift::cuda; else null.
  [[nodiscard]] const DevicePipeline* device_pipeline() const noexcept override {
    return pipeline_.get();
  }

  /// The network itself. Whoever changes its weights calls weights_changed() afterwards.
  [[nodiscard]] const std::shared_ptr<Network>& network() const noexcept { return network_; }
  /// Forgets what was compiled from the old weights.
  void weights_changed() { predictor_ = nullptr; }
  /// How often a trainer has fitted it to its classes.
  [[nodiscard]] index_t fits() const noexcept { return fits_; }
  /// How its head gives logits.
  [[nodiscard]] HeadForm head_form() const noexcept { return head_form_; }
  /// The numbers it predicts in.
  [[nodiscard]] ForwardType forward() const noexcept { return forward_; }

 private:
  [[nodiscard]] const Network::Compiled& predictor() const;

  std::shared_ptr<Network> network_;
  ModelInfo info_;
  index_t fits_ = 0;
  HeadForm head_form_ = HeadForm::linear;
  ForwardType forward_ = ForwardType::f32;
  mutable Network::Compiled predictor_;
  std::unique_ptr<DevicePipeline> pipeline_;
};

/// Fills every parameter and buffer of a network from a safetensors file.
///
/// Checked by name, type (F32, F16, BF16 and F64 are converted to the network's own) and shape
/// before anything is changed; counters of batch norm are ignored; a tensor that the network does
/// not have is refused. `head` false: the head of the file is ignored.
/// throws IoError, ShapeError: the first offending tensor by name, in the network's order
void load_tensors(Network& network, const std::filesystem::path& file,
                  std::string_view architecture, bool head = true);

/// EfficientNet-Lite0 with the parameter names of the Python package efficientnet_lite_pytorch;
/// 18 stages: stem, 16 inverted bottlenecks, head convolution with pooling. Features: 1280.
///
/// Source: Tan and Le, ICML 2019 (EfficientNet); the Lite variant of the TensorFlow TPU models: no
/// squeeze and excitation, ReLU6, stem and head not scaled. Padding "same" as in TensorFlow: when
/// it is odd, the extra row and column lie at the bottom and right; computed from the actual input
/// size, which for multiples of 32 equals the package's padding for its fixed 224.
[[nodiscard]] std::shared_ptr<Network> make_efficientnet_lite0(index_t classes);

/// Any network of the library, see architectures() and docs/models.md: to be filled by load_tensors
/// or by hand, as its convolutions and fully connected layers have no values yet (biases are zero,
/// batch norm is the identity). make_model gives one with values.
/// throws ValueError (unknown architecture, fewer than two classes)
[[nodiscard]] std::shared_ptr<Network> make_network(const std::string& architecture,
                                                    index_t classes);

}  // namespace aift::nn
