// SPDX-License-Identifier: Apache-2.0
#include <aift/io/npy.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstring>
#include <limits>
#include <optional>

#include <aift/io/atomic_file.hpp>
#include <aift/io/mapped_file.hpp>
#include <aift/io/numbers.hpp>

// The format: numpy/lib/format.py, NEP 1. "\x93NUMPY", version (2 bytes), length of the header (2
// bytes in version 1, 4 in versions 2 and 3), the header (a Python dictionary as text), the
// elements.

namespace aift::io {

static_assert(std::endian::native == std::endian::little, "arrays are mapped, not converted");

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;
constexpr std::string_view kAccepted =
    "float64, float32, float16, bfloat16, int64, int32, uint8 or bool";

struct TypeCode {
  std::string_view code;  // without the byte order
  ElementType type;
};
constexpr std::array kTypeCodes = {
    TypeCode{"f8", ElementType::f64},     TypeCode{"f4", ElementType::f32},
    TypeCode{"f2", ElementType::f16},     TypeCode{"i8", ElementType::i64},
    TypeCode{"i4", ElementType::i32},     TypeCode{"u1", ElementType::u8},
    TypeCode{"b1", ElementType::boolean}, TypeCode{"V2", ElementType::bf16},
};

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<index_t> shape;
};

/// Reads the dictionary of the header: exactly the three keys, in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  Header parse() {
    Header header;
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !has_descr) {
        header.descr = descr();
        has_descr = true;
      } else if (key == "fortran_order" && !has_order) {
        header.fortran_order = boolean();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        header.shape = shape();
        has_shape = true;
      } else {
        damaged();
      }
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_space();
    if (at_ != text_.size() || !has_descr || !has_order || !has_shape) damaged();
    return header;
  }

 private:
  [[noreturn]] void damaged() const {
    throw IoError(
        fmt::format("{} has a damaged header; expected the one that numpy.save writes, with descr, "
                    "fortran_order "
                    "and shape.",
                    name_));
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0)
      ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) damaged();
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string string() {
    skip_space();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) damaged();
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) damaged();
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  std::string descr() {
    skip_space();
    AIFT_EXPECT(at_ == text_.size() || text_[at_] != '[', IoError,
                "{} holds records with named fields; save the one field that is meant, as {}.",
                name_, kAccepted);
    return string();
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    damaged();
  }
  std::vector<index_t> shape() {
    std::vector<index_t> extents;
    expect('(');
    while (!accept(')')) {
      skip_space();
      const std::size_t start = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9')
        ++at_;
      const std::optional<index_t> extent = parse_integer(text_.substr(start, at_ - start));
      if (!extent) damaged();
      extents.push_back(*extent);
      accept_word("L");  // written by Python 2
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return extents;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
};

ElementType element_type(const std::string& descr, const std::string& name) {
  AIFT_EXPECT(!descr.starts_with('>'), IoError,
              "{} is big endian ({}); save it little endian, in NumPy with "
              "a.astype(a.dtype.newbyteorder('<')).",
              name, descr);
  AIFT_EXPECT(!descr.ends_with('O') || descr.size() > 2, IoError,
              "{} holds Python objects, which only Python can read; save numbers, as {}.", name,
              kAccepted);
  if (descr.starts_with('<') || descr.starts_with('|')) {
    for (const TypeCode& code : kTypeCodes) {
      if (std::string_view(descr).substr(1) == code.code) return code.type;
    }
  }
  throw IoError(
      fmt::format("{} holds elements of type \"{}\"; save them as {}.", name, descr, kAccepted));
}

std::string shape_text(std::span<const index_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace

std::string NpyArray::describe() const {
  return fmt::format("{} {}", shape_text(shape), to_string(type));
}

void NpyArray::release(index_t first, index_t count) const noexcept {
  if (!mapped) return;
  const auto unit = static_cast<index_t>(element_size(type));
  release_pages({data + first * unit, static_cast<std::size_t>(count * unit)});
}

void NpyArray::expect_rank(index_t wanted_rank, std::string_view wanted) const {
  AIFT_EXPECT(rank() == wanted_rank, ShapeError, "{} must be {}; got rank {} {}.", name, wanted,
              rank(), shape_text(shape));
}

void NpyArray::expect_type(ElementType wanted) const {
  const bool same = type == wanted || (type == ElementType::boolean && wanted == ElementType::u8);
  AIFT_EXPECT(same, ValueError, "{} must hold {}; got {}.", name, to_string(wanted),
              to_string(type));
}

NpyArray read_npy(const std::filesystem::path& file) {
  const std::string name = file.string();
  const MappedFile mapped(file);
  const std::span<const std::byte> bytes = mapped.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  AIFT_EXPECT(text.starts_with(kMagic), IoError,
              "{} is not an .npy file; expected an array written by numpy.save.", name);

  const std::size_t fixed = kMagic.size() + 2;
  AIFT_EXPECT(text.size() >= fixed + 2, IoError, "{} is cut short within its header.", name);
  const unsigned major = static_cast<unsigned char>(text[kMagic.size()]);
  AIFT_EXPECT(major >= 1 && major <= 3, IoError,
              "{} has version {} of the .npy format; versions 1, 2 and 3 are read.", name, major);
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  AIFT_EXPECT(text.size() >= fixed + length_bytes, IoError, "{} is cut short within its header.",
              name);
  std::uint32_t header_length = 0;
  std::memcpy(&header_length, text.data() + fixed, length_bytes);
  const std::size_t start = fixed + length_bytes + header_length;
  AIFT_EXPECT(text.size() >= start, IoError, "{} is cut short within its header.", name);

  const Header header =
      HeaderParser(text.substr(fixed + length_bytes, header_length), name).parse();
  NpyArray array;
  array.name = name;
  array.type = element_type(header.descr, name);
  array.shape = header.shape;
  AIFT_EXPECT(
      !header.fortran_order || array.rank() <= 1, IoError,
      "{} is in Fortran order; save it in C order, in NumPy with numpy.ascontiguousarray(a).",
      name);

  // An extent of 0 makes the array empty; the others must have a product that can be counted still.
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<index_t>::max());
  std::uint64_t wanted = element_size(array.type);
  for (const index_t extent : array.shape) {
    const auto factor = static_cast<std::uint64_t>(std::max<index_t>(extent, 1));
    AIFT_EXPECT(wanted <= kMax / factor, IoError,
                "{} says its shape is {}, which no memory can hold; the header is damaged.", name,
                shape_text(array.shape));
    wanted *= factor;
  }
  if (std::find(array.shape.begin(), array.shape.end(), 0) != array.shape.end()) wanted = 0;
  const std::uint64_t got = text.size() - start;
  AIFT_EXPECT(got >= wanted, IoError,
              "{} is cut short: {} needs {} bytes after the header; got {}.", name,
              array.describe(), wanted, got);
  AIFT_EXPECT(got <= wanted, IoError, "{} is too long: {} needs {} bytes after the header; got {}.",
              name, array.describe(), wanted, got);

  array.data = bytes.data() + start;
  array.owner = mapped.owner();
  array.mapped = true;
  if (start % element_size(array.type) !=
      0) {  // NumPy always aligns; a copy keeps typed reads legal
    const std::shared_ptr<std::byte[]> copy(new std::byte[static_cast<std::size_t>(wanted)]);
    std::memcpy(copy.get(), array.data, static_cast<std::size_t>(wanted));
    array.data = copy.get();
    array.owner = copy;
    array.mapped = false;
  }
  return array;
}

std::string npy_header(ElementType type, std::span<const index_t> shape) {
  std::string_view code;
  for (const TypeCode& known : kTypeCodes) {
    if (known.type == type) code = known.code;
  }
  const char order = element_size(type) == 1 ? '|' : '<';
  std::string dictionary =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", order, code,
                  fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  const std::size_t fixed = kMagic.size() + 4;
  const std::size_t used = fixed + dictionary.size() + 1;
  dictionary.append((kAlignment - used % kAlignment) % kAlignment, ' ');
  dictionary += '\n';
  AIFT_EXPECT(dictionary.size() <= 0xFFFF, ShapeError,
              "An array of rank {} does not fit into an .npy header; use fewer axes.",
              shape.size());
  std::string header(kMagic);
  header += '\x01';
  header += '\x00';
  header += static_cast<char>(dictionary.size() & 0xFF);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

void write_npy(const std::filesystem::path& file, ElementType type, std::span<const index_t> shape,
               std::span<const std::byte> bytes) {
  std::uint64_t elements = 1;
  for (const index_t extent : shape) {
    AIFT_EXPECT(extent >= 0, ShapeError, "An array's shape has no negative extents; got {}.",
                shape_text(shape));
    elements *= static_cast<std::uint64_t>(extent);
  }
  AIFT_EXPECT(elements * element_size(type) == bytes.size(), ShapeError,
              "{} {} needs {} bytes; got {}.", shape_text(shape), to_string(type),
              elements * element_size(type), bytes.size());
  AtomicFile out(file);
  out.write(npy_header(type, shape));
  out.write(bytes);
  out.commit();
}

}  // namespace aift::io
