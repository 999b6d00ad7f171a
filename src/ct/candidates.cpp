// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/candidates.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/ct/froc.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>

namespace aift::ct {

namespace {

constexpr std::array<const char*, 3> kCoordinates = {"x", "y", "z"};

/// 2^30 mm: farther out nobody lies, and doubles still resolve a micrometre.
constexpr double kFarthest = 1073741824.0;

double coordinate(const std::string& text, const std::string& place, const char* name) {
  const auto value = io::parse_number(text);
  AIFT_EXPECT(value && std::isfinite(*value) && std::abs(*value) <= kFarthest, IoError,
              "{}: {} must be a position in mm; got \"{}\".", place, name, text);
  return *value;
}

}  // namespace

std::string candidates_csv(const std::vector<Candidate>& candidates) {
  const bool split = std::any_of(candidates.begin(), candidates.end(),
                                 [](const Candidate& c) { return !c.split.empty(); });
  std::string text =
      fmt::format("candidate_id,volume,x,y,z,label,embolus_id,group,{}score,volume_mm3,mean_hu\n",
                  split ? "split," : "");
  for (const Candidate& c : candidates) {
    std::vector<std::string> fields = {c.id,
                                       c.volume,
                                       io::shortest(c.position[0]),
                                       io::shortest(c.position[1]),
                                       io::shortest(c.position[2]),
                                       c.label,
                                       c.embolus_id,
                                       c.group,
                                       io::shortest(c.score),
                                       io::shortest(c.volume_mm3),
                                       io::shortest(c.mean_hu)};
    if (split) fields.insert(fields.begin() + 8, c.split);
    text += io::csv_line(fields);
  }
  return text;
}

void write_candidates(const std::filesystem::path& file, const std::vector<Candidate>& candidates) {
  io::write_file_atomically(file, candidates_csv(candidates));
}

std::vector<Candidate> parse_candidates(std::string_view text, std::string_view name) {
  const io::CsvTable table = io::parse_csv(text, name);
  const auto need = [&](const char* column) {
    const auto at = table.column(column);
    AIFT_EXPECT(at, IoError,
                "{} has no column \"{}\"; expected candidate_id,volume,x,y,z[,label]"
                "[,embolus_id][,group].",
                name, column);
    return *at;
  };
  const std::size_t id = need("candidate_id");
  const std::size_t volume = need("volume");
  const std::array<std::size_t, 3> xyz = {need("x"), need("y"), need("z")};
  const auto label = table.column("label");
  const auto embolus = table.column("embolus_id");
  const auto group = table.column("group");
  const auto split = table.column("split");
  const std::array<std::optional<std::size_t>, 3> further = {
      table.column("score"), table.column("volume_mm3"), table.column("mean_hu")};
  std::vector<Candidate> out;
  std::set<std::pair<std::string, std::string>> seen;
  for (const io::CsvRow& row : table.rows) {
    const std::string place = fmt::format("{}, line {}", name, row.line);
    const auto copy = [&row](std::optional<std::size_t> column) {
      return column ? row.fields[*column] : std::string();
    };
    Candidate c;
    c.id = row.fields[id];
    c.volume = row.fields[volume];
    AIFT_EXPECT(!c.id.empty() && !c.volume.empty(), IoError,
                "{}: candidate_id and volume must not be empty.", place);
    AIFT_EXPECT(seen.emplace(c.volume, c.id).second, IoError,
                "{}: the candidate {} of this volume is listed before; every id once.", place,
                c.id);
    for (std::size_t a = 0; a < 3; ++a)
      c.position[a] = coordinate(row.fields[xyz[a]], place, kCoordinates[a]);
    c.label = copy(label);
    c.embolus_id = copy(embolus);
    c.group = copy(group);
    c.split = copy(split);
    const std::array<double*, 3> numbers = {&c.score, &c.volume_mm3, &c.mean_hu};
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      const std::string value = copy(further[n]);
      if (!value.empty()) *numbers[n] = coordinate(value, place, "a score");
    }
    out.push_back(std::move(c));
  }
  return out;
}

std::vector<Candidate> read_candidates(const std::filesystem::path& file) {
  return parse_candidates(io::read_text_file(file), file.string());
}

void label_candidates(std::vector<Candidate>& candidates, const Volume& truth,
                      double tolerance_mm) {
  for (Candidate& c : candidates) {
    const index_t embolus = embolus_at(truth, c.position, tolerance_mm);
    c.label = embolus >= 0 ? "embolus" : "other";
    c.embolus_id = embolus >= 0 ? fmt::format("{}", embolus + 1) : std::string();
  }
}

std::vector<Point> positions_of(const io::Dataset& data) {
  AIFT_EXPECT(static_cast<index_t>(data.volumes.size()) == data.size(), ShapeError,
              "The data set must list candidates in volumes (columns candidate_id and volume).");
  std::array<std::size_t, 3> columns = {0, 0, 0};
  for (std::size_t a = 0; a < 3; ++a) {
    while (columns[a] < data.extra_columns.size() &&
           data.extra_columns[columns[a]] != kCoordinates[a])
      ++columns[a];
    AIFT_EXPECT(columns[a] < data.extra_columns.size(), IoError,
                "The list of candidates has no column \"{}\"; expected candidate_id,volume,x,y,z"
                "[,label][,embolus_id][,group].",
                kCoordinates[a]);
  }
  std::vector<Point> out;
  for (std::size_t i = 0; i < data.volumes.size(); ++i) {
    Point p;
    for (std::size_t a = 0; a < 3; ++a)
      p[a] = coordinate(data.extra[i][columns[a]], data.paths[i], kCoordinates[a]);
    out.push_back(p);
  }
  return out;
}

}  // namespace aift::ct
