// SPDX-License-Identifier: Apache-2.0
#include <aift/io/csv.hpp>

#include <algorithm>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

namespace aift::io {

namespace {

/// Reads records one after another and keeps count of the lines.
class Parser {
 public:
  Parser(std::string_view text, std::string_view name) : text_(text), name_(name) {
    AIFT_EXPECT(!text.starts_with("\xFF\xFE") && !text.starts_with("\xFE\xFF"), IoError,
                "{} is text in UTF-16; save it as CSV in UTF-8.", name);
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  /// The next record that is not an empty line; false at the end.
  bool next(CsvRow& row) {
    while (at_ < text_.size() && end_of_line()) {
    }
    if (at_ == text_.size()) return false;
    row.fields.clear();
    row.line = line_;
    do {
      row.fields.push_back(field());
    } while (comma());
    return true;
  }

 private:
  bool comma() {
    if (at_ == text_.size() || end_of_line()) return false;
    ++at_;  // a field ends at a comma, at a line end or with the text
    return true;
  }

  /// Consumes LF or CRLF if it is next.
  bool end_of_line() {
    std::size_t next = at_;
    if (text_[next] == '\r') {
      ++next;
      AIFT_EXPECT(next < text_.size() && text_[next] == '\n', IoError,
                  "{}, line {}: a carriage return that no line feed follows; end lines with LF or "
                  "CRLF, or quote the field.",
                  name_, line_);
    }
    if (text_[next] != '\n') return false;
    at_ = next + 1;
    ++line_;
    return true;
  }

  std::string field() { return at_ < text_.size() && text_[at_] == '"' ? quoted() : unquoted(); }

  std::string unquoted() {
    const std::size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
    AIFT_EXPECT(end == text_.size() || text_[end] != '"', IoError,
                "{}, line {}: a quote inside a field that does not start with one; quote the whole "
                "field and double the quotes in it.",
                name_, line_);
    std::string value(text_.substr(at_, end - at_));
    at_ = end;
    return value;
  }

  std::string quoted() {
    const index_t start = line_;
    std::string value;
    for (++at_;; ++at_) {
      const std::size_t end = text_.find('"', at_);
      AIFT_EXPECT(end != std::string_view::npos, IoError,
                  "{}, line {}: the quote that starts here is never closed.", name_, start);
      const std::string_view piece = text_.substr(at_, end - at_);
      line_ += std::count(piece.begin(), piece.end(), '\n');
      value += piece;
      at_ = end + 1;
      if (at_ == text_.size() || text_[at_] != '"') break;
      value += '"';  // a doubled quote
    }
    AIFT_EXPECT(
        at_ == text_.size() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n',
        IoError,
        "{}, line {}: text after a closing quote; put a comma there, or double the "
        "quotes inside the field.",
        name_, line_);
    return value;
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  index_t line_ = 1;
};

}  // namespace

std::optional<std::size_t> CsvTable::column(std::string_view name) const noexcept {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end()) return std::nullopt;
  return static_cast<std::size_t>(found - header.begin());
}

CsvTable parse_csv(std::string_view text, std::string_view name) {
  Parser parser(text, name);
  CsvTable table;
  CsvRow row;
  AIFT_EXPECT(parser.next(row), IoError,
              "{} is empty; expected a line with the names of the columns.", name);
  table.header = std::move(row.fields);
  for (auto it = table.header.begin(); it != table.header.end(); ++it) {
    AIFT_EXPECT(std::find(table.header.begin(), it, *it) == it, IoError,
                "{} has two columns named \"{}\"; rename one.", name, *it);
  }
  while (parser.next(row)) {
    AIFT_EXPECT(row.fields.size() == table.header.size(), IoError,
                "{}, line {}: expected {} fields, as in the header; got {}.", name, row.line,
                table.header.size(), row.fields.size());
    table.rows.push_back(std::move(row));
    row = {};
  }
  return table;
}

CsvTable read_csv(const std::filesystem::path& file) {
  return parse_csv(read_text_file(file), file.string());
}

std::string csv_field(std::string_view text) {
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos &&
                     !text.starts_with(' ') && !text.ends_with(' ') &&
                     !text.starts_with("\xEF\xBB\xBF");
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string csv_line(std::span<const std::string> fields) {
  if (fields.size() == 1 && fields.front().empty()) return "\"\"\n";
  std::string line;
  for (const std::string& field : fields) {
    if (&field != fields.data()) line += ',';
    line += csv_field(field);
  }
  line += '\n';
  return line;
}

}  // namespace aift::io
