// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Tensors of LibTorch as views. Empty where LibTorch's headers are not there.

#if __has_include(<ATen/core/Tensor.h>)

#include <span>

#include <ATen/core/Tensor.h>

#include <aift/core/error.hpp>
#include <aift/core/predictions.hpp>

namespace aift::adapters {

/// Patch predictions as a view of a contiguous tensor [N, q, K] of double, float, half or bfloat16, on the
/// CPU or a CUDA device. The tensor must outlive it; nothing is copied, no setting of LibTorch changes.
///
/// throws ShapeError: another rank, strided; ValueError: another type; DeviceError: another device
[[nodiscard]] inline PatchPredictions predictions_view(const at::Tensor& tensor, PredictionKind kind) {
  AIFT_EXPECT(tensor.defined() && tensor.dim() == 3, ShapeError,
              "Predictions must be [N, q, K]; the tensor has {} axes. One patch per image? Use "
              "unsqueeze(1).",
              tensor.defined() ? tensor.dim() : -1);
  AIFT_EXPECT(tensor.is_contiguous(), ShapeError,
              "Predictions must be contiguous to be viewed without a copy; call contiguous() first.");
  AIFT_EXPECT(tensor.is_cpu() || tensor.is_cuda(), DeviceError,
              "Predictions must be on the CPU or a CUDA device.");
  PatchPredictions p;
  switch (tensor.scalar_type()) {
    case at::kDouble:
      p.dtype = DType::f64;
      break;
    case at::kFloat:
      p.dtype = DType::f32;
      break;
    case at::kHalf:
      p.dtype = DType::f16;
      break;
    case at::kBFloat16:
      p.dtype = DType::bf16;
      break;
    default:
      throw ValueError("Predictions must be double, float, half or bfloat16.");
  }
  p.values = tensor.const_data_ptr();
  p.kind = kind;
  p.place = tensor.is_cpu() ? Place::host : Place::device;
  p.candidates = tensor.size(0);
  p.patches = tensor.size(1);
  p.classes = tensor.size(2);
  p.rows = p.candidates * p.patches;
  return p;
}

/// Contiguous float features [N, d] on the CPU as a view. throws ShapeError, ValueError
[[nodiscard]] inline std::span<const float> features_view(const at::Tensor& tensor) {
  AIFT_EXPECT(tensor.defined() && tensor.dim() == 2 && tensor.is_contiguous(), ShapeError,
              "Features must be [N, d] and contiguous.");
  AIFT_EXPECT(tensor.is_cpu() && tensor.scalar_type() == at::kFloat, ValueError,
              "Features must be float, on the CPU.");
  return {tensor.const_data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace aift::adapters

#endif
