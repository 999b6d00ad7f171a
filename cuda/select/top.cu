// SPDX-License-Identifier: Apache-2.0
// Top-b by levels, its state, and the chances of ACFT's draw.
#include <limits>

#include "cuda/core/block_group.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 512;
constexpr int kFlatThreads = 256;

template <class Input>
__global__ __launch_bounds__(kThreads) void top_kernel(Input input, index_t inputs, index_t step,
                                                       int capacity, int budget, Pick* out) {
  extern __shared__ __align__(16) std::byte memory[];
  const BlockGroup group;
  const TopBuffer buffer = buffer_at(memory, capacity, budget);
  const index_t begin = blockIdx.x * step;
  const index_t end = begin + step < inputs ? begin + step : inputs;
  top_segment(group, buffer, begin, end, input, out + blockIdx.x * static_cast<index_t>(budget));
}

template <class Input>
void launch_level(const Input& input, index_t inputs, const TopPlan& plan, int level,
                  index_t budget, Pick* out, cudaStream_t stream) {
  const auto kernel = top_kernel<Input>;
  const std::size_t bytes = buffer_bytes(plan.capacity);
  AIFT_CUDA_TRY(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(bytes)));
  kernel<<<static_cast<unsigned>(plan.groups[level]), kThreads, bytes, stream>>>(
      input, inputs, plan.step[level], plan.capacity, static_cast<int>(budget), out);
  AIFT_CUDA_CHECK_LAUNCH();
}

__global__ __launch_bounds__(kFlatThreads) void clear_kernel(Pick* state, index_t budget) {
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < budget;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    state[i] = {kNoPick, kNoPick};
  }
}

__global__ __launch_bounds__(kFlatThreads) void finish_kernel(const Pick* state, index_t budget,
                                                              index_t* indices, double* scores) {
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < budget;
       i += static_cast<index_t>(gridDim.x) * blockDim.x) {
    const Pick pick = state[i];
    const bool none = pick.index == kNoPick;
    indices[i] = none ? -1 : static_cast<index_t>(pick.index);
    if (scores != nullptr)
      scores[i] = none ? -std::numeric_limits<double>::infinity() : score_of(pick.rank);
  }
}

__global__ __launch_bounds__(kFlatThreads) void acft_kernel(const double* best, index_t count,
                                                            double* probability,
                                                            std::uint64_t* status) {
  __shared__ double total;
  const BlockGroup group;
  acft_weights_body(group, best, count, probability, &total, status);
}

int flat_blocks(index_t count) {
  const index_t wanted = (count + kFlatThreads - 1) / kFlatThreads;
  return static_cast<int>(wanted < 4096 ? wanted : 4096);
}

}  // namespace

void launch_clear(Pick* state, index_t budget, cudaStream_t stream) {
  clear_kernel<<<flat_blocks(budget), kFlatThreads, 0, stream>>>(state, budget);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_top(const TopPlan& plan, const ScoreInput& input, index_t candidates, index_t budget,
                Pick* state, Pick* lists, cudaStream_t stream) {
  Pick* from = lists;
  Pick* to = lists + plan.most_picks(budget);
  launch_level(input, candidates, plan, 0, budget, from, stream);
  for (int level = 1; level < plan.levels; ++level) {
    const index_t inputs = plan.groups[level - 1] * budget;
    const bool last = level + 1 == plan.levels;
    launch_level(PickInput{from, inputs, state}, last ? inputs + budget : inputs, plan, level,
                 budget, last ? state : to, stream);
    Pick* const swap = from;
    from = to;
    to = swap;
  }
}

void launch_finish(const Pick* state, index_t budget, index_t* indices, double* scores,
                   cudaStream_t stream) {
  finish_kernel<<<flat_blocks(budget), kFlatThreads, 0, stream>>>(state, budget, indices, scores);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_acft_weights(const double* best, index_t count, double* probability,
                         std::uint64_t* status, cudaStream_t stream) {
  acft_kernel<<<1, kFlatThreads, 0, stream>>>(best, count, probability, status);
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace aift::cuda::detail
