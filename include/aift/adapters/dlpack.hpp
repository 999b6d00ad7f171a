// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include <aift/augment/image.hpp>
#include <aift/core/error.hpp>
#include <aift/core/predictions.hpp>

/// Tensors of any framework that speaks DLPack (PyTorch, NumPy, JAX, CuPy, TVM, ...) as views, without a
/// copy. The structs are those of the DLPack ABI, versions 0.2 to 1.x, written down here because they are
/// all that is needed; whoever includes <dlpack/dlpack.h> hands in its structs just as well.
/// Source: the DLPack specification, https://dmlc.github.io/dlpack/latest/c_api.html
namespace aift::dlpack {

inline constexpr std::int32_t kCpu = 1;          ///< kDLCPU
inline constexpr std::int32_t kCuda = 2;         ///< kDLCUDA
inline constexpr std::int32_t kCudaHost = 3;     ///< kDLCUDAHost: pinned host memory
inline constexpr std::int32_t kCudaManaged = 13; ///< kDLCUDAManaged
inline constexpr std::uint8_t kInt = 0;          ///< kDLInt
inline constexpr std::uint8_t kUInt = 1;         ///< kDLUInt
inline constexpr std::uint8_t kFloat = 2;        ///< kDLFloat
inline constexpr std::uint8_t kBfloat = 4;       ///< kDLBfloat
inline constexpr std::uint32_t kMajor = 1;       ///< the ABI that is understood
inline constexpr std::uint64_t kReadOnly = 1;    ///< DLPACK_FLAG_BITMASK_READ_ONLY

/// DLDevice
struct Device {
  std::int32_t device_type = kCpu;  ///< where
  std::int32_t device_id = 0;       ///< which
};
/// DLDataType
struct DataType {
  std::uint8_t code = kFloat;  ///< what
  std::uint8_t bits = 32;      ///< of one element
  std::uint16_t lanes = 1;     ///< vector elements
};
/// DLTensor
struct Tensor {
  void* data = nullptr;                  ///< may be null when there is no element
  Device device;                         ///< of the data
  std::int32_t ndim = 0;                 ///< axes
  DataType dtype;                        ///< of the elements
  std::int64_t* shape = nullptr;         ///< [ndim]
  std::int64_t* strides = nullptr;       ///< [ndim] in elements; null: C order without gaps
  std::uint64_t byte_offset = 0;         ///< from `data` to the first element
};
/// DLManagedTensor, the form without a version
struct ManagedTensor {
  Tensor dl_tensor;                           ///< what is lent
  void* manager_ctx = nullptr;                ///< the lender's
  void (*deleter)(ManagedTensor*) = nullptr;  ///< ends the loan; may be null
};
/// DLPackVersion
struct Version {
  std::uint32_t major = kMajor;  ///< another one is another ABI
  std::uint32_t minor = 0;       ///< compatible
};
/// DLManagedTensorVersioned
struct ManagedTensorVersioned {
  Version version;                                     ///< of the ABI
  void* manager_ctx = nullptr;                         ///< the lender's
  void (*deleter)(ManagedTensorVersioned*) = nullptr;  ///< ends the loan; may be null
  std::uint64_t flags = 0;                             ///< kReadOnly, ...
  Tensor dl_tensor;                                    ///< what is lent
};

namespace detail {

inline constexpr std::int32_t kMaxAxes = 8;  // none of our views has more than 3

/// Elements of a tensor. throws ShapeError for a shape that is none
template <class DlTensor>
[[nodiscard]] index_t elements(const DlTensor& t, const char* what) {
  AIFT_EXPECT(t.ndim >= 0 && t.ndim <= kMaxAxes, ShapeError,
              "{} must have 0 to {} axes; the DLPack tensor has {}.", what, kMaxAxes, t.ndim);
  AIFT_EXPECT(t.ndim == 0 || t.shape != nullptr, ShapeError,
              "The DLPack tensor of {} axes must give its shape.", t.ndim);
  bool empty = false;
  for (std::int32_t axis = 0; axis < t.ndim; ++axis) {
    AIFT_EXPECT(t.shape[axis] >= 0, ShapeError, "Axis {} of the DLPack tensor is {} long.", axis,
                t.shape[axis]);
    empty = empty || t.shape[axis] == 0;
  }
  if (empty) return 0;
  index_t n = 1;
  for (std::int32_t axis = 0; axis < t.ndim; ++axis) {
    // 16 bytes are the largest element.
    AIFT_EXPECT(n <= std::numeric_limits<index_t>::max() / 16 / t.shape[axis], ShapeError,
                "The DLPack tensor has more elements than any memory holds (axis {} is {} long).", axis,
                t.shape[axis]);
    n *= t.shape[axis];
  }
  return n;
}

/// Whether the axes from `first` on lie in C order without gaps. Strides of axes of length 1 say nothing.
template <class DlTensor>
[[nodiscard]] bool contiguous(const DlTensor& t, std::int32_t first = 0) {
  if (t.strides == nullptr) return true;
  index_t expected = 1;
  for (std::int32_t axis = t.ndim - 1; axis >= first; --axis) {
    if (t.shape[axis] != 1 && t.strides[axis] != expected) return false;
    expected *= t.shape[axis];
  }
  return true;
}

/// Address of the first element. throws ValueError: null or not aligned to the element
template <class DlTensor>
[[nodiscard]] const void* first_element(const DlTensor& t, index_t count) {
  if (count == 0) return nullptr;
  AIFT_EXPECT(t.data != nullptr, ValueError, "The DLPack tensor has {} elements and no data.", count);
  const auto begin = reinterpret_cast<std::uintptr_t>(t.data);
  AIFT_EXPECT(t.byte_offset <= std::numeric_limits<std::uintptr_t>::max() - begin, ValueError,
              "The DLPack tensor begins {} bytes behind its data, outside of any memory.",
              t.byte_offset);
  const std::uintptr_t at = begin + t.byte_offset;
  const unsigned size = t.dtype.bits / 8U;
  AIFT_EXPECT(size == 0 || at % size == 0, ValueError,
              "The elements of the DLPack tensor are not aligned to their {} bytes (byte_offset {}).",
              size, t.byte_offset);
  return reinterpret_cast<const void*>(at);
}

template <class DlTensor>
[[nodiscard]] Place place_of(const DlTensor& t) {
  const auto type = static_cast<std::int32_t>(t.device.device_type);
  AIFT_EXPECT(type == kCpu || type == kCudaHost || type == kCuda || type == kCudaManaged, DeviceError,
              "DLPack tensors on the CPU or on CUDA devices can be viewed; this one is on a device of "
              "type {}.",
              type);
  return type == kCpu || type == kCudaHost ? Place::host : Place::device;
}

template <class DlTensor>
void expect_host(const DlTensor& t, const char* what) {
  AIFT_EXPECT(place_of(t) == Place::host, DeviceError,
              "{} must be in host memory; the DLPack tensor is on a CUDA device.", what);
}

/// Versioned structs of another major version have another layout behind the deleter.
template <class Managed>
void expect_version(const Managed& tensor) {
  if constexpr (requires { tensor.version.major; }) {
    AIFT_EXPECT(tensor.version.major == kMajor, ValueError,
                "DLPack version {}.{} was handed in and {}.x is understood; ask for it "
                "(max_version in __dlpack__).",
                static_cast<std::uint32_t>(tensor.version.major),
                static_cast<std::uint32_t>(tensor.version.minor), kMajor);
  }
}

}  // namespace detail

/// Patch predictions as a view of a DLPack tensor, or of anything with the members of DLTensor.
///
/// shape   [N, q, K], or with offsets [rows, K]; C order without gaps (strides may be null)
/// dtype   float64, float32, float16, bfloat16; one lane
/// offsets N + 1 row numbers in host memory, which must outlive the view; empty: dense
/// device  CPU and pinned host memory: Place::host; CUDA and managed memory: Place::device
/// READ_ONLY is fine: nothing is ever written
/// throws  ShapeError, ValueError (type, alignment, null), DeviceError (another device)
template <class DlTensor>
[[nodiscard]] PatchPredictions predictions_view(const DlTensor& t, PredictionKind kind,
                                                std::span<const index_t> offsets = {}) {
  const index_t count = detail::elements(t, "Predictions");
  const std::int32_t axes = offsets.empty() ? 3 : 2;
  AIFT_EXPECT(t.ndim == axes, ShapeError,
              "Predictions must be {}; the DLPack tensor has {} axes. One patch per image? Use "
              "[N, 1, K].",
              offsets.empty() ? "[N, q, K]" : "[rows, K] beside offsets", t.ndim);
  AIFT_EXPECT(count == 0 || detail::contiguous(t), ShapeError,
              "Predictions must lie in C order without gaps to be viewed without a copy; the DLPack "
              "tensor is strided. Make it contiguous first.");
  PatchPredictions p;
  const auto code = static_cast<std::uint8_t>(t.dtype.code);
  const unsigned bits = t.dtype.bits;
  AIFT_EXPECT(t.dtype.lanes == 1 && ((code == kFloat && (bits == 64 || bits == 32 || bits == 16)) ||
                                     (code == kBfloat && bits == 16)),
              ValueError,
              "Predictions must be float64, float32, float16 or bfloat16; the DLPack tensor has type "
              "code {} with {} bits and {} lanes.",
              code, bits, static_cast<unsigned>(t.dtype.lanes));
  p.dtype = code == kBfloat ? DType::bf16
            : bits == 64    ? DType::f64
            : bits == 32    ? DType::f32
                            : DType::f16;
  p.kind = kind;
  p.place = detail::place_of(t);
  p.values = detail::first_element(t, count);
  p.classes = t.shape[axes - 1];
  AIFT_EXPECT(p.classes >= 2, ShapeError, "Predictions need at least 2 classes; got {}.", p.classes);
  if (offsets.empty()) {
    p.candidates = t.shape[0];
    p.patches = t.shape[1];
    AIFT_EXPECT(p.candidates == 0 || p.patches >= 1, ShapeError,
                "Every candidate needs at least one patch; the DLPack tensor has {}.", p.patches);
    p.rows = p.candidates * p.patches;
  } else {
    p.candidates = static_cast<index_t>(offsets.size()) - 1;
    p.offsets = offsets.data();
    p.rows = t.shape[0];
    AIFT_EXPECT(offsets.front() == 0 && offsets.back() == p.rows, ShapeError,
                "offsets must begin with 0 and end with the {} rows of the DLPack tensor; got {} and "
                "{}.",
                p.rows, offsets.front(), offsets.back());
  }
  return p;
}

/// float32 features [N, d] as a view, row by row. d is shape[1]. throws as predictions_view
template <class DlTensor>
[[nodiscard]] std::span<const float> features_view(const DlTensor& t) {
  const index_t count = detail::elements(t, "Features");
  detail::expect_host(t, "Features");
  AIFT_EXPECT(t.ndim == 2 && (count == 0 || detail::contiguous(t)), ShapeError,
              "Features must be [N, d] in C order without gaps; the DLPack tensor has {} axes.", t.ndim);
  AIFT_EXPECT(static_cast<std::uint8_t>(t.dtype.code) == kFloat && t.dtype.bits == 32 &&
                  t.dtype.lanes == 1,
              ValueError, "Features must be float32; the DLPack tensor has type code {} with {} bits.",
              static_cast<unsigned>(t.dtype.code), static_cast<unsigned>(t.dtype.bits));
  return {static_cast<const float*>(detail::first_element(t, count)), static_cast<std::size_t>(count)};
}

/// An 8-bit image [H, W, 3], [H, W, 1] or [H, W] as a view; rows may lie apart, pixels may not.
/// order  of three channels. throws as predictions_view
template <class DlTensor>
[[nodiscard]] ImageView image_view(const DlTensor& t, ChannelOrder order = ChannelOrder::rgb) {
  const index_t count = detail::elements(t, "An image");
  detail::expect_host(t, "An image");
  AIFT_EXPECT(t.ndim == 2 || (t.ndim == 3 && (t.shape[2] == 1 || t.shape[2] == 3)), ShapeError,
              "An image must be [H, W], [H, W, 1] or [H, W, 3]; the DLPack tensor has {} axes.", t.ndim);
  AIFT_EXPECT(count > 0, ShapeError, "An image must have pixels; the DLPack tensor has none.");
  AIFT_EXPECT(static_cast<std::uint8_t>(t.dtype.code) == kUInt && t.dtype.bits == 8 &&
                  t.dtype.lanes == 1,
              ValueError, "An image must be uint8; the DLPack tensor has type code {} with {} bits.",
              static_cast<unsigned>(t.dtype.code), static_cast<unsigned>(t.dtype.bits));
  const index_t channels = t.ndim == 3 ? t.shape[2] : 1;
  const index_t row = t.shape[1] * channels;
  AIFT_EXPECT(detail::contiguous(t, 1) &&
                  (t.strides == nullptr || t.shape[0] == 1 || t.strides[0] >= row),
              ShapeError,
              "The pixels of a row must lie side by side, the next row behind it; the DLPack tensor is "
              "strided otherwise. Make it contiguous first.");
  ImageView view;
  view.data = static_cast<const std::uint8_t*>(detail::first_element(t, count));
  view.height = t.shape[0];
  view.width = t.shape[1];
  view.stride = t.strides == nullptr || t.shape[0] == 1 ? row : t.strides[0];
  view.order = channels == 1 ? ChannelOrder::grey : order;
  return view;
}

/// A managed tensor that was taken over: its deleter is called once, when this object ends. Views of
/// `tensor()` are valid until then.
///
/// Managed  ManagedTensor, ManagedTensorVersioned, or DLManagedTensor(Versioned) of <dlpack/dlpack.h>
/// throws   ValueError: null, or of another major version; it then stays the caller's
/// thread rule: the deleter runs in the thread that ends the object
template <class Managed>
class Owned {
 public:
  /// Takes over.
  explicit Owned(Managed* tensor) : tensor_(tensor) {
    AIFT_EXPECT(tensor != nullptr, ValueError, "A DLPack tensor must not be null.");
    try {
      detail::expect_version(*tensor);
    } catch (...) {
      tensor_ = nullptr;
      throw;
    }
  }
  ~Owned() { release(); }
  /// The other one is then empty.
  Owned(Owned&& other) noexcept : tensor_(std::exchange(other.tensor_, nullptr)) {}
  /// Ends the loan that was held; the other one is then empty.
  Owned& operator=(Owned&& other) noexcept {
    if (this != &other) {
      release();
      tensor_ = std::exchange(other.tensor_, nullptr);
    }
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  /// What was lent.
  [[nodiscard]] const auto& tensor() const noexcept { return tensor_->dl_tensor; }
  /// Whether the lender forbids writing.
  [[nodiscard]] bool read_only() const noexcept {
    if constexpr (requires { tensor_->flags; }) return (tensor_->flags & kReadOnly) != 0;
    return false;
  }

 private:
  void release() noexcept {
    Managed* tensor = std::exchange(tensor_, nullptr);
    if (tensor != nullptr && tensor->deleter != nullptr) tensor->deleter(tensor);
  }

  Managed* tensor_;
};

}  // namespace aift::dlpack
