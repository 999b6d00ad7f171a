// SPDX-License-Identifier: Apache-2.0
// Descriptors with any numbers in them: a view is refused, or lies where the descriptor says.
#include <aift/adapters/dlpack.hpp>

#include <array>
#include <cstring>
#include <vector>

#include <aift/score/scores.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aift;
  static std::vector<double> memory(4096, 0.25);
  struct Input {
    std::int64_t shape[8];
    std::int64_t strides[8];
    std::int64_t offsets[6];
    std::uint64_t byte_offset;
    std::int32_t ndim, device;
    std::uint32_t major;
    std::uint8_t code, bits, form, kind;
    std::uint16_t lanes;
  } in{};
  std::memcpy(&in, data, std::min(size, sizeof(in)));
  dlpack::ManagedTensorVersioned managed;
  managed.version.major = in.major;
  dlpack::Tensor& t = managed.dl_tensor;
  t.data = (in.form & 1) != 0 ? nullptr : memory.data();
  t.device.device_type = in.device;
  t.ndim = in.ndim;
  t.dtype = {in.code, in.bits, in.lanes};
  t.shape = (in.form & 2) != 0 ? nullptr : in.shape;
  t.strides = (in.form & 4) != 0 ? in.strides : nullptr;
  t.byte_offset = in.byte_offset;
  std::span<const index_t> offsets;
  if ((in.form & 8) != 0) offsets = in.offsets;
  fuzz::refuse_or_read([&] {
    const dlpack::Owned owned(&managed);
    const PatchPredictions p = dlpack::predictions_view(
        owned.tensor(), (in.kind & 1) != 0 ? PredictionKind::logits : PredictionKind::probabilities,
        offsets);
    const index_t width = p.dtype == DType::f64 ? 8 : p.dtype == DType::f32 ? 4 : 2;
    const auto room = static_cast<index_t>(memory.size() * sizeof(double));
    if (p.place == Place::host && in.byte_offset < static_cast<std::uint64_t>(room) &&
        p.rows * p.classes <= (room - static_cast<index_t>(in.byte_offset)) / width) {
      ScoreTable table;
      score::entropy(p, {}, table);
    }
  });
  fuzz::refuse_or_read([&] { (void)dlpack::features_view(t); });
  fuzz::refuse_or_read([&] { (void)dlpack::image_view(t); });
  return 0;
}
