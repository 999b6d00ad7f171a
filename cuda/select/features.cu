// SPDX-License-Identifier: Apache-2.0
// Distances of feature rows, farthest-first and k-means.
#include "cuda/core/try.hpp"
#include "feature_group.cuh"
#include "features_launch.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = kTileThreads;
constexpr int kBlocksPerProcessor = 8;
constexpr index_t kValuesPerBlock = 16384;

unsigned blocks_for(index_t count, index_t each) {
  return static_cast<unsigned>((count + each - 1) / each);
}

/// The rows of a block, `step` of them but for the last block.
struct Stretch {
  index_t begin;
  index_t end;

  __device__ Stretch(index_t step, index_t count)
      : begin(blockIdx.x * step), end(begin + step < count ? begin + step : count) {}
};

__global__ __launch_bounds__(kThreads) void refuse_kernel(FeatureRows rows, index_t first_candidate,
                                                          index_t step, std::uint64_t* status) {
  const Stretch mine(step, rows.count);
  refuse_features(FeatureBlock{}, rows, first_candidate, mine.begin, mine.end, status);
}

__global__ __launch_bounds__(kThreads) void distances_kernel(FeatureRows rows, FeatureRows centres,
                                                             index_t tiles_across, float* out) {
  __shared__ TileMemory memory;
  const index_t tile = blockIdx.x;
  distance_tile(FeatureBlock{}, rows, centres, tile / tiles_across * kTileSide,
                tile % tiles_across * kTileSide, memory, out);
}

// ---- Farthest-first

__global__ __launch_bounds__(kThreads) void labelled_kernel(FeatureRows candidates,
                                                            FeatureRows labelled, float* nearest) {
  __shared__ TileMemory memory;
  nearest_centre(FeatureBlock{}, candidates, labelled, static_cast<index_t>(blockIdx.x) * kTileSide,
                 memory, [&](index_t p, float squared, std::int32_t) { nearest[p] = squared; });
}

__global__ __launch_bounds__(kThreads) void sum_part_kernel(FeatureRows rows, double* sums) {
  const Stretch part(kSumPart, rows.count);
  sum_rows(
      FeatureBlock{}, rows, part.end - part.begin, [&](index_t i) { return part.begin + i; },
      sums + blockIdx.x * rows.columns);
}

__global__ __launch_bounds__(kThreads) void mean_kernel(const double* sums, index_t columns,
                                                        index_t count, float* mean) {
  const index_t f = static_cast<index_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (f < columns) mean[f] = mean_feature(sums, columns, f, count);
}

__global__ __launch_bounds__(kThreads) void central_kernel(FeatureRows rows, index_t step,
                                                           const float* centre, float* nearest,
                                                           std::uint64_t* winner) {
  __shared__ std::uint64_t best;
  const Stretch mine(step, rows.count);
  most_central(FeatureBlock{}, rows, mine.begin, mine.end, centre, nearest, &best, winner);
}

__global__ __launch_bounds__(kThreads) void farthest_kernel(FeatureRows rows, index_t step,
                                                            const std::uint64_t* before,
                                                            float* nearest, std::uint64_t* winner) {
  __shared__ std::uint64_t best;
  const Stretch mine(step, rows.count);
  farthest(FeatureBlock{}, rows, mine.begin, mine.end, before == nullptr ? kNoRow : *before,
           nearest, &best, winner);
}

__global__ __launch_bounds__(kThreads) void picks_kernel(const std::uint64_t* words, index_t budget,
                                                         bool first_is_central, index_t* indices,
                                                         double* distances) {
  const index_t i = static_cast<index_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= budget) return;
  write_pick(words[i], first_is_central && i == 0, indices + i,
             distances == nullptr ? nullptr : distances + i);
}

// ---- k-means

__global__ void first_seed_kernel(KMeans task, index_t seed) { task.seeds[0] = seed; }

__global__ __launch_bounds__(kThreads) void seed_part_kernel(KMeans task, index_t number) {
  seed_part(FeatureBlock{}, task, number, blockIdx.x);
}

__global__ void draw_seed_kernel(KMeans task, index_t number, double share) {
  draw_seed(task, number, share);
}

__global__ __launch_bounds__(kThreads) void place_seeds_kernel(KMeans task) {
  const index_t i = static_cast<index_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < task.clusters * task.rows.columns) place_seed(task, i);
}

__global__ __launch_bounds__(kThreads) void assign_kernel(KMeans task, index_t number) {
  __shared__ TileMemory memory;
  if (task.changed[number] == 0) return;
  assign_rows(FeatureBlock{}, task, static_cast<index_t>(blockIdx.x) * kTileSide, number, memory);
}

// The following do nothing when iteration `number` has moved no row; its sizes are known already,
// except after the first one, which moves them all.

__global__ __launch_bounds__(kThreads) void count_kernel(KMeans task, index_t number) {
  if (task.changed[number + 1] == 0) return;
  count_part(FeatureBlock{}, task, blockIdx.x);
}

__global__ __launch_bounds__(kThreads) void add_counts_kernel(KMeans task, index_t number) {
  if (task.changed[number + 1] == 0) return;
  const index_t c = static_cast<index_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (c < task.clusters) add_counts(task, c);
}

__global__ __launch_bounds__(kThreads) void starts_kernel(KMeans task, index_t number) {
  if (task.changed[number + 1] == 0) return;
  constexpr int kEach = kThreads / math::kClassLanes;
  const index_t first = static_cast<index_t>(blockIdx.x) * kEach;
  const index_t left = task.clusters - first;
  find_starts(FeatureBlock{}, task, first, left < kEach ? left : kEach);
}

__global__ __launch_bounds__(kThreads) void place_part_kernel(KMeans task, index_t number) {
  __shared__ std::int32_t of[kSumPart];
  if (task.changed[number + 1] == 0) return;
  place_part(FeatureBlock{}, task, blockIdx.x, of);
}

__global__ __launch_bounds__(kThreads) void sum_slot_kernel(KMeans task, index_t number) {
  if (task.changed[number + 1] == 0) return;
  sum_slot(FeatureBlock{}, task, blockIdx.x);
}

__global__ __launch_bounds__(kThreads) void move_kernel(KMeans task, index_t number) {
  if (task.changed[number + 1] == 0) return;
  const index_t i = static_cast<index_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < task.clusters * task.rows.columns) move_centre(task, i);
}

/// Queues the words of all picks; there is a candidate.
void queue_picks(const FeatureRows& candidates, const FeatureRows& labelled, index_t budget,
                 const KCenterMemory& memory, int processors, cudaStream_t stream) {
  const index_t n = candidates.count;
  // Whole rounds of the teams, and every processor busy.
  constexpr index_t kRound = kThreads / kFeatureLanes;
  const index_t most_blocks = static_cast<index_t>(processors) * kBlocksPerProcessor;
  const index_t rounds = blocks_for(n, kRound * most_blocks);
  const index_t step = rounds * kRound;
  const unsigned blocks = blocks_for(n, step);
  if (labelled.count == 0) {
    sum_part_kernel<<<static_cast<unsigned>(sum_parts(n)), kThreads, 0, stream>>>(candidates,
                                                                                  memory.sums);
    AIFT_CUDA_CHECK_LAUNCH();
    mean_kernel<<<blocks_for(candidates.columns, kThreads), kThreads, 0, stream>>>(
        memory.sums, candidates.columns, n, memory.centre);
    AIFT_CUDA_CHECK_LAUNCH();
    central_kernel<<<blocks, kThreads, 0, stream>>>(candidates, step, memory.centre, memory.nearest,
                                                    memory.words);
  } else {
    labelled_kernel<<<blocks_for(n, kTileSide), kThreads, 0, stream>>>(candidates, labelled,
                                                                       memory.nearest);
    AIFT_CUDA_CHECK_LAUNCH();
    farthest_kernel<<<blocks, kThreads, 0, stream>>>(candidates, step, nullptr, memory.nearest,
                                                     memory.words);
  }
  AIFT_CUDA_CHECK_LAUNCH();
  for (index_t pick = 1; pick < budget; ++pick) {
    farthest_kernel<<<blocks, kThreads, 0, stream>>>(candidates, step, memory.words + pick - 1,
                                                     memory.nearest, memory.words + pick);
    AIFT_CUDA_CHECK_LAUNCH();
  }
}

}  // namespace

void launch_refuse(const FeatureRows& rows, index_t first_candidate, std::uint64_t* status,
                   cudaStream_t stream) {
  const index_t fit = kValuesPerBlock / rows.columns;
  const index_t step = fit > 1 ? fit : 1;
  refuse_kernel<<<blocks_for(rows.count, step), kThreads, 0, stream>>>(rows, first_candidate, step,
                                                                       status);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_distances(const FeatureRows& rows, const FeatureRows& centres, float* out,
                      cudaStream_t stream) {
  const index_t across = blocks_for(centres.count, kTileSide);
  const auto tiles = static_cast<unsigned>(blocks_for(rows.count, kTileSide) * across);
  distances_kernel<<<tiles, kThreads, 0, stream>>>(rows, centres, across, out);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_k_center(const FeatureRows& candidates, const FeatureRows& labelled, index_t budget,
                     const KCenterMemory& memory, index_t* indices, double* distances,
                     int processors, cudaStream_t stream) {
  const index_t n = candidates.count;
  AIFT_CUDA_TRY(cudaMemsetAsync(memory.words, 0xFF,
                                static_cast<std::size_t>(budget) * sizeof(std::uint64_t), stream));
  const bool central = labelled.count == 0;
  if (n > 0) queue_picks(candidates, labelled, budget, memory, processors, stream);
  picks_kernel<<<blocks_for(budget, kThreads), kThreads, 0, stream>>>(memory.words, budget, central,
                                                                      indices, distances);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_k_means(const KMeans& task, index_t first_seed, const double* shares,
                    index_t iterations, cudaStream_t stream) {
  const auto parts = static_cast<unsigned>(task.parts());
  const unsigned per_centre = blocks_for(task.clusters * task.rows.columns, kThreads);
  first_seed_kernel<<<1, 1, 0, stream>>>(task, first_seed);
  AIFT_CUDA_CHECK_LAUNCH();
  for (index_t number = 1; number < task.clusters; ++number) {
    seed_part_kernel<<<parts, kThreads, 0, stream>>>(task, number - 1);
    AIFT_CUDA_CHECK_LAUNCH();
    draw_seed_kernel<<<1, 1, 0, stream>>>(task, number, shares[number]);
    AIFT_CUDA_CHECK_LAUNCH();
  }
  place_seeds_kernel<<<per_centre, kThreads, 0, stream>>>(task);
  AIFT_CUDA_CHECK_LAUNCH();

  // Iteration 0 goes ahead; the others say themselves whether the next one is to.
  AIFT_CUDA_TRY(cudaMemsetAsync(
      task.changed, 0, static_cast<std::size_t>(iterations + 1) * sizeof(std::uint32_t), stream));
  AIFT_CUDA_TRY(cudaMemsetAsync(task.changed, 0xFF, sizeof(std::uint32_t), stream));
  for (index_t number = 0; number < iterations; ++number) {
    assign_kernel<<<blocks_for(task.rows.count, kTileSide), kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    count_kernel<<<parts, kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    add_counts_kernel<<<blocks_for(task.clusters, kThreads), kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    if (number + 1 == iterations) break;  // centres stay those of the last assignment
    starts_kernel<<<blocks_for(task.clusters, kThreads / math::kClassLanes), kThreads, 0, stream>>>(
        task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    place_part_kernel<<<parts, kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    sum_slot_kernel<<<static_cast<unsigned>(task.slots()), kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
    move_kernel<<<per_centre, kThreads, 0, stream>>>(task, number);
    AIFT_CUDA_CHECK_LAUNCH();
  }
}

}  // namespace aift::cuda::detail
