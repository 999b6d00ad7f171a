// SPDX-License-Identifier: Apache-2.0
#include <aift/torch/device.hpp>

#include <torch/cuda.h>
#include <torch/version.h>

#include <aift/core/error.hpp>

#include "device_pass.hpp"

namespace aift::nn {

const char* to_string(ForwardType type) noexcept {
  return type == ForwardType::bf16 ? "bf16" : "f32";
}

std::string gpu_name() {
  AIFT_EXPECT(has_cuda_kernels(), ValueError,
              "This AIFT was built without CUDA, so networks run on the CPU; configure with "
              "-DAIFT_BUILD_CUDA=ON where nvcc is.");
  std::string name;
  try {
    name = cuda_device_name();
  } catch (const DeviceError& error) {
    throw ValueError(fmt::format("There is no GPU that can be used: {}", error.what()));
  }
  AIFT_EXPECT(torch::cuda::is_available(), ValueError,
              "LibTorch {} finds no GPU, although CUDA does; take a LibTorch that was built for "
              "CUDA.",
              TORCH_VERSION);
  return name;
}

std::unique_ptr<Model> on_gpu(const Model& model, ForwardType forward) {
  const auto* own = dynamic_cast<const ModuleModel*>(&model);
  AIFT_EXPECT(own != nullptr, ValueError,
              "Networks of aift::nn can be put on a GPU; '{}' (TorchScript, or another library's) "
              "runs on the CPU.",
              model.info().architecture);
  static_cast<void>(gpu_name());
  std::shared_ptr<Network> copy = own->network()->make_like(own->info().classes);
  copy_tensors(*own->network(), *copy);
  copy->to(torch::Device(torch::kCUDA, 0));
  return std::make_unique<ModuleModel>(std::move(copy), own->info(), own->fits(), own->head_form(),
                                       forward);
}

bool has_cuda_kernels() noexcept { return AIFT_WITH_CUDA != 0; }

#if !AIFT_WITH_CUDA
std::unique_ptr<DeviceKernels> make_cuda_kernels() { return nullptr; }
std::string cuda_device_name() { return {}; }
#endif

}  // namespace aift::nn
