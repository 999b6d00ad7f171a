// SPDX-License-Identifier: Apache-2.0
#include "lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include <aift/core/error.hpp>

namespace aift::store {

namespace {

std::string holder(int descriptor) {
  std::array<char, 256> text{};
  const ::ssize_t size = ::pread(descriptor, text.data(), text.size() - 1, 0);
  std::string who(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return who.substr(0, who.find('\n'));
}

}  // namespace

ProjectLock::ProjectLock(const std::filesystem::path& file, double wait_seconds,
                         const std::string& who) {
  descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  AIFT_EXPECT(descriptor_ >= 0, IoError, "{} could not be opened: {}; check the project's rights.",
              file.string(), std::generic_category().message(errno));
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(wait_seconds);
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK && error != EINTR) {
      ::close(std::exchange(descriptor_, -1));
      throw IoError(fmt::format("{} could not be locked: {}; a project lies on a local disk.",
                                file.string(), std::generic_category().message(error)));
    }
    if (Clock::now() >= until) {
      const std::string other = holder(descriptor_);
      ::close(std::exchange(descriptor_, -1));
      throw IoError(fmt::format(
          "The project {} is in use by {}; wait until it has ended, or look at it with `status`.",
          file.parent_path().string(), other.empty() ? "another process" : other));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // What stands here is for people; a failure to write it is none of the lock.
  const std::string text = fmt::format("{}, process {}\n", who, ::getpid());
  [[maybe_unused]] const int cut = ::ftruncate(descriptor_, 0);
  [[maybe_unused]] const auto written = ::pwrite(descriptor_, text.data(), text.size(), 0);
}

ProjectLock::~ProjectLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

ProjectLock::ProjectLock(ProjectLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

ProjectLock& ProjectLock::operator=(ProjectLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace aift::store
