// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace aift::io {

/// Writes a file that appears complete or not at all: a hidden temporary file in the same folder,
/// which `commit` flushes to the disk and renames into place. Without `commit` (an exception, say)
/// the temporary file goes and what was there before stays as it was.
///
/// A target that exists keeps its access rights; a symbolic link is followed, so that it stays a
/// link. A target that is no regular file (a terminal, a pipe, /dev/null) cannot be replaced and is
/// written to directly.
/// throws IoError naming the file and the system's reason: missing or read-only folder, full disk
class AtomicFile {
 public:
  /// Opens the temporary file; the target is not touched.
  explicit AtomicFile(const std::filesystem::path& file);
  /// Without commit: removes the temporary file.
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends.
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Appends. throws IoError
  void write(std::span<const std::byte> bytes) { write(bytes.data(), bytes.size()); }
  /// The same. throws IoError
  void write(const void* data, std::size_t size);

  /// Brings all that was written to the disk without showing it yet; nothing may be written
  /// afterwards. Several files that belong together are all finished before the first is committed,
  /// so that a full disk leaves none of them.
  void finish();
  /// Finishes, renames into place, flushes the folder. Once.
  void commit();

 private:
  void flush();
  void discard() noexcept;

  std::filesystem::path target_;
  std::filesystem::path temporary_;  // empty: target_ is written to directly
  int descriptor_ = -1;
  bool finished_ = false;
  std::string buffer_;
};

/// The whole content at once; see AtomicFile.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);
/// The same for bytes.
void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> content);

/// The whole content of a (small) file. throws IoError naming the file
[[nodiscard]] std::string read_text_file(const std::filesystem::path& file);

}  // namespace aift::io
