// SPDX-License-Identifier: Apache-2.0
// Running numbers of kept patches and of matrix cells.
#include <cub/device/device_scan.cuh>

#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 256;

__global__ __launch_bounds__(kThreads) void count_kernel(const __grid_constant__ ScoreTask task,
                                                         Counted counted, index_t* out) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x;
       i <= task.candidates; i += step) {
    out[i] = i == 0 ? 0 : counted_in(task, i - 1, counted == Counted::cells);
  }
}

}  // namespace

std::size_t offsets_temporary_bytes(index_t candidates) {
  std::size_t bytes = 0;
  AIFT_CUDA_TRY(cub::DeviceScan::InclusiveSum(nullptr, bytes, static_cast<index_t*>(nullptr),
                                              static_cast<index_t*>(nullptr), candidates + 1));
  return bytes;
}

void launch_offsets(const ScoreTask& task, Counted counted, index_t* out, void* temporary,
                    std::size_t temporary_bytes, cudaStream_t stream) {
  const index_t wanted = task.candidates / kThreads + 1;
  const int blocks = static_cast<int>(wanted < 4096 ? wanted : 4096);
  count_kernel<<<blocks, kThreads, 0, stream>>>(task, counted, out);
  AIFT_CUDA_CHECK_LAUNCH();
  AIFT_CUDA_TRY(cub::DeviceScan::InclusiveSum(temporary, temporary_bytes, out, out,
                                              task.candidates + 1, stream));
}

}  // namespace aift::cuda::detail
