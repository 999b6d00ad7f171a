// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

namespace aift::nn {

using torch::Tensor;

DeviceSettings::DeviceSettings(torch::Device device, ForwardType type)
    : device_(device.type()),
      deterministic_(at::globalContext().deterministicCuDNN()),
      enabled_(at::autocast::is_autocast_enabled(device_)),
      cached_(at::autocast::is_autocast_cache_enabled()),
      type_(at::autocast::get_autocast_dtype(device_)) {
  if (!device.is_cpu()) at::globalContext().setDeterministicCuDNN(true);
  // Without the cache no copy of a weight outlives this object.
  at::autocast::set_autocast_cache_enabled(false);
  at::autocast::set_autocast_dtype(device_, torch::kBFloat16);
  at::autocast::set_autocast_enabled(device_, type == ForwardType::bf16);
}

DeviceSettings::~DeviceSettings() {
  at::autocast::set_autocast_enabled(device_, enabled_);
  at::autocast::set_autocast_dtype(device_, type_);
  at::autocast::set_autocast_cache_enabled(cached_);
  if (device_ != torch::kCPU) at::globalContext().setDeterministicCuDNN(deterministic_);
}

Predicted Forward::operator()(const Tensor& x) const {
  const torch::NoGradGuard no_gradients;
  Predicted out;
  {
    const DeviceSettings settings(device(), type);
    out.features = body(x);
  }
  // The head in float32: logits rounded to bfloat16 would have steps of 1/128 of their size.
  const DeviceSettings settings(device(), ForwardType::f32);
  const Tensor last = out.features.to(torch::kFloat32);
  if (form == HeadForm::rectified) {
    const Tensor weight = head.weight.unsqueeze(-1).unsqueeze(-1);
    out.features = last.mean({2, 3}).contiguous();
    out.logits = torch::conv2d(last, weight, head.bias).relu_().mean({2, 3}).contiguous();
    return out;
  }
  out.features = last.contiguous();
  out.logits = torch::linear(out.features, head.weight, head.bias).contiguous();
  return out;
}

std::shared_ptr<Network> make_beside(const Network& network, index_t classes) {
  std::shared_ptr<Network> other = network.make_like(classes);
  other->to(network.head().weight.device());
  return other;
}

}  // namespace aift::nn
