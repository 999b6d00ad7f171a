// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/top.hpp>

#include <algorithm>

#include <aift/core/error.hpp>

#include "cuda/core/try.hpp"
#include "cuda/core/workspace.hpp"
#include "launch.hpp"

namespace aift::cuda {

namespace {

using detail::Pick;

constexpr int kBlocksPerProcessor = 3;
constexpr index_t kMostScores = index_t{1} << 48;

void check_budget(index_t budget) {
  AIFT_EXPECT(budget >= 0, ValueError, "The budget must be at least 0; got {}.", budget);
  AIFT_EXPECT(budget <= kMostScores, ValueError, "The budget must be at most {}; got {}.",
              kMostScores, budget);
}

void check_count(index_t candidates) {
  AIFT_EXPECT(candidates >= 0 && candidates <= kMaxStatusCandidate, ShapeError,
              "A pool may have at most {} candidates; got {}.", kMaxStatusCandidate, candidates);
}

/// Picks that a block's buffer holds on this device.
int capacity_of(const detail::DeviceLimits& limits) {
  const auto room = static_cast<std::size_t>(limits.shared_per_block);
  return detail::buffer_bytes(4096) <= room ? 4096 : 2048;
}

struct Way {
  bool sorted = false;
  detail::SievePlan sieve;
  detail::TopPlan plan;
  int processors = 0;
  std::size_t lists = 0;  // bytes, of the plan
  std::size_t bytes = 0;
};

Way way_for(index_t candidates, index_t budget) {
  const detail::DeviceLimits limits = detail::device_limits();
  const int capacity = capacity_of(limits);
  Way way;
  way.sorted = budget > capacity / 4;
  if (way.sorted) {
    way.bytes = detail::sorted_bytes(candidates, budget);
    return way;
  }
  way.plan = detail::top_plan(candidates, budget, capacity,
                              static_cast<index_t>(limits.processors) * kBlocksPerProcessor);
  way.sieve = detail::sieve_plan(candidates, budget);
  way.processors = limits.processors;
  way.lists =
      detail::padded(2 * static_cast<std::size_t>(way.plan.most_picks(budget)) * sizeof(Pick));
  way.bytes = way.lists + detail::sieve_bytes(budget);
  return way;
}

Pick* state_of(index_t budget, const Workspace& state) {
  AIFT_EXPECT(state.bytes() >= top_state_bytes(budget), ShapeError,
              "The state of {} picks needs {} bytes (top_state_bytes); got {}.", budget,
              top_state_bytes(budget), state.bytes());
  detail::expect_device_memory(state.data, kWorkspaceAlignment, "The state");
  return reinterpret_cast<Pick*>(state.data);
}

}  // namespace

std::size_t top_state_bytes(index_t budget) {
  check_budget(budget);
  return static_cast<std::size_t>(budget) * sizeof(Pick);
}

std::size_t top_workspace_bytes(index_t candidates, index_t budget) {
  check_budget(budget);
  check_count(candidates);
  if (candidates == 0 || budget == 0) return 0;
  return way_for(candidates, budget).bytes;
}

void top_reset_async(index_t budget, Workspace state, cudaStream_t stream) {
  check_budget(budget);
  if (budget == 0) return;
  detail::launch_clear(state_of(budget, state), budget, stream);
}

void top_update_async(DeviceView<const double> scores, index_t first_index, index_t budget,
                      Workspace state, Status* status, Workspace workspace, cudaStream_t stream) {
  check_budget(budget);
  check_count(scores.size);
  AIFT_EXPECT(first_index >= 0 && first_index <= kMaxStatusCandidate - scores.size, ShapeError,
              "A pool may have at most {} candidates; got {} from candidate {} on.",
              kMaxStatusCandidate, scores.size, first_index);
  if (scores.size == 0 || budget == 0) return;
  detail::expect_device_memory(scores.data, alignof(double), "Scores");
  std::uint64_t* const word = detail::status_word(status);
  Pick* const picks = state_of(budget, state);
  const Way way = way_for(scores.size, budget);
  detail::expect_workspace(workspace, way.bytes, "top_workspace_bytes");
  const detail::ScoreInput input{scores.data, first_index, word};
  if (way.sorted) {
    detail::launch_top_sorted(input, scores.size, budget, picks, workspace.data, way.bytes, stream);
  } else {
    detail::launch_top(way.sieve, detail::sieve_at(workspace.data + way.lists, budget), way.plan,
                       input, scores.size, budget, picks, reinterpret_cast<Pick*>(workspace.data),
                       way.processors, stream);
  }
}

void top_finish_async(index_t budget, Workspace state, DeviceView<index_t> indices,
                      DeviceView<double> scores, cudaStream_t stream) {
  check_budget(budget);
  if (budget == 0) return;
  const Pick* const picks = state_of(budget, state);
  AIFT_EXPECT(indices.size >= budget, ShapeError, "The picks need room for {} indices; got {}.",
              budget, indices.size);
  detail::expect_device_memory(indices.data, alignof(index_t), "The list of picks");
  if (!scores.empty()) {
    AIFT_EXPECT(scores.size >= budget, ShapeError, "The picks need room for {} scores; got {}.",
                budget, scores.size);
    detail::expect_device_memory(scores.data, alignof(double), "The scores of the picks");
  }
  detail::launch_finish(picks, budget, indices.data, scores.empty() ? nullptr : scores.data,
                        stream);
}

void top_b_async(DeviceView<const double> scores, index_t budget, DeviceView<index_t> indices,
                 DeviceView<double> best, Status* status, Workspace workspace,
                 cudaStream_t stream) {
  check_budget(budget);
  check_count(scores.size);
  if (budget == 0) return;
  const std::size_t state_bytes = detail::padded(top_state_bytes(budget));
  AIFT_EXPECT(workspace.bytes() >= state_bytes, ShapeError,
              "The workspace needs {} bytes (top_state_bytes and top_workspace_bytes); got {}.",
              state_bytes + top_workspace_bytes(scores.size, budget), workspace.bytes());
  const Workspace state(workspace.data, static_cast<index_t>(state_bytes));
  const Workspace rest(workspace.data + state_bytes,
                       workspace.size - static_cast<index_t>(state_bytes));
  top_reset_async(budget, state, stream);
  top_update_async(scores, 0, budget, state, status, rest, stream);
  top_finish_async(budget, state, indices, best, stream);
}

void acft_weights_async(DeviceView<const double> best, DeviceView<double> probability,
                        Status* status, cudaStream_t stream) {
  AIFT_EXPECT(best.size >= 0 && best.size <= index_t{1} << 30, ShapeError,
              "ACFT's pool may have at most {} candidates; got {}.", index_t{1} << 30, best.size);
  if (best.size == 0) return;
  AIFT_EXPECT(probability.size >= best.size, ShapeError,
              "The chances need room for {} elements; got {}.", best.size, probability.size);
  detail::expect_device_memory(best.data, alignof(double), "The scores of the pool");
  detail::expect_device_memory(probability.data, alignof(double), "The chances");
  detail::launch_acft_weights(best.data, best.size, probability.data, detail::status_word(status),
                              stream);
}

}  // namespace aift::cuda
