// SPDX-License-Identifier: Apache-2.0
// Device memory in the C interface; without CUDA the same functions that say so.
#include <algorithm>
#include <string>

#include <aift/adapters/dlpack.hpp>

#include "src/c/convert.hpp"
#include "src/c/guard.hpp"

#if AIFT_WITH_CUDA
#include <aift/cuda/score.hpp>
#include <aift/cuda/top.hpp>
#endif

namespace {

using aift::capi::expect_given;
using aift::capi::guarded;

#if AIFT_WITH_CUDA

constexpr std::size_t kAlignment = aift::cuda::kWorkspaceAlignment;
static_assert(sizeof(aift::cuda::Status) == sizeof(std::uint64_t));

aift::cuda::Status* status_of(std::uint64_t* word) {
  return reinterpret_cast<aift::cuda::Status*>(word);
}

cudaStream_t stream_of(void* stream) { return static_cast<cudaStream_t>(stream); }

aift::cuda::Workspace workspace_of(void* memory, std::size_t bytes) {
  AIFT_EXPECT(bytes == 0 || memory != nullptr, ShapeError, "A workspace of {} bytes must not be NULL.",
              bytes);
  return {static_cast<std::byte*>(memory), static_cast<aift::index_t>(bytes)};
}

aift::cuda::DevicePredictions read(const aift_device_predictions* given) {
  aift_device_predictions defaults;
  aift_device_predictions_init(&defaults);
  const auto read = aift::capi::read_struct(given, defaults, "aift_device_predictions",
                                            sizeof(aift_device_predictions));
  // The host's description of the same numbers is checked as that of aift_predictions.
  aift_predictions host;
  aift_predictions_init(&host);
  host.values = read.values;
  host.offsets = read.offsets;
  host.candidates = read.candidates;
  host.classes = read.classes;
  host.patches = read.patches;
  host.rows = read.rows;
  host.dtype = read.dtype;
  host.kind = read.kind;
  const aift::PatchPredictions checked = aift::capi::read_predictions(&host);
  aift::cuda::DevicePredictions p;
  p.values = checked.values;
  p.dtype = checked.dtype;
  p.kind = checked.kind;
  p.candidates = checked.candidates;
  p.classes = checked.classes;
  p.patches = checked.patches;
  p.offsets = checked.offsets;
  p.rows = checked.rows;
  p.most_patches = checked.offsets == nullptr ? checked.patches : read.most_patches;
  return p;
}

template <class T>
aift::cuda::DeviceView<T> view(T* memory, aift::index_t size) {
  return memory == nullptr ? aift::cuda::DeviceView<T>() : aift::cuda::DeviceView<T>(memory, size);
}

#else

[[noreturn]] void no_device() {
  throw aift::DeviceError(
      "This library was built without CUDA; use aift_score, which gives the same scores, or a build "
      "with AIFT_BUILD_CUDA=ON.");
}

#endif

}  // namespace

extern "C" {

aift_status aift_predictions_from_dlpack(const void* dl_tensor, int32_t kind, const int64_t* offsets,
                                         int64_t candidates, aift_predictions* out) {
  return guarded([&] {
    expect_given(dl_tensor, "dl_tensor");
    expect_given(out, "out");
    AIFT_EXPECT(kind == AIFT_PROBABILITIES || kind == AIFT_LOGITS, ValueError,
                "kind must be AIFT_PROBABILITIES ({}) or AIFT_LOGITS ({}); got {}.",
                static_cast<int>(AIFT_PROBABILITIES), static_cast<int>(AIFT_LOGITS), kind);
    AIFT_EXPECT(offsets == nullptr || (candidates >= 0 && candidates < INT64_MAX / 16), ShapeError,
                "candidates must be at least 0; got {}.", candidates);
    std::span<const aift::index_t> rows;
    if (offsets != nullptr) rows = {offsets, static_cast<std::size_t>(candidates) + 1};
    const aift::PatchPredictions p =
        aift::dlpack::predictions_view(*static_cast<const aift::dlpack::Tensor*>(dl_tensor),
                                       static_cast<aift::PredictionKind>(kind), rows);
    AIFT_EXPECT(p.place == aift::Place::host, DeviceError,
                "The DLPack tensor is on a CUDA device; use aift_device_predictions.");
    aift_predictions filled;
    aift_predictions_init(&filled);
    filled.values = p.values;
    filled.offsets = p.offsets;
    filled.candidates = p.candidates;
    filled.classes = p.classes;
    filled.patches = p.patches;
    filled.rows = p.rows;
    filled.dtype = static_cast<int32_t>(p.dtype);
    filled.kind = kind;
    *out = filled;
  });
}

int32_t aift_has_cuda(void) { return AIFT_WITH_CUDA; }

void aift_device_predictions_init(aift_device_predictions* predictions) {
  if (predictions == nullptr) return;
  *predictions = aift_device_predictions{};
  predictions->struct_size = sizeof(aift_device_predictions);
}

void aift_device_scores_init(aift_device_scores* scores) {
  if (scores == nullptr) return;
  *scores = aift_device_scores{};
  scores->struct_size = sizeof(aift_device_scores);
}

#if AIFT_WITH_CUDA

aift_status aift_device_score_workspace(const aift_device_predictions* predictions,
                                        const aift_score_options* options, size_t* out) {
  return guarded([&] {
    expect_given(out, "out");
    *out = aift::cuda::score_workspace_bytes(read(predictions), aift::capi::read_options(options));
  });
}

aift_status aift_device_status_reset(uint64_t* status, void* stream) {
  return guarded([&] {
    expect_given(status, "status");
    aift::cuda::reset_async(status_of(status), stream_of(stream));
  });
}

aift_status aift_device_score(const aift_device_predictions* predictions, const char* score,
                              const aift_score_options* options, const aift_device_scores* out,
                              uint64_t* status, void* workspace, size_t workspace_bytes, void* stream,
                              int64_t first_candidate) {
  return guarded([&] {
    expect_given(score, "score");
    aift_device_scores defaults;
    aift_device_scores_init(&defaults);
    const auto to =
        aift::capi::read_struct(out, defaults, "aift_device_scores", sizeof(aift_device_scores));
    const aift::cuda::DevicePredictions p = read(predictions);
    aift::cuda::ScoreOutputs outputs;
    outputs.score = view(to.score, p.candidates);
    outputs.entropy = view(to.entropy, p.candidates);
    outputs.diversity = view(to.diversity, p.candidates);
    outputs.dominant = view(to.dominant, p.candidates);
    outputs.mean_probabilities = view(to.mean_probabilities, p.candidates * p.classes);
    aift::cuda::score_async(aift::score_kind(score), p, aift::capi::read_options(options), outputs,
                            status_of(status), workspace_of(workspace, workspace_bytes),
                            stream_of(stream), first_candidate);
  });
}

aift_status aift_device_check(const uint64_t* status, const aift_device_predictions* predictions,
                              const aift_score_options* options, int64_t first_candidate,
                              void* stream) {
  return guarded([&] {
    expect_given(status, "status");
    aift::cuda::check(reinterpret_cast<const aift::cuda::Status*>(status), read(predictions),
                      aift::capi::read_options(options), first_candidate, stream_of(stream));
  });
}

aift_status aift_device_top_b_workspace(int64_t count, int64_t budget, size_t* out) {
  return guarded([&] {
    expect_given(out, "out");
    const std::size_t state = aift::cuda::top_state_bytes(budget);
    *out = (state + kAlignment - 1) / kAlignment * kAlignment +
           aift::cuda::top_workspace_bytes(count, budget);
  });
}

aift_status aift_device_top_b(const double* scores, int64_t count, int64_t budget, int64_t* indices,
                              double* best, uint64_t* status, void* workspace,
                              size_t workspace_bytes, void* stream) {
  return guarded([&] {
    AIFT_EXPECT(count >= 0 && budget >= 0, ShapeError,
                "count and budget must be at least 0; got {} and {}.", count, budget);
    aift::cuda::top_b_async(view(scores, count), budget, view(indices, budget), view(best, budget),
                            status_of(status), workspace_of(workspace, workspace_bytes),
                            stream_of(stream));
  });
}

#else

aift_status aift_device_score_workspace(const aift_device_predictions*, const aift_score_options*,
                                        size_t*) {
  return guarded([] { no_device(); });
}
aift_status aift_device_status_reset(uint64_t*, void*) {
  return guarded([] { no_device(); });
}
aift_status aift_device_score(const aift_device_predictions*, const char*, const aift_score_options*,
                              const aift_device_scores*, uint64_t*, void*, size_t, void*, int64_t) {
  return guarded([] { no_device(); });
}
aift_status aift_device_check(const uint64_t*, const aift_device_predictions*,
                              const aift_score_options*, int64_t, void*) {
  return guarded([] { no_device(); });
}
aift_status aift_device_top_b_workspace(int64_t, int64_t, size_t*) {
  return guarded([] { no_device(); });
}
aift_status aift_device_top_b(const double*, int64_t, int64_t, int64_t*, double*, uint64_t*, void*,
                              size_t, void*) {
  return guarded([] { no_device(); });
}

#endif

}  // extern "C"
