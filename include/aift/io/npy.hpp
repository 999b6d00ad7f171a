// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/predictions.hpp>
#include <aift/io/element_type.hpp>

namespace aift::io {

/// An array of NumPy's .npy format, memory-mapped: opening it costs nothing, whatever its size.
///
/// layout  C order, little endian
/// thread safe: immutable; copies share one mapping
struct NpyArray {
  ElementType type = ElementType::f64;  ///< of every element
  std::vector<index_t> shape;           ///< empty: a single number
  const std::byte* data = nullptr;      ///< aligned for `type`
  std::shared_ptr<const void> owner;    ///< keeps `data` alive
  std::string name;                     ///< the file, for messages
  bool mapped = false;                  ///< `data` lies in a mapped file, not in a copy

  /// Number of axes.
  [[nodiscard]] index_t rank() const noexcept { return static_cast<index_t>(shape.size()); }
  /// Number of elements, the product of the shape.
  [[nodiscard]] index_t size() const noexcept {
    index_t n = 1;
    for (const index_t extent : shape)
      n *= extent;
    return n;
  }
  /// The elements (of bool as uint8); throws ValueError when the array has another type.
  template <class T>
  [[nodiscard]] std::span<const T> values() const {
    expect_type(element_type_of<T>::value);
    return {reinterpret_cast<const T*>(data), static_cast<std::size_t>(size())};
  }
  /// Lets the pages of `count` elements from `first` on leave memory (release_pages); they stay
  /// valid.
  void release(index_t first, index_t count) const noexcept;
  /// ShapeError naming the file, its shape and `wanted` ("[N, q, K] or [rows, K]").
  void expect_rank(index_t rank, std::string_view wanted) const;
  /// ValueError naming the file, what it holds and what was wanted.
  void expect_type(ElementType wanted) const;
  /// "[3, 4] float32"
  [[nodiscard]] std::string describe() const;
};

/// Opens a .npy file of version 1, 2 or 3.
///
/// types   f8 f4 f2 i8 i4 u1 b1, and bfloat16, which NumPy knows only as a raw two-byte type:
///         `<V2` or `|V2` is read as bfloat16, which is what the Python package ml_dtypes writes
/// throws  IoError, one sentence naming the file: not an .npy file, header damaged, Fortran order
///         with more than one axis, big endian, Python objects, another type, truncated, bytes left
///         over, a shape whose product overflows
[[nodiscard]] NpyArray read_npy(const std::filesystem::path& file);

/// Bytes of the header that stand before the elements of such an array (version 1; a multiple of
/// 64).
[[nodiscard]] std::string npy_header(ElementType type, std::span<const index_t> shape);

/// Writes an array atomically (io/atomic_file.hpp), readable by numpy.load; bfloat16 as `<V2`.
/// throws ShapeError when bytes and shape disagree, IoError
void write_npy(const std::filesystem::path& file, ElementType type, std::span<const index_t> shape,
               std::span<const std::byte> bytes);

/// The same for typed memory.
template <class T>
void write_npy(const std::filesystem::path& file, std::span<const T> values,
               std::span<const index_t> shape) {
  write_npy(file, element_type_of<T>::value, shape, std::as_bytes(values));
}

}  // namespace aift::io
