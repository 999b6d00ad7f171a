// SPDX-License-Identifier: Apache-2.0
#pragma once

// For host code and .cu files: no fmt in here.
#include <cuda_runtime_api.h>

#include <cstddef>

#include <aift/core/types.hpp>

namespace aift::cuda::detail {

/// DeviceError with call, code and place; the error that the runtime still holds is cleared.
[[noreturn]] void fail(cudaError_t code, const char* call, const char* file, int line);

/// The current device, and what a policy asks about it.
struct DeviceLimits {
  int device = 0;
  int processors = 0;        ///< streaming multiprocessors
  int shared_per_block = 0;  ///< bytes, with the opt-in
  int shared_per_processor = 0;
  int capability = 0;  ///< 10 major + minor
};
/// throws DeviceError when there is none
[[nodiscard]] DeviceLimits device_limits();

/// Throws unless `pointer` may be used by kernels of the current device: device or managed memory,
/// aligned to `alignment`. `what` opens the sentence.
void expect_device_memory(const void* pointer, std::size_t alignment, const char* what);

}  // namespace aift::cuda::detail

/// Calls the CUDA runtime; throws DeviceError and clears the error unless it succeeds.
#define AIFT_CUDA_TRY(call)                                                  \
  do {                                                                       \
    const cudaError_t aift_cuda_code = (call);                               \
    if (aift_cuda_code != cudaSuccess) [[unlikely]]                          \
      ::aift::cuda::detail::fail(aift_cuda_code, #call, __FILE__, __LINE__); \
  } while (false)

/// After every launch.
#define AIFT_CUDA_CHECK_LAUNCH() AIFT_CUDA_TRY(cudaGetLastError())
