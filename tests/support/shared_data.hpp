// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace aift::test {

/// The folder with the data that work and tests share but the repository does not carry:
/// $AIFT_SHARED_DIR when it is set, else the folder `shared` beside the project's root.
/// std::nullopt when there is none; the test then calls skip() and returns.
[[nodiscard]] std::optional<std::filesystem::path> shared_dir();

/// Prints "SKIPPED: <reason>", which CTest shows as a skipped test. The caller returns at once.
void skip(std::string_view reason);

}  // namespace aift::test
