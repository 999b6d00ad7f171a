// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/pool.hpp>

#include "cuda/core/memory.hpp"
#include "pool_body.hpp"

namespace aift::cuda {

namespace {

/// A stream with the memory of one chunk on both sides.
class CudaLane {
 public:
  std::byte* host_input(std::size_t bytes) { return host_input_.at_least(bytes); }
  std::byte* device_input(std::size_t bytes) { return device_input_.at_least(bytes); }

  void queue(ScoreKind kind, const detail::PoolChunk& chunk, const ScoreOptions& options,
             const TableBlock& block) {
    cudaStream_t stream = stream_.get();
    std::byte* const input = device_input_.at_least(chunk.input_bytes);
    AIFT_CUDA_TRY(cudaMemcpyAsync(input, host_input_.at_least(chunk.input_bytes), chunk.input_bytes,
                                  cudaMemcpyHostToDevice, stream));
    std::byte* const output = device_output_.at_least(block.bytes());
    const std::size_t workspace = score_workspace_bytes(chunk.device, options);
    DeviceView<const index_t> kept_offsets;
    if (chunk.host.offsets != nullptr) {
      kept_offsets = {reinterpret_cast<const index_t*>(input + chunk.kept_offsets_at),
                      chunk.device.candidates + 1};
    }
    reset_async(block.status(output), stream);
    score_async(
        kind, chunk.device, options, block.outputs(output, kept_offsets), block.status(output),
        {workspace > 0 ? workspace_.at_least(workspace) : nullptr, static_cast<index_t>(workspace)},
        stream, chunk.first);
    AIFT_CUDA_TRY(cudaMemcpyAsync(host_output_.at_least(block.bytes()), output, block.bytes(),
                                  cudaMemcpyDeviceToHost, stream));
  }

  const std::byte* wait() {
    AIFT_CUDA_TRY(cudaStreamSynchronize(stream_.get()));
    return host_output_.at_least(0);
  }

  void refuse(const detail::PoolChunk& chunk, const ScoreOptions& options,
              const TableBlock& block) {
    check(block.status(device_output_.at_least(0)), chunk.device, options, chunk.first,
          stream_.get());
  }

 private:
  detail::PinnedMemory host_input_;
  detail::PinnedMemory host_output_;
  detail::DeviceMemory device_input_;
  detail::DeviceMemory device_output_;
  detail::DeviceMemory workspace_;
  detail::OwnStream stream_;  // last: it ends before the memory that it uses
};

}  // namespace

ScoreTable score_pool(const PatchPredictions& all, const score::PoolScoring& how,
                      index_t chunk_bytes, const std::function<void(index_t, index_t)>& scored) {
  CudaLane lanes[2];
  return detail::score_pool(lanes, all, how, chunk_bytes, scored);
}

}  // namespace aift::cuda
