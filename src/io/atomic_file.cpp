// SPDX-License-Identifier: Apache-2.0
#include <aift/io/atomic_file.hpp>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aift/core/error.hpp>
#include <aift/io/mapped_file.hpp>

namespace aift::io {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr int kMaxLinks = 40;          // as many as the kernel follows
constexpr std::size_t kMaxName = 200;  // of 255 bytes; the rest is for what a temporary name adds

[[noreturn]] void fail(const fs::path& file, int error) {
  throw IoError(fmt::format(
      "{} could not be written: {}; make room or choose a place that can be written to.",
      file.string(), std::generic_category().message(error)));
}

/// The file that a chain of symbolic links ends at, there or not.
fs::path follow_links(fs::path file) {
  std::error_code error;
  for (int i = 0; i < kMaxLinks && fs::is_symlink(fs::symlink_status(file, error)); ++i) {
    const fs::path next = fs::read_symlink(file, error);
    if (error) break;
    file = file.parent_path() / next;  // an absolute `next` replaces the whole
  }
  return file;
}

/// A name for what this process has open, which may be a file that is being written to by others.
bool names_an_open_file(const fs::path& file) {
  const std::string text = file.lexically_normal().string();
  return text == "/dev/stdout" || text == "/dev/stderr" || text.starts_with("/dev/fd/") ||
         text.starts_with("/proc/");
}

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

/// Unique within this process; the process number makes it unique on the machine.
unsigned long next_number() {
  static std::atomic<unsigned long> counter{0};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

void write_all(int descriptor, const char* data, std::size_t size, const fs::path& file) {
  while (size > 0) {
    const ::ssize_t written = ::write(descriptor, data, size);
    if (written < 0) {
      if (errno == EINTR) continue;
      fail(file, errno);
    }
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& file) : target_(file) {
  AIFT_EXPECT(file.has_filename(), IoError,
              "Expected the name of a file to write; got \"{}\", which names a folder.",
              file.string());
  struct stat status {};
  const bool exists = ::stat(file.c_str(), &status) == 0;
  AIFT_EXPECT(!exists || !S_ISDIR(status.st_mode), IoError, "{} is a folder; name a file to write.",
              file.string());

  if (names_an_open_file(file) || (exists && !S_ISREG(status.st_mode))) {
    descriptor_ = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (descriptor_ < 0) fail(target_, errno);
    return;
  }

  target_ = follow_links(file);
  // A rename asks only the folder for permission; a file that is write-protected shall stay.
  if (exists && ::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0) fail(file, errno);
  const std::string stem = target_.filename().string().substr(0, kMaxName);
  do {
    temporary_ = folder_of(target_) / fmt::format(".{}.{}-{}.tmp", stem, ::getpid(), next_number());
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) {
    const int error = errno;
    temporary_.clear();
    fail(file, error);
  }
  if (exists) {
    // Not being allowed to (another owner's file) is no reason not to write.
    [[maybe_unused]] const int ignored = ::fchmod(descriptor_, status.st_mode & 07777);
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

void AtomicFile::write(const void* data, std::size_t size) {
  AIFT_EXPECT(descriptor_ >= 0, IoError, "{} was written and closed; open it again to write more.",
              target_.string());
  const auto* bytes = static_cast<const char*>(data);
  if (buffer_.size() + size > kBufferBytes) flush();
  if (size >= kBufferBytes) {
    write_all(descriptor_, bytes, size, target_);
  } else {
    buffer_.append(bytes, size);
  }
}

void AtomicFile::flush() {
  write_all(descriptor_, buffer_.data(), buffer_.size(), target_);
  buffer_.clear();
}

void AtomicFile::finish() {
  if (descriptor_ < 0) return;
  flush();
  if (!temporary_.empty() && ::fsync(descriptor_) != 0) fail(target_, errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(target_, errno);
  finished_ = true;
}

void AtomicFile::commit() {
  finish();
  AIFT_EXPECT(std::exchange(finished_, false), IoError,
              "{} was committed before; open it again to write more.", target_.string());
  if (temporary_.empty()) return;  // written to directly
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, errno);
  temporary_.clear();

  // The name is in the folder's own data. Some file systems cannot flush a folder: that is no
  // failure of ours, the file is there.
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
}

void write_file_atomically(const fs::path& file, std::string_view content) {
  AtomicFile out(file);
  out.write(content);
  out.commit();
}

void write_file_atomically(const fs::path& file, std::span<const std::byte> content) {
  AtomicFile out(file);
  out.write(content);
  out.commit();
}

std::string read_text_file(const fs::path& file) {
  const MappedFile mapped(file);
  return {reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size()};
}

}  // namespace aift::io
