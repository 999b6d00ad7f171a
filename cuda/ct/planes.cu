// SPDX-License-Identifier: Apache-2.0

#include "cuda/ct/planes_kernel.hpp"
#include "cuda/core/try.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 256;
constexpr index_t kMostBlocksY = 65535;  // of a grid's second extent

__global__ void __launch_bounds__(kThreads)
    planes_kernel(const PlaneJob* __restrict__ jobs, index_t count, std::int32_t height,
                  std::int32_t width, float* __restrict__ out) {
  const std::int32_t pixels = height * width;
  const auto step = static_cast<std::int32_t>(gridDim.x * blockDim.x);
  for (index_t p = blockIdx.y; p < count; p += gridDim.y) {
    const PlaneJob job = jobs[p];
    float* to = out + p * pixels;
    for (auto k = static_cast<std::int32_t>(blockIdx.x * blockDim.x + threadIdx.x); k < pixels;
         k += step) {
      to[k] = sample_plane(job, k / width, k % width);
    }
  }
}

}  // namespace

void launch_planes(const PlaneJob* jobs, index_t count, index_t height, index_t width, float* out,
                   cudaStream_t stream) {
  const index_t blocks = (height * width + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<unsigned>(blocks < 64 ? blocks : 64),
                  static_cast<unsigned>(count < kMostBlocksY ? count : kMostBlocksY));
  planes_kernel<<<grid, kThreads, 0, stream>>>(jobs, count, static_cast<std::int32_t>(height),
                                               static_cast<std::int32_t>(width), out);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace aift::cuda::detail
