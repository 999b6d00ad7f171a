// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every operator of <aift/cuda/score.hpp> on one chunk, as a program would call them.

#include <memory>

#include <aift/cuda/score.hpp>

#include "gpu_test.hpp"
#include "score_cases.hpp"

namespace aift::test {

/// A chunk on the device.
struct DeviceChunk {
  explicit DeviceChunk(const PatchPredictions& host, const std::vector<index_t>& row_offsets,
                       std::size_t bytes)
      : values(bytes), offsets(row_offsets) {
    must(cudaMemcpy(values.data(), host.values, bytes, cudaMemcpyHostToDevice), "copy of values");
    PatchPredictions on_device = host;
    on_device.values = values.data();
    on_device.place = Place::device;
    predictions = cuda::DevicePredictions::from(on_device, offsets.data());
  }

  DeviceArray<std::byte> values;
  DeviceArray<index_t> offsets;
  cuda::DevicePredictions predictions;
};

/// What the GPU says about a chunk; `expected` gives the sizes. The status is checked.
inline ScoreAnswer gpu_answer(const DeviceChunk& chunk, ScoreKind kind, const ScoreOptions& options,
                              const ScoreAnswer& expected, cudaStream_t stream,
                              const std::optional<cuda::ScorePolicy>& policy = std::nullopt) {
  const cuda::DevicePredictions& p = chunk.predictions;
  const auto n = static_cast<std::size_t>(p.candidates);
  const bool ragged = p.offsets != nullptr;
  ScoreAnswer out;
  DeviceArray<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  DeviceArray<std::byte> workspace(std::max({cuda::score_workspace_bytes(p, options, policy),
                                             cuda::score_workspace_bytes(p, options),
                                             cuda::offsets_workspace_bytes(p.candidates)}));

  const DeviceArray<index_t> kept_offsets(n + 1);
  cuda::kept_offsets_async(p, options.alpha, kept_offsets.view(), workspace.view(), stream);
  const DeviceArray<double> score(n), entropy(n), diversity(n);
  const DeviceArray<double> mean(n * static_cast<std::size_t>(p.classes));
  const DeviceArray<label_t> dominant(n);
  const DeviceArray<std::int32_t> kept(expected.kept.size());
  cuda::ScoreOutputs outputs;
  outputs.score = score.view();
  outputs.entropy = entropy.view();
  outputs.diversity = diversity.view();
  outputs.dominant = dominant.view();
  outputs.kept = kept.view();
  if (ragged) outputs.kept_offsets = kept_offsets.const_view();
  outputs.mean_probabilities = mean.view();
  cuda::score_async(kind, p, options, outputs, status.data(), workspace.view(), stream, 0, policy);
  cuda::check(status.data(), stream);
  out.kept_offsets = kept_offsets.fetch();
  out.score = score.fetch();
  out.entropy = entropy.fetch();
  out.diversity = diversity.fetch();
  out.dominant = dominant.fetch();
  out.kept = kept.fetch();
  out.mean = mean.fetch();

  const DeviceArray<label_t> dominant_alone(n);
  const DeviceArray<std::int32_t> kept_alone(expected.kept.size());
  cuda::MajorityOutputs majority;
  majority.dominant = dominant_alone.view();
  majority.kept = kept_alone.view();
  if (ragged) majority.kept_offsets = kept_offsets.const_view();
  cuda::majority_async(p, options, majority, status.data(), workspace.view(), stream);
  cuda::check(status.data(), stream);
  if (dominant_alone.fetch() != out.dominant || kept_alone.fetch() != out.kept)
    out.dominant.clear();

  const DeviceArray<double> entropies(expected.patch_entropy.size());
  cuda::patch_entropies_async(p, options, entropies.view(), status.data(), stream);
  cuda::check(status.data(), stream);
  out.patch_entropy = entropies.fetch();

  if (!expected.matrix.empty()) {
    const DeviceArray<index_t> cell_offsets(n + 1);
    cuda::cell_offsets_async(p, options.alpha, cell_offsets.view(), workspace.view(), stream);
    const DeviceArray<double> cells(expected.matrix.size());
    const DeviceArray<std::int32_t> ascending(expected.kept_ascending.size());
    cuda::MatrixOutputs matrix;
    matrix.cells = cells.view();
    matrix.kept = ascending.view();
    if (ragged) {
      matrix.cell_offsets = cell_offsets.const_view();
      matrix.kept_offsets = kept_offsets.const_view();
    }
    cuda::matrix_async(p, options, matrix, status.data(), workspace.view(), stream);
    cuda::check(status.data(), stream);
    out.matrix_offsets = cell_offsets.fetch();
    out.matrix = cells.fetch();
    out.kept_ascending = ascending.fetch();
  }
  return out;
}

}  // namespace aift::test
