// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/io/element_type.hpp>

namespace aift::io {

/// One tensor of a safetensors file, or one to be written. Owns nothing.
struct TensorView {
  std::string name;                     ///< as the file has it
  ElementType type = ElementType::f32;  ///< of every element
  std::vector<index_t> shape;           ///< empty: a single number
  std::span<const std::byte> bytes;     ///< C order, little endian

  /// Number of elements, the product of the shape.
  [[nodiscard]] index_t size() const noexcept {
    index_t n = 1;
    for (const index_t extent : shape)
      n *= extent;
    return n;
  }
  /// The elements (of bool as uint8); throws ValueError naming the tensor when it has another type.
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    expect_type(element_type_of<T>::value);
    return {reinterpret_cast<const T*>(bytes.data()), static_cast<std::size_t>(size())};
  }
  /// ValueError naming the tensor.
  void expect_type(ElementType wanted) const;
  /// ShapeError naming the tensor, what it has and what was expected.
  void expect_shape(std::span<const index_t> wanted) const;
  /// "[32, 3, 3, 3] float32"
  [[nodiscard]] std::string describe() const;
};

/// A view of typed memory as a tensor to be written.
template <class T>
[[nodiscard]] TensorView tensor_view(std::string name, std::span<const T> values,
                                     std::vector<index_t> shape) {
  return {std::move(name), element_type_of<T>::value, std::move(shape), std::as_bytes(values)};
}

/// Text beside the tensors (the format's `__metadata__`).
using TensorMetadata = std::map<std::string, std::string>;

/// Tensors by name in a file of the safetensors format, memory-mapped and checked as a whole before
/// anything is handed out; unlike a pickle, reading one cannot run code.
///
/// types   F64 F32 F16 BF16 I64 I32 U8 BOOL
/// throws  IoError, one sentence naming the file and the tensor: header longer than the file or
///         than 100 MB, not JSON, a name twice, an unknown type, a negative extent or a product
///         that overflows, offsets out of range, overlapping or with a gap, a byte count that does
///         not fit type and shape, bytes left over
/// thread safe: immutable; copies share one mapping
class Safetensors {
 public:
  /// Opens and checks; see above.
  explicit Safetensors(const std::filesystem::path& file);

  /// Sorted by name.
  [[nodiscard]] const std::vector<TensorView>& tensors() const noexcept { return tensors_; }
  /// What stands beside the tensors.
  [[nodiscard]] const TensorMetadata& metadata() const noexcept { return metadata_; }
  /// Null when there is none of this name.
  [[nodiscard]] const TensorView* find(std::string_view name) const noexcept;
  /// IoError naming the file and the tensor when it is not there.
  [[nodiscard]] const TensorView& at(std::string_view name) const;

 private:
  std::string file_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<TensorView> tensors_;
  TensorMetadata metadata_;
};

/// Safetensors(file), as a call that reads like one.
[[nodiscard]] inline Safetensors read_safetensors(const std::filesystem::path& file) {
  return Safetensors(file);
}

/// Writes tensors atomically (io/atomic_file.hpp). The same tensors and metadata in any order give
/// the same bytes: larger elements first, so that every tensor is aligned, then by name. throws
/// ValueError (a name twice or reserved), ShapeError (bytes and shape disagree), IoError
void write_safetensors(const std::filesystem::path& file, std::span<const TensorView> tensors,
                       const TensorMetadata& metadata = {});

}  // namespace aift::io
