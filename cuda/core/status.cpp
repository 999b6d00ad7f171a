// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/status.hpp>

#include <vector>

#include <aift/core/error.hpp>
#include <aift/score/scores.hpp>

#include "try.hpp"

namespace aift::cuda {

namespace {

/// What the GPU found, without the value that it found.
[[noreturn]] void refuse(const Offense& offense) {
  const auto value = [&](const char* rule) {
    throw ValueError(fmt::format("{}; candidate {}, patch {} does not.", rule, offense.candidate,
                                 offense.patch));
  };
  switch (offense.fault) {
    case FaultCode::not_finite:
      value("Predictions must be finite");
      break;
    case FaultCode::negative:
      value("Probabilities must be at least 0 (are these logits?)");
      break;
    case FaultCode::row_sum:
      value("Probabilities of a patch must sum to 1 (are these logits?)");
      break;
    case FaultCode::zero_without_eps:
      value(
          "With eps = 0 every probability must be above 0 (use the default eps of 2^-52, or "
          "logits)");
      break;
    case FaultCode::offsets:
      throw ShapeError(fmt::format(
          "Offsets must increase, by at most most_patches, and stay within the rows; those of "
          "candidate {} do not.",
          offense.candidate));
    case FaultCode::feature:
      throw ValueError(
          fmt::format("Features must be finite; those of row {} are not.", offense.candidate));
    case FaultCode::score:
    case FaultCode::none:
      break;
  }
  throw ValueError(fmt::format("Scores must be numbers; candidate {} has NaN.", offense.candidate));
}

std::optional<Offense> fetch(const Status* status, cudaStream_t stream) {
  AIFT_EXPECT(status != nullptr, ShapeError,
              "The status must be a word in device memory; got a null pointer.");
  Status word{kStatusClean};
  AIFT_CUDA_TRY(cudaMemcpyAsync(&word, status, sizeof word, cudaMemcpyDefault, stream));
  AIFT_CUDA_TRY(cudaStreamSynchronize(stream));
  return decode(word);
}

std::size_t bytes_of(DType dtype) {
  if (dtype == DType::f64) return 8;
  return dtype == DType::f32 ? 4 : 2;
}

/// The CPU's verdict about one candidate, whose rows come from the device.
void judge(const Offense& offense, const DevicePredictions& predictions,
           const ScoreOptions& options, index_t first_candidate, cudaStream_t stream) {
  const index_t i = offense.candidate - first_candidate;
  if (i < 0 || i >= predictions.candidates) return;
  index_t rows[2] = {i * predictions.patches, (i + 1) * predictions.patches};
  if (predictions.offsets != nullptr) {
    AIFT_CUDA_TRY(
        cudaMemcpyAsync(rows, predictions.offsets + i, sizeof rows, cudaMemcpyDefault, stream));
    AIFT_CUDA_TRY(cudaStreamSynchronize(stream));
  }
  const std::size_t row_bytes =
      static_cast<std::size_t>(predictions.classes) * bytes_of(predictions.dtype);
  std::vector<double> values(  // doubles for the alignment
      (static_cast<std::size_t>(rows[1] - rows[0]) * row_bytes + 7) / 8);
  AIFT_CUDA_TRY(cudaMemcpyAsync(
      values.data(),
      static_cast<const char*>(predictions.values) + static_cast<std::size_t>(rows[0]) * row_bytes,
      static_cast<std::size_t>(rows[1] - rows[0]) * row_bytes, cudaMemcpyDefault, stream));
  AIFT_CUDA_TRY(cudaStreamSynchronize(stream));
  PatchPredictions one;
  one.values = values.data();
  one.dtype = predictions.dtype;
  one.kind = predictions.kind;
  one.candidates = 1;
  one.classes = predictions.classes;
  one.patches = rows[1] - rows[0];
  one.rows = one.patches;
  ScoreTable table;
  table.first_candidate = offense.candidate;
  score::compute(ScoreKind::aift, one, options, table);
}

}  // namespace

void reset_async(Status* status, cudaStream_t stream) {
  detail::expect_device_memory(status, alignof(Status), "The status");
  AIFT_CUDA_TRY(cudaMemsetAsync(status, 0xFF, sizeof(Status), stream));
}

void check(const Status* status, cudaStream_t stream) {
  const auto offense = fetch(status, stream);
  if (offense) refuse(*offense);
}

void check(const Status* status, const DevicePredictions& predictions, const ScoreOptions& options,
           index_t first_candidate, cudaStream_t stream) {
  const auto offense = fetch(status, stream);
  if (!offense) return;
  if (offense->fault < FaultCode::offsets)  // a value of a patch
    judge(*offense, predictions, options, first_candidate, stream);
  refuse(*offense);  // the values have changed since, or the fault is not one of values
}

}  // namespace aift::cuda
