// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace aift::ct::dicom {

/// The elements of a DICOM file, as far as they are short, and whether the file is whole. Read by
/// ourselves: the decoder behind it ends the program on some damaged files instead of saying so.
/// Source: DICOM PS3.5 (encoding), PS3.10 (file format).
struct Header {
  std::string transfer_syntax;  ///< UID
  std::map<std::uint32_t, std::string>
      elements;                   ///< by (group << 16 | element), top level, <= 1 KiB
  bool has_pixels = false;        ///< pixel data is there
  bool encapsulated = false;      ///< compressed
  std::uint64_t pixel_bytes = 0;  ///< of pixel data that is not compressed
  bool big_endian = false;        ///< of the numbers among the elements

  /// The text of an element without blanks at its ends; empty: not there.
  [[nodiscard]] std::string text(std::uint32_t tag) const;
  /// The numbers of a decimal string; none when one of them is no finite number.
  [[nodiscard]] std::vector<double> numbers(std::uint32_t tag) const;
  /// A 16-bit number.
  [[nodiscard]] std::optional<std::int32_t> word(std::uint32_t tag, bool is_signed = false) const;
};

/// Walks through a file in memory. A sentence's second half when something is wrong ("ends within
/// element (0028,0010)"), else empty.
[[nodiscard]] std::string parse_header(std::span<const unsigned char> bytes, Header& out);

}  // namespace aift::ct::dicom
