// SPDX-License-Identifier: Apache-2.0
// Top-b by a sieve and by levels, its state, and the chances of ACFT's draw.
#include <limits>

#include "cuda/core/block_group.cuh"
#include "cuda/core/launch_shared.cuh"
#include "cuda/core/try.hpp"
#include "launch.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = 512;
constexpr int kFlatThreads = 256;

constexpr int kSieveThreads = 256;
constexpr int kSieveBlocks = 4;  // a processor at a time
constexpr int kSieveRows = kSieveThreads / math::kClassLanes;

template <class Input>
__global__ __launch_bounds__(kThreads) void top_kernel(Input input, index_t inputs, index_t step,
                                                       int capacity, int budget, Pick* out,
                                                       const std::uint32_t* done) {
  extern __shared__ __align__(16) std::byte memory[];
  if (*done != 0) return;
  const BlockGroup group;
  const TopBuffer buffer = buffer_at(memory, capacity, budget);
  const index_t begin = blockIdx.x * step;
  const index_t end = begin + step < inputs ? begin + step : inputs;
  top_segment(group, buffer, begin, end, input, out + blockIdx.x * static_cast<index_t>(budget));
}

template <class Input>
void launch_level(const Input& input, index_t inputs, const TopPlan& plan, int level,
                  index_t budget, Pick* out, const std::uint32_t* done, cudaStream_t stream) {
  launch_shared(top_kernel<Input>, static_cast<int>(plan.groups[level]), kThreads,
                buffer_bytes(plan.capacity), stream, input, inputs, plan.step[level], plan.capacity,
                static_cast<int>(budget), out, done);
}

__global__ __launch_bounds__(kSieveThreads) void sieve_begin_kernel(Sieve sieve, SieveLevel level,
                                                                    ScoreInput input,
                                                                    const Pick* state,
                                                                    index_t budget) {
  const BlockGroup group;
  sieve_begin(group, sieve, level, input, state, budget,
              static_cast<index_t>(blockIdx.x) * kSieveThreads, kSieveThreads);
}

template <bool kAll>
__global__ __launch_bounds__(kSieveThreads,
                             kSieveBlocks) void sieve_kernel(Sieve sieve, SieveLevel level,
                                                             int number, ScoreInput input,
                                                             index_t budget, index_t step) {
  const BlockGroup group;
  const index_t begin = blockIdx.x * step;
  const index_t end = begin + step < level.size ? begin + step : level.size;
  sieve_segment<kAll>(group, sieve, level, number, input, budget, begin, end);
}

__global__ __launch_bounds__(kSieveThreads) void places_kernel(
    Sieve sieve, const __grid_constant__ SievePlan plan, int number, Pick* state) {
  const BlockGroup group;
  sieve_places(group, sieve, plan, number, state, static_cast<int>(blockIdx.x) * kSieveRows,
               kSieveRows, static_cast<int>(gridDim.x) * kSieveRows);
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

void launch_top(const SievePlan& sieve_plan, const Sieve& sieve, const TopPlan& plan,
                const ScoreInput& input, index_t candidates, index_t budget, Pick* state,
                Pick* lists, int processors, cudaStream_t stream) {
  const SieveLevel& sample = sieve_plan.level[0];
  const index_t longer = sample.size > budget ? sample.size : budget;
  sieve_begin_kernel<<<static_cast<unsigned>((longer + kSieveThreads - 1) / kSieveThreads),
                       kSieveThreads, 0, stream>>>(sieve, sample, input, state, budget);
  AIFT_CUDA_CHECK_LAUNCH();
  const auto blocks = static_cast<index_t>(processors) * kSieveBlocks;
  for (int l = 0; l < sieve_plan.levels; ++l) {
    const SieveLevel& level = sieve_plan.level[l];
    if (l > 0) {
      // A block of a small level reads once; of a large one, four times what is under way.
      constexpr index_t kPiece = index_t{kSieveThreads} * 8;
      const index_t pieces = (level.size + kPiece - 1) / kPiece;
      const index_t each = pieces > blocks * 16 ? 4 : 1;
      const index_t step = each * kPiece;
      const auto kernel = level.stride == 0 ? sieve_kernel<true> : sieve_kernel<false>;
      kernel<<<static_cast<unsigned>((level.size + step - 1) / step), kSieveThreads, 0, stream>>>(
          sieve, level, l, input, budget, step);
      AIFT_CUDA_CHECK_LAUNCH();
    }
    places_kernel<<<static_cast<unsigned>(blocks), kSieveThreads, 0, stream>>>(sieve, sieve_plan, l,
                                                                               state);
    AIFT_CUDA_CHECK_LAUNCH();
  }
  if (sieve_plan.levels == 1) return;  // everything was listed
  const std::uint32_t* const done = &sieve.notes->done;
  Pick* from = lists;
  Pick* to = lists + plan.most_picks(budget);
  launch_level(input, candidates, plan, 0, budget, from, done, stream);
  for (int level = 1; level < plan.levels; ++level) {
    const index_t inputs = plan.groups[level - 1] * budget;
    const bool last = level + 1 == plan.levels;
    launch_level(PickInput{from, inputs, sieve.kept}, last ? inputs + budget : inputs, plan, level,
                 budget, last ? state : to, done, stream);
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
