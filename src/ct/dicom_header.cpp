// SPDX-License-Identifier: Apache-2.0
#include "src/ct/dicom_header.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include <aift/io/numbers.hpp>

namespace aift::ct::dicom {
namespace {

constexpr std::uint32_t kUndefined = 0xFFFFFFFFU;
constexpr std::uint32_t kItem = 0xFFFEE000U;
constexpr std::uint32_t kItemEnd = 0xFFFEE00DU;
constexpr std::uint32_t kSequenceEnd = 0xFFFEE0DDU;
constexpr std::uint32_t kPixels = 0x7FE00010U;
constexpr std::size_t kLongest = 1024;
constexpr int kDeepest = 32;

/// Thrown and caught here.
struct Fault {
  std::string what;
};

std::string name_of(std::uint32_t tag) {
  return fmt::format("({:04x},{:04x})", tag >> 16, tag & 0xFFFFU);
}

class Walk {
 public:
  Walk(std::span<const unsigned char> bytes, Header& out) : bytes_(bytes), out_(out) {}

  void file() {
    if (bytes_.size() < 132 || std::memcmp(bytes_.data() + 128, "DICM", 4) != 0)
      throw Fault{"does not begin as a DICOM file"};
    at_ = 132;
    explicit_ = true;
    while (at_ + 4 <= bytes_.size() && number(at_, 2) == 0x0002)  // the meta information
      element(0);
    out_.transfer_syntax = out_.text(0x00020010);
    const std::string& syntax = out_.transfer_syntax;
    if (syntax.empty()) throw Fault{"does not say its transfer syntax"};
    if (syntax == "1.2.840.10008.1.2.1.99") throw Fault{"is deflated, which is not read"};
    explicit_ = syntax != "1.2.840.10008.1.2";
    big_ = syntax == "1.2.840.10008.1.2.2";
    out_.big_endian = big_;
    while (at_ < bytes_.size())
      element(0);
  }

 private:
  [[nodiscard]] std::uint32_t number(std::size_t at, int width) const {
    std::uint32_t value = 0;
    for (int i = 0; i < width; ++i) {
      const auto byte = static_cast<std::uint32_t>(bytes_[at + static_cast<std::size_t>(i)]);
      value |= byte << (8 * (big_ ? width - 1 - i : i));
    }
    return value;
  }
  void need(std::uint64_t count, std::uint32_t tag) const {
    if (bytes_.size() - at_ < count)
      throw Fault{fmt::format("ends within element {}", name_of(tag))};
  }
  std::uint32_t tag() {
    need(4, last_);
    const std::uint32_t value = number(at_, 2) << 16 | number(at_ + 2, 2);
    at_ += 4;
    last_ = value;
    return value;
  }

  /// Reads one element; gives back its tag.
  std::uint32_t element(int depth) {
    const std::uint32_t here = tag();
    if (depth == 0 && here >> 16 == 0xFFFE)
      throw Fault{fmt::format("has a delimiter outside a sequence, {}", name_of(here))};
    std::uint32_t length = 0;
    bool nested_implicit = false;
    std::string_view vr;
    if (explicit_ && here >> 16 != 0xFFFE) {
      need(4, here);
      vr = {reinterpret_cast<const char*>(bytes_.data() + at_), 2};
      if (vr[0] < 'A' || vr[0] > 'Z' || vr[1] < 'A' || vr[1] > 'Z')
        throw Fault{fmt::format("is damaged at element {}", name_of(here))};
      constexpr std::string_view kLong = "OB OD OF OL OV OW SQ SV UC UN UR UT UV";
      if (kLong.find(vr) != std::string_view::npos) {
        need(8, here);
        length = number(at_ + 4, 4);
        at_ += 8;
      } else {
        length = number(at_ + 2, 2);
        at_ += 4;
      }
      nested_implicit = vr == "UN";
    } else {
      need(4, here);
      length = number(at_, 4);
      at_ += 4;
    }
    if (here == kItemEnd || here == kSequenceEnd) {
      if (length != 0) throw Fault{fmt::format("is damaged at element {}", name_of(here))};
      return here;
    }
    if (length == kUndefined) {
      if (depth == 0 && here == kPixels) {
        out_.has_pixels = out_.encapsulated = true;
        fragments();
      } else {
        sequence(depth + 1, nested_implicit);
      }
      return here;
    }
    need(length, here);
    if (depth == 0) {
      if (here == kPixels) {
        out_.has_pixels = true;
        out_.pixel_bytes = length;
      } else if (length <= kLongest && vr != "SQ") {
        out_.elements[here].assign(reinterpret_cast<const char*>(bytes_.data() + at_), length);
      }
    }
    at_ += length;
    return here;
  }

  void fragments() {
    while (true) {
      const std::uint32_t here = tag();
      need(4, here);
      const std::uint32_t length = number(at_, 4);
      at_ += 4;
      if (here == kSequenceEnd) return;
      if (here != kItem || length == kUndefined)
        throw Fault{fmt::format("is damaged in its pixel data, at {}", name_of(here))};
      need(length, kPixels);
      at_ += length;
    }
  }

  void sequence(int depth, bool implicit) {
    if (depth > kDeepest) throw Fault{"has sequences within sequences without end"};
    const bool outer = explicit_;
    if (implicit) explicit_ = false;
    while (true) {
      const std::uint32_t here = tag();
      need(4, here);
      const std::uint32_t length = number(at_, 4);
      at_ += 4;
      if (here == kSequenceEnd) break;
      if (here != kItem) throw Fault{fmt::format("is damaged at element {}", name_of(here))};
      if (length == kUndefined) {
        while (element(depth) != kItemEnd) {
        }
      } else {
        need(length, here);
        at_ += length;
      }
    }
    explicit_ = outer;
  }

  std::span<const unsigned char> bytes_;
  Header& out_;
  std::size_t at_ = 0;
  std::uint32_t last_ = 0;
  bool explicit_ = true;
  bool big_ = false;
};

}  // namespace

std::string Header::text(std::uint32_t tag) const {
  const auto at = elements.find(tag);
  if (at == elements.end()) return {};
  constexpr std::string_view kBlank(" \0\n\r\t", 5);
  const std::string& all = at->second;
  const auto first = all.find_first_not_of(kBlank);
  if (first == std::string::npos) return {};
  return all.substr(first, all.find_last_not_of(kBlank) + 1 - first);
}

std::vector<double> Header::numbers(std::uint32_t tag) const {
  const std::string all = text(tag);
  std::vector<double> out;
  if (all.empty()) return out;
  for (std::size_t begin = 0; begin <= all.size();) {
    const std::size_t end = std::min(all.find('\\', begin), all.size());
    std::string_view one = std::string_view(all).substr(begin, end - begin);
    while (!one.empty() && (one.front() == ' ' || one.front() == '+'))
      one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ')
      one.remove_suffix(1);
    const auto value = io::parse_number(one);
    if (!value || !std::isfinite(*value)) return {};
    out.push_back(*value);
    begin = end + 1;
  }
  return out;
}

std::optional<std::int32_t> Header::word(std::uint32_t tag, bool is_signed) const {
  const auto at = elements.find(tag);
  if (at == elements.end() || at->second.size() < 2) return std::nullopt;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(at->second[i]));
  };
  const auto value =
      static_cast<std::uint16_t>(big_endian ? byte(0) << 8 | byte(1) : byte(1) << 8 | byte(0));
  return is_signed ? static_cast<std::int32_t>(static_cast<std::int16_t>(value))
                   : static_cast<std::int32_t>(value);
}

std::string parse_header(std::span<const unsigned char> bytes, Header& out) {
  try {
    Walk(bytes, out).file();
  } catch (const Fault& fault) {
    return fault.what;
  }
  return {};
}

}  // namespace aift::ct::dicom
