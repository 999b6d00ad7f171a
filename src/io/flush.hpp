// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <aift/core/error.hpp>

namespace aift::io {

/// Brings a file, or the names in a folder, to the disk. throws IoError naming it
inline void flush(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  AIFT_EXPECT(descriptor >= 0, IoError, "{} could not be opened after it was written: {}.",
              path.string(), std::generic_category().message(errno));
  const int failed = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  AIFT_EXPECT(failed == 0 || failed == EINVAL, IoError, "{} could not be flushed to the disk: {}.",
              path.string(), std::generic_category().message(failed));
}

}  // namespace aift::io
