// SPDX-License-Identifier: Apache-2.0
#include "device_pass.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <aift/core/error.hpp>
#include <aift/score/scores.hpp>

namespace aift::nn {
namespace {

using torch::Tensor;

std::size_t row_bytes(const ImageView& image) {
  return static_cast<std::size_t>(image.width * image.channels());
}

/// float32 values of a tensor on the host; empty when there is none.
std::span<const float> floats(const Tensor& t) {
  if (!t.defined()) return {};
  return {t.const_data_ptr<float>(), static_cast<std::size_t>(t.numel())};
}

}  // namespace

struct TorchPass::State {
  /// A batch on its way.
  struct Slot {
    Tensor pinned;  ///< [bytes] pixels on the host
    Tensor pixels;  ///< [bytes] pixels on the device, of the copying stream
    Tensor logits;  ///< [n q, K] on the device, while it is scored
    Tensor host_logits, host_features, host_means, host_mean_features;
    std::optional<c10::Event> copied, done;
    index_t candidates = 0;
  };

  State(Forward f, const PatchFormat& input, const DeviceRequest& wanted,
        std::unique_ptr<DeviceKernels> k)
      : forward(std::move(f)),
        format(input),
        request(wanted),
        kernels(std::move(k)),
        device(forward.device()) {
    if (!on_gpu()) return;
    const c10::impl::VirtualGuardImpl streams(device.type());
    main.emplace(streams.getStream(device));
    copying.emplace(streams.getStreamFromGlobalPool(device));
    for (Slot& slot : slots) {
      slot.copied.emplace(device.type());
      slot.done.emplace(device.type());
    }
  }

  [[nodiscard]] bool on_gpu() const { return !device.is_cpu(); }

  /// Room for so many bytes of pixels on both sides; the slot is idle.
  void reserve(Slot& slot, index_t bytes) const {
    if (slot.pinned.defined() && slot.pinned.numel() >= bytes) return;
    const index_t wanted = bytes + bytes / 4;  // images of other sizes will come
    slot.pinned =
        torch::empty({wanted}, torch::TensorOptions().dtype(torch::kUInt8).pinned_memory(on_gpu()));
    const c10::OptionalStreamGuard guard(copying);
    slot.pixels =
        torch::empty({wanted}, torch::TensorOptions().dtype(torch::kUInt8).device(device));
  }

  /// A copy on the host, complete when the slot's event is.
  [[nodiscard]] Tensor to_host(const Tensor& t) const {
    if (!on_gpu()) return t.contiguous();
    Tensor host =
        torch::empty(t.sizes(), torch::TensorOptions().dtype(t.scalar_type()).pinned_memory(true));
    host.copy_(t, /*non_blocking=*/true);
    return host;
  }

  Forward forward;
  PatchFormat format;
  DeviceRequest request;
  std::unique_ptr<DeviceKernels> kernels;
  torch::Device device;
  std::optional<c10::Stream> main, copying;
  std::array<Slot, 2> slots;
  std::vector<ImageView> images;  // on the device
  index_t submitted = 0;          // batches
  index_t collected = 0;          // batches
  index_t candidates = 0;         // in them
  DeviceResults results;
  ScoreTable table;
};

TorchPass::TorchPass(Forward forward, const PatchFormat& format, const DeviceRequest& request,
                     std::unique_ptr<DeviceKernels> kernels)
    : state_(std::make_unique<State>(std::move(forward), format, request, std::move(kernels))) {}

TorchPass::~TorchPass() {
  State& s = *state_;
  if (!s.on_gpu()) return;
  // What is still queued reads memory that goes now.
  try {
    for (const c10::Stream& stream : {*s.copying, *s.main})
      stream.synchronize();
  } catch (const std::exception&) {  // the device has failed; whoever used it has been told
  }
}

void TorchPass::submit(std::span<const ImageView> images, std::span<const PatchPlan> plans) {
  State& s = *state_;
  const auto n = static_cast<index_t>(images.size());
  const index_t q = s.request.views;
  AIFT_EXPECT(s.submitted - s.collected < 2, ValueError,
              "At most two batches may wait on a device; collect one first.");
  AIFT_EXPECT(n >= 1 && static_cast<index_t>(plans.size()) == n * q, ShapeError,
              "A batch for a device needs at least one image and {} plans for each; got {} images "
              "and {} plans.",
              q, n, plans.size());
  const torch::NoGradGuard no_gradients;
  const c10::OptionalDeviceGuard device_guard(s.device);
  const int number = static_cast<int>(s.submitted % 2);
  State::Slot& slot = s.slots[static_cast<std::size_t>(number)];

  // Pixels: packed, side by side, to the device.
  std::size_t bytes = 0;
  for (const ImageView& image : images) {
    AIFT_EXPECT(image.data != nullptr && image.width >= 1 && image.height >= 1 &&
                    image.stride >= image.width * image.channels(),
                ShapeError, "An image needs pixels and rows of at least {} bytes; got {} x {}, {}.",
                image.width * image.channels(), image.width, image.height, image.stride);
    bytes += row_bytes(image) * static_cast<std::size_t>(image.height);
  }
  s.reserve(slot, static_cast<index_t>(bytes));
  auto* const host = slot.pinned.data_ptr<std::uint8_t>();
  auto* const device = slot.pixels.data_ptr<std::uint8_t>();
  s.images.clear();
  std::size_t at = 0;
  for (const ImageView& image : images) {
    ImageView there = image;
    there.data = device + at;
    there.stride = static_cast<index_t>(row_bytes(image));
    s.images.push_back(there);
    for (index_t y = 0; y < image.height; ++y, at += row_bytes(image))
      std::memcpy(host + at, image.data + y * image.stride, row_bytes(image));
  }
  {
    const c10::OptionalStreamGuard guard(s.copying);
    const auto size = static_cast<index_t>(bytes);
    slot.pixels.narrow(0, 0, size).copy_(slot.pinned.narrow(0, 0, size), /*non_blocking=*/true);
  }
  const c10::OptionalStreamGuard guard(s.main);
  if (s.on_gpu()) {
    slot.copied->record(*s.copying);
    slot.copied->block(*s.main);
  }

  // Patches, in the numbers and the order of the forward pass.
  const bool bf16 = s.forward.type == ForwardType::bf16;
  const Tensor patches = torch::empty({n * q, s.format.channels, s.format.height, s.format.width},
                                      torch::TensorOptions()
                                          .dtype(bf16 ? torch::kBFloat16 : torch::kFloat32)
                                          .device(s.device)
                                          .memory_format(torch::MemoryFormat::ChannelsLast));
  PatchOutput out;
  out.data = patches.data_ptr();
  out.capacity = n * q;
  out.type = bf16 ? DType::bf16 : DType::f32;
  out.layout = PatchLayout::nhwc;
  out.format = s.format;
  s.kernels->render(number, {.images = s.images, .plans = plans, .offsets = {}}, out);

  // Forward passes of at most `batch` patches.
  const index_t classes = s.forward.head.weight.size(0);
  const index_t width = s.forward.head.weight.size(1);
  const bool features_wanted = s.request.features || s.request.mean_features;
  std::vector<Tensor> logits, features;
  for (index_t first = 0; first < n * q; first += s.request.batch) {
    Predicted predicted =
        s.forward(patches.narrow(0, first, std::min(s.request.batch, n * q - first)));
    logits.push_back(std::move(predicted.logits));
    if (features_wanted) features.push_back(std::move(predicted.features));
  }
  const auto joined = [](const std::vector<Tensor>& parts) {
    return parts.size() == 1 ? parts.front() : torch::cat(parts);
  };
  slot.logits = joined(logits);
  AIFT_EXPECT(slot.logits.numel() == n * q * classes, ShapeError,
              "The network gave {} logits for {} patches of {} classes.", slot.logits.numel(),
              n * q, classes);

  // What was asked for.
  slot.candidates = n;
  slot.host_logits = s.request.logits ? s.to_host(slot.logits) : Tensor();
  slot.host_means =
      s.request.mean_probabilities
          ? s.to_host(
                torch::softmax(slot.logits.to(torch::kFloat64), 1).view({n, q, classes}).mean(1))
          : Tensor();
  slot.host_features = slot.host_mean_features = Tensor();
  if (features_wanted) {
    const Tensor all = joined(features);
    if (s.request.features) slot.host_features = s.to_host(all);
    if (s.request.mean_features) {
      slot.host_mean_features =
          s.to_host(all.to(torch::kFloat64).view({n, q, width}).mean(1).to(torch::kFloat32));
    }
  }
  if (s.request.score) {
    s.kernels->score(number, *s.request.score, slot.logits.const_data_ptr<float>(), n, q, classes,
                     s.candidates);
  }
  if (s.on_gpu()) slot.done->record(*s.main);
  s.candidates += n;
  ++s.submitted;
}

const DeviceResults& TorchPass::collect() {
  State& s = *state_;
  AIFT_EXPECT(s.collected < s.submitted, ValueError, "No batch waits on the device.");
  const int number = static_cast<int>(s.collected % 2);
  State::Slot& slot = s.slots[static_cast<std::size_t>(number)];
  if (s.on_gpu()) slot.done->synchronize();
  ++s.collected;
  s.results = {};
  s.results.candidates = slot.candidates;
  s.results.logits = floats(slot.host_logits);
  s.results.features = floats(slot.host_features);
  s.results.mean_features = floats(slot.host_mean_features);
  if (slot.host_means.defined()) {
    s.results.mean_probabilities = {slot.host_means.const_data_ptr<double>(),
                                    static_cast<std::size_t>(slot.host_means.numel())};
  }
  if (s.request.score) {
    s.table.clear();
    s.kernels->scores(number, s.table);
    s.results.scores = &s.table;
  }
  return s.results;
}

std::unique_ptr<DevicePass> TorchPipeline::begin(const DeviceRequest& request) const {
  AIFT_EXPECT(request.views >= 1 && request.batch >= 1, ValueError,
              "A pass needs at least 1 view and 1 patch per forward pass; got {} and {}.",
              request.views, request.batch);
  AIFT_EXPECT((!request.features && !request.mean_features) || info_.feature_size >= 1, ValueError,
              "Features were asked for, but the model \"{}\" gives none.", info_.architecture);
  return std::make_unique<TorchPass>(forward_(), info_.input, request, kernels_());
}

// ------------------------------------------------------------------------------ kernels of a CPU

namespace {

class CpuKernels final : public DeviceKernels {
 public:
  void render(int, const RenderBatch& batch, const PatchOutput& out) override {
    renderer_.render(batch, out);
  }
  void score(int slot, const ScoreRecipe& recipe, const float* logits, index_t n, index_t q,
             index_t classes, index_t first_candidate) override {
    waiting_[static_cast<std::size_t>(slot)] = {
        recipe, PatchPredictions::dense(logits, n, q, classes, PredictionKind::logits),
        first_candidate};
  }
  void scores(int slot, ScoreTable& out) override {
    const Waiting& one = waiting_[static_cast<std::size_t>(slot)];
    out.first_candidate = one.first_candidate;
    score::compute(one.recipe.kind, one.predictions, one.recipe.options, out);
  }

 private:
  struct Waiting {
    ScoreRecipe recipe;
    PatchPredictions predictions;
    index_t first_candidate = 0;
  };
  BatchRenderer renderer_;
  std::array<Waiting, 2> waiting_;
};

}  // namespace

std::unique_ptr<DeviceKernels> make_cpu_kernels() { return std::make_unique<CpuKernels>(); }

}  // namespace aift::nn
