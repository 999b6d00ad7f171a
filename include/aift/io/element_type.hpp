// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <aift/core/half.hpp>
#include <aift/core/predictions.hpp>
#include <aift/core/types.hpp>

namespace aift::io {

/// Type of the elements of an array or tensor in a file; all little endian.
enum class ElementType : std::uint8_t { f64, f32, f16, bf16, i64, i32, u8, boolean };

/// Bytes of one element.
[[nodiscard]] constexpr std::size_t element_size(ElementType type) noexcept {
  switch (type) {
    case ElementType::f64:
    case ElementType::i64:
      return 8;
    case ElementType::f32:
    case ElementType::i32:
      return 4;
    case ElementType::f16:
    case ElementType::bf16:
      return 2;
    case ElementType::u8:
    case ElementType::boolean:
      return 1;
  }
  return 0;
}

/// Name for messages: "float32", "int64", "bool", ...
[[nodiscard]] constexpr std::string_view to_string(ElementType type) noexcept {
  switch (type) {
    case ElementType::f64:
      return "float64";
    case ElementType::f32:
      return "float32";
    case ElementType::f16:
      return "float16";
    case ElementType::bf16:
      return "bfloat16";
    case ElementType::i64:
      return "int64";
    case ElementType::i32:
      return "int32";
    case ElementType::u8:
      return "uint8";
    case ElementType::boolean:
      return "bool";
  }
  return "";
}

/// The element type of predictions that an array can hold; nothing for integers and bool.
[[nodiscard]] constexpr std::optional<DType> prediction_dtype(ElementType type) noexcept {
  switch (type) {
    case ElementType::f64:
      return DType::f64;
    case ElementType::f32:
      return DType::f32;
    case ElementType::f16:
      return DType::f16;
    case ElementType::bf16:
      return DType::bf16;
    default:
      return std::nullopt;
  }
}

/// ElementType of a C++ type: double, float, half_t, bfloat16_t, int64, int32, uint8. A bool in a
/// file is a byte and read as uint8: any bit pattern may come, and not every one is a valid C++
/// bool.
template <class T>
struct element_type_of;
/// ElementType of double.
template <>
struct element_type_of<double> {
  static constexpr ElementType value = ElementType::f64;  ///< F64
};
/// ElementType of float.
template <>
struct element_type_of<float> {
  static constexpr ElementType value = ElementType::f32;  ///< F32
};
/// ElementType of half_t.
template <>
struct element_type_of<half_t> {
  static constexpr ElementType value = ElementType::f16;  ///< F16
};
/// ElementType of bfloat16_t.
template <>
struct element_type_of<bfloat16_t> {
  static constexpr ElementType value = ElementType::bf16;  ///< BF16
};
/// ElementType of int64.
template <>
struct element_type_of<std::int64_t> {
  static constexpr ElementType value = ElementType::i64;  ///< I64
};
/// ElementType of int32.
template <>
struct element_type_of<std::int32_t> {
  static constexpr ElementType value = ElementType::i32;  ///< I32
};
/// ElementType of uint8.
template <>
struct element_type_of<std::uint8_t> {
  static constexpr ElementType value = ElementType::u8;  ///< U8
};

}  // namespace aift::io
