// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace aift::detail {

/// 64-bit FNV-1a (Fowler, Noll, Vo) of bytes that follow those behind `hash`: numbers for names, and
/// to notice that something has changed; no protection against anybody who wants to deceive.
[[nodiscard]] inline std::uint64_t fnv1a(std::span<const std::byte> bytes,
                                         std::uint64_t hash = 0xCBF29CE484222325U) noexcept {
  for (const std::byte byte : bytes)
    hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3U;
  return hash;
}

/// The same for the bytes of a text.
[[nodiscard]] inline std::uint64_t fnv1a(std::string_view text) noexcept {
  return fnv1a(std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace aift::detail
