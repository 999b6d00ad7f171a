// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/predictions.hpp>

#include <algorithm>

#include <aift/core/error.hpp>

namespace aift::cuda {

DevicePredictions DevicePredictions::from(const PatchPredictions& predictions,
                                          const index_t* device_offsets) {
  AIFT_EXPECT(predictions.place == Place::device, ValueError,
              "Device predictions are made from values in device memory; these are marked as host "
              "memory: copy them and set place.");
  DevicePredictions p;
  p.values = predictions.values;
  p.dtype = predictions.dtype;
  p.kind = predictions.kind;
  p.candidates = predictions.candidates;
  p.classes = predictions.classes;
  p.patches = predictions.patches;
  p.rows = predictions.rows;
  p.most_patches = predictions.patches;
  if (predictions.offsets == nullptr) return p;
  AIFT_EXPECT(device_offsets != nullptr, ShapeError,
              "Ragged device predictions need a copy of the offsets in device memory; got a null "
              "pointer.");
  p.offsets = device_offsets;
  p.most_patches = 0;
  for (index_t i = 0; i < predictions.candidates; ++i) {
    const index_t q = predictions.patch_count(i);
    AIFT_EXPECT(q >= 1, ShapeError,
                "Offsets must increase; those of candidate {} go from {} to {}.", i,
                predictions.row_begin(i), predictions.row_begin(i + 1));
    p.most_patches = std::max(p.most_patches, q);
  }
  return p;
}

}  // namespace aift::cuda
