// SPDX-License-Identifier: Apache-2.0
#include <aift/io/report.hpp>

#include <cmath>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>

#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io {
namespace {

using namespace report;

/// Everything about one run but its curve.
void write_run(Page& page, const RunRecord& run, int level) {
  write_detection(page, run, level);
  write_mistakes(page, run, level);
  // The gallery decodes each image once and leaves behind what batches are compared by; it stands
  // after the batches on the page.
  const std::string before = std::move(page.out);
  page.out.clear();
  write_gallery(page, run, level);
  const std::string gallery = std::move(page.out);
  page.out = before;
  write_batches(page, run, level);
  page.out += gallery;
  write_details(page, run, level);
}

std::string html(const std::vector<RunRecord>& runs, const ReportOptions& options) {
  Page page(runs, options);
  index_t picks = 0;
  for (const RunRecord& run : runs) {
    for (const RunRecord::Round& round : run.rounds)
      picks += round.rule == kStartSet ? 0 : static_cast<index_t>(round.picks.size());
  }
  page.pictures.reserve(picks);
  const std::vector<RunGroup> groups = group_runs(runs);
  write_head(page);
  if (runs.size() == 1) {
    write_summary(page, runs.front());
    write_curves(page, groups);
    write_curve_table(page, runs.front());
    write_run(page, runs.front(), 2);
  } else {
    write_curves(page, groups);
    write_comparison(page, groups);
    for (const RunRecord& run : runs) {
      page.out += "<section>";
      page.heading(run, 2, page.anchor(run, "run"), escape(page.names.run(run)));
      page.put("<p class='sub'>Settings: {}</p>",
               escape(page.names.text(run.setting("run", "selector")) + ", seed " +
                      run.setting("run", "seed")));
      write_summary(page, run);
      write_curve_table(page, run);
      write_run(page, run, 3);
      page.out += "</section>";
    }
  }
  write_foot(page);
  return std::move(page.out);
}

}  // namespace

void write_report(std::span<const std::filesystem::path> runs, const ReportOptions& options,
                  const std::filesystem::path& out) {
  AIFT_EXPECT(!runs.empty(), ValueError, "A report needs at least one run folder; none was given.");
  AIFT_EXPECT(options.thumbnail >= 32 && options.thumbnail <= 512 && options.view >= 24 &&
                  options.view <= 512,
              ValueError,
              "Pictures of a report must have 32 (views: 24) to 512 pixels; got {} and {}.",
              options.thumbnail, options.view);
  AIFT_EXPECT(std::isnan(options.target) || (options.target > 0 && options.target <= 1), ValueError,
              "The target of a report is an AUC in (0, 1]; got {}.", options.target);
  std::vector<RunRecord> records;
  records.reserve(runs.size());
  for (const auto& folder : runs)
    records.push_back(read_run(folder));
  write_file_atomically(out, html(records, options));
}

}  // namespace aift::io
