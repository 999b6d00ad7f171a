// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iterator>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <aift/io/report.hpp>

#include "src/io/report_pictures.hpp"
#include "src/io/report_record.hpp"
#include "src/io/report_statistics.hpp"

namespace aift::io::report {

/// Names of runs, images and groups as a report is allowed to show them.
class Names {
 public:
  Names(std::span<const RunRecord> runs, bool pseudonyms);

  [[nodiscard]] bool pseudonyms() const noexcept { return pseudonyms_; }
  /// Name of its folder; with its seed where another folder is called the same.
  [[nodiscard]] std::string run(const RunRecord& run) const;
  [[nodiscard]] std::string image(index_t candidate, const std::string& path) const;
  /// Empty for an image that is a group of its own.
  [[nodiscard]] std::string group(const std::string& group, const std::string& path);
  /// A text from outside, or "withheld" when it holds a name or a path.
  [[nodiscard]] std::string text(const std::string& text) const;

 private:
  std::span<const RunRecord> runs_;
  bool pseudonyms_;
  std::set<std::string> secret_;               // whatever must not be shown, with pseudonyms
  std::map<std::string, std::size_t> groups_;  // numbered as they are first shown
};

/// What the loop calls a round whose labels the data set brought. Its images are as many as there
/// are: they are counted and not shown one by one.
inline constexpr std::string_view kStartSet = "start set";

/// A report while it is being written; the sections below append to it.
struct Page {
  Page(std::span<const RunRecord> runs_in, const ReportOptions& options_in)
      : runs(runs_in),
        options(options_in),
        names(runs_in, options_in.pseudonyms),
        pictures(options_in) {}

  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  }
  /// A heading with the mark of synthetic data where the run has it. Text and id are not escaped.
  void heading(const RunRecord& run, int level, std::string_view id, std::string_view text);
  /// "curve0": an id of this run's own.
  [[nodiscard]] std::string anchor(const RunRecord& run, std::string_view what) const {
    return fmt::format("{}{}", what, &run - runs.data());
  }
  void facts(const RunRecord::Facts& list);

  std::span<const RunRecord> runs;
  const ReportOptions& options;
  Names names;
  Pictures pictures;
  std::string out;
};

/// A table whose cells know the heading of their column, so that on a narrow screen each row
/// becomes a list.
class Table {
 public:
  /// `caption` is HTML; `columns` are escaped; those that begin with '<' are set to the left.
  Table(Page& page, std::string_view caption, std::vector<std::string> columns);
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  void row(const std::vector<std::string>& cells);  ///< text, escaped here

 private:
  Page& page_;
  std::vector<std::string> columns_;
};

[[nodiscard]] std::string counted(index_t n, std::string_view one, std::string_view several);
[[nodiscard]] std::string signed_share(double value);
/// "0.871 ± 0.012", "0.871" without an interval, "n/a".
[[nodiscard]] std::string interval(const Estimate& value, bool with_sign = false);
/// Class of a pick's card beside "pick": without pictures, or with the planes of a volume.
[[nodiscard]] std::string_view card(const Page& page, const RunRecord& run);
[[nodiscard]] std::string class_name(const RunRecord& run, label_t k);
[[nodiscard]] const RunRecord::Round* first_tested(const RunRecord& run);
[[nodiscard]] const RunRecord::Round* last_tested(const RunRecord& run);

// The sections, in the order of the page.
void write_head(Page& page);
void write_summary(Page& page, const RunRecord& run);
void write_comparison(Page& page, const std::vector<RunGroup>& groups);  ///< tables, several runs
void write_curves(Page& page, const std::vector<RunGroup>& groups);
void write_curve_table(Page& page, const RunRecord& run);
void write_detection(Page& page, const RunRecord& run, int level);
void write_gallery(Page& page, const RunRecord& run, int level);
void write_batches(Page& page, const RunRecord& run, int level);
void write_mistakes(Page& page, const RunRecord& run, int level);
void write_details(Page& page, const RunRecord& run, int level);
void write_foot(Page& page);

}  // namespace aift::io::report
