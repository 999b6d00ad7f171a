// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <filesystem>
#include <string>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

#include "tests/io/message_of.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::message_of;
using aift::test::read_file;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

/// Files of this process cannot grow beyond `bytes`: what a full disk does to a write, at will.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = SIG_DFL;
};

/// Root may write anywhere; for the time of a test it is nobody.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : root_(::geteuid() == 0) {
    if (root_) REQUIRE(::seteuid(65534) == 0);
  }
  ~WithoutPrivileges() {
    if (root_ && ::seteuid(0) != 0) std::abort();
  }
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;

 private:
  bool root_;
};

}  // namespace

TEST_CASE("a file is written as a whole and nothing else is left", "[atomic_file]") {
  const TempDir dir;
  io::write_file_atomically(dir / "a.txt", "first");
  CHECK(read_file(dir / "a.txt") == "first");
  io::write_file_atomically(dir / "a.txt", "");
  CHECK(read_file(dir / "a.txt").empty());
  const std::string large(3'500'000, 'x');
  io::write_file_atomically(dir / "a.txt", large);
  CHECK(read_file(dir / "a.txt") == large);
  CHECK(io::read_text_file(dir / "a.txt") == large);
  CHECK(files_in(dir.path()) == 1);
}

TEST_CASE("small and large pieces arrive in order", "[atomic_file]") {
  const TempDir dir;
  std::string expected;
  {
    io::AtomicFile file(dir / "a");
    for (const std::size_t size : {10UL, 900'000UL, 300'000UL, 2'000'000UL, 1UL, 1'048'576UL}) {
      const std::string piece(size, static_cast<char>('a' + size % 26));
      file.write(piece);
      expected += piece;
    }
    CHECK_FALSE(fs::exists(dir / "a"));  // not there before it is committed
    file.commit();
  }
  CHECK(read_file(dir / "a") == expected);
}

TEST_CASE("without commit the old content stays", "[atomic_file]") {
  const TempDir dir;
  dir.write("a", "old");
  {
    io::AtomicFile file(dir / "a");
    file.write("new");
    file.finish();
    CHECK(read_file(dir / "a") == "old");
  }
  CHECK(read_file(dir / "a") == "old");
  CHECK(files_in(dir.path()) == 1);

  io::AtomicFile file(dir / "a");
  file.commit();
  (void)message_of<IoError>([&] { file.commit(); });
  (void)message_of<IoError>([&] { file.write("more"); });
}

TEST_CASE("a disk that fills up leaves what was there", "[atomic_file]") {
  const TempDir dir;
  dir.write("a", "old");
  std::string message;
  {
    const FileSizeLimit limit(100'000);
    message = message_of<IoError>(
        [&] { io::write_file_atomically(dir / "a", std::string(5'000'000, 'x')); });
  }
  CHECK_THAT(message, ContainsSubstring((dir / "a").string()));
  CHECK_THAT(message, ContainsSubstring("File too large"));
  CHECK(read_file(dir / "a") == "old");
  CHECK(files_in(dir.path()) == 1);
}

TEST_CASE("a full device is named with the reason", "[atomic_file]") {
  if (!fs::exists("/dev/full")) return test::skip("no /dev/full on this system");
  const std::string message =
      message_of<IoError>([] { io::write_file_atomically("/dev/full", "x"); });
  CHECK_THAT(message, ContainsSubstring("/dev/full"));
  CHECK_THAT(message, ContainsSubstring("No space left on device"));
  CHECK(fs::is_character_file("/dev/full"));  // not replaced by a file
  io::write_file_atomically("/dev/null", "x");
  CHECK(fs::is_character_file("/dev/null"));
}

TEST_CASE("folders that are missing or read-only are named with the reason", "[atomic_file]") {
  const TempDir dir;
  CHECK_THAT(message_of<IoError>([&] { io::write_file_atomically(dir / "no/a", "x"); }),
             ContainsSubstring("No such file or directory"));
  CHECK_THAT(message_of<IoError>([&] { io::write_file_atomically(dir.path(), "x"); }),
             ContainsSubstring("is a folder"));
  (void)message_of<IoError>([&] { io::write_file_atomically(dir.path() / "", "x"); });

  fs::create_directory(dir / "locked");
  dir.write("locked/old", "old");
  fs::permissions(dir.path(), fs::perms(0755));
  fs::permissions(dir / "locked/old", fs::perms(0444));
  fs::permissions(dir / "locked", fs::perms(0555));
  {
    const WithoutPrivileges nobody;
    for (const char* name : {"locked/a", "locked/old"}) {
      const std::string message =
          message_of<IoError>([&] { io::write_file_atomically(dir / name, "x"); });
      CHECK_THAT(message, ContainsSubstring((dir / name).string()));
      CHECK_THAT(message, ContainsSubstring("Permission denied"));
    }
  }
  CHECK(read_file(dir / "locked/old") == "old");
  CHECK(files_in(dir / "locked") == 1);
}

TEST_CASE("a write-protected file in a writable folder stays", "[atomic_file]") {
  const TempDir dir;
  dir.write("a", "old");
  fs::permissions(dir.path(), fs::perms(0777));
  fs::permissions(dir / "a", fs::perms(0444));
  {
    const WithoutPrivileges nobody;
    (void)message_of<IoError>([&] { io::write_file_atomically(dir / "a", "x"); });
  }
  CHECK(read_file(dir / "a") == "old");
  CHECK(files_in(dir.path()) == 1);
}

TEST_CASE("a folder in memory is a folder like others", "[atomic_file]") {
  if (::access("/dev/shm", W_OK) != 0) return test::skip("no /dev/shm that can be written to");
  const std::string file = "/dev/shm/aift-test-" + std::to_string(::getpid());
  io::write_file_atomically(file, "x");
  CHECK(read_file(file) == "x");
  fs::remove(file);
}

TEST_CASE("links are followed and access rights kept", "[atomic_file]") {
  const TempDir dir;
  dir.write("sub/real", "old");
  fs::permissions(dir / "sub/real", fs::perms(0640));
  fs::create_symlink("sub/real", dir / "link");
  fs::create_symlink("sub/later", dir / "dangling");
  io::write_file_atomically(dir / "link", "new");
  io::write_file_atomically(dir / "dangling", "late");
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(read_file(dir / "sub/real") == "new");
  CHECK(read_file(dir / "sub/later") == "late");
  CHECK(fs::status(dir / "sub/real").permissions() == fs::perms(0640));
}

TEST_CASE("a name of any length that the system takes works", "[atomic_file]") {
  const TempDir dir;
  const std::string name(255, 'n');
  io::write_file_atomically(dir / name, "x");
  CHECK(read_file(dir / name) == "x");
}
