// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "src/io/report_html.hpp"
#include "src/io/report_page.hpp"

namespace aift::io::report {
namespace {

using Round = RunRecord::Round;

/// Pictures that are at least so alike are counted as near-duplicates.
constexpr double kAlike = 0.95;
/// Beyond this many picks a batch is not compared pair by pair.
constexpr std::size_t kMaxCompared = 2000;

/// Counts by class; the entry after the last class is "no label".
std::vector<index_t> count_classes(const RunRecord& run, const Round& round) {
  std::vector<index_t> counts(run.classes.size() + 1);
  for (const RunRecord::Pick& pick : round.picks) {
    const auto k = pick.label < 0 ? run.classes.size() : static_cast<std::size_t>(pick.label);
    ++counts[k];
  }
  return counts;
}

std::string part(index_t count, index_t of) {
  if (of == 0) return "0";
  return fmt::format("{} ({:.0f} %)", count,
                     100.0 * static_cast<double>(count) / static_cast<double>(of));
}

void balance(Page& page, const RunRecord& run) {
  std::vector<std::string> columns = {"<Round", "Asked"};
  for (const std::string& name : run.classes)
    columns.push_back(name);
  columns.push_back("no label");
  const bool pool = !run.pool_classes.empty();
  Table table(page,
              pool ? "Which classes were asked for, against the whole pool before the first round"
                   : "Which classes were asked for. The balance of the pool is not known: not all "
                     "of its labels are, or the run was made by an earlier version",
              columns);
  const auto row = [&](const std::string& name, const std::vector<index_t>& counts) {
    index_t all = 0;
    for (const index_t count : counts)
      all += count;
    std::vector<std::string> cells = {name, std::to_string(all)};
    for (const index_t count : counts)
      cells.push_back(part(count, all));
    table.row(cells);
  };
  std::vector<index_t> sum(run.classes.size() + 1);
  for (const Round& round : run.rounds) {
    const std::vector<index_t> counts = count_classes(run, round);
    for (std::size_t k = 0; k < counts.size(); ++k)
      sum[k] += counts[k];
    row(std::to_string(round.round), counts);
  }
  row("all rounds", sum);
  if (pool) {
    std::vector<index_t> counts = run.pool_classes;
    counts.push_back(0);
    row("pool", counts);
  }
}

/// How near to each other the picks of a batch are.
struct Redundancy {
  index_t compared = 0;                                       ///< picks whose image is there
  double nearest = std::numeric_limits<double>::quiet_NaN();  ///< median over picks
  index_t alike = 0;  ///< picks with another at least kAlike
  index_t groups = 0, largest = 0;
};

Redundancy redundancy(Page& page, const RunRecord& run, const Round& round) {
  Redundancy out;
  std::map<std::string, index_t> groups;
  for (const RunRecord::Pick& pick : round.picks)
    out.largest = std::max(out.largest, ++groups[pick.group.empty() ? pick.path : pick.group]);
  out.groups = static_cast<index_t>(groups.size());
  if (round.picks.size() > kMaxCompared) return out;
  std::vector<const Signature*> list;
  for (const RunRecord::Pick& pick : round.picks) {
    const Signature& one = page.pictures.signature(run, pick.path);
    if (!one.empty()) list.push_back(&one);
  }
  out.compared = static_cast<index_t>(list.size());
  if (list.size() < 2) return out;
  std::vector<double> nearest(list.size(), -1.0);
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t j = i + 1; j < list.size(); ++j) {
      const double near = likeness(*list[i], *list[j]);
      nearest[i] = std::max(nearest[i], near);
      nearest[j] = std::max(nearest[j], near);
    }
  }
  out.alike = std::count_if(nearest.begin(), nearest.end(), [](double v) { return v >= kAlike; });
  const auto middle = nearest.begin() + static_cast<std::ptrdiff_t>(nearest.size() / 2);
  std::nth_element(nearest.begin(), middle, nearest.end());
  out.nearest = *middle;  // the upper one of an even number
  return out;
}

}  // namespace

void write_batches(Page& page, const RunRecord& run, int level) {
  page.heading(run, level, page.anchor(run, "batches"), "How varied the batches were");
  balance(page, run);
  Table table(
      page,
      "Redundancy of each batch. Likeness of two images: both shrunk to 16 x 16 pixels, the mean "
      "colour taken off, cosine of what is left; 1 = the same but for brightness and contrast. "
      "Nearest: for each pick the likeness of the pick nearest to it in its batch, median. Near "
      "duplicates: picks with another of 0.95 or more in the batch.",
      {"<Round", "Picks", "Groups", "Largest group", "Nearest", "Near duplicates"});
  for (const Round& round : run.rounds) {
    if (round.picks.empty() || round.rule == kStartSet) continue;
    const Redundancy r = redundancy(page, run, round);
    table.row({std::to_string(round.round), std::to_string(round.picks.size()),
               std::to_string(r.groups), std::to_string(r.largest), share(r.nearest),
               r.compared < 2 ? "n/a" : part(r.alike, r.compared)});
  }
}

}  // namespace aift::io::report
