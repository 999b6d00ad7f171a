// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "networks.hpp"
#include "staged_network.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// Adds what the block was given, directly or through its projection, the last layer.
Tensor joined(Tensor y, Layers layers, const Tensor& x, bool projected) {
  return y.add_(projected ? layers.back()(x) : x).relu_();
}

/// Source: He et al., CVPR 2016. In bottlenecks the 3 x 3 convolution has the stride, not the first
/// 1 x 1 ("v1.5", as torchvision has it).
///
/// self        the function that is being called, for make_like
/// blocks      residual blocks in each of the four groups
/// bottleneck  1 x 1, 3 x 3 and 1 x 1 convolution per block instead of two 3 x 3
std::shared_ptr<Network> make_resnet(StagedNetwork::Make self, index_t classes,
                                     const std::array<index_t, 4>& blocks, bool bottleneck) {
  auto network = std::make_shared<StagedNetwork>(self);
  StagedNetwork& n = *network;
  n.add({{n.convolution("conv1", "bn1", {3, 64, 7, 2, 3})},
         [](Layers l, const Tensor& x) { return torch::max_pool2d(l[0](x), 3, 2, 1); }});
  std::int64_t in = 64;
  for (std::int64_t group = 0; group < 4; ++group) {
    const std::int64_t inner = 64 << group;
    const std::int64_t out = bottleneck ? 4 * inner : inner;
    for (index_t b = 0; b < blocks[static_cast<std::size_t>(group)]; ++b) {
      const std::string name = "layer" + std::to_string(group + 1) + "." + std::to_string(b);
      const std::int64_t stride = group > 0 && b == 0 ? 2 : 1;
      std::vector<Layer> layers;
      const auto layer = [&](int number, const StagedNetwork::Convolution& size) {
        const std::string suffix = std::to_string(number);
        layers.push_back(n.convolution(name + ".conv" + suffix, name + ".bn" + suffix, size));
      };
      if (bottleneck) {
        layer(1, {in, inner, 1});
        layer(2, {inner, inner, 3, stride, 1});
        layer(3, {inner, out, 1, 1, 0, /*relu=*/false});
      } else {
        layer(1, {in, inner, 3, stride, 1});
        layer(2, {inner, out, 3, 1, 1, /*relu=*/false});
      }
      const bool projected = stride != 1 || in != out;
      if (projected)
        layers.push_back(n.convolution(name + ".downsample.0", name + ".downsample.1",
                                       {in, out, 1, stride, 0, /*relu=*/false}));
      if (bottleneck) {
        n.add({std::move(layers), [projected](Layers l, const Tensor& x) {
                 return joined(l[2](l[1](l[0](x))), l, x, projected);
               }});
      } else {
        n.add({std::move(layers), [projected](Layers l, const Tensor& x) {
                 return joined(l[1](l[0](x)), l, x, projected);
               }});
      }
      in = out;
    }
  }
  n.add(mean_pool());
  n.finish("fc", in, classes);
  return network;
}

}  // namespace

std::shared_ptr<Network> make_resnet18(index_t classes) {
  return make_resnet(&make_resnet18, classes, {2, 2, 2, 2}, false);
}

std::shared_ptr<Network> make_resnet34(index_t classes) {
  return make_resnet(&make_resnet34, classes, {3, 4, 6, 3}, false);
}

std::shared_ptr<Network> make_resnet50(index_t classes) {
  return make_resnet(&make_resnet50, classes, {3, 4, 6, 3}, true);
}

}  // namespace aift::nn
