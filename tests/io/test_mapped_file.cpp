// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>

#include <aift/core/error.hpp>
#include <aift/io/mapped_file.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a file is mapped, an empty one too", "[mapped_file]") {
  const TempDir dir;
  const io::MappedFile file(dir.write("a", "some bytes"));
  CHECK(text_of(file.bytes()) == "some bytes");
  CHECK(io::MappedFile(dir.write("b", "")).bytes().empty());
}

TEST_CASE("the mapping outlives the object and a replaced file", "[mapped_file]") {
  const TempDir dir;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  {
    const io::MappedFile file(dir.write("a", "kept"));
    bytes = file.bytes();
    owner = file.owner();
  }
  std::filesystem::remove(dir / "a");
  CHECK(text_of(bytes) == "kept");
}

TEST_CASE("released pages hold the same content", "[mapped_file]") {
  const TempDir dir;
  const std::string content(100'000, 'y');
  const io::MappedFile file(dir.write("a", content));
  CHECK(text_of(file.bytes()) == content);
  io::release_pages(file.bytes());
  io::release_pages(file.bytes().subspan(5, 10));
  io::release_pages({});
  CHECK(text_of(file.bytes()) == content);
}

TEST_CASE("what cannot be mapped is named", "[mapped_file]") {
  const TempDir dir;
  CHECK_THAT(
      message_of<IoError>([&] { (void)io::MappedFile(dir / "none"); }),
      ContainsSubstring((dir / "none").string()) && ContainsSubstring("No such file or directory"));
  CHECK_THAT(message_of<IoError>([&] { (void)io::MappedFile(dir.path()); }),
             ContainsSubstring("not a regular file"));
}
