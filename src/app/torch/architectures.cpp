// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <string>

#include <fmt/format.h>

#include <aift/torch/models.hpp>

#include "src/app/torch/commands.hpp"

namespace aift::app {

void list_architectures() {
  fmt::print("{:<20} {:>10} {:>9} {:>6}  {}\n", "architecture", "parameters", "features", "input",
             "ImageNet weights");
  for (const nn::Architecture& architecture : nn::architectures()) {
    std::string weights = "none published";
    if (!architecture.weights_file.empty()) {
      const std::filesystem::path file = nn::weights_folder() / architecture.weights_file;
      std::error_code error;
      weights = std::filesystem::is_regular_file(file, error)
                    ? file.string()
                    : fmt::format("not found: {} ({})", file.string(),
                                  architecture.name == "efficientnet_lite0"
                                      ? "scripts/bootstrap prepares it"
                                      : "scripts/convert_weights.py makes it");
    }
    fmt::print("{:<20} {:>8.2f} M {:>9} {:>6}  {}\n", architecture.name,
               static_cast<double>(architecture.parameters) / 1e6, architecture.feature_size,
               architecture.input_size, weights);
  }
  fmt::print(
      "\n`aift run --model` takes one of these names, a .safetensors file of such a network, or a "
      "TorchScript file (.pt).\n");
}

}  // namespace aift::app
