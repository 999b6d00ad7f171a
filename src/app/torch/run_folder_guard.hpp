// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace aift::app {

/// The output folder of a run until the run itself takes over: made, tried for writing and given
/// its config.toml before any long work, and put back as it was unless `keep` is called.
class RunFolderGuard {
 public:
  /// resume   false: the folder must be missing, empty, or hold a config.toml alone
  /// throws   IoError naming the folder and what to do: of another run, not empty, a file,
  ///          read-only, on a full disk
  RunFolderGuard(std::filesystem::path folder, bool resume);
  ~RunFolderGuard();
  RunFolderGuard(const RunFolderGuard&) = delete;
  RunFolderGuard& operator=(const RunFolderGuard&) = delete;

  /// Whether the folder holds the state of a run.
  [[nodiscard]] bool holds_run() const noexcept { return holds_run_; }
  /// Replaces config.toml atomically. throws IoError
  void write_config(const std::string& text);
  /// The run has begun: nothing is taken back any more.
  void keep() noexcept { kept_ = true; }

 private:
  void undo() noexcept;

  std::filesystem::path folder_;
  std::vector<std::filesystem::path> made_;  // outermost first
  std::optional<std::string> config_before_;
  bool config_written_ = false;
  bool holds_run_ = false;
  bool kept_ = false;
};

}  // namespace aift::app
