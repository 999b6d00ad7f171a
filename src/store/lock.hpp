// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace aift::store {

/// Who writes to a project: an advisory lock on a file, which the system lets go of when the process
/// ends, however it ends. The file says who holds it.
class ProjectLock {
 public:
  ProjectLock() = default;
  /// throws IoError after `wait_seconds`, naming the holder
  ProjectLock(const std::filesystem::path& file, double wait_seconds, const std::string& who);
  ~ProjectLock();
  ProjectLock(ProjectLock&& other) noexcept;
  ProjectLock& operator=(ProjectLock&& other) noexcept;

 private:
  int descriptor_ = -1;
};

}  // namespace aift::store
