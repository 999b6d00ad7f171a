// SPDX-License-Identifier: Apache-2.0
#include <aift/io/mapped_file.hpp>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <aift/core/error.hpp>

namespace aift::io {

namespace {

/// A file descriptor that is closed on every way out.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_;
};

std::string reason() { return std::generic_category().message(errno); }

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& file) {
  const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  AIFT_EXPECT(descriptor.get() >= 0, IoError, "{} could not be opened: {}.", file.string(),
              reason());
  struct stat status {};
  AIFT_EXPECT(::fstat(descriptor.get(), &status) == 0, IoError, "{} could not be opened: {}.",
              file.string(), reason());
  AIFT_EXPECT(S_ISREG(status.st_mode), IoError,
              "{} is not a regular file; a folder, pipe or device cannot be mapped.",
              file.string());
  if (status.st_size == 0) return;  // an empty file cannot be mapped and has nothing to show

  const auto size = static_cast<std::size_t>(status.st_size);
  void* const address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  AIFT_EXPECT(address != MAP_FAILED, IoError, "{} could not be mapped into memory: {}.",
              file.string(), reason());
  owner_ = std::shared_ptr<const void>(
      address, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  bytes_ = {static_cast<const std::byte*>(address), size};
}

void release_pages(std::span<const std::byte> bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto last = reinterpret_cast<std::uintptr_t>(bytes.data() + bytes.size()) / page * page;
  // Only whole pages; the mapping is private and never written, so nothing can be lost.
  if (first < last) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace aift::io
