// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

namespace aift::cuda::detail {

namespace {

__global__ void nothing() {}

}  // namespace

cudaError_t probe_code() noexcept {
  cudaFuncAttributes attributes{};
  return cudaFuncGetAttributes(&attributes, nothing);
}

}  // namespace aift::cuda::detail
