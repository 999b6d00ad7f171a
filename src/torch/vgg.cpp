// SPDX-License-Identifier: Apache-2.0
// Chains of convolutions with fully connected layers behind them: LeNet-5, AlexNet, VGG. The last
// fully connected layer is the head; what it sees are the features. Their dropout is the trainer's
// business: none is drawn inside.
#include <string_view>

#include "networks.hpp"
#include "staged_network.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

/// A fully connected stage; `grid` > 0: of the picture pooled to so many positions a side.
Stage connected_stage(Layer layer, std::int64_t grid = 0) {
  if (grid == 0) return {{std::move(layer)}, [](Layers l, const Tensor& x) { return l[0](x); }};
  return {{std::move(layer)}, [grid](Layers l, const Tensor& x) {
            return l[0](torch::adaptive_avg_pool2d(x, {grid, grid}).flatten(1));
          }};
}

/// A convolution, then max pooling where `window` > 0.
Stage pooled_stage(Layer layer, std::int64_t window, std::int64_t stride) {
  return {{std::move(layer)}, [window, stride](Layers l, const Tensor& x) {
            return window > 0 ? torch::max_pool2d(l[0](x), window, stride) : l[0](x);
          }};
}

/// Source: Simonyan and Zisserman, ICLR 2015, columns A and D. A stage ends with each max pooling.
///
/// plan  digits: convolutions of so many times 64 channels; 'M': max pooling
std::shared_ptr<Network> make_vgg(StagedNetwork::Make self, index_t classes, std::string_view plan,
                                  bool batch_norm) {
  auto network = std::make_shared<StagedNetwork>(self);
  StagedNetwork& n = *network;
  std::int64_t in = 3;
  int number = 0;  // position in torchvision's list of modules
  std::vector<Layer> layers;
  for (const char item : plan) {
    if (item == 'M') {
      n.add({std::move(layers), [](Layers l, Tensor x) {
               for (const Layer& layer : l)
                 x = layer(x);
               return torch::max_pool2d(x, 2, 2);
             }});
      layers.clear();
      number += 1;
      continue;
    }
    const std::int64_t out = 64 * (item - '0');
    const std::string name = "features." + std::to_string(number);
    const StagedNetwork::Convolution size{in, out, 3, 1, 1, true, batch_norm};
    layers.push_back(batch_norm
                         ? n.convolution(name, "features." + std::to_string(number + 1), size)
                         : n.convolution(name, size));
    number += batch_norm ? 3 : 2;
    in = out;
  }
  n.add(connected_stage(n.connected("classifier.0", in * 7 * 7, 4096), 7));
  n.add(connected_stage(n.connected("classifier.3", 4096, 4096)));
  n.finish("classifier.6", 4096, classes);
  return network;
}

constexpr std::string_view kVgg11 = "1M2M44M88M88M";
constexpr std::string_view kVgg16 = "11M22M444M888M888M";

}  // namespace

std::shared_ptr<Network> make_lenet5(index_t classes) {
  auto network = std::make_shared<StagedNetwork>(&make_lenet5);
  StagedNetwork& n = *network;
  n.add(pooled_stage(n.convolution("conv1", {3, 6, 5}), 2, 2));
  n.add(pooled_stage(n.convolution("conv2", {6, 16, 5}), 2, 2));
  n.add(connected_stage(n.connected("fc1", 16 * 5 * 5, 120), 5));
  n.add(connected_stage(n.connected("fc2", 120, 84)));
  n.finish("fc3", 84, classes);
  return network;
}

std::shared_ptr<Network> make_alexnet(index_t classes) {
  auto network = std::make_shared<StagedNetwork>(&make_alexnet);
  StagedNetwork& n = *network;
  n.add(pooled_stage(n.convolution("features.0", {3, 64, 11, 4, 2}), 3, 2));
  n.add(pooled_stage(n.convolution("features.3", {64, 192, 5, 1, 2}), 3, 2));
  n.add(pooled_stage(n.convolution("features.6", {192, 384, 3, 1, 1}), 0, 0));
  n.add(pooled_stage(n.convolution("features.8", {384, 256, 3, 1, 1}), 0, 0));
  n.add(pooled_stage(n.convolution("features.10", {256, 256, 3, 1, 1}), 3, 2));
  n.add(connected_stage(n.connected("classifier.1", 256 * 6 * 6, 4096), 6));
  n.add(connected_stage(n.connected("classifier.4", 4096, 4096)));
  n.finish("classifier.6", 4096, classes);
  return network;
}

std::shared_ptr<Network> make_vgg11(index_t classes) {
  return make_vgg(&make_vgg11, classes, kVgg11, false);
}

std::shared_ptr<Network> make_vgg11_bn(index_t classes) {
  return make_vgg(&make_vgg11_bn, classes, kVgg11, true);
}

std::shared_ptr<Network> make_vgg16(index_t classes) {
  return make_vgg(&make_vgg16, classes, kVgg16, false);
}

std::shared_ptr<Network> make_vgg16_bn(index_t classes) {
  return make_vgg(&make_vgg16_bn, classes, kVgg16, true);
}

}  // namespace aift::nn
