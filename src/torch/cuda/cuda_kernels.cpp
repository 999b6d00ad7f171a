// SPDX-License-Identifier: Apache-2.0
// DeviceKernels of aift::cuda, with memory of LibTorch's on LibTorch's current stream. No header of
// CUDA: streams and events are LibTorch's, and the operators need only the name of a stream.
#include <array>
#include <cstring>
#include <optional>

#include <c10/core/impl/VirtualGuardImpl.h>

#include <aift/core/error.hpp>
#include <aift/cuda/device.hpp>
#include <aift/cuda/render.hpp>
#include <aift/cuda/score.hpp>
#include <aift/cuda/status.hpp>
#include <aift/cuda/table_block.hpp>

#include "src/torch/device_pass.hpp"

namespace aift::nn {
namespace {

using torch::Tensor;

torch::TensorOptions device_bytes() {
  return torch::TensorOptions().dtype(torch::kUInt8).device(torch::kCUDA);
}
torch::TensorOptions pinned_bytes() {
  return torch::TensorOptions().dtype(torch::kUInt8).pinned_memory(true);
}

std::byte* data_of(const Tensor& t) { return static_cast<std::byte*>(t.data_ptr()); }

cudaStream_t current_stream() {
  const c10::impl::VirtualGuardImpl streams(c10::DeviceType::CUDA);
  const c10::Stream stream = streams.getStream(streams.getDevice());
  return static_cast<cudaStream_t>(streams.getStreamNativeHandle(stream));
}

/// Device memory of LibTorch's; it is handed out again only to work that the stream does later.
cuda::Workspace workspace_of(std::size_t bytes, Tensor& owner) {
  if (bytes == 0) return {};
  owner = torch::empty({static_cast<index_t>(bytes)}, device_bytes());
  return {data_of(owner), static_cast<index_t>(bytes)};
}

class CudaKernels final : public DeviceKernels {
 public:
  void render(int number, const RenderBatch& batch, const PatchOutput& out) override {
    Slot& slot = slots_[static_cast<std::size_t>(number)];
    slot.table.prepare(batch, out.format);
    const std::span<const std::byte> table = slot.table.bytes();
    const auto size = static_cast<index_t>(table.size());
    if (!slot.host_table.defined() || slot.host_table.numel() < size)
      slot.host_table = torch::empty({size + size / 4}, pinned_bytes());
    std::memcpy(data_of(slot.host_table), table.data(), table.size());
    const Tensor on_device = torch::empty({size}, device_bytes());
    on_device.copy_(slot.host_table.narrow(0, 0, size), /*non_blocking=*/true);
    Tensor owner;
    const cuda::Workspace workspace = workspace_of(cuda::render_workspace_bytes(slot.table), owner);
    cuda::render_async(slot.table, {data_of(on_device), size}, out, workspace, current_stream());
  }

  void score(int number, const ScoreRecipe& recipe, const float* logits, index_t n, index_t q,
             index_t classes, index_t first_candidate) override {
    Slot& slot = slots_[static_cast<std::size_t>(number)];
    slot.options = recipe.options;
    slot.first = first_candidate;
    slot.predictions =
        cuda::DevicePredictions::dense(logits, n, q, classes, PredictionKind::logits);
    slot.block.emplace(recipe.kind, slot.predictions, recipe.options, ScoreRequest{});
    const auto size = static_cast<index_t>(slot.block->bytes());
    slot.results = torch::empty({size}, device_bytes());
    std::byte* const results = data_of(slot.results);
    Tensor owner;
    const cuda::Workspace workspace =
        workspace_of(cuda::score_workspace_bytes(slot.predictions, recipe.options), owner);
    const cudaStream_t stream = current_stream();
    cuda::reset_async(slot.block->status(results), stream);
    cuda::score_async(recipe.kind, slot.predictions, recipe.options, slot.block->outputs(results),
                      slot.block->status(results), workspace, stream, first_candidate);
    slot.host_results = torch::empty({size}, pinned_bytes());
    slot.host_results.copy_(slot.results, /*non_blocking=*/true);
  }

  void scores(int number, ScoreTable& out) override {
    Slot& slot = slots_[static_cast<std::size_t>(number)];
    const std::byte* const host = data_of(slot.host_results);
    if (slot.block->offense(host)) {
      cuda::check(slot.block->status(data_of(slot.results)), slot.predictions, slot.options,
                  slot.first, current_stream());
    }
    out.first_candidate = slot.first;
    slot.block->read(host, out);
  }

 private:
  struct Slot {
    cuda::RenderTable table;
    Tensor host_table;
    cuda::DevicePredictions predictions;
    ScoreOptions options;
    index_t first = 0;
    std::optional<cuda::TableBlock> block;
    Tensor results, host_results;
  };
  std::array<Slot, 2> slots_;
};

}  // namespace

std::unique_ptr<DeviceKernels> make_cuda_kernels() { return std::make_unique<CudaKernels>(); }

std::string cuda_device_name() {
  const cuda::DeviceInfo info = cuda::current_device();
  return fmt::format("{}, capability {}.{}", info.name, info.capability / 10, info.capability % 10);
}

}  // namespace aift::nn
