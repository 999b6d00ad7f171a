// SPDX-License-Identifier: Apache-2.0
#include <aift/bench/curves.hpp>

#include <array>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

namespace aift::bench {

namespace {

constexpr std::array<std::string_view, 18> kColumns = {
    "task",          "selector",    "seed",           "round",
    "labels",        "auc",         "accuracy",       "balanced_accuracy",
    "log_loss",      "seconds_fit", "seconds_select", "bytes_select",
    "batch_classes", "mislabelled", "duplicates",     "ambiguous",
    "redundancy",    "picks"};

std::string joined(const std::vector<index_t>& values) {
  std::string out;
  for (const index_t value : values) {
    if (!out.empty()) out += ' ';
    out += fmt::format("{}", value);
  }
  return out;
}

std::vector<index_t> apart(std::string_view text, std::string_view name, index_t line) {
  std::vector<index_t> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto value = io::parse_integer(text.substr(0, end));
    AIFT_EXPECT(value, ValueError, "{}, line {}: expected whole numbers joined by spaces.", name,
                line);
    out.push_back(*value);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string curves_csv(std::span<const CurvePoint> points) {
  std::string out;
  for (const std::string_view column : kColumns)
    out += fmt::format("{}{}", out.empty() ? "" : ",", column);
  out += '\n';
  for (const CurvePoint& p : points) {
    const std::vector<std::string> fields = {
        p.task,
        p.selector,
        fmt::format("{}", p.seed),
        fmt::format("{}", p.round),
        fmt::format("{}", p.labels),
        io::shortest(p.metrics.auc),
        io::shortest(p.metrics.accuracy),
        io::shortest(p.metrics.balanced_accuracy),
        io::shortest(p.metrics.log_loss),
        fmt::format("{:.6f}", p.seconds_fit),
        fmt::format("{:.6f}", p.seconds_select),
        p.bytes_select < 0 ? std::string() : fmt::format("{}", p.bytes_select),
        joined(p.batch_classes),
        fmt::format("{}", p.mislabelled),
        fmt::format("{}", p.duplicates),
        fmt::format("{}", p.ambiguous),
        io::shortest(p.redundancy),
        joined(p.picks)};
    out += io::csv_line(fields);
  }
  return out;
}

std::vector<CurvePoint> parse_curves(std::string_view text, std::string_view name) {
  const io::CsvTable table = io::parse_csv(text, name);
  std::array<std::size_t, kColumns.size()> at{};
  for (std::size_t c = 0; c < kColumns.size(); ++c) {
    const auto column = table.column(kColumns[c]);
    AIFT_EXPECT(column, ValueError, "{} must have the column {}; is it a file of aift bench?", name,
                kColumns[c]);
    at[c] = *column;
  }
  std::vector<CurvePoint> points;
  points.reserve(table.rows.size());
  for (const io::CsvRow& row : table.rows) {
    const auto field = [&](std::size_t c) -> const std::string& { return row.fields[at[c]]; };
    const auto whole = [&](std::size_t c) {
      const auto value = io::parse_integer(field(c));
      AIFT_EXPECT(value && *value >= 0, ValueError,
                  "{}, line {}: {} must be a whole number; got \"{}\".", name, row.line,
                  kColumns[c], field(c));
      return *value;
    };
    const auto number = [&](std::size_t c) {
      const auto value = io::parse_number(field(c));
      AIFT_EXPECT(value, ValueError, "{}, line {}: {} must be a number; got \"{}\".", name,
                  row.line, kColumns[c], field(c));
      return *value;
    };
    CurvePoint p;
    p.task = field(0);
    p.selector = field(1);
    p.seed = static_cast<std::uint64_t>(whole(2));
    p.round = whole(3);
    p.labels = whole(4);
    p.metrics.auc = number(5);
    p.metrics.accuracy = number(6);
    p.metrics.balanced_accuracy = number(7);
    p.metrics.log_loss = number(8);
    p.seconds_fit = number(9);
    p.seconds_select = number(10);
    if (!field(11).empty()) p.bytes_select = whole(11);
    p.batch_classes = apart(field(12), name, row.line);
    p.mislabelled = whole(13);
    p.duplicates = whole(14);
    p.ambiguous = whole(15);
    p.redundancy = number(16);
    p.picks = apart(field(17), name, row.line);
    points.push_back(std::move(p));
  }
  return points;
}

std::vector<CurvePoint> read_curves(const std::filesystem::path& file) {
  return parse_curves(io::read_text_file(file), file.string());
}

}  // namespace aift::bench
