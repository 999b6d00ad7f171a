// SPDX-License-Identifier: Apache-2.0
#include "src/app/torch/run_folder_guard.hpp"

#include <system_error>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

namespace aift::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.toml";

}  // namespace

RunFolderGuard::RunFolderGuard(fs::path folder, bool resume) : folder_(std::move(folder)) {
  std::error_code error;
  const std::string name = folder_.string();
  AIFT_EXPECT(!fs::exists(folder_, error) || fs::is_directory(folder_, error), IoError,
              "--out must be a folder; {} is a file.", name);
  holds_run_ = fs::exists(folder_ / "state.json", error);
  AIFT_EXPECT(
      !holds_run_ || resume, IoError,
      "{} holds another run; give a new folder to --out, or go on with that run by --resume.",
      name);
  if (fs::exists(folder_, error)) {
    if (!holds_run_) {
      fs::directory_iterator entries(folder_, error);
      AIFT_EXPECT(!error, IoError, "{} cannot be read: {}; give another folder to --out.", name,
                  error.message());
      for (const auto& entry : entries) {
        const std::string file = entry.path().filename().string();
        AIFT_EXPECT(file == kConfig || (file.starts_with('.') && file.ends_with(".tmp")), IoError,
                    "{} is not empty and holds no run; give a new or an empty folder to --out.",
                    name);
      }
    }
    if (fs::is_regular_file(folder_ / kConfig, error)) {
      config_before_ = io::read_text_file(folder_ / kConfig);
    }
    return;
  }
  std::vector<fs::path> missing;
  for (fs::path path = fs::absolute(folder_).lexically_normal(); !fs::exists(path, error);
       path = path.parent_path()) {
    if (path.has_filename()) missing.push_back(path);
    if (path == path.parent_path()) break;
  }
  for (auto path = missing.rbegin(); path != missing.rend(); ++path) {
    fs::create_directory(*path, error);
    if (error) {
      undo();
      throw IoError(fmt::format("{} cannot be made: {}; give a folder that you may write to --out.",
                                name, error.message()));
    }
    made_.push_back(*path);
  }
}

RunFolderGuard::~RunFolderGuard() {
  if (!kept_) undo();
}

void RunFolderGuard::write_config(const std::string& text) {
  io::write_file_atomically(folder_ / kConfig, text);
  config_written_ = true;
}

void RunFolderGuard::undo() noexcept {
  std::error_code ignored;
  if (config_written_) {
    if (config_before_) {
      try {
        io::write_file_atomically(folder_ / kConfig, *config_before_);
      } catch (...) {  // it could be written a moment ago; nothing better is left to do
      }
    } else {
      fs::remove(folder_ / kConfig, ignored);
    }
  }
  for (auto path = made_.rbegin(); path != made_.rend(); ++path)
    fs::remove(*path, ignored);
}

}  // namespace aift::app
