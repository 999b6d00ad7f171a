// SPDX-License-Identifier: Apache-2.0
#if AIFT_WITH_CT

#include "src/app/ct_scans.hpp"

#include <cmath>
#include <set>
#include <span>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/ct/read_volume.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

namespace aift::app {

namespace fs = std::filesystem;

std::vector<Scan> read_scans(const fs::path& file) {
  const io::CsvTable table = io::read_csv(file);
  const auto volume = table.column("volume");
  AIFT_EXPECT(volume, IoError,
              "{} has no column \"volume\"; expected volume[,truth][,emboli][,split][,group].",
              file.string());
  const auto truth = table.column("truth");
  const auto emboli = table.column("emboli");
  const auto split = table.column("split");
  const auto group = table.column("group");
  std::vector<Scan> scans;
  for (const io::CsvRow& row : table.rows) {
    const auto copy = [&row](std::optional<std::size_t> column) {
      return column ? row.fields[*column] : std::string();
    };
    Scan scan;
    scan.name = row.fields[*volume];
    AIFT_EXPECT(!scan.name.empty(), IoError, "{}, line {}: the volume is empty.", file.string(),
                row.line);
    scan.volume = file.parent_path() / scan.name;
    if (!copy(truth).empty()) scan.truth = file.parent_path() / copy(truth);
    if (const std::string text = copy(emboli); !text.empty()) {
      const auto number = io::parse_integer(text);
      AIFT_EXPECT(number && *number >= 0, IoError,
                  "{}, line {}: emboli must be a number of at least 0; got \"{}\".", file.string(),
                  row.line, text);
      scan.emboli = *number;
    }
    scan.split = copy(split);
    scan.group = copy(group);
    scans.push_back(std::move(scan));
  }
  AIFT_EXPECT(!scans.empty(), IoError, "{} lists no scan.", file.string());
  return scans;
}

index_t distinct_emboli(const std::vector<ct::Candidate>& candidates) {
  std::set<std::string> seen;
  for (const ct::Candidate& c : candidates) {
    if (!c.embolus_id.empty()) seen.insert(c.embolus_id);
  }
  return static_cast<index_t>(seen.size());
}

std::string synthetic_sentence(const std::vector<Scan>& scans) {
  for (const Scan& scan : scans) {
    fs::path folder = fs::absolute(scan.volume).lexically_normal();
    for (int up = 0; up < 2 && folder.has_relative_path(); ++up) {
      folder = folder.parent_path();
      std::error_code error;
      if (!fs::is_regular_file(folder / "SYNTHETIC", error)) continue;
      std::string text = io::read_text_file(folder / "SYNTHETIC");
      text.resize(std::min(text.find_first_of("\r\n"), text.size()));
      return text;
    }
  }
  return {};
}

std::map<std::string, double> read_predictions(const fs::path& file, const std::string& class_name,
                                               std::optional<index_t> round) {
  const io::CsvTable table = io::read_csv(file);
  const auto path = table.column("path");
  const auto split = table.column("split");
  const auto p = table.column("p:" + class_name);
  const auto of_round = table.column("round");
  AIFT_EXPECT(
      path && split && p && (of_round || !round), IoError,
      "{} must have the columns {}path, split and p:{}, as predictions.csv of a run; it has "
      "{}.",
      file.string(), round ? "round, " : "", class_name, fmt::join(table.header, ", "));
  std::map<std::string, double> out;
  for (const io::CsvRow& row : table.rows) {
    if (row.fields[*split] != "test") continue;
    if (round && io::parse_integer(row.fields[*of_round]) != *round) continue;
    const auto value = io::parse_number(row.fields[*p]);
    AIFT_EXPECT(value, IoError, "{}, line {}: \"{}\" is no probability.", file.string(), row.line,
                row.fields[*p]);
    out[row.fields[*path]] = *value;
  }
  return out;
}

namespace {

/// Which embolus of its scan each finding hits, by the label volume in place of the list.
void ask_truth(const Scan& scan, index_t number, double hit_mm,
               std::span<const ct::Point> positions, std::span<ct::Finding> findings) {
  std::optional<ct::Volume> truth;
  if (!scan.truth.empty()) truth = ct::read_volume(scan.truth);
  AIFT_EXPECT(truth || scan.emboli == 0, IoError,
              "{} has {} emboli and no truth in the table of scans; hits within {:g} mm need the "
              "label volume.",
              scan.name, scan.emboli, hit_mm);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    if (findings[i].scan != number) continue;
    findings[i].embolus = truth ? ct::embolus_at(*truth, positions[i], hit_mm) : -1;
  }
}

}  // namespace

void note_froc(const fs::path& run, index_t labels, const ct::Froc& froc, const ct::Estimate& auc,
               const std::string& hit) {
  static constexpr std::string_view kHeader =
      "labels,scans,emboli,reachable,hit,measure,value,low,high";
  const fs::path file = run / "froc.csv";
  std::map<index_t, std::string> lines;  // by number of labels
  std::error_code error;
  if (fs::exists(file, error)) {
    const io::CsvTable table = io::read_csv(file);
    AIFT_EXPECT(fmt::format("{}", fmt::join(table.header, ",")) == kHeader, IoError,
                "{} is not what aift ct froc --run writes; move it away.", file.string());
    for (const io::CsvRow& row : table.rows) {
      const auto count = io::parse_integer(row.fields[0]);
      AIFT_EXPECT(count, IoError, "{}, line {}: labels must be a number; got \"{}\".",
                  file.string(), row.line, row.fields[0]);
      std::string& text = lines[*count];
      for (std::size_t f = 0; f < row.fields.size(); ++f)
        text += fmt::format("{}{}", f > 0 ? "," : "", io::csv_field(row.fields[f]));
      text += '\n';
    }
  }
  std::string& text = lines[labels];
  text.clear();
  const auto number = [](double value) {
    return std::isfinite(value) ? io::shortest(value) : std::string();
  };
  const auto add = [&](const std::string& measure, const ct::Estimate& e) {
    text +=
        fmt::format("{},{},{},{},{},{},{},{},{}\n", labels, froc.scans, froc.emboli, froc.reachable,
                    io::csv_field(hit), measure, number(e.value), number(e.low), number(e.high));
  };
  add("auc", auc);
  for (std::size_t r = 0; r < ct::kFrocRates.size(); ++r)
    add(io::shortest(ct::kFrocRates[r]), froc.at_rates[r]);
  add("mean", froc.mean);
  std::string all = std::string(kHeader) + "\n";
  for (const auto& [count, some] : lines)
    all += some;
  io::write_file_atomically(file, all);
}

DetectionTable detection_table(const std::vector<ct::Candidate>& candidates,
                               const std::vector<Scan>& scans, const fs::path& folder,
                               const std::optional<std::map<std::string, double>>& predictions,
                               std::optional<double> hit_mm) {
  const auto key = [](const fs::path& path) {
    return fs::absolute(path).lexically_normal().string();
  };
  const bool has_splits = !scans.front().split.empty();
  std::set<std::string> predicted;
  if (predictions && !has_splits) {
    for (const ct::Candidate& c : candidates) {
      if (predictions->contains(c.volume + "#" + c.id)) predicted.insert(key(folder / c.volume));
    }
  }
  DetectionTable out;
  std::map<std::string, index_t> numbers;
  std::vector<const Scan*> counted;
  std::set<std::string> others;
  for (const Scan& scan : scans) {
    const std::string name = key(scan.volume);
    const bool counts =
        !predictions || (has_splits ? scan.split == "test" : predicted.contains(name));
    if (!counts) {
      others.insert(name);
      continue;
    }
    numbers.emplace(name, static_cast<index_t>(out.emboli.size()));
    out.emboli.push_back(scan.emboli);
    counted.push_back(&scan);
  }
  std::vector<ct::Point> positions;
  for (const ct::Candidate& c : candidates) {
    const std::string name = key(folder / c.volume);
    if (others.contains(name)) continue;
    const auto scan = numbers.find(name);
    AIFT_EXPECT(scan != numbers.end(), IoError,
                "The candidate {} is of the volume {}, which the table of scans does not list.",
                c.id, c.volume);
    ct::Finding finding;
    finding.scan = scan->second;
    finding.score = c.score;
    if (predictions) {
      const auto at = predictions->find(c.volume + "#" + c.id);
      AIFT_EXPECT(at != predictions->end(), IoError,
                  "The candidate {}#{} of a test scan has no prediction; give the predictions of a "
                  "run on this list.",
                  c.volume, c.id);
      finding.score = at->second;
    }
    if (!hit_mm && !c.embolus_id.empty()) {
      const auto number = io::parse_integer(c.embolus_id);
      AIFT_EXPECT(number && *number >= 1, IoError,
                  "embolus_id must be a number from 1 on, or empty; candidate {} has \"{}\".", c.id,
                  c.embolus_id);
      finding.embolus = *number - 1;
    }
    out.findings.push_back(finding);
    positions.push_back(c.position);
  }
  for (std::size_t s = 0; hit_mm && s < counted.size(); ++s)
    ask_truth(*counted[s], static_cast<index_t>(s), *hit_mm, positions, out.findings);
  for (const ct::Finding& finding : out.findings) {
    out.scores.push_back(finding.score);
    out.positive.push_back(finding.embolus >= 0 ? 1 : 0);
    out.groups.push_back(finding.scan);
  }
  return out;
}

}  // namespace aift::app

#endif
