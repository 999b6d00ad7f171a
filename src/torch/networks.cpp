// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <ATen/core/dispatch/Dispatcher.h>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/core/fnv.hpp"
#include "staged_network.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// A convolution's weights alone: torch::nn::Conv2d would draw its initial values from LibTorch's
/// global generator.
struct Weights final : torch::nn::Module {
  explicit Weights(torch::IntArrayRef shape)
      : weight(register_parameter("weight", torch::empty(shape))) {}
  Tensor weight;
};

struct LinearWeights final : torch::nn::Module {
  LinearWeights(index_t classes, index_t features)
      : weight(register_parameter("weight", torch::empty({classes, features}))),
        bias(register_parameter("bias", torch::empty({classes}))) {}
  Tensor weight;
  Tensor bias;
};

/// Padding "same": the output has ceil(extent / stride) positions, and an odd remainder lies at the
/// end. A convolution pads both sides alike, so an odd one is padded more and its first position
/// dropped, which costs less than a padded copy of the input.
struct SamePadding {
  std::int64_t padding = 0;
  std::int64_t dropped = 0;  ///< first output positions that are cut off
  std::int64_t output = 0;
};

SamePadding same_padding(std::int64_t extent, std::int64_t kernel, std::int64_t stride) {
  SamePadding s;
  s.output = (extent + stride - 1) / stride;
  const std::int64_t total = std::max<std::int64_t>((s.output - 1) * stride + kernel - extent, 0);
  s.padding = total / 2;
  if (total % 2 != 0) {
    // Output position i has to start at input position i * stride - total / 2; with padding
    // total / 2 + stride the same position is number i + 1.
    s.padding += stride;
    s.dropped = 1;
  }
  return s;
}

/// Outputs [dropped, dropped + output) in both directions.
Tensor cut(const Tensor& x, const SamePadding& rows, const SamePadding& columns) {
  Tensor y = x;
  if (y.size(2) != rows.output) y = y.slice(2, rows.dropped, rows.dropped + rows.output);
  if (y.size(3) != columns.output)
    y = y.slice(3, columns.dropped, columns.dropped + columns.output);
  return y;
}

/// Convolution, batch norm, and ReLU6 where `activation`.
struct ConvNorm {
  std::shared_ptr<Weights> conv;
  torch::nn::BatchNorm2d norm{nullptr};
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  bool activation = true;

  /// Weights and bias with the running statistics folded in; differentiable in all parameters.
  [[nodiscard]] std::pair<Tensor, Tensor> folded() const {
    const Tensor scale = norm->weight * torch::rsqrt(norm->running_var + norm->options.eps());
    return {conv->weight * scale.view({-1, 1, 1, 1}), norm->bias - norm->running_mean * scale};
  }

  [[nodiscard]] Tensor run(const Tensor& x, bool batch_statistics) const {
    const std::int64_t kernel = conv->weight.size(2);
    const SamePadding rows = same_padding(x.size(2), kernel, stride);
    const SamePadding columns = same_padding(x.size(3), kernel, stride);
    Tensor y;
    if (batch_statistics) {
      y = cut(
          torch::conv2d(x, conv->weight, {}, stride, {rows.padding, columns.padding}, 1, groups),
          rows, columns);
      y = torch::batch_norm(y, norm->weight, norm->bias, norm->running_mean, norm->running_var,
                            true, norm->options.momentum().value(), norm->options.eps(), false);
    } else {
      const auto [weight, bias] = folded();
      y = cut(torch::conv2d(x, weight, bias, stride, {rows.padding, columns.padding}, 1, groups),
              rows, columns);
    }
    return activation ? torch::relu6(y) : y;
  }

  [[nodiscard]] std::vector<Tensor> parameters() const {
    return {conv->weight, norm->weight, norm->bias};
  }
};

/// Expand, depthwise, project; plus the input where shapes allow.
struct Block final : torch::nn::Module {
  Block(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride,
        std::int64_t expand) {
    const std::int64_t inner = in * expand;
    if (expand != 1) add("_expand_conv", "_bn0", {inner, in, 1, 1}, 1, 1, true);
    add("_depthwise_conv", "_bn1", {inner, 1, kernel, kernel}, stride, inner, true);
    add("_project_conv", "_bn2", {out, inner, 1, 1}, 1, 1, false);
    skip = stride == 1 && in == out;
  }
  void add(const std::string& conv_name, const std::string& norm_name, torch::IntArrayRef shape,
           std::int64_t stride, std::int64_t groups, bool activation);
  [[nodiscard]] Tensor run(const Tensor& x, bool batch_statistics) const {
    Tensor y = x;
    for (const ConvNorm& layer : layers)
      y = layer.run(y, batch_statistics);
    return skip ? y + x : y;
  }
  std::vector<ConvNorm> layers;
  bool skip = false;
};

/// Batch norm of the package: torch's momentum is one minus TensorFlow's 0.99.
torch::nn::BatchNorm2d make_norm(std::int64_t channels) {
  return torch::nn::BatchNorm2d(torch::nn::BatchNorm2dOptions(channels).eps(1e-3).momentum(0.01));
}

void Block::add(const std::string& conv_name, const std::string& norm_name,
                torch::IntArrayRef shape, std::int64_t stride, std::int64_t groups,
                bool activation) {
  ConvNorm layer;
  layer.conv = register_module(conv_name, std::make_shared<Weights>(shape));
  layer.norm = register_module(norm_name, make_norm(shape[0]));
  layer.stride = stride;
  layer.groups = groups;
  layer.activation = activation;
  layers.push_back(std::move(layer));
}

// ------------------------------------------------------------------------------------ prediction

/// A layer with folded weights, and with the copy that oneDNN has packed for one input extent.
struct CompiledLayer {
  Tensor weight;
  Tensor bias;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t groups = 1;
  bool activation = true;
  Tensor packed;
  SamePadding rows;
  SamePadding columns;
};

struct CompiledStage {
  std::vector<CompiledLayer> layers;
  bool skip = false;
  bool pool = false;
};

/// oneDNN's convolution with a fused activation, which LibTorch offers to its own compiler: one
/// pass over memory where convolution and ReLU6 take two. Called through the dispatcher by schema,
/// so that a LibTorch without it only costs speed.
class FusedConvolution {
 public:
  FusedConvolution() {
    if (!at::globalContext().userEnabledMkldnn() || !at::hasMKLDNN()) return;
    auto& dispatcher = c10::Dispatcher::singleton();
    convolve_ = dispatcher.findSchema({"mkldnn::_convolution_pointwise", ""});
    pack_ = dispatcher.findSchema({"mkldnn::_reorder_convolution_weight", ""});
    if (!convolve_ || !pack_ || convolve_->schema().arguments().size() != 10 ||
        pack_->schema().arguments().size() != 6) {
      convolve_.reset();
    }
  }
  [[nodiscard]] bool available() const { return convolve_.has_value(); }

  [[nodiscard]] Tensor pack(const CompiledLayer& layer, torch::IntArrayRef input) const {
    torch::jit::Stack stack;
    torch::jit::push(stack, layer.weight, padding(layer), both(layer.stride), both(1), layer.groups,
                     input.vec());
    pack_->callBoxed(stack);
    return stack.back().toTensor();
  }

  [[nodiscard]] Tensor convolve(const Tensor& x, const CompiledLayer& layer) const {
    c10::List<std::optional<at::Scalar>> bounds;
    if (layer.activation) {
      bounds.push_back(at::Scalar(0.0));
      bounds.push_back(at::Scalar(6.0));
    }
    torch::jit::Stack stack;
    torch::jit::push(stack, x, layer.packed, layer.bias, padding(layer), both(layer.stride),
                     both(1), layer.groups, std::string(layer.activation ? "hardtanh" : "none"),
                     bounds, std::string());
    convolve_->callBoxed(stack);
    return stack.back().toTensor();
  }

 private:
  static std::vector<std::int64_t> both(std::int64_t v) { return {v, v}; }
  static std::vector<std::int64_t> padding(const CompiledLayer& layer) {
    return {layer.rows.padding, layer.columns.padding};
  }
  std::optional<c10::OperatorHandle> convolve_;
  std::optional<c10::OperatorHandle> pack_;
};

/// Stages with batch norm folded into the convolutions.
class CompiledNetwork {
 public:
  explicit CompiledNetwork(std::vector<CompiledStage> stages) : stages_(std::move(stages)) {}

  [[nodiscard]] Tensor run(const Tensor& input) {
    const torch::NoGradGuard no_gradients;
    const bool fused = fused_.available() && input.device().is_cpu() &&
                       input.scalar_type() == torch::kFloat32 && input.size(0) > 0;
    if (fused) prepare(input);
    Tensor x = input.contiguous(torch::MemoryFormat::ChannelsLast);
    for (const CompiledStage& stage : stages_) {
      Tensor y = x;
      for (const CompiledLayer& layer : stage.layers)
        y = fused ? convolve_fused(y, layer) : convolve(y, layer);
      x = stage.skip ? y.add_(x) : y;
      if (stage.pool) x = x.mean({2, 3});
    }
    return x;
  }

 private:
  /// Packs the weights for the input's height and width; the number of patches is a hint alone.
  void prepare(const Tensor& input) {
    const std::array<std::int64_t, 2> extent = {input.size(2), input.size(3)};
    if (extent == extent_) return;
    std::int64_t height = extent[0];
    std::int64_t width = extent[1];
    for (CompiledStage& stage : stages_) {
      for (CompiledLayer& layer : stage.layers) {
        layer.rows = same_padding(height, layer.kernel, layer.stride);
        layer.columns = same_padding(width, layer.kernel, layer.stride);
        layer.packed =
            fused_.pack(layer, {input.size(0), layer.weight.size(1) * layer.groups, height, width});
        height = layer.rows.output;
        width = layer.columns.output;
      }
    }
    extent_ = extent;
  }

  [[nodiscard]] Tensor convolve_fused(const Tensor& x, const CompiledLayer& layer) const {
    return cut(fused_.convolve(x, layer), layer.rows, layer.columns);
  }

  [[nodiscard]] static Tensor convolve(const Tensor& x, const CompiledLayer& layer) {
    const SamePadding rows = same_padding(x.size(2), layer.kernel, layer.stride);
    const SamePadding columns = same_padding(x.size(3), layer.kernel, layer.stride);
    Tensor y = cut(torch::conv2d(x, layer.weight, layer.bias, layer.stride,
                                 {rows.padding, columns.padding}, 1, layer.groups),
                   rows, columns);
    return layer.activation ? y.clamp_(0, 6) : y;
  }

  std::vector<CompiledStage> stages_;
  FusedConvolution fused_;
  std::array<std::int64_t, 2> extent_ = {0, 0};
};

// ------------------------------------------------------------------------------------- the network

/// Repeats, kernel, stride of the first, expansion, output channels.
struct BlockGroup {
  std::int64_t repeats, kernel, stride, expand, out;
};

/// Source: Tan and Le, ICML 2019, table 1 (EfficientNet-B0), shared by Lite0.
constexpr std::array<BlockGroup, 7> kLite0 = {{{1, 3, 1, 1, 16},
                                               {2, 3, 2, 6, 24},
                                               {2, 5, 2, 6, 40},
                                               {3, 3, 2, 6, 80},
                                               {3, 5, 1, 6, 112},
                                               {4, 5, 2, 6, 192},
                                               {1, 3, 1, 6, 320}}};
constexpr std::int64_t kStemChannels = 32;
constexpr std::int64_t kFeatures = 1280;

class EfficientNetLite0 final : public Network {
 public:
  explicit EfficientNetLite0(index_t classes) {
    stem_.conv = register_module(
        "_conv_stem", std::make_shared<Weights>(torch::IntArrayRef({kStemChannels, 3, 3, 3})));
    stem_.norm = register_module("_bn0", make_norm(kStemChannels));
    stem_.stride = 2;
    torch::nn::ModuleList blocks;
    std::int64_t in = kStemChannels;
    for (const BlockGroup& group : kLite0) {
      for (std::int64_t r = 0; r < group.repeats; ++r) {
        auto block = std::make_shared<Block>(in, group.out, group.kernel, r == 0 ? group.stride : 1,
                                             group.expand);
        blocks->push_back(block);
        blocks_.push_back(std::move(block));
        in = group.out;
      }
    }
    register_module("_blocks", blocks);
    last_.conv = register_module(
        "_conv_head", std::make_shared<Weights>(torch::IntArrayRef({kFeatures, in, 1, 1})));
    last_.norm = register_module("_bn1", make_norm(kFeatures));
    head_ = register_module("_fc", std::make_shared<LinearWeights>(classes, kFeatures));
    eval();
  }

  [[nodiscard]] index_t stages() const override { return std::ssize(blocks_) + 2; }

  [[nodiscard]] Tensor run(Tensor x, index_t first, index_t last) override {
    const bool statistics = is_training();
    if (first == 0) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
    for (index_t stage = first; stage < last; ++stage) {
      if (stage == 0) {
        x = stem_.run(x, statistics);
      } else if (stage + 1 < stages()) {
        x = blocks_[static_cast<std::size_t>(stage - 1)]->run(x, statistics);
      } else {
        x = last_.run(x, statistics).mean({2, 3});
      }
    }
    return x;
  }

  [[nodiscard]] std::vector<Tensor> stage_parameters(index_t stage) const override {
    std::vector<Tensor> out;
    for (const ConvNorm* layer : layers(stage)) {
      for (Tensor& parameter : layer->parameters())
        out.push_back(std::move(parameter));
    }
    return out;
  }

  [[nodiscard]] Head head() const override { return {head_->weight, head_->bias}; }

  [[nodiscard]] std::shared_ptr<Network> make_like(index_t classes) const override {
    return std::make_shared<EfficientNetLite0>(classes);
  }

  [[nodiscard]] Compiled compile(index_t first, index_t last) const override {
    const torch::NoGradGuard no_gradients;
    std::vector<CompiledStage> stages_out;
    for (index_t stage = first; stage < last; ++stage) {
      CompiledStage out;
      out.pool = stage + 1 == stages();
      out.skip = stage > 0 && !out.pool && blocks_[static_cast<std::size_t>(stage - 1)]->skip;
      for (const ConvNorm* layer : layers(stage)) {
        CompiledLayer compiled;
        std::tie(compiled.weight, compiled.bias) = layer->folded();
        compiled.weight = compiled.weight.contiguous(torch::MemoryFormat::ChannelsLast);
        compiled.kernel = compiled.weight.size(2);
        compiled.stride = layer->stride;
        compiled.groups = layer->groups;
        compiled.activation = layer->activation;
        out.layers.push_back(std::move(compiled));
      }
      stages_out.push_back(std::move(out));
    }
    auto network = std::make_shared<CompiledNetwork>(std::move(stages_out));
    return [network](const Tensor& x) { return network->run(x); };
  }

 private:
  [[nodiscard]] std::vector<const ConvNorm*> layers(index_t stage) const {
    if (stage == 0) return {&stem_};
    if (stage + 1 == stages()) return {&last_};
    std::vector<const ConvNorm*> out;
    for (const ConvNorm& layer : blocks_[static_cast<std::size_t>(stage - 1)]->layers)
      out.push_back(&layer);
    return out;
  }

  ConvNorm stem_;
  std::vector<std::shared_ptr<Block>> blocks_;
  ConvNorm last_;
  std::shared_ptr<LinearWeights> head_;
};

}  // namespace

std::shared_ptr<Network> make_efficientnet_lite0(index_t classes) {
  AIFT_EXPECT(classes >= 2, ValueError, "A network needs two classes or more; got {}.", classes);
  return std::make_shared<EfficientNetLite0>(classes);
}

const std::vector<ArchitectureEntry>& architecture_entries() {
  static const std::vector<ArchitectureEntry> entries = [] {
    const PatchFormat lite = {3, 224, 224, {127.0F, 127.0F, 127.0F}, {128.0F, 128.0F, 128.0F}};
    // torchvision's (x / 255 - mean) / std with mean (0.485, 0.456, 0.406), std (0.229, 0.224,
    // 0.225), in units of x.
    const PatchFormat imagenet = {
        3, 224, 224, {123.675F, 116.28F, 103.53F}, {58.395F, 57.12F, 57.375F}};
    // Its GoogLeNet turns that into (x / 255 - 0.5) / 0.5 (transform_input).
    const PatchFormat half = {3, 224, 224, {127.5F, 127.5F, 127.5F}, {127.5F, 127.5F, 127.5F}};
    PatchFormat small = half;
    small.height = small.width = 32;
    const auto entry = [](std::string name, std::string summary, index_t features,
                          const PatchFormat& input, index_t smallest, index_t stages,
                          std::int64_t parameters, std::string head, StagedNetwork::Make make) {
      std::string weights = name == "lenet5" ? "" : name + "-imagenet.safetensors";
      return ArchitectureEntry{{std::move(name), std::move(summary), features, input.height, stages,
                                parameters, std::move(weights), input, smallest},
                               std::move(head),
                               make};
    };
    std::vector<ArchitectureEntry> list = {
        entry("alexnet", "AlexNet (2014 form): 5 convolutions, 2 fully connected layers", 4096,
              imagenet, 63, 7, 57003840, "classifier.6", &make_alexnet),
        entry("efficientnet_lite0",
              "EfficientNet-Lite0: small, quick on a CPU, no squeeze and excitation", kFeatures,
              lite, 32, 18, 3371008, "_fc", &make_efficientnet_lite0),
        entry("googlenet", "GoogLeNet (Inception v1) with batch norm", 1024, half, 32, 12, 5599904,
              "fc", &make_googlenet),
        entry("lenet5", "LeNet-5: for experiments, no pretrained weights", 84, small, 32, 4, 61156,
              "fc3", &make_lenet5),
        entry("resnet18", "ResNet-18", 512, imagenet, 32, 10, 11176512, "fc", &make_resnet18),
        entry("resnet34", "ResNet-34", 512, imagenet, 32, 18, 21284672, "fc", &make_resnet34),
        entry("resnet50", "ResNet-50 (v1.5)", 2048, imagenet, 32, 18, 23508032, "fc",
              &make_resnet50),
        entry("squeezenet1_1", "SqueezeNet 1.1: the smallest of the pretrained ones", 512, imagenet,
              32, 10, 722496, "classifier.1", &make_squeezenet1_1),
        entry("vgg11", "VGG-11: large, slow", 4096, imagenet, 32, 7, 128766336, "classifier.6",
              &make_vgg11),
        entry("vgg11_bn", "VGG-11 with batch norm", 4096, imagenet, 32, 7, 128771840,
              "classifier.6", &make_vgg11_bn),
        entry("vgg16", "VGG-16: large, very slow", 4096, imagenet, 32, 7, 134260544, "classifier.6",
              &make_vgg16),
        entry("vgg16_bn", "VGG-16 with batch norm", 4096, imagenet, 32, 7, 134268992,
              "classifier.6", &make_vgg16_bn),
    };
    for (ArchitectureEntry& item : list)
      item.convolution_head = item.facts.name == "squeezenet1_1";
    return list;
  }();
  return entries;
}

std::shared_ptr<Network> make_network(const std::string& architecture, index_t classes) {
  return architecture_entry(architecture).make(classes);
}

const ArchitectureEntry& architecture_entry(std::string_view name) {
  std::string known;
  for (const ArchitectureEntry& entry : architecture_entries()) {
    if (entry.facts.name == name) return entry;
    known += (known.empty() ? "" : ", ") + entry.facts.name;
  }
  AIFT_EXPECT(false, ValueError,
              "Unknown architecture '{}'; known are {}, and any TorchScript file by its path.",
              name, known);
  return architecture_entries().front();
}

void fill_normal(Tensor tensor, double deviation, std::uint64_t seed, std::string_view name) {
  const KeyedRandom random(seed, Purpose::weights, 0, detail::fnv1a(name));
  const torch::NoGradGuard no_gradients;
  auto* values = tensor.data_ptr<float>();
  for (index_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>(deviation * random.normal(i));
}

}  // namespace aift::nn
