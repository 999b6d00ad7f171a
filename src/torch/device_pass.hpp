// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include <aift/augment/batch_renderer.hpp>
#include <aift/loop/device_pipeline.hpp>

#include "forward.hpp"

namespace aift::nn {

/// What a pass needs of a device besides LibTorch: aift::cuda on a GPU, aift::core on a CPU, where
/// tests run the whole of it. Everything is queued on LibTorch's current stream.
class DeviceKernels {
 public:
  virtual ~DeviceKernels() = default;
  /// Queues the rendering of images that lie on the device; `slot` is 0 or 1, and what the call
  /// before the last one has queued is over.
  virtual void render(int slot, const RenderBatch& batch, const PatchOutput& out) = 0;
  /// Queues the scores of n candidates of q patches, and the copy of them to the host. `logits` [n,
  /// q, K] float32 on the device, stays until `scores` has been called for this slot.
  virtual void score(int slot, const ScoreRecipe& recipe, const float* logits, index_t n, index_t q,
                     index_t classes, index_t first_candidate) = 0;
  /// What score() of this slot has queued, which is over: n rows. throws ValueError: an offender
  virtual void scores(int slot, ScoreTable& out) = 0;
};

/// Images to results on a device, two batches at a time (see DevicePass).
///
/// copies   images lie in pinned memory first; a stream of its own brings them over while the
///          current stream still works on the batch before
/// streams  LibTorch's current stream of the thread that makes it, for everything else
class TorchPass final : public DevicePass {
 public:
  TorchPass(Forward forward, const PatchFormat& format, const DeviceRequest& request,
            std::unique_ptr<DeviceKernels> kernels);
  ~TorchPass() override;

  void submit(std::span<const ImageView> images, std::span<const PatchPlan> plans) override;
  const DeviceResults& collect() override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Begins passes of one model.
class TorchPipeline final : public DevicePipeline {
 public:
  /// forward: asked for at every pass, so that changed weights are seen
  TorchPipeline(std::function<Forward()> forward, ModelInfo info,
                std::function<std::unique_ptr<DeviceKernels>()> kernels)
      : forward_(std::move(forward)), info_(std::move(info)), kernels_(std::move(kernels)) {}
  [[nodiscard]] std::unique_ptr<DevicePass> begin(const DeviceRequest& request) const override;

 private:
  std::function<Forward()> forward_;
  ModelInfo info_;
  std::function<std::unique_ptr<DeviceKernels>()> kernels_;
};

/// Kernels that are functions of the CPU.
[[nodiscard]] std::unique_ptr<DeviceKernels> make_cpu_kernels();
/// Whether this build has aift::cuda.
[[nodiscard]] bool has_cuda_kernels() noexcept;
/// Kernels of aift::cuda; null in a build without it.
[[nodiscard]] std::unique_ptr<DeviceKernels> make_cuda_kernels();
/// What the GPU is called; throws DeviceError when aift::cuda cannot use it, ValueError in a build
/// without it.
[[nodiscard]] std::string cuda_device_name();

}  // namespace aift::nn
