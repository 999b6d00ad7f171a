// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "src/core/fnv.hpp"

namespace aift::bench {

/// To notice that something has changed (src/core/fnv.hpp).
class Digest {
 public:
  void add(std::span<const std::byte> bytes) noexcept {
    value_ = aift::detail::fnv1a(bytes, value_);
  }
  /// A text and its end.
  void add(std::string_view text) noexcept {
    add(std::as_bytes(std::span(text.data(), text.size())));
    add(std::uint64_t{0xFF});
  }
  void add(std::uint64_t number) noexcept { add(std::as_bytes(std::span(&number, 1))); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

 private:
  std::uint64_t value_ = aift::detail::fnv1a(std::string_view());
};

}  // namespace aift::bench
