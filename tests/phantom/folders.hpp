// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <aift/io/csv.hpp>
#include <aift/io/image_source.hpp>

#include "tests/support/catch.hpp"

namespace aift::test {

/// Every file below a folder with its content.
inline std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[entry.path().lexically_relative(folder).generic_string()] = read_file(entry.path());
  }
  return files;
}

/// One column of a manifest.
inline std::vector<std::string> column_of(const std::filesystem::path& folder,
                                          const std::string& name) {
  const io::CsvTable table = io::read_csv(folder / "manifest.csv");
  const auto at = table.column(name);
  REQUIRE(at);
  std::vector<std::string> values;
  for (const io::CsvRow& row : table.rows)
    values.push_back(row.fields[*at]);
  return values;
}

/// Mean absolute difference of two pictures in grey levels.
inline double difference(const Image& a, const Image& b) {
  REQUIRE(a.pixels.size() == b.pixels.size());
  double sum = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    sum += std::abs(static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i]));
  return sum / static_cast<double>(a.pixels.size());
}

}  // namespace aift::test
