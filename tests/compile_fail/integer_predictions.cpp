// SPDX-License-Identifier: Apache-2.0
// Predictions are f64, f32, f16 or bf16; a pointer to anything else is refused by the compiler.
// expect: dtype_of<int>
#include <aift/core/predictions.hpp>

aift::PatchPredictions view(const float* values) {
  return aift::PatchPredictions::dense(values, 1, 2, 2, aift::PredictionKind::logits);
}
#ifdef AIFT_COMPILE_FAIL
aift::PatchPredictions view(const int* values) {
  return aift::PatchPredictions::dense(values, 1, 2, 2, aift::PredictionKind::logits);
}
#endif
