// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace aift::io {

/// A file's bytes, mapped read-only: pages are read when touched and given back under pressure, so
/// a file may be far larger than memory.
///
/// The file must not be cut short while it is mapped (the system then ends the process); files of
/// AIFT are replaced by a rename, which leaves a mapping of the old content intact.
/// thread safe: immutable; copies share one mapping
class MappedFile {
 public:
  /// No file, no bytes.
  MappedFile() = default;
  /// throws IoError naming the file: missing, a folder, no right to read
  explicit MappedFile(const std::filesystem::path& file);

  /// The whole content.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  /// Keeps the mapping alive after this object is gone.
  [[nodiscard]] std::shared_ptr<const void> owner() const noexcept { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
};

/// Tells the system that these bytes of a mapped file are not needed for now: their pages leave the
/// memory of the process and are read again when touched. For passing once over a file that is
/// larger than memory. `bytes` must be a part of MappedFile::bytes(); the content does not change.
void release_pages(std::span<const std::byte> bytes) noexcept;

}  // namespace aift::io
