// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <aift/core/rng.hpp>
#include <aift/io/safetensors.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::read_file;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A file with this header and so many bytes behind it.
std::string file_text(const std::string& header, std::size_t bytes) {
  const std::uint64_t size = header.size();
  std::string text(sizeof size, '\0');
  std::memcpy(text.data(), &size, sizeof size);
  return text + header + std::string(bytes, '\x01');
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape,
                     offsets);
}

}  // namespace

TEST_CASE("tensors of every type read back with their metadata", "[safetensors]") {
  const TempDir dir;
  const std::vector<double> doubles = {1.5, -2};
  const std::vector<float> floats = {0.25F, 3, -1, 7, 8, 9};
  const std::vector<half_t> halves = {half_t{0x3C00}};
  const std::vector<bfloat16_t> brains = {bfloat16_t{0x3F80}, bfloat16_t{1}, bfloat16_t{2}};
  const std::vector<std::int64_t> longs = {-5};
  const std::vector<std::int32_t> ints = {7, 8};
  const std::vector<std::uint8_t> bytes = {1, 2, 255};
  const std::vector<io::TensorView> tensors = {
      io::tensor_view("b.weight", std::span<const float>(floats), {2, 3}),
      io::tensor_view("u8", std::span<const std::uint8_t>(bytes), {3}),
      io::tensor_view("a.weight", std::span<const double>(doubles), {2}),
      io::tensor_view("half", std::span<const half_t>(halves), {1}),
      io::tensor_view("brain", std::span<const bfloat16_t>(brains), {3, 1}),
      io::tensor_view("bn.num_batches_tracked", std::span<const std::int64_t>(longs), {}),
      io::tensor_view("i32", std::span<const std::int32_t>(ints), {2}),
      io::tensor_view("none", std::span<const float>(), {0, 5}),
      {"flags", io::ElementType::boolean, {3}, std::as_bytes(std::span(bytes))},
  };
  const io::TensorMetadata metadata = {{"architecture", "fake"}, {"note", "a \"quoted\" é"}};
  io::write_safetensors(dir / "w.safetensors", tensors, metadata);

  const io::Safetensors file = io::read_safetensors(dir / "w.safetensors");
  CHECK(file.metadata() == metadata);
  REQUIRE(file.tensors().size() == tensors.size());
  CHECK(std::is_sorted(file.tensors().begin(), file.tensors().end(),
                       [](const auto& a, const auto& b) { return a.name < b.name; }));
  for (const io::TensorView& written : tensors) {
    INFO(written.name);
    const io::TensorView& read = file.at(written.name);
    CHECK(read.type == written.type);
    CHECK(read.shape == written.shape);
    CHECK(std::equal(read.bytes.begin(), read.bytes.end(), written.bytes.begin(),
                     written.bytes.end()));
    CHECK(reinterpret_cast<std::uintptr_t>(read.bytes.data()) % io::element_size(read.type) == 0);
  }
  CHECK(file.at("a.weight").values<double>()[1] == -2);
  CHECK(file.at("bn.num_batches_tracked").values<std::int64_t>()[0] == -5);
  CHECK(file.at("flags").values<std::uint8_t>()[2] == 255);
  CHECK(file.find("no such") == nullptr);
}

TEST_CASE("the same tensors in any order give the same bytes", "[safetensors]") {
  const TempDir dir;
  const std::vector<float> values = {1, 2};
  const std::vector<std::uint8_t> bytes = {1, 2, 3};
  std::vector<io::TensorView> tensors = {
      io::tensor_view("b", std::span<const float>(values), {2}),
      io::tensor_view("a", std::span<const std::uint8_t>(bytes), {3}),
      io::tensor_view("c", std::span<const float>(values), {1, 2})};
  io::write_safetensors(dir / "1", tensors, {{"k", "v"}, {"a", "b"}});
  std::reverse(tensors.begin(), tensors.end());
  io::write_safetensors(dir / "2", tensors, {{"a", "b"}, {"k", "v"}});
  const std::string text = read_file(dir / "1");
  CHECK(text == read_file(dir / "2"));

  // As the format asks: 8 bytes of length, JSON, padded so that the data starts aligned.
  std::uint64_t size = 0;
  std::memcpy(&size, text.data(), 8);
  CHECK(size % 8 == 0);
  const auto header = nlohmann::json::parse(text.substr(8, size));
  CHECK(header["__metadata__"]["k"] == "v");
  CHECK(header["b"]["dtype"] == "F32");
  CHECK(header["b"]["data_offsets"] == nlohmann::json({0, 8}));
  CHECK(header["c"]["data_offsets"] == nlohmann::json({8, 16}));
  CHECK(header["a"]["data_offsets"] == nlohmann::json({16, 19}));
  CHECK(text.size() == 8 + size + 19);
}

TEST_CASE("a file without tensors and one with unaligned tensors are read", "[safetensors]") {
  const TempDir dir;
  CHECK(io::read_safetensors(dir.write("e", file_text("{}", 0))).tensors().empty());
  const io::Safetensors file = io::read_safetensors(
      dir.write("u", file_text(fmt::format("{{{},{},{}}}   ", entry("a", "U8", "[3]", "[0,3]"),
                                           entry("b", "F32", "[2]", "[3,11]"),
                                           entry("zero", "F64", "[4,0]", "[3,3]")),
                               11)));
  CHECK(reinterpret_cast<std::uintptr_t>(file.at("b").bytes.data()) % 4 == 0);
  std::uint32_t bits = 0;
  std::memcpy(&bits, file.at("b").bytes.data(), 4);
  CHECK(bits == 0x01010101U);
  CHECK(file.at("zero").size() == 0);
}

TEST_CASE("damaged files are refused, the tensor named", "[safetensors]") {
  const TempDir dir;
  struct Case {
    std::string text;
    const char* message;
  };
  const std::string good = entry("a", "F32", "[2]", "[0,8]");
  const auto with = [](const std::string& entries, std::size_t bytes) {
    return file_text(fmt::format("{{{}}}", entries), bytes);
  };
  const std::vector<Case> cases = {
      {"", "has 0 bytes"},
      {"short", "has 5 bytes"},
      {std::string(8, '\xFF'), "more than the 100000000 allowed"},
      {file_text("{}", 0).substr(0, 9), "should have 2 bytes; 1 are left"},
      {file_text("", 0), "not a JSON object"},
      {file_text("[1]", 0), "not a JSON object"},
      {file_text("{\"a\":", 0), "not a JSON object"},
      {file_text("{\"\xFF\":1}", 0), "not a JSON object"},
      {with("\"a\":1", 0), "tensor \"a\": expected an entry"},
      {with("\"a\":{\"dtype\":\"F32\",\"shape\":[]}", 4), "tensor \"a\": expected an entry"},
      {with(good + "," + good, 8), "names \"a\" twice"},
      {with(entry("a", "F8_E4M3", "[8]", "[0,8]"), 8), "tensor \"a\": type \"F8_E4M3\""},
      {with(entry("a", "F32", "[-2]", "[0,8]"), 8), "tensor \"a\": its shape [-2]"},
      {with(entry("a", "F32", "[2.0]", "[0,8]"), 8), "tensor \"a\": its shape [2.0]"},
      {with(entry("a", "F32", "[4294967296,4294967296]", "[0,8]"), 8), "no memory can hold"},
      {with(entry("a", "F32", "[4611686018427387904,4,0]", "[0,0]"), 0), "no memory can hold"},
      {with(entry("a", "F32", "[18446744073709551615]", "[0,8]"), 8), "tensor \"a\": its shape"},
      {with(entry("a", "F32", "[2]", "[8,0]"), 8), "tensor \"a\": data_offsets [8,0]"},
      {with(entry("a", "F32", "[2]", "[0,-8]"), 8), "tensor \"a\": data_offsets [0,-8]"},
      {with(entry("a", "F32", "[2]", "[0]"), 8), "tensor \"a\": data_offsets [0]"},
      {with(entry("a", "F32", "[2]", "[0,7]"), 7),
       "tensor \"a\": [2] float32 needs 8 bytes; its offsets [0, 7] leave 7"},
      {with(good, 7), "tensor \"a\": its bytes [0, 8) lie beyond the end of the file"},
      {with(entry("a", "F32", "[2]", "[9223372036854775799,9223372036854775807]"), 8),
       "tensor \"a\": its bytes"},
      {with(good + "," + entry("b", "F32", "[2]", "[4,12]"), 12),
       "tensor \"b\": its bytes [4, 12)"},
      {with(good + "," + entry("b", "F32", "[2]", "[0,8]"), 8), "tensor \"b\": its bytes [0, 8)"},
      {with(good + "," + entry("b", "F32", "[2]", "[12,20]"), 20),
       "tensor \"b\": 4 bytes in front of it"},
      {with(good, 9), "1 bytes at its end belong to no tensor"},
      {with("\"__metadata__\":[1]," + good, 8), "__metadata__ must be an object"},
      {with("\"__metadata__\":{\"k\":1}," + good, 8), "\"k\" is none"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    const auto file = dir.write("w", c.text);
    CHECK_THAT(message_of<IoError>([&] { (void)io::read_safetensors(file); }),
               ContainsSubstring(c.message) && ContainsSubstring(file.string()));
  }
}

TEST_CASE("no prefix of a file and no wild header is taken for a file", "[safetensors]") {
  const TempDir dir;
  const std::vector<float> values = {1, 2, 3};
  io::write_safetensors(dir / "w",
                        std::vector{io::tensor_view("a", std::span<const float>(values), {3})});
  const std::string whole = read_file(dir / "w");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto file = dir.write("p", whole.substr(0, size));
    CHECK_THROWS_AS((void)io::read_safetensors(file), IoError);
  }
  const KeyedRandom random(3, Purpose::test);
  for (index_t round = 0; round < 500;
       ++round) {  // one byte changed: refused, or read, never worse
    std::string text = whole;
    const auto at =
        static_cast<std::size_t>(random.below(2 * round, static_cast<index_t>(text.size())));
    text[at] = static_cast<char>(random.bits(2 * round + 1) & 0xFF);
    const auto file = dir.write("m", text);
    try {
      const io::Safetensors read = io::read_safetensors(file);
      CHECK(read.tensors().size() <= 1);
    } catch (const IoError& error) {
      CHECK(std::string(error.what()).ends_with('.'));
    }
  }
}

TEST_CASE("a tensor says what it is and what was expected", "[safetensors]") {
  const TempDir dir;
  const std::vector<float> values = {1, 2};
  io::write_safetensors(dir / "w",
                        std::vector{io::tensor_view("a", std::span<const float>(values), {2, 1})});
  const io::Safetensors file = io::read_safetensors(dir / "w");
  CHECK_THAT(message_of<IoError>([&] { (void)file.at("b"); }),
             ContainsSubstring("no tensor \"b\"") && ContainsSubstring((dir / "w").string()));
  CHECK_THAT(message_of<ValueError>([&] { (void)file.at("a").values<double>(); }),
             ContainsSubstring("\"a\" must hold float64; got float32"));
  CHECK_THAT(message_of<ShapeError>([&] {
               file.at("a").expect_shape(std::vector<index_t>{1, 2});
             }),
             ContainsSubstring("\"a\" must be [1, 2]; got [2, 1]"));
}

TEST_CASE("what cannot be written is refused and leaves no file", "[safetensors]") {
  const TempDir dir;
  const std::vector<float> values = {1, 2};
  const auto write = [&](std::vector<io::TensorView> tensors, io::TensorMetadata metadata = {}) {
    io::write_safetensors(dir / "w", tensors, metadata);
  };
  const auto tensor = [&](const char* name, std::vector<index_t> shape) {
    return io::tensor_view(name, std::span<const float>(values), std::move(shape));
  };
  CHECK_THAT(message_of<ValueError>([&] {
               write({tensor("a", {2}), tensor("a", {2})});
             }),
             ContainsSubstring("Two tensors are named \"a\""));
  CHECK_THAT(message_of<ShapeError>([&] { write({tensor("a", {3})}); }),
             ContainsSubstring("\"a\": [3] float32 does not fit 8 bytes"));
  CHECK_THAT(message_of<ShapeError>([&] { write({tensor("a", {-2})}); }),
             ContainsSubstring("\"a\""));
  CHECK_THAT(message_of<ValueError>([&] { write({tensor("__metadata__", {2})}); }),
             ContainsSubstring("__metadata__"));
  CHECK_THAT(message_of<ValueError>([&] { write({tensor("\xFF", {2})}); }),
             ContainsSubstring("UTF-8"));
  CHECK_THAT(message_of<ValueError>([&] {
               write({tensor("a", {2})}, {{"k", "\xFF"}});
             }),
             ContainsSubstring("UTF-8"));
  CHECK_FALSE(std::filesystem::exists(dir / "w"));
}
