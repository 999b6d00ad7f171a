// SPDX-License-Identifier: Apache-2.0
#include "src/phantom/folder.hpp"

#include <system_error>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/image_source.hpp>

namespace aift::phantom {

namespace fs = std::filesystem;

namespace {

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  AIFT_EXPECT(!error, IoError, "The folder {} cannot be made: {}.", folder.string(),
              error.message());
}

}  // namespace

Folder::Folder(fs::path folder) : folder_(std::move(folder)) {
  make_folder(folder_);
  std::error_code error;
  const bool empty = fs::is_empty(folder_, error);
  AIFT_EXPECT(!error, IoError, "The folder {} cannot be read: {}.", folder_.string(),
              error.message());
  AIFT_EXPECT(empty, IoError,
              "The folder {} must be new or empty; choose another one, or remove it first.",
              folder_.string());
}

void Folder::write(const std::string& path, const ImageView& image, int quality) const {
  const fs::path file = folder_ / path;
  make_folder(file.parent_path());
  io::write_file_atomically(file, io::encode_jpeg(image, quality));
}

void Folder::finish(const std::string& readme, const std::string& sentence,
                    const std::vector<std::vector<std::string>>& manifest) const {
  io::write_file_atomically(folder_ / "README.txt", readme);
  io::write_file_atomically(folder_ / "SYNTHETIC", sentence + "\n");
  std::string text;
  for (const auto& row : manifest)
    text += io::csv_line(row);
  io::write_file_atomically(folder_ / "manifest.csv", text);
}

}  // namespace aift::phantom
