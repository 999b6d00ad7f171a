// SPDX-License-Identifier: Apache-2.0
// Top-b for a large b: the chunk and the state are sorted, by index and then, stably, by rank.
#include <cub/device/device_radix_sort.cuh>

#include "cuda/core/try.hpp"
#include "cuda/core/workspace.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 256;

__global__ __launch_bounds__(kThreads) void join_kernel(ScoreInput input, index_t candidates,
                                                        const Pick* state, index_t total,
                                                        std::uint64_t* ranks,
                                                        std::uint64_t* indices) {
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    const Pick pick = i < candidates ? input(i) : state[i - candidates];
    ranks[i] = pick.rank;
    indices[i] = pick.index;
  }
}

__global__ __launch_bounds__(kThreads) void cut_kernel(const std::uint64_t* ranks,
                                                       const std::uint64_t* indices, index_t budget,
                                                       Pick* state) {
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < budget;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    state[i] = {ranks[i], indices[i]};
  }
}

int blocks_for(index_t count) {
  const index_t wanted = (count + kThreads - 1) / kThreads;
  return static_cast<int>(wanted < 65536 ? wanted : 65536);
}

std::size_t column_bytes(index_t total) {
  return padded(static_cast<std::size_t>(total) * sizeof(std::uint64_t));
}

std::size_t sort_bytes(index_t total) {
  std::size_t bytes = 0;
  cub::DoubleBuffer<std::uint64_t> keys;
  cub::DoubleBuffer<std::uint64_t> values;
  AIFT_CUDA_TRY(cub::DeviceRadixSort::SortPairs(nullptr, bytes, keys, values, total));
  return bytes;
}

}  // namespace

std::size_t sorted_bytes(index_t candidates, index_t budget) {
  const index_t total = candidates + budget;
  return 4 * column_bytes(total) + sort_bytes(total);
}

void launch_top_sorted(const ScoreInput& input, index_t candidates, index_t budget, Pick* state,
                       std::byte* workspace, std::size_t bytes, cudaStream_t stream) {
  const index_t total = candidates + budget;
  const std::size_t column = column_bytes(total);
  const auto column_at = [&](int i) {
    return reinterpret_cast<std::uint64_t*>(workspace + static_cast<std::size_t>(i) * column);
  };
  cub::DoubleBuffer<std::uint64_t> ranks(column_at(0), column_at(1));
  cub::DoubleBuffer<std::uint64_t> indices(column_at(2), column_at(3));
  join_kernel<<<blocks_for(total), kThreads, 0, stream>>>(input, candidates, state, total,
                                                          ranks.Current(), indices.Current());
  AIFT_CUDA_CHECK_LAUNCH();
  std::byte* const temporary = workspace + 4 * column;
  std::size_t temporary_bytes = bytes - 4 * column;
  AIFT_CUDA_TRY(cub::DeviceRadixSort::SortPairs(temporary, temporary_bytes, indices, ranks, total,
                                                0, 64, stream));
  AIFT_CUDA_TRY(cub::DeviceRadixSort::SortPairs(temporary, temporary_bytes, ranks, indices, total,
                                                0, 64, stream));
  cut_kernel<<<blocks_for(budget), kThreads, 0, stream>>>(ranks.Current(), indices.Current(),
                                                          budget, state);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace aift::cuda::detail
