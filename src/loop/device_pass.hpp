// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include <aift/loop/device_pipeline.hpp>
#include <aift/loop/pool_pipeline.hpp>

namespace aift {

/// The candidates of a pool, and how their patches are made.
struct PoolWalk {
  const Augmenter& augmenter;
  const ImageSource& images;
  index_t count;
  const std::function<CandidateRef(index_t)>& candidate;
  Purpose purpose;
  index_t round;
};

/// Consecutive candidates [first, first + candidates) of the pool; theirs are the rows [row, row +
/// candidates) of the results.
struct DeviceRows {
  index_t first = 0;
  index_t candidates = 0;
  index_t row = 0;
  const DeviceResults& results;
};

/// Sends a pool through a device: worker threads decode, the calling thread hands batches over and
/// collects each while the device works on the next one. Order, faults, progress and cancellation
/// are those of predict_pool.
void run_device_pass(const DevicePipeline& pipeline, const DeviceRequest& request,
                     const PoolWalk& walk, const PipelineOptions& options, std::string_view stage,
                     Progress& progress, const std::function<void(const DeviceRows&)>& deliver);

}  // namespace aift
