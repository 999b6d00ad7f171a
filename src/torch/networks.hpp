// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <aift/torch/module_model.hpp>

namespace aift::nn {

/// An architecture and how it is made.
struct ArchitectureEntry {
  Architecture facts;
  std::string head_name;  ///< "_fc": its tensors are <head_name>.weight and .bias
  std::shared_ptr<Network> (*make)(index_t classes);
  /// Published with a 1 x 1 convolution and a ReLU before the pooling as its head.
  bool convolution_head = false;
};

// The networks of torchvision, one file per family, with the parameter names of its state_dict.
[[nodiscard]] std::shared_ptr<Network> make_alexnet(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_googlenet(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_lenet5(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_resnet18(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_resnet34(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_resnet50(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_squeezenet1_1(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_vgg11(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_vgg11_bn(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_vgg16(index_t classes);
[[nodiscard]] std::shared_ptr<Network> make_vgg16_bn(index_t classes);

/// All of them, sorted by name.
[[nodiscard]] const std::vector<ArchitectureEntry>& architecture_entries();
/// throws ValueError listing the known ones
[[nodiscard]] const ArchitectureEntry& architecture_entry(std::string_view name);

/// Normals of the given standard deviation, by Philox from (seed, Purpose::weights, name).
void fill_normal(torch::Tensor tensor, double deviation, std::uint64_t seed, std::string_view name);

/// A TorchScript file as a Model (src/torch/script_model.cpp).
[[nodiscard]] std::unique_ptr<Model> load_script_model(const std::filesystem::path& file,
                                                       const LoadOptions& options);
/// A copy with class names, or null when the model is not a TorchScript one.
[[nodiscard]] std::unique_ptr<Model> script_with_class_names(const Model& model,
                                                             std::vector<std::string> names);
/// The same for with_preparation.
[[nodiscard]] std::unique_ptr<Model> script_with_preparation(const Model& model,
                                                             std::string preparation);

}  // namespace aift::nn
