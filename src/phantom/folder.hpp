// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <aift/augment/image.hpp>

namespace aift::phantom {

/// Output folder of generated data: pictures first, then the files that say what they are, the
/// manifest last.
///
/// thread rule: `write` may be called from several threads for different paths
class Folder {
 public:
  /// Makes the folder. throws IoError: it holds something, or cannot be made
  explicit Folder(std::filesystem::path folder);
  /// A JPEG file below the folder; the sub-folders are made.
  void write(const std::string& path, const ImageView& image, int quality = 92) const;
  /// README.txt, SYNTHETIC (one sentence) and manifest.csv with its first line.
  void finish(const std::string& readme, const std::string& sentence,
              const std::vector<std::vector<std::string>>& manifest) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace aift::phantom
