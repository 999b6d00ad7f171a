// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace aift::bench {

/// 64-bit FNV-1a (Fowler, Noll, Vo), to notice that something has changed; no protection against
/// anybody who wants to deceive.
class Digest {
 public:
  void add(std::span<const std::byte> bytes) noexcept {
    for (const std::byte byte : bytes)
      value_ = (value_ ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3u;
  }
  /// A text and its end.
  void add(std::string_view text) noexcept {
    add(std::as_bytes(std::span(text.data(), text.size())));
    add(std::uint64_t{0xFF});
  }
  void add(std::uint64_t number) noexcept { add(std::as_bytes(std::span(&number, 1))); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325u;
};

}  // namespace aift::bench
