// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace aift::app {

/// Files of a command, each with the option that names it.
using NamedFiles = std::vector<std::pair<std::string, std::filesystem::path>>;

/// No result may replace an input or another result: the first `inputs` files are read, the others
/// written. Links are followed.
/// throws ValueError naming both options and the file
void expect_distinct_files(NamedFiles files, std::size_t inputs);

}  // namespace aift::app
