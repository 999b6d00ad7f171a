// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/device.hpp>

#include "probe.hpp"
#include "try.hpp"

namespace aift::cuda {

DeviceInfo current_device() {
  int count = 0;
  AIFT_CUDA_TRY(cudaGetDeviceCount(&count));
  if (count < 1) detail::fail(cudaErrorNoDevice, "cudaGetDeviceCount", __FILE__, __LINE__);
  DeviceInfo info;
  AIFT_CUDA_TRY(cudaGetDevice(&info.number));
  cudaDeviceProp properties{};
  AIFT_CUDA_TRY(cudaGetDeviceProperties(&properties, info.number));
  info.name = properties.name;
  info.capability = 10 * properties.major + properties.minor;
  info.memory_bytes = properties.totalGlobalMem;
  AIFT_CUDA_TRY(detail::probe_code());
  return info;
}

}  // namespace aift::cuda
