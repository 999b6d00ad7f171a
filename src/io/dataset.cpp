// SPDX-License-Identifier: Apache-2.0
#include <aift/io/dataset.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/video.hpp>

#include "src/core/fnv.hpp"

namespace aift::io {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kManifest = "manifest.csv";
constexpr std::string_view kFrameLabels = "labels.csv";
/// Frames have 24 bits of an id.
constexpr index_t kMaxFrames = index_t{1} << 24;
constexpr std::array<std::string_view, 6> kExtensions = {".jpg", ".jpeg", ".png",
                                                         ".bmp", ".tif",  ".tiff"};

/// What a manifest or folder says about one candidate, before it is checked.
struct Row {
  std::string path;
  std::string label;
  std::string group;
  std::string split;
  index_t line = 0;  // 0: a folder, which has none
  std::string time = {};
  std::string video = {};
  std::string cost = {};
  std::string file = {};  // of a video, when `path` names a frame of it
  index_t frame = -1;
  std::string volume = {};  // of a candidate in a volume, which `path` names too
  std::uint64_t id = 0;     // where it is not made from the path
};

/// A manifest or folder as it was found.
struct Listing {
  std::string name;  // for messages
  fs::path root;
  std::vector<Row> rows;
  bool has_split = false;
  std::vector<std::string> extra_columns;
  std::vector<std::vector<std::string>> extra;

  /// "data/manifest.csv, line 7"
  [[nodiscard]] std::string place(const Row& row) const {
    return row.line > 0 ? fmt::format("{}, line {}", name, row.line) : name;
  }
};

// ------------------------------------------------------------------------------------ reading

/// The frame that a row of a video names, if it does.
void expect_frame(const std::string& text, Listing& listing) {
  Row& row = listing.rows.back();
  if (text.empty()) return;
  const std::optional<index_t> number = parse_integer(text);
  AIFT_EXPECT(number && *number >= 0 && *number < kMaxFrames, IoError,
              "{}: the frame of a video must be a whole number from 0 on, or empty for all; got "
              "\"{}\".",
              listing.place(row), text);
  row.frame = *number;
}

/// Candidates in volumes have `candidate_id` and `volume` in the place of `path`: the path is made of
/// the two, and stands as a column of its own behind the others.
void add_volume_paths(const std::string& name, CsvTable& table) {
  const auto candidate = table.column("candidate_id");
  const auto volume = table.column("volume");
  if (table.column("path") || !candidate || !volume) return;
  for (CsvRow& row : table.rows) {
    AIFT_EXPECT(!row.fields[*candidate].empty() && !row.fields[*volume].empty(), IoError,
                "{}, line {}: candidate_id and volume must not be empty.", name, row.line);
    row.fields.push_back(row.fields[*volume] + "#" + row.fields[*candidate]);
  }
  table.header.push_back("path");
}

/// Ids of candidates in volumes: neighbours in the order of the ids lie in one volume, so that a
/// volume is read once when they are walked through.
void number_candidates(Listing& listing) {
  std::vector<std::size_t> order;
  for (std::size_t r = 0; r < listing.rows.size(); ++r) {
    if (!listing.rows[r].volume.empty()) order.push_back(r);
  }
  const auto& rows = listing.rows;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return rows[a].path < rows[b].path; });
  std::set<std::uint64_t> taken;
  for (const std::size_t r : order) {
    Row& row = listing.rows[r];
    const auto below = static_cast<std::uint64_t>(kMaxFrames - 1);
    const std::uint64_t upper = candidate_id(row.volume) & ~below;
    std::uint64_t lower = candidate_id(row.path) & below;
    while (!taken.insert(upper | lower).second)
      lower = (lower + 1) & below;
    row.id = upper | lower;
  }
}

Listing read_manifest(const fs::path& file, const DatasetOptions& options) {
  CsvTable table = read_csv(file);
  const bool given = table.column("path").has_value();
  add_volume_paths(file.string(), table);
  Listing listing;
  listing.name = file.string();
  listing.root = file.parent_path();
  const auto path = table.column("path");
  AIFT_EXPECT(path, IoError,
              "{} has no column \"path\"; expected path,label[,group][,split]; got \"{}\"{}.",
              listing.name, fmt::join(table.header, ","),
              table.header.size() == 1 && table.header[0].find(';') != std::string::npos
                  ? " (separate the columns with commas)"
                  : "");
  const auto label = table.column("label");
  const auto group = table.column("group");
  const auto split = table.column("split");
  listing.has_split = split.has_value();
  std::optional<std::size_t> time;
  std::optional<std::size_t> cost;
  const auto video = table.column("video");
  const auto frame = table.column("frame");
  if (options.times) {
    time = frame ? frame : table.column("time");
    const bool videos_only =
        std::all_of(table.rows.begin(), table.rows.end(),
                    [&](const CsvRow& row) { return has_video_extension(row.fields[*path]); });
    AIFT_EXPECT(time || videos_only, IoError,
                "{} has no column \"frame\" or \"time\"; a gap in time needs one, so add it or ask "
                "for no gap.",
                listing.name);
  }
  if (!options.cost_column.empty()) {
    cost = table.column(options.cost_column);
    AIFT_EXPECT(cost, IoError, "{} has no column \"{}\" for the costs; it has {}.", listing.name,
                options.cost_column, fmt::join(table.header, ", "));
  }
  std::vector<std::size_t> further;
  const auto volume = given ? std::nullopt : table.column("volume");
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    if (c == path || c == label || c == group || c == split) continue;
    further.push_back(c);
    listing.extra_columns.push_back(table.header[c]);
  }

  for (CsvRow& row : table.rows) {
    const auto copy = [&row](std::optional<std::size_t> column) {
      return column ? row.fields[*column] : std::string();
    };
    const std::string time_text = copy(time);
    const std::string video_text = options.times ? copy(video) : std::string();
    const std::string cost_text = copy(cost);
    const std::string frame_text = copy(frame);
    const std::string volume_text = copy(volume);
    if (!further.empty()) {
      auto& extra = listing.extra.emplace_back();
      for (const std::size_t c : further)
        extra.push_back(std::move(row.fields[c]));
    }
    const auto take = [&row](std::optional<std::size_t> column) {
      return column ? std::move(row.fields[*column]) : std::string();
    };
    listing.rows.push_back({take(path), take(label), take(group), take(split), row.line, time_text,
                            video_text, cost_text});
    Row& added = listing.rows.back();
    added.volume = volume_text;
    if (volume && added.group.empty()) added.group = volume_text;
    if (!volume && has_video_extension(added.path)) expect_frame(frame_text, listing);
  }
  number_candidates(listing);
  AIFT_EXPECT(!listing.rows.empty(), IoError,
              "{} lists no image; expected one line per image below the header.", listing.name);
  return listing;
}

bool is_hidden(const fs::path& file) { return file.filename().string().starts_with('.'); }

bool has_image_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

Listing read_folder(const fs::path& place) {
  const fs::path folder = place.has_filename() ? place : place.parent_path();  // "data/" is "data"
  Listing listing;
  listing.name = folder.string();
  listing.root = folder;
  const auto add = [&](const fs::path& file, const std::string& label) {
    const bool known = has_image_extension(file) || has_video_extension(file);
    if (!is_hidden(file) && known && fs::is_regular_file(file)) {
      listing.rows.push_back({file.lexically_relative(folder).generic_string(), label, "", "", 0});
    }
  };
  try {
    for (const fs::directory_entry& top : fs::directory_iterator(folder)) {
      if (is_hidden(top.path())) continue;
      if (!top.is_directory()) {
        add(top.path(), "");
        continue;
      }
      const std::string label = top.path().filename().string();
      for (auto it = fs::recursive_directory_iterator(top.path());
           it != fs::recursive_directory_iterator(); ++it) {
        if (it->is_directory()) {
          if (is_hidden(it->path())) it.disable_recursion_pending();
        } else {
          add(it->path(), label);
        }
      }
    }
  } catch (const fs::filesystem_error& error) {
    throw IoError(
        fmt::format("{} could not be listed: {}.", error.path1().string(), error.code().message()));
  }
  AIFT_EXPECT(
      !listing.rows.empty(), IoError,
      "{} holds no images; expected a {}, videos, or one sub-folder of jpg, png, bmp or tiff "
      "images per class.",
      listing.name, kManifest);
  std::sort(listing.rows.begin(), listing.rows.end(),
            [](const Row& a, const Row& b) { return a.path < b.path; });
  return listing;
}

Listing read_listing(const fs::path& place, const DatasetOptions& options) {
  std::error_code error;
  const fs::file_status status = fs::status(place, error);
  if (fs::is_directory(status)) {
    const fs::path manifest = place / kManifest;
    if (fs::exists(manifest, error)) return read_manifest(manifest, options);
    AIFT_EXPECT(options.cost_column.empty(), IoError,
                "{} is a folder without a {}, so it has no column \"{}\" for the costs; write one.",
                place.string(), kManifest, options.cost_column);
    return read_folder(place);
  }
  AIFT_EXPECT(fs::exists(status), IoError,
              "{} is not there; expected a {} or a folder with one sub-folder per class.",
              place.string(), kManifest);
  return read_manifest(place, options);
}

// ------------------------------------------------------------------------------------- videos

/// Every video of the listing as its frames.
void expand_videos(const DatasetOptions& options, Listing& listing) {
  AIFT_EXPECT(options.every >= 1, ValueError, "every must be at least 1; got {}.", options.every);
  const auto is_video = [](const Row& row) {
    return row.volume.empty() && has_video_extension(row.path);
  };
  if (std::none_of(listing.rows.begin(), listing.rows.end(), is_video)) return;
  std::vector<Row> rows;
  std::vector<std::vector<std::string>> extra;
  std::unordered_map<std::string, index_t> frames_of;
  for (std::size_t r = 0; r < listing.rows.size(); ++r) {
    Row& row = listing.rows[r];
    const auto add = [&](Row one) {
      rows.push_back(std::move(one));
      if (!listing.extra.empty()) extra.push_back(listing.extra[r]);
    };
    if (!is_video(row)) {
      add(std::move(row));
      continue;
    }
    std::error_code error;
    AIFT_EXPECT(row.line == 0 || fs::is_regular_file(listing.root / row.path, error), IoError,
                "{}: {} is not there; paths are relative to the manifest's folder.",
                listing.place(row), row.path);
    const auto [known, fresh] = frames_of.emplace(row.path, 1);
    if (fresh) {
      try {
        known->second = VideoReader(listing.root / row.path).frames();
      } catch (const IoError&) {
        // one candidate, which check_images will report
      }
    }
    const index_t frames = known->second;
    AIFT_EXPECT(row.frame < frames, IoError, "{}: {} has {} frames, there is no frame {}.",
                listing.place(row), row.path, frames, row.frame);
    AIFT_EXPECT(frames <= kMaxFrames, IoError, "{} has {} frames, more than {}; split it.",
                row.path, frames, kMaxFrames);
    row.file = row.path;
    if (row.group.empty()) row.group = row.file;
    row.video = row.file;
    for (index_t frame = std::max<index_t>(row.frame, 0); frame < frames; frame += options.every) {
      Row one = row;
      one.frame = frame;
      one.path = fmt::format("{}#{}", row.file, frame);
      one.time = fmt::format("{}", frame);
      add(std::move(one));
      if (row.frame >= 0) break;
    }
  }
  listing.rows = std::move(rows);
  listing.extra = std::move(extra);
}

/// Gives frames the labels that ranges of labels.csv have for them.
void label_frames(const DatasetOptions& options, Listing& listing) {
  std::error_code error;
  fs::path file = options.frame_labels;
  if (file.empty()) {
    file = listing.root / kFrameLabels;
    if (!fs::is_regular_file(file, error)) return;
    const auto is_frame = [](const Row& row) { return row.frame >= 0; };
    if (std::none_of(listing.rows.begin(), listing.rows.end(), is_frame)) return;
  }
  struct Range {
    index_t first;
    index_t last;
    std::string label;
    index_t line;
  };
  const CsvTable table = read_csv(file);
  const auto column = [&](std::string_view name) {
    const auto at = table.column(name);
    AIFT_EXPECT(at, IoError, "{} has no column \"{}\"; expected path,first_frame,last_frame,label.",
                file.string(), name);
    return *at;
  };
  const std::size_t path = column("path");
  const std::size_t first = column("first_frame");
  const std::size_t last = column("last_frame");
  const std::size_t label = column("label");
  std::map<std::string, std::vector<Range>> ranges;
  for (const CsvRow& row : table.rows) {
    const auto number = [&](const std::string& text) {
      const std::optional<index_t> value = parse_integer(text);
      AIFT_EXPECT(value && *value >= 0, IoError,
                  "{}, line {}: a frame is a whole number from 0 on; got \"{}\".", file.string(),
                  row.line, text);
      return *value;
    };
    Range range{number(row.fields[first]), kMaxFrames, row.fields[label], row.line};
    if (!row.fields[last].empty()) range.last = number(row.fields[last]);
    AIFT_EXPECT(range.first <= range.last, IoError,
                "{}, line {}: the first frame, {}, lies behind the last, {}.", file.string(),
                row.line, range.first, range.last);
    auto& of_video = ranges[row.fields[path]];
    for (const Range& other : of_video) {
      AIFT_EXPECT(
          other.label == range.label || other.last < range.first || range.last < other.first,
          IoError, "{}, lines {} and {}: frames have two labels, \"{}\" and \"{}\".", file.string(),
          other.line, range.line, other.label, range.label);
    }
    of_video.push_back(std::move(range));
  }
  std::set<std::string> used;
  for (Row& row : listing.rows) {
    if (row.frame < 0) continue;
    const auto found = ranges.find(row.file);
    if (found == ranges.end()) continue;
    used.insert(row.file);
    for (const Range& range : found->second) {
      if (range.first <= row.frame && row.frame <= range.last) row.label = range.label;
    }
  }
  for (const auto& [name, of_video] : ranges) {
    AIFT_EXPECT(used.contains(name), IoError,
                "{}, line {}: {} is no video of the data; paths are those of the manifest, or "
                "relative to the folder.",
                file.string(), of_video.front().line, name);
  }
}

// ----------------------------------------------------------------------------------- checking

void add_paths(const Listing& listing, Dataset& data) {
  std::unordered_map<std::string, index_t> seen;  // one spelling per file: "./a.png" is "a.png"
  std::unordered_map<std::uint64_t, std::size_t> owners;  // of an id
  for (const Row& row : listing.rows) {
    AIFT_EXPECT(!row.path.empty(), IoError, "{}: the path is empty; name an image.",
                listing.place(row));
    const auto [first, fresh] =
        seen.emplace((data.root / row.path).lexically_normal().string(), row.line);
    AIFT_EXPECT(fresh, IoError, "{}: {} is listed before, on line {}; list every image once.",
                listing.place(row), row.path, first->second);
    std::error_code error;
    const bool in_volume = !row.volume.empty();
    AIFT_EXPECT(row.line == 0 || row.frame >= 0 || in_volume ||
                    fs::is_regular_file(data.root / row.path, error),
                IoError, "{}: {} is not there; paths are relative to the manifest's folder.",
                listing.place(row), row.path);
    AIFT_EXPECT(!in_volume || fs::exists(data.root / row.volume, error), IoError,
                "{}: the volume {} is not there; paths are relative to the folder of this file.",
                listing.place(row), row.volume);
    const std::uint64_t id = in_volume        ? row.id
                             : row.frame >= 0 ? frame_id(row.file, row.frame)
                                              : candidate_id(row.path);
    const auto [owner, unused] = owners.emplace(id, data.paths.size());
    AIFT_EXPECT(unused, IoError,
                "{}: {} and {} have the same 64-bit number by chance; rename one of the two.",
                listing.place(row), row.path, data.paths[owner->second]);
    data.paths.push_back(row.path);
    data.ids.push_back(id);
    if (in_volume) data.volumes.push_back(row.volume);
  }
  const auto is_frame = [](const Row& row) { return row.frame >= 0; };
  if (std::none_of(listing.rows.begin(), listing.rows.end(), is_frame)) return;
  for (const Row& row : listing.rows)
    data.frames.push_back(row.frame);
}

void add_labels(const Listing& listing, const DatasetOptions& options, Dataset& data) {
  data.class_names = options.classes;
  if (options.classes.empty()) {
    std::set<std::string> names;
    for (const Row& row : listing.rows) {
      if (!row.label.empty()) names.insert(row.label);
    }
    data.class_names.assign(names.begin(), names.end());
  }
  std::map<std::string_view, label_t> numbers;
  for (const std::string& name : data.class_names) {
    AIFT_EXPECT(!name.empty(), ValueError, "A class needs a name; got an empty one.");
    const bool fresh = numbers.emplace(name, static_cast<label_t>(numbers.size())).second;
    AIFT_EXPECT(fresh, ValueError, "The class \"{}\" is named twice; name every class once.", name);
  }
  for (const Row& row : listing.rows) {
    if (row.label.empty()) {
      AIFT_EXPECT(
          !options.require_labels, ValueError,
          "{}: {} has no label; every image needs one here, since the labels stand in for the "
          "reader.",
          listing.place(row), row.path);
      data.labels.push_back(kUnlabelled);
      continue;
    }
    const auto number = numbers.find(row.label);
    AIFT_EXPECT(
        number != numbers.end(), IoError,
        "{}: the label \"{}\" is not one of the classes {}; correct it or name it as a class.",
        listing.place(row), row.label, fmt::join(data.class_names, ", "));
    data.labels.push_back(number->second);
  }
  AIFT_EXPECT(
      data.class_names.size() != 1 || !options.require_trainable, ValueError,
      "{} has one class only, \"{}\"; a classifier needs at least two, so add images of another "
      "or name all classes.",
      listing.name, data.class_names.front());
}

void add_groups(const Listing& listing, Dataset& data) {
  std::unordered_map<std::string_view, index_t> numbers;
  for (const Row& row : listing.rows) {
    auto number = static_cast<index_t>(data.group_names.size());
    if (!row.group.empty()) number = numbers.emplace(row.group, number).first->second;
    if (number == static_cast<index_t>(data.group_names.size())) {
      data.group_names.push_back(row.group.empty() ? row.path : row.group);
    }
    data.groups.push_back(number);
  }
}

void add_split(const Listing& listing, Dataset& data) {
  data.split.assign(listing.rows.size(), static_cast<std::uint8_t>(Split::unset));
  if (!listing.has_split) return;
  const auto is = [](std::string_view word) {
    return [word](const Row& row) { return row.split == word; };
  };
  const auto& rows = listing.rows;
  if (std::all_of(rows.begin(), rows.end(), is(""))) return;  // as without the column
  const bool has_test = std::any_of(rows.begin(), rows.end(), is("test"));

  std::vector<std::uint8_t> side(data.group_names.size(), static_cast<std::uint8_t>(Split::unset));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string& word = rows[i].split;
    AIFT_EXPECT(
        !word.empty(), IoError,
        "{}: the split is empty while other rows have one; fill all with pool or test, or none.",
        listing.place(rows[i]));
    AIFT_EXPECT(word != "val" || !has_test, IoError,
                "{}: the splits val and test are both there; say pool or test for every row.",
                listing.place(rows[i]));
    const bool pool = word == "pool" || word == "train";
    AIFT_EXPECT(pool || word == "test" || word == "val", IoError,
                "{}: the split must be pool or test; got \"{}\".", listing.place(rows[i]), word);
    const auto split = static_cast<std::uint8_t>(pool ? Split::pool : Split::test);
    auto& of_group = side[static_cast<std::size_t>(data.groups[i])];
    AIFT_EXPECT(
        of_group == 0 || of_group == split, IoError,
        "{}: group \"{}\" is in the pool and in the test set; put all of a group on one side.",
        listing.place(rows[i]), rows[i].group);
    of_group = split;
    data.split[i] = split;
  }
}

/// "video/frame_" and "0012" of "video/frame_0012.png".
std::pair<std::string, std::string> numbered_name(const std::string& path) {
  const std::string stem = fs::path(path).replace_extension().generic_string();
  const std::size_t end = stem.find_last_not_of("0123456789");
  const std::size_t begin = end == std::string::npos ? 0 : end + 1;
  return {stem.substr(0, begin), stem.substr(begin)};
}

void add_times(const Listing& listing, Dataset& data) {
  const bool has_videos = std::any_of(listing.rows.begin(), listing.rows.end(),
                                      [](const Row& row) { return !row.video.empty(); });
  std::unordered_map<std::string, index_t> numbers;
  for (std::size_t i = 0; i < listing.rows.size(); ++i) {
    const Row& row = listing.rows[i];
    std::string text = row.time;
    std::string video = row.video;
    const bool folder = row.line == 0 && row.frame < 0;
    if (folder) std::tie(video, text) = numbered_name(row.path);
    const std::optional<double> number = parse_number(text);
    AIFT_EXPECT(text.empty() || (number && std::isfinite(*number)), IoError,
                "{}: the time must be a number, or empty where it is not known; got \"{}\".",
                listing.place(row), text);
    data.times.push_back(number ? *number : std::numeric_limits<double>::quiet_NaN());
    if (!folder && !has_videos) continue;  // the groups
    // A candidate without a video counts in its group, which no name of a video is taken for.
    const std::string key =
        video.empty() && !folder ? fmt::format("group {}", data.groups[i]) : "video " + video;
    data.sequences.push_back(
        numbers.emplace(key, static_cast<index_t>(numbers.size())).first->second);
  }
}

void add_costs(const Listing& listing, Dataset& data) {
  for (const Row& row : listing.rows) {
    const std::optional<double> number = parse_number(row.cost);
    AIFT_EXPECT(number && std::isfinite(*number) && *number >= 0, IoError,
                "{}: the cost must be a number of at least 0; got \"{}\".", listing.place(row),
                row.cost);
    data.costs.push_back(*number);
  }
}

/// What no split or oracle could mend later.
void expect_usable(const Listing& listing, const Dataset& data) {
  const std::size_t classes = data.class_names.size();
  if (data.split.front() != static_cast<std::uint8_t>(Split::unset)) {
    std::vector<std::uint8_t> in_pool(classes, 0);
    std::vector<std::uint8_t> in_test(classes, 0);
    bool pool_is_labelled = true;
    for (std::size_t i = 0; i < data.labels.size(); ++i) {
      const bool pool = data.split[i] == static_cast<std::uint8_t>(Split::pool);
      if (data.labels[i] == kUnlabelled) {
        pool_is_labelled = pool_is_labelled && !pool;
      } else {
        (pool ? in_pool : in_test)[static_cast<std::size_t>(data.labels[i])] = 1;
      }
    }
    for (std::size_t c = 0; c < classes && pool_is_labelled; ++c) {
      AIFT_EXPECT(
          in_pool[c] == 1 || in_test[c] == 0, ValueError,
          "{}: the label \"{}\" is only in the test split; no model can learn it, so put images "
          "of it into the pool.",
          listing.name, data.class_names[c]);
    }
    return;
  }
  if (std::find(data.labels.begin(), data.labels.end(), kUnlabelled) != data.labels.end()) return;
  constexpr index_t kNone = -1;
  constexpr index_t kSeveral = -2;
  std::vector<index_t> group(classes, kNone);
  std::vector<index_t> images(classes, 0);
  for (std::size_t i = 0; i < data.labels.size(); ++i) {
    const auto c = static_cast<std::size_t>(data.labels[i]);
    ++images[c];
    if (group[c] == kNone) {
      group[c] = data.groups[i];
    } else if (group[c] != data.groups[i]) {
      group[c] = kSeveral;
    }
  }
  AIFT_EXPECT(std::count_if(images.begin(), images.end(), [](index_t n) { return n > 0; }) >= 2,
              ValueError,
              "{}: all {} images have one label; a classifier needs at least two classes.",
              listing.name, data.labels.size());
  for (std::size_t c = 0; c < classes; ++c) {
    AIFT_EXPECT(
        group[c] < 0 || images[c] > 1, ValueError,
        "{}: the class \"{}\" has one image, which cannot be in both the pool and the test set; "
        "add images of it, or give a split column.",
        listing.name, data.class_names[c]);
    AIFT_EXPECT(
        group[c] < 0, ValueError,
        "{}: all {} images of the class \"{}\" are in one group, which cannot be in both the "
        "pool and the test set; add another group, or give a split column.",
        listing.name, images[c], data.class_names[c]);
  }
}

/// The sentence of a file SYNTHETIC, without its line end; empty when there is none.
std::string read_synthetic(const fs::path& root) {
  const fs::path file = root / "SYNTHETIC";
  std::error_code error;
  if (!fs::is_regular_file(file, error)) return {};
  std::string text = read_text_file(file);
  text.resize(std::min(text.find_first_of("\r\n"), text.size()));
  return text.empty() ? "Generated data." : text;
}

}  // namespace

std::uint64_t candidate_id(std::string_view path) noexcept {
  return splitmix64(detail::fnv1a(path));
}

std::uint64_t frame_id(std::string_view path, index_t frame) noexcept {
  const auto below = static_cast<std::uint64_t>(kMaxFrames - 1);
  return (candidate_id(path) & ~below) | (static_cast<std::uint64_t>(frame) & below);
}

Dataset read_dataset(const fs::path& manifest_or_folder, const DatasetOptions& options) {
  Listing listing = read_listing(manifest_or_folder, options);
  expand_videos(options, listing);
  label_frames(options, listing);
  Dataset data;
  data.root = listing.root;
  add_paths(listing, data);
  add_labels(listing, options, data);
  add_groups(listing, data);
  add_split(listing, data);
  if (options.times || !data.frames.empty()) add_times(listing, data);
  if (!options.cost_column.empty()) add_costs(listing, data);
  if (options.require_trainable) expect_usable(listing, data);
  data.synthetic = read_synthetic(data.root);
  data.extra_columns = std::move(listing.extra_columns);
  data.extra = std::move(listing.extra);
  return data;
}

}  // namespace aift::io
