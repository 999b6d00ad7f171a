// SPDX-License-Identifier: Apache-2.0
#include <aift/core/predictions.hpp>

#include <aift/core/error.hpp>

namespace aift {

namespace {

std::size_t bytes_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
      return 8;
    case DType::f32:
      return 4;
    case DType::f16:
    case DType::bf16:
      break;
  }
  return 2;
}

}  // namespace

PatchPredictions PatchPredictions::slice(index_t first, index_t count) const {
  AIFT_EXPECT(first >= 0 && count >= 0 && first <= candidates && count <= candidates - first,
              ShapeError, "A slice must lie within the {} candidates; got {} from candidate {} on.",
              candidates, count, first);
  PatchPredictions part = *this;
  part.candidates = count;
  if (offsets != nullptr) {
    part.offsets = offsets + first;
    part.rows = row_begin(first + count);
    AIFT_EXPECT(part.rows <= rows, ShapeError,
                "Offsets must not go beyond the {} rows; that behind candidate {} is {}.", rows,
                first + count - 1, part.rows);
  } else {
    part.rows = count * patches;
    if (values != nullptr) {
      part.values = static_cast<const char*>(values) +
                    static_cast<std::size_t>(first * patches * classes) * bytes_of(dtype);
    }
  }
  return part;
}

}  // namespace aift
