// SPDX-License-Identifier: Apache-2.0
#include "src/app/files.hpp"

#include <system_error>

#include <aift/core/error.hpp>

namespace aift::app {

void expect_distinct_files(NamedFiles files, std::size_t inputs) {
  for (auto& [what, file] : files) {
    std::error_code ignored;
    const std::filesystem::path resolved = std::filesystem::weakly_canonical(file, ignored);
    if (!resolved.empty()) file = resolved;
  }
  for (std::size_t i = inputs; i < files.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      AIFT_EXPECT(files[i].second != files[j].second, ValueError,
                  "{} and {} are the same file {}; name another one.", files[j].first,
                  files[i].first, files[i].second.string());
    }
  }
}

}  // namespace aift::app
