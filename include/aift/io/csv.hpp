// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::io {

/// One record of a CSV file.
struct CsvRow {
  std::vector<std::string> fields;  ///< as many as the header has
  index_t line = 0;                 ///< line of the file on which it starts, from 1, for messages
};

/// A CSV file in memory.
struct CsvTable {
  std::vector<std::string> header;  ///< names of the columns, all different
  std::vector<CsvRow> rows;         ///< in the order of the file
  /// Position of a column.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const noexcept;
};

/// Parses comma-separated text with a header line: RFC 4180 (quoted fields with commas, doubled
/// quotes and line ends inside), lines ended by LF or CRLF, a byte-order mark of UTF-8 allowed.
/// Lines with nothing on them are skipped.
///
/// name    how messages call the text, a file's path as a rule
/// throws  IoError naming the line: empty text, a record of another length than the header, a
///         column named twice, a quote that is not closed or stands inside an unquoted field, a
///         lone CR, text in UTF-16
[[nodiscard]] CsvTable parse_csv(std::string_view text, std::string_view name);

/// `parse_csv` of a file. throws IoError
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& file);

/// The field as it stands in a CSV file: quoted when it holds a comma, a quote, a line end, or a
/// space at either end.
[[nodiscard]] std::string csv_field(std::string_view text);

/// Fields joined by commas, ended by LF. A record of one empty field is written as "" (an empty
/// line would be skipped).
[[nodiscard]] std::string csv_line(std::span<const std::string> fields);

}  // namespace aift::io
