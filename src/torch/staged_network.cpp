// SPDX-License-Identifier: Apache-2.0
#include "staged_network.hpp"

#include <utility>

#include <aift/core/error.hpp>

namespace aift::nn {
namespace {

using torch::Tensor;

/// The module at a dotted path below `root`, made where it is not there yet.
torch::nn::Module& module_at(torch::nn::Module& root, std::string_view path) {
  torch::nn::Module* at = &root;
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string name(path.substr(0, dot));
    path.remove_prefix(std::min(dot + 1, path.size()));
    const auto children = at->named_children();
    const std::shared_ptr<torch::nn::Module>* child = children.find(name);
    at = child != nullptr ? child->get()
                          : at->register_module(name, std::make_shared<torch::nn::Module>()).get();
  }
  return *at;
}

/// "layer1.0.bn1" -> "layer1.0", "bn1".
std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return {"", name};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

/// Weights and bias with the running statistics folded in; differentiable in all parameters.
std::pair<Tensor, Tensor> fold(const Layer& layer) {
  if (layer.norm.is_empty()) return {layer.weight, layer.bias};
  const auto& norm = *layer.norm;
  const Tensor scale = norm.weight * torch::rsqrt(norm.running_var + norm.options.eps());
  const Tensor mean = layer.bias.defined() ? norm.running_mean - layer.bias : norm.running_mean;
  return {layer.weight * scale.view({-1, 1, 1, 1}), norm.bias - mean * scale};
}

}  // namespace

Tensor Layer::operator()(const Tensor& x) const {
  Tensor y;
  if (weight.dim() == 2) {
    y = torch::linear(x, weight, bias);
  } else if (!norm.is_empty() && norm->is_training()) {
    y = torch::batch_norm(torch::conv2d(x, weight, bias, stride, padding), norm->weight, norm->bias,
                          norm->running_mean, norm->running_var, true,
                          norm->options.momentum().value(), norm->options.eps(), false);
  } else {
    const auto [w, b] = fold(*this);
    y = torch::conv2d(x, w, b, stride, padding);
  }
  return relu ? y.relu_() : y;
}

Layer Layer::folded() const {
  const torch::NoGradGuard no_gradients;
  Layer out = *this;
  out.norm = nullptr;
  const auto [w, b] = fold(*this);
  out.weight = w.detach().clone(w.dim() == 4 ? torch::MemoryFormat::ChannelsLast
                                             : torch::MemoryFormat::Contiguous);
  out.bias = b.detach().clone();
  return out;
}

Tensor StagedNetwork::parameter(const std::string& name, Tensor value) {
  const auto [path, last] = split(name);
  return module_at(*this, path).register_parameter(last, std::move(value));
}

Layer StagedNetwork::convolution(const std::string& name, const Convolution& size) {
  Layer layer;
  layer.weight =
      parameter(name + ".weight", torch::empty({size.out, size.in, size.kernel, size.kernel}));
  layer.bias = parameter(name + ".bias", torch::zeros({size.out}));
  layer.stride = size.stride;
  layer.padding = size.padding;
  layer.relu = size.relu;
  return layer;
}

Layer StagedNetwork::convolution(const std::string& name, const std::string& norm,
                                 const Convolution& size, double eps) {
  Layer layer;
  layer.weight =
      parameter(name + ".weight", torch::empty({size.out, size.in, size.kernel, size.kernel}));
  if (size.bias_before_norm) layer.bias = parameter(name + ".bias", torch::zeros({size.out}));
  const auto [path, last] = split(norm);
  layer.norm = module_at(*this, path)
                   .register_module(
                       last, torch::nn::BatchNorm2d(
                                 torch::nn::BatchNorm2dOptions(size.out).eps(eps).momentum(0.1)));
  layer.stride = size.stride;
  layer.padding = size.padding;
  layer.relu = size.relu;
  return layer;
}

Layer StagedNetwork::connected(const std::string& name, std::int64_t in, std::int64_t out) {
  Layer layer;
  layer.weight = parameter(name + ".weight", torch::empty({out, in}));
  layer.bias = parameter(name + ".bias", torch::zeros({out}));
  return layer;
}

void StagedNetwork::finish(const std::string& head, std::int64_t features, index_t classes) {
  AIFT_EXPECT(classes >= 2, ValueError, "A network needs two classes or more; got {}.", classes);
  head_ = {parameter(head + ".weight", torch::empty({classes, features})),
           parameter(head + ".bias", torch::zeros({classes}))};
  eval();
}

Tensor StagedNetwork::run(Tensor x, index_t first, index_t last) {
  if (first == 0) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
  for (index_t stage = first; stage < last; ++stage) {
    const Stage& s = stages_[static_cast<std::size_t>(stage)];
    x = s.forward(s.layers, x);
  }
  return x;
}

std::vector<Tensor> StagedNetwork::stage_parameters(index_t stage) const {
  std::vector<Tensor> out;
  for (const Layer& layer : stages_[static_cast<std::size_t>(stage)].layers) {
    out.push_back(layer.weight);
    if (layer.bias.defined()) out.push_back(layer.bias);
    if (!layer.norm.is_empty()) {
      out.push_back(layer.norm->weight);
      out.push_back(layer.norm->bias);
    }
  }
  return out;
}

Network::Compiled StagedNetwork::compile(index_t first, index_t last) const {
  std::vector<Stage> stages;
  for (index_t stage = first; stage < last; ++stage) {
    Stage& copy = stages.emplace_back(stages_[static_cast<std::size_t>(stage)]);
    for (Layer& layer : copy.layers)
      layer = layer.folded();
  }
  return [stages = std::move(stages)](const Tensor& input) {
    const torch::NoGradGuard no_gradients;
    Tensor x = input.dim() == 4 ? input.contiguous(torch::MemoryFormat::ChannelsLast) : input;
    for (const Stage& stage : stages)
      x = stage.forward(stage.layers, x);
    return x;
  };
}

Stage mean_pool() {
  return {{}, [](Layers, const Tensor& x) { return x.mean({2, 3}); }};
}

}  // namespace aift::nn
