// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"
#include "staged_network.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// A fire module: channels that are squeezed to and expanded to, in each of its two halves, and
/// whether max pooling comes before it.
struct Fire {
  int number;  ///< in torchvision's list of modules
  std::int64_t squeeze, expand;
  bool pool;
};

/// Source: Iandola et al., arXiv 1602.07360; version 1.1 of the authors' code.
constexpr Fire kFires[] = {
    {3, 16, 64, true},  {4, 16, 64, false},   {6, 32, 128, true},   {7, 32, 128, false},
    {9, 48, 192, true}, {10, 48, 192, false}, {11, 64, 256, false}, {12, 64, 256, false},
};

}  // namespace

std::shared_ptr<Network> make_squeezenet1_1(index_t classes) {
  auto network = std::make_shared<StagedNetwork>(&make_squeezenet1_1);
  StagedNetwork& n = *network;
  n.add({{n.convolution("features.0", {3, 64, 3, 2})},
         [](Layers l, const Tensor& x) { return l[0](x); }});
  std::int64_t in = 64;
  for (const Fire& fire : kFires) {
    const std::string name = "features." + std::to_string(fire.number);
    n.add({{n.convolution(name + ".squeeze", {in, fire.squeeze, 1}),
            n.convolution(name + ".expand1x1", {fire.squeeze, fire.expand, 1}),
            n.convolution(name + ".expand3x3", {fire.squeeze, fire.expand, 3, 1, 1})},
           [pool = fire.pool](Layers l, const Tensor& x) {
             const Tensor s = l[0](pool ? torch::max_pool2d(x, 3, 2, 0, 1, /*ceil_mode=*/true) : x);
             return torch::cat({l[1](s), l[2](s)}, 1);
           }});
    in = 2 * fire.expand;
  }
  n.add(mean_pool());
  n.finish("classifier.1", in, classes);
  return network;
}

}  // namespace aift::nn
