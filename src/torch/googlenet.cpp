// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"
#include "staged_network.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// Output channels of an inception module: the 1 x 1 branch, reduction and result of the two 3 x 3
/// branches, the branch behind the pooling; and the max pooling in front of the module, if any.
struct Inception {
  const char* name;
  std::int64_t one, reduced, three, reduced_second, second, pooled;
  std::int64_t window = 0;
};

/// Source: Szegedy et al., CVPR 2015, table 1. The second 3 x 3 branch is 5 x 5 in the paper; the
/// published weights are 3 x 3.
constexpr Inception kInceptions[] = {
    {"inception3a", 64, 96, 128, 16, 32, 32, 3},  {"inception3b", 128, 128, 192, 32, 96, 64},
    {"inception4a", 192, 96, 208, 16, 48, 64, 3}, {"inception4b", 160, 112, 224, 24, 64, 64},
    {"inception4c", 128, 128, 256, 24, 64, 64},   {"inception4d", 112, 144, 288, 32, 64, 64},
    {"inception4e", 256, 160, 320, 32, 128, 128}, {"inception5a", 256, 160, 320, 32, 128, 128, 2},
    {"inception5b", 384, 192, 384, 48, 128, 128},
};

/// Max pooling that keeps a last incomplete window.
Tensor max_pool(const Tensor& x, std::int64_t window, std::int64_t stride, std::int64_t padding) {
  return torch::max_pool2d(x, window, stride, padding, 1, /*ceil_mode=*/true);
}

}  // namespace

std::shared_ptr<Network> make_googlenet(index_t classes) {
  auto network = std::make_shared<StagedNetwork>(&make_googlenet);
  StagedNetwork& n = *network;
  const auto layer = [&](const std::string& name, const StagedNetwork::Convolution& size) {
    return n.convolution(name + ".conv", name + ".bn", size, /*eps=*/1e-3);
  };
  n.add({{layer("conv1", {3, 64, 7, 2, 3})},
         [](Layers l, const Tensor& x) { return max_pool(l[0](x), 3, 2, 0); }});
  n.add({{layer("conv2", {64, 64, 1}), layer("conv3", {64, 192, 3, 1, 1})},
         [](Layers l, const Tensor& x) { return l[1](l[0](x)); }});
  std::int64_t in = 192;
  for (const Inception& module : kInceptions) {
    const std::string name = module.name;
    n.add({{layer(name + ".branch1", {in, module.one, 1}),
            layer(name + ".branch2.0", {in, module.reduced, 1}),
            layer(name + ".branch2.1", {module.reduced, module.three, 3, 1, 1}),
            layer(name + ".branch3.0", {in, module.reduced_second, 1}),
            layer(name + ".branch3.1", {module.reduced_second, module.second, 3, 1, 1}),
            layer(name + ".branch4.1", {in, module.pooled, 1})},
           [window = module.window](Layers l, Tensor x) {
             if (window > 0) x = max_pool(x, window, 2, 0);
             return torch::cat({l[0](x), l[2](l[1](x)), l[4](l[3](x)), l[5](max_pool(x, 3, 1, 1))},
                               1);
           }});
    in = module.one + module.three + module.second + module.pooled;
  }
  n.add(mean_pool());
  n.finish("fc", in, classes);
  return network;
}

}  // namespace aift::nn
