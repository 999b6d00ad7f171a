// SPDX-License-Identifier: Apache-2.0
// Makes a network, sends one patch through it, writes it and reads it back.
#include <aift/core/version.hpp>
#include <aift/torch/models.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

int main() {
  const auto model = aift::nn::make_model("efficientnet_lite0", 3, 32, 1);
  const std::vector<float> patch(static_cast<std::size_t>(model->info().input.elements()), 0.5F);
  std::vector<float> logits(3);
  model->predict(patch, 1, logits, {});

  const std::filesystem::path folder = "consumer-models";
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / "model.safetensors";
  model->save(file);
  std::vector<float> again(3);
  aift::nn::load_model(file)->predict(patch, 1, again, {});
  std::filesystem::remove_all(folder);  // LibTorch's libraries carry a std::filesystem of their own

  std::printf("AIFT %s: logits %g %g %g\n", std::string(aift::version()).c_str(),
              static_cast<double>(logits[0]), static_cast<double>(logits[1]),
              static_cast<double>(logits[2]));
  return logits == again ? 0 : 1;
}
