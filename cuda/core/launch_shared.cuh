// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "try.hpp"

namespace aift::cuda::detail {

/// Launches a kernel with `shared` bytes of dynamic shared memory, more than the 48 KiB that a
/// kernel gets unasked if need be.
template <class... Parameters, class... Arguments>
void launch_shared(void (*kernel)(Parameters...), int blocks, int threads, std::size_t shared,
                   cudaStream_t stream, const Arguments&... arguments) {
  AIFT_CUDA_TRY(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(shared)));
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), shared, stream>>>(
      arguments...);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace aift::cuda::detail
