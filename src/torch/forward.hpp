// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/torch/device.hpp>
#include <aift/torch/module_model.hpp>

namespace aift::nn {

/// Features and logits of one forward pass, float32, on the network's device.
struct Predicted {
  torch::Tensor features;  ///< [n, d]
  torch::Tensor logits;    ///< [n, K]
};

/// A network ready to predict: where it lives, and in which numbers.
struct Forward {
  Network::Compiled body;  ///< patches to pooled features; rectified head: to what is pooled
  Network::Head head;
  ForwardType type = ForwardType::f32;
  HeadForm form = HeadForm::linear;

  [[nodiscard]] torch::Device device() const { return head.weight.device(); }
  /// x: [n, C, H, W] on the device, float32 or, for ForwardType::bf16, bfloat16. No gradients.
  [[nodiscard]] Predicted operator()(const torch::Tensor& x) const;
};

/// LibTorch's settings for work on a device, for as long as it lives: cuDNN's deterministic
/// algorithms on a GPU, and autocast to bfloat16 where asked for. Restored at the end.
class DeviceSettings {
 public:
  DeviceSettings(torch::Device device, ForwardType type);
  ~DeviceSettings();
  DeviceSettings(const DeviceSettings&) = delete;
  DeviceSettings& operator=(const DeviceSettings&) = delete;

 private:
  torch::DeviceType device_;
  bool deterministic_;
  bool enabled_;
  bool cached_;
  torch::ScalarType type_;
};

/// A network like this one, on its device.
[[nodiscard]] std::shared_ptr<Network> make_beside(const Network& network, index_t classes);

}  // namespace aift::nn
