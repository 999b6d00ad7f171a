// SPDX-License-Identifier: Apache-2.0
#include "try.hpp"

#include <cstdint>
#include <string_view>

#include <aift/core/error.hpp>

namespace aift::cuda::detail {

void fail(cudaError_t code, const char* call, const char* file, int line) {
  cudaGetLastError();
  std::string_view path = file;
  const std::size_t slash = path.find_last_of('/');
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  throw DeviceError(fmt::format("The CUDA call {} failed with {} ({}) at {}:{}.", call,
                                cudaGetErrorName(code), cudaGetErrorString(code), path, line));
}

DeviceLimits device_limits() {
  DeviceLimits limits;
  AIFT_CUDA_TRY(cudaGetDevice(&limits.device));
  const auto attribute = [&](cudaDeviceAttr name) {
    int value = 0;
    AIFT_CUDA_TRY(cudaDeviceGetAttribute(&value, name, limits.device));
    return value;
  };
  limits.processors = attribute(cudaDevAttrMultiProcessorCount);
  limits.shared_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  limits.shared_per_processor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  limits.capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) +
                      attribute(cudaDevAttrComputeCapabilityMinor);
  return limits;
}

void expect_device_memory(const void* pointer, std::size_t alignment, const char* what) {
  AIFT_EXPECT(pointer != nullptr, ShapeError, "{} must be device memory; got a null pointer.",
              what);
  AIFT_EXPECT(reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0, ShapeError,
              "{} must be aligned to {} bytes; the pointer is not a multiple of that.", what,
              alignment);
  cudaPointerAttributes attributes{};
  AIFT_CUDA_TRY(cudaPointerGetAttributes(&attributes, pointer));
  AIFT_EXPECT(attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged,
              ValueError, "{} must be in device memory; this is host memory: copy it first.", what);
}

}  // namespace aift::cuda::detail
