// SPDX-License-Identifier: Apache-2.0
#include <aift/adapters/dlpack.hpp>

#include <array>
#include <cstring>
#include <limits>
#include <vector>

#include <aift/score/scores.hpp>

#include "support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A lender that counts how often its loan was ended.
struct Lent {
  explicit Lent(std::vector<std::int64_t> extents) : shape(std::move(extents)) {
    std::int64_t n = 1;
    for (const std::int64_t extent : shape)
      n *= extent;
    values.assign(static_cast<std::size_t>(n), 0.5F);
    tensor = of(values.data());
  }
  dlpack::Tensor of(void* data) {
    dlpack::Tensor t;
    t.data = data;
    t.ndim = static_cast<std::int32_t>(shape.size());
    t.shape = shape.data();
    return t;
  }
  dlpack::ManagedTensor unversioned() {
    return {tensor, this, [](dlpack::ManagedTensor* m) { ++static_cast<Lent*>(m->manager_ctx)->ended; }};
  }
  dlpack::ManagedTensorVersioned versioned(std::uint32_t major = 1, std::uint64_t flags = 0) {
    return {{major, 1},
            this,
            [](dlpack::ManagedTensorVersioned* m) { ++static_cast<Lent*>(m->manager_ctx)->ended; },
            flags,
            tensor};
  }
  std::vector<std::int64_t> shape;
  std::vector<float> values;
  dlpack::Tensor tensor;
  int ended = 0;
};

template <class Call>
std::string refusal(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

std::string refused(const dlpack::Tensor& t, std::span<const index_t> offsets = {}) {
  return refusal([&] { (void)dlpack::predictions_view(t, PredictionKind::probabilities, offsets); });
}

}  // namespace

TEST_CASE("A tensor is viewed where it lies and scored from there") {
  Lent lent({2, 3, 2});
  const PatchPredictions p = dlpack::predictions_view(lent.tensor, PredictionKind::probabilities);
  CHECK(p.values == lent.values.data());
  CHECK(p.candidates == 2);
  CHECK(p.patches == 3);
  CHECK(p.classes == 2);
  CHECK(p.dtype == DType::f32);
  CHECK(p.place == Place::host);
  ScoreTable before;
  score::entropy(p, {}, before);
  for (std::size_t i = 0; i < 6; i += 2) {  // candidate 0 becomes certain, in the lender's memory
    lent.values[i] = 1;
    lent.values[i + 1] = 0;
  }
  ScoreTable after;
  score::entropy(p, {}, after);
  CHECK(after.score[0] < 1e-10);
  CHECK(after.score[1] == before.score[1]);
}

TEST_CASE("Ragged predictions, byte offsets and strides") {
  Lent lent({6, 2});
  const std::vector<index_t> offsets = {0, 1, 4, 6};
  PatchPredictions p = dlpack::predictions_view(lent.tensor, PredictionKind::logits, offsets);
  CHECK(p.candidates == 3);
  CHECK(p.patch_count(1) == 3);
  CHECK_THAT(refused(lent.tensor, std::vector<index_t>{0, 5}), ContainsSubstring("6 rows"));

  Lent dense({3, 2, 2});
  dense.tensor.byte_offset = 4;
  dense.shape[0] = 2;
  p = dlpack::predictions_view(dense.tensor, PredictionKind::logits);
  CHECK(p.values == dense.values.data() + 1);
  dense.tensor.byte_offset = 2;
  CHECK_THAT(refused(dense.tensor), ContainsSubstring("aligned"));
  dense.tensor.byte_offset = std::numeric_limits<std::uint64_t>::max() - 3;
  CHECK_THAT(refused(dense.tensor), ContainsSubstring("outside of any memory"));
  dense.tensor.byte_offset = 0;

  std::array<std::int64_t, 3> strides = {4, 2, 1};
  dense.tensor.strides = strides.data();
  CHECK(refused(dense.tensor).empty());
  strides = {2, 4, 1};
  CHECK_THAT(refused(dense.tensor), ContainsSubstring("strided"));
  strides = {-4, 2, 1};
  CHECK_THAT(refused(dense.tensor), ContainsSubstring("strided"));
  dense.shape[0] = 1;  // the stride of an axis of length 1 says nothing
  strides = {-77, 2, 1};
  CHECK(refused(dense.tensor).empty());
}

TEST_CASE("Tensors without elements may have no data") {
  Lent lent({0, 3, 2});
  lent.tensor.data = nullptr;
  const PatchPredictions p = dlpack::predictions_view(lent.tensor, PredictionKind::logits);
  CHECK(p.candidates == 0);
  CHECK(p.values == nullptr);
  Lent other({2, 3, 2});
  other.tensor.data = nullptr;
  CHECK_THAT(refused(other.tensor), ContainsSubstring("no data"));
}

TEST_CASE("Element types and devices") {
  Lent lent({2, 3, 2});
  const auto with = [&](std::uint8_t code, std::uint8_t bits, std::uint16_t lanes = 1) {
    dlpack::Tensor t = lent.tensor;
    t.dtype = {code, bits, lanes};
    return t;
  };
  const auto dtype = [](const dlpack::Tensor& t) {
    return dlpack::predictions_view(t, PredictionKind::logits).dtype;
  };
  CHECK(dtype(with(dlpack::kFloat, 64)) == DType::f64);
  CHECK(dtype(with(dlpack::kFloat, 16)) == DType::f16);
  CHECK(dtype(with(dlpack::kBfloat, 16)) == DType::bf16);
  for (const dlpack::Tensor& t : {with(dlpack::kInt, 32), with(dlpack::kFloat, 8),
                                  with(dlpack::kBfloat, 32), with(dlpack::kFloat, 32, 4)})
    CHECK_THAT(refused(t), ContainsSubstring("float64, float32"));
  dlpack::Tensor t = lent.tensor;
  t.device.device_type = dlpack::kCuda;
  CHECK(dlpack::predictions_view(t, PredictionKind::logits).place == Place::device);
  CHECK_THAT(refusal([&] { (void)dlpack::features_view(t); }), ContainsSubstring("host memory"));
  t.device.device_type = dlpack::kCudaHost;
  CHECK(dlpack::predictions_view(t, PredictionKind::logits).place == Place::host);
  t.device.device_type = 8;  // Metal
  CHECK_THAT(refused(t), ContainsSubstring("type 8"));
}

TEST_CASE("Shapes that are none are refused before anything is read") {
  Lent lent({2, 3, 2});
  dlpack::Tensor t = lent.tensor;
  t.ndim = 2;
  CHECK_THAT(refused(t), ContainsSubstring("[N, q, K]"));
  t.ndim = -1;
  CHECK_THAT(refused(t), ContainsSubstring("has -1"));
  t.ndim = 1000;
  CHECK_THAT(refused(t), ContainsSubstring("has 1000"));
  t = lent.tensor;
  t.shape = nullptr;
  CHECK_THAT(refused(t), ContainsSubstring("its shape"));
  t.shape = lent.shape.data();
  lent.shape = {2, -3, 2};
  CHECK_THAT(refused(t), ContainsSubstring("is -3 long"));
  lent.shape[1] = std::int64_t{1} << 62;
  CHECK_THAT(refused(t), ContainsSubstring("more elements"));
  lent.shape = {2, 3, 1};
  CHECK_THAT(refused(t), ContainsSubstring("2 classes"));
}

TEST_CASE("A tensor that is taken over is given back once, a refused one stays with its owner") {
  Lent lent({2, 3, 2});
  auto managed = lent.unversioned();
  {
    dlpack::Owned first(&managed);
    CHECK_FALSE(first.read_only());
    dlpack::Owned second(std::move(first));
    CHECK(dlpack::predictions_view(second.tensor(), PredictionKind::logits).values == lent.values.data());
    CHECK(lent.ended == 0);
  }
  CHECK(lent.ended == 1);
  auto versioned = lent.versioned(1, dlpack::kReadOnly);
  {
    const dlpack::Owned owner(&versioned);
    CHECK(owner.read_only());
    CHECK(dlpack::predictions_view(owner.tensor(), PredictionKind::logits).rows == 6);
  }
  CHECK(lent.ended == 2);
  auto later = lent.versioned(2);
  CHECK_THAT(refusal([&] { dlpack::Owned owner(&later); }), ContainsSubstring("version 2.1"));
  CHECK(lent.ended == 2);
  managed.deleter = nullptr;
  { const dlpack::Owned owner(&managed); }
  CHECK(refusal([] { dlpack::Owned owner(static_cast<dlpack::ManagedTensor*>(nullptr)); }) != "");
}

TEST_CASE("Features and images") {
  Lent lent({4, 3});
  CHECK(dlpack::features_view(lent.tensor).data() == lent.values.data());
  CHECK(dlpack::features_view(lent.tensor).size() == 12);

  std::vector<std::uint8_t> pixels(4 * 20);
  Lent picture({4, 5, 3});
  dlpack::Tensor t = picture.of(pixels.data());
  t.dtype = {dlpack::kUInt, 8, 1};
  std::array<std::int64_t, 3> strides = {20, 3, 1};
  t.strides = strides.data();
  const ImageView view = dlpack::image_view(t, ChannelOrder::bgr);
  CHECK(view.data == pixels.data());
  CHECK(view.stride == 20);
  CHECK(view.width == 5);
  CHECK(view.order == ChannelOrder::bgr);
  strides = {20, 4, 1};
  CHECK_THAT(refusal([&] { (void)dlpack::image_view(t); }), ContainsSubstring("side by side"));
  strides = {14, 3, 1};  // rows that overlap
  CHECK_THAT(refusal([&] { (void)dlpack::image_view(t); }), ContainsSubstring("side by side"));
  t.strides = nullptr;
  CHECK(dlpack::image_view(t).stride == 15);
  t.ndim = 2;
  CHECK(dlpack::image_view(t).order == ChannelOrder::grey);
}

TEST_CASE("The structs are those of the DLPack ABI") {
  CHECK(sizeof(dlpack::Tensor) == 48);
  CHECK(offsetof(dlpack::Tensor, device) == 8);
  CHECK(offsetof(dlpack::Tensor, ndim) == 16);
  CHECK(offsetof(dlpack::Tensor, dtype) == 20);
  CHECK(offsetof(dlpack::Tensor, shape) == 24);
  CHECK(offsetof(dlpack::Tensor, strides) == 32);
  CHECK(offsetof(dlpack::Tensor, byte_offset) == 40);
  CHECK(offsetof(dlpack::ManagedTensor, manager_ctx) == 48);
  CHECK(offsetof(dlpack::ManagedTensorVersioned, manager_ctx) == 8);
  CHECK(offsetof(dlpack::ManagedTensorVersioned, flags) == 24);
  CHECK(offsetof(dlpack::ManagedTensorVersioned, dl_tensor) == 32);
}
