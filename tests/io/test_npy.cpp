// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>
#include <vector>

#include <aift/io/npy.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::read_file;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;

namespace {

/// An .npy file of any version with this dictionary, as text; `padding` blanks after it.
std::string npy_text(std::string dictionary, std::string_view data, int version = 1,
                     std::size_t padding = 0) {
  dictionary.append(padding, ' ');
  dictionary += '\n';
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  const auto length = static_cast<std::uint32_t>(dictionary.size());
  char bytes[4];
  std::memcpy(bytes, &length, 4);
  text.append(bytes, version == 1 ? 2 : 4);
  return text + dictionary + std::string(data);
}

std::string dictionary(const std::string& descr, const std::string& shape,
                       const std::string& fortran = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + fortran + ", 'shape': " + shape + ", }";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <class T>
void round_trip(const TempDir& dir, const std::vector<T>& values,
                const std::vector<index_t>& shape) {
  io::write_npy(dir / "a.npy", std::span<const T>(values), shape);
  const io::NpyArray array = io::read_npy(dir / "a.npy");
  CHECK(array.type == io::element_type_of<T>::value);
  CHECK(array.shape == shape);
  const auto read = array.values<T>();
  CHECK(std::vector<T>(read.begin(), read.end()) == values);
  CHECK(array.mapped);
}

}  // namespace

TEST_CASE("arrays of every type read back", "[npy]") {
  const TempDir dir;
  round_trip<double>(dir, {1.5, -2, 0x1p-1074, 3, 4, 5}, {2, 3});
  round_trip<float>(dir, {1.5F, -2, 3}, {3, 1, 1});
  round_trip<half_t>(dir, {half_t{0x3C00}, half_t{0x8001}}, {2});
  round_trip<bfloat16_t>(dir, {bfloat16_t{0x3F80}, bfloat16_t{0xFF80}}, {1, 2});
  round_trip<std::int64_t>(dir, {-1, INT64_MAX}, {2});
  round_trip<std::int32_t>(dir, {-1, 7}, {2});
  round_trip<std::uint8_t>(dir, {0, 255}, {2});
  round_trip<double>(dir, {42}, {});
  round_trip<double>(dir, {}, {0, 4, 2});
  round_trip<float>(dir, std::vector<float>(3'000'000, 0.25F), {3'000'000});
}

TEST_CASE("the header is the one that numpy.save writes", "[npy]") {
  // numpy.save of numpy.zeros((3, 4), numpy.float32): 128 bytes with the header's text filled up.
  const std::string header = io::npy_header(io::ElementType::f32, std::vector<index_t>{3, 4});
  CHECK(header.size() == 128);
  CHECK(header.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(header.substr(10, 58) == "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), ");
  CHECK(header.back() == '\n');
  CHECK_THAT(io::npy_header(io::ElementType::i64, std::vector<index_t>{5}),
             ContainsSubstring("'<i8'") && ContainsSubstring("(5,)"));
  CHECK_THAT(io::npy_header(io::ElementType::u8, {}),
             ContainsSubstring("'|u1'") && ContainsSubstring("()"));
  CHECK_THAT(io::npy_header(io::ElementType::boolean, {}), ContainsSubstring("'|b1'"));
}

TEST_CASE("versions 1 to 3 and other spellings of the header are read", "[npy]") {
  const TempDir dir;
  const std::string data = bytes_of<double>({1, 2});
  for (const int version : {1, 2, 3}) {
    const auto array =
        io::read_npy(dir.write("a.npy", npy_text(dictionary("'<f8'", "(2,)"), data, version, 10)));
    CHECK(array.values<double>()[1] == 2);
  }
  const auto other = io::read_npy(dir.write(
      "b.npy", npy_text(R"({"shape":(1L,2L),"fortran_order":False,"descr":"<f8"})", data)));
  CHECK(other.shape == std::vector<index_t>{1, 2});
  // One axis is in both orders at once.
  CHECK(io::read_npy(dir.write("c.npy", npy_text(dictionary("'<f8'", "(2,)", "True"), data)))
            .size() == 2);
  const auto raw =
      io::read_npy(dir.write("d.npy", npy_text(dictionary("'|V2'", "(4,)"), "12345678")));
  CHECK(raw.type == io::ElementType::bf16);
  const auto flags = io::read_npy(
      dir.write("e.npy", npy_text(dictionary("'|b1'", "(2,)"), std::string("\0\1", 2))));
  CHECK(flags.type == io::ElementType::boolean);
  CHECK(flags.values<std::uint8_t>()[1] == 1);
}

TEST_CASE("elements at an odd place in the file are copied, not misread", "[npy]") {
  const TempDir dir;
  int copied = 0;
  for (std::size_t padding = 0; padding < 8; ++padding) {
    const auto array = io::read_npy(dir.write(
        "a.npy", npy_text(dictionary("'<f8'", "(2,)"), bytes_of<double>({3, 4}), 1, padding)));
    CHECK(reinterpret_cast<std::uintptr_t>(array.data) % 8 == 0);
    CHECK(array.values<double>()[0] == 3);
    CHECK(array.values<double>()[1] == 4);
    copied += array.mapped ? 0 : 1;
    array.release(0, 2);
    CHECK(array.values<double>()[1] == 4);
  }
  CHECK(copied == 7);
}

TEST_CASE("files that are no such array are refused", "[npy]") {
  const TempDir dir;
  const std::string eight(8, '\0');
  struct Case {
    std::string text;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"", "not an .npy file"},
      {"PK\x03\x04 an archive", "not an .npy file"},
      {"\x93NUMPY", "cut short within its header"},
      {npy_text(dictionary("'<f8'", "(1,)"), eight).substr(0, 30), "cut short within its header"},
      {npy_text(dictionary("'<f8'", "(1,)"), eight, 4), "has version 4"},
      {npy_text(dictionary("'<f8'", "(2,)"), eight), "is cut short: [2] float64 needs 16 bytes"},
      {npy_text(dictionary("'<f8'", "(1,)"), eight + "x"), "is too long"},
      {npy_text(dictionary("'<f8'", "(0,)"), eight), "is too long"},
      {npy_text(dictionary("'>f8'", "(1,)"), eight), "big endian"},
      {npy_text(dictionary("'<f8'", "(1, 1)", "True"), eight), "Fortran order"},
      {npy_text(dictionary("'|O'", "(1,)"), eight), "Python objects"},
      {npy_text(dictionary("'<c16'", "(1,)"), eight), "type \"<c16\""},
      {npy_text(dictionary("'<U2'", "(1,)"), eight), "type \"<U2\""},
      {npy_text(dictionary("[('a', '<f8')]", "(1,)"), eight), "named fields"},
      {npy_text(dictionary("'<f8'", "(-1,)"), eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "(1.0,)"), eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "[1]"), eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "(1,)", "false"), eight), "damaged header"},
      {npy_text("{'descr': '<f8', 'shape': (1,)}", eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "(1,)") + " x", eight), "damaged header"},
      {npy_text("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", eight),
       "damaged header"},
      {npy_text("{'descr': '<f8", eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "(4294967296, 4294967296)"), eight), "no memory can hold"},
      {npy_text(dictionary("'<f8'", "(99999999999999999999,)"), eight), "damaged header"},
      {npy_text(dictionary("'<f8'", "(4611686018427387904, 4, 0)"), ""), "no memory can hold"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    const auto file = dir.write("a.npy", c.text);
    CHECK_THAT(message_of<IoError>([&] { (void)io::read_npy(file); }),
               ContainsSubstring(c.message) && ContainsSubstring(file.string()));
  }
  CHECK_THAT(message_of<IoError>([&] { (void)io::read_npy(dir / "none.npy"); }),
             ContainsSubstring("none.npy"));
}

TEST_CASE("no prefix of a file is taken for the whole", "[npy]") {
  const TempDir dir;
  io::write_npy(dir / "a.npy", std::span<const float>(std::vector<float>{1, 2, 3}),
                std::vector<index_t>{3});
  const std::string whole = read_file(dir / "a.npy");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto file = dir.write("b.npy", whole.substr(0, size));
    CHECK_THROWS_AS((void)io::read_npy(file), IoError);
  }
}

TEST_CASE("rank and type are asked for in words", "[npy]") {
  const TempDir dir;
  io::write_npy(dir / "a.npy", std::span<const float>(std::vector<float>{1, 2}),
                std::vector<index_t>{1, 2});
  const io::NpyArray array = io::read_npy(dir / "a.npy");
  array.expect_rank(2, "[rows, K]");
  CHECK_THAT(message_of<ShapeError>([&] { array.expect_rank(3, "[N, q, K]"); }),
             ContainsSubstring("must be [N, q, K]; got rank 2 [1, 2]"));
  CHECK_THAT(message_of<ValueError>([&] { (void)array.values<double>(); }),
             ContainsSubstring("must hold float64; got float32"));
  CHECK(array.describe() == "[1, 2] float32");
}

TEST_CASE("an array that does not fit its shape is not written", "[npy]") {
  const TempDir dir;
  const std::vector<double> values(5);
  (void)message_of<ShapeError>([&] {
    io::write_npy(dir / "a.npy", std::span<const double>(values), std::vector<index_t>{2, 3});
  });
  CHECK_FALSE(std::filesystem::exists(dir / "a.npy"));
}
