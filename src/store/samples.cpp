// SPDX-License-Identifier: Apache-2.0
// Samples: how they join a project, and how they are found again.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/numbers.hpp>
#include <aift/loop/splits.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"

namespace aift::store {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kNameDigits = 32;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

/// A number of a group that depends on its name alone.
index_t group_key(const std::string& group) {
  return static_cast<index_t>(io::candidate_id(group) >> 1);
}

void check(const io::Dataset& data, const std::vector<std::string>& classes) {
  const std::size_t n = data.paths.size();
  AIFT_EXPECT(data.ids.size() == n && data.labels.size() == n && data.groups.size() == n &&
                  (data.split.empty() || data.split.size() == n),
              ShapeError, "A data set gives id, label, group and split for each of its {} samples.",
              n);
  for (std::size_t i = 0; i < n; ++i) {
    AIFT_EXPECT(data.labels[i] >= kUnlabelled && data.labels[i] < static_cast<label_t>(classes.size()),
                ValueError, "Labels must be in [0, {}) or {}; sample {} has {}.", classes.size(),
                kUnlabelled, i, data.labels[i]);
    AIFT_EXPECT(data.groups[i] >= 0 && data.groups[i] < static_cast<index_t>(data.group_names.size()),
                ValueError, "Groups must be in [0, {}); sample {} has {}.", data.group_names.size(), i,
                data.groups[i]);
  }
  AIFT_EXPECT(data.class_names.empty() || data.class_names == classes, ValueError,
              "The data set must have the classes of the project, in their order.");
}

/// Whole groups for the test set: by class where labels are known, else drawn alone.
std::vector<Side> draw_sides(const io::Dataset& data, const ProjectSettings& settings) {
  std::vector<Side> sides(data.paths.size(), Side::pool);
  if (settings.test_share == 0) return sides;
  std::vector<index_t> groups;
  std::vector<label_t> labels;
  std::set<index_t> all;
  for (index_t i = 0; i < data.size(); ++i) {
    const index_t group = group_key(data.group_names[at(data.groups[at(i)])]);
    all.insert(group);
    if (data.labels[at(i)] == kUnlabelled) continue;
    groups.push_back(group);
    labels.push_back(data.labels[at(i)]);
  }
  std::set<index_t> tested;
  if (!labels.empty()) {
    const auto side = grouped_test_split(groups, labels, static_cast<index_t>(settings.classes.size()),
                                         settings.test_share, settings.seed);
    for (std::size_t j = 0; j < side.size(); ++j) {
      if (side[j] != 0) tested.insert(groups[j]);
    }
  } else {
    std::vector<std::pair<std::uint64_t, index_t>> order;
    for (const index_t group : all) {
      order.emplace_back(KeyedRandom(settings.seed, Purpose::split, 0,
                                     static_cast<std::uint64_t>(group)).bits(0), group);
    }
    std::sort(order.begin(), order.end());
    order.resize(static_cast<std::size_t>(
        std::floor(settings.test_share * static_cast<double>(order.size()))));
    for (const auto& [key, group] : order)
      tested.insert(group);
  }
  for (index_t i = 0; i < data.size(); ++i) {
    if (tested.contains(group_key(data.group_names[at(data.groups[at(i)])]))) sides[at(i)] = Side::test;
  }
  return sides;
}

Side given_side(const io::Dataset& data, index_t i) {
  return data.split[at(i)] == static_cast<std::uint8_t>(io::Split::test) ? Side::test : Side::pool;
}

}  // namespace

std::string sid_of(std::string_view salt, std::string_view path) {
  return hmac_sha256(salt, fmt::format("sample\n{}", path)).substr(0, kNameDigits);
}

std::string gid_of(std::string_view salt, std::string_view group) {
  return hmac_sha256(salt, fmt::format("group\n{}", group)).substr(0, kNameDigits);
}

std::string comment_seal(std::string_view salt, std::string_view comment) {
  return comment.empty() ? std::string() : hmac_sha256(salt, fmt::format("comment\n{}", comment));
}

std::string root_seal(std::string_view salt, std::string_view path) {
  return hmac_sha256(salt, fmt::format("root\n{}", path));
}

std::string application_seal(std::string_view salt, std::string_view text) {
  return hmac_sha256(salt, fmt::format("application\n{}", text));
}

std::string seal_of(std::string_view salt, const Names& names) {
  return hmac_sha256(salt, fmt::format("names\n{}\n{}\n{}\n{}\n{}\n{}\n{}", names.root, names.frame,
                                       names.id, io::shortest(names.time), io::shortest(names.cost),
                                       names.path, names.group))
      .substr(0, kNameDigits);
}

index_t Project::Impl::add(const io::Dataset& data, bool first) {
  check(data, settings.classes);
  const bool locked = test_set_is_locked();
  const bool split = std::any_of(data.split.begin(), data.split.end(), [](std::uint8_t s) {
    return s == static_cast<std::uint8_t>(io::Split::test);
  });
  std::vector<Side> sides(data.paths.size(), Side::pool);
  if (first && !split) sides = draw_sides(data, settings);

  std::unordered_map<std::string, Side> groups;  // by gid: a group stays on its side
  std::set<std::string> known;
  {
    Statement row = db.prepare("SELECT sid, gid, split FROM samples");
    while (row.step()) {
      known.insert(row.text(0));
      groups.emplace(row.text(1), static_cast<Side>(row.integer(2)));
    }
  }
  const std::string root = fs::absolute(data.root).lexically_normal().string();
  std::int64_t root_number = -1;
  {
    Statement find = db.prepare("SELECT number FROM roots WHERE path = ?");
    find.with(root);
    root_number = find.step() ? find.integer(0) : db.integer("SELECT count(*) FROM roots");
  }
  auto number = db.integer("SELECT count(*) FROM samples");
  const auto before = number;
  std::string lines;
  Statement insert = db.prepare("INSERT INTO names VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  for (index_t i = 0; i < data.size(); ++i) {
    Names names;
    names.root = root_number;
    names.path = data.paths[at(i)];
    names.group = data.group_names[at(data.groups[at(i)])];
    names.frame = data.frames.empty() ? -1 : data.frames[at(i)];
    names.id = data.ids[at(i)];
    names.time = data.times.empty() ? kNan : data.times[at(i)];
    names.cost = data.costs.empty() ? kNan : data.costs[at(i)];
    const std::string sid = sid_of(salt, names.path);
    if (!known.insert(sid).second) continue;
    const std::string gid = gid_of(salt, names.group);
    Side side = split ? given_side(data, i) : sides[at(i)];
    const auto group = groups.find(gid);
    if (group != groups.end() && group->second != side) {
      AIFT_EXPECT(!first && side == Side::pool, ValueError,
                  "A group must be wholly in the pool or wholly in the test set; that of sample {} of "
                  "the data is in both. Change its split.",
                  i);
      side = locked ? Side::out : group->second;  // never from the test set into the pool
    }
    AIFT_EXPECT(side != Side::test || !locked || group != groups.end(), ValueError,
                "The test set is locked since the first model was measured on it; sample {} of the "
                "data is meant for it. Let it join the pool, or begin a new project.",
                i);
    if (side == Side::test && locked) side = Side::out;
    groups.emplace(gid, side);
    insert.with(number, names.root, names.path, names.group, names.frame,
                static_cast<std::int64_t>(names.id), names.time, names.cost)
        .run();
    lines += fmt::format("{} {} {} {} {} {}\n", number++, sid, gid, seal_of(salt, names),
                         static_cast<int>(side), data.labels[at(i)]);
  }
  if (number == before) return 0;
  if (root_number == db.integer("SELECT count(*) FROM roots"))
    db.prepare("INSERT INTO roots VALUES(?, ?)").with(root_number, root).run();
  append("samples", {{"samples", put_blob(lines)},
                     {"count", number - before},
                     {"root", {root_number, root_seal(salt, root)}}});
  return number - before;
}

void Project::Impl::record_given_answers() {
  std::vector<std::pair<std::uint64_t, std::int64_t>> order;  // by id, as everything that is picked
  {
    Statement row = db.prepare(
        "SELECT names.id, number FROM samples JOIN names ON sample = number "
        "WHERE given >= 0 AND split = 0");
    while (row.step())
      order.emplace_back(static_cast<std::uint64_t>(row.integer(0)), row.integer(1));
  }
  if (order.empty()) return;
  std::sort(order.begin(), order.end());
  std::vector<Answer> answers;
  Json picks = Json::array();
  Statement given = db.prepare("SELECT given FROM samples WHERE number = ?");
  for (const auto& [id, number] : order) {
    picks.push_back({{"number", number},
                     {"score", nullptr},
                     {"entropy", nullptr},
                     {"diversity", nullptr},
                     {"prediction", kUnlabelled},
                     {"probability", nullptr},
                     {"audit", false},
                     {"reason", "Labelled before the project began."}});
    given.with(number);
    given.step();
    Answer answer;
    answer.sample = std::to_string(number);
    answer.reader = kDataSet;
    answer.label = static_cast<label_t>(given.integer(0));
    answers.push_back(std::move(answer));
  }
  given.reset();
  append("query", {{"round", 0},
                   {"rule", "start set"},
                   {"model", -1},
                   {"scoring", -1},
                   {"seed", std::to_string(settings.seed)},
                   {"budget", answers.size()},
                   {"pool", {{"count", answers.size()}, {"hash", ""}}},
                   {"selector", ""},
                   {"shortfall", ""},
                   {"picks", put_blob(dump(picks))}});
  take_answers(answers);
}

// ------------------------------------------------------------------ finding

namespace {

constexpr const char* kSampleColumns =
    "number, sid, names.path, names.grp, split, withdrawn FROM samples JOIN names ON sample = number";

Sample read_sample(const Statement& row) {
  return {row.integer(0), row.text(1),       row.text(2),
          row.text(3),    static_cast<Side>(row.integer(4)), row.integer(5) != 0};
}

}  // namespace

std::vector<Sample> Project::samples() const {
  std::vector<Sample> samples;
  Statement row = impl_->db.prepare(fmt::format("SELECT {} ORDER BY number", kSampleColumns));
  while (row.step())
    samples.push_back(read_sample(row));
  return samples;
}

Sample Project::sample(const std::string& name) const {
  Statement by_sid = impl_->db.prepare(fmt::format("SELECT {} WHERE sid = ?", kSampleColumns));
  by_sid.with(name);
  if (by_sid.step()) return read_sample(by_sid);
  by_sid.with(sid_of(impl_->salt, name));  // a path
  if (by_sid.step()) return read_sample(by_sid);
  if (const auto number = io::parse_integer(name)) {
    Statement by_number = impl_->db.prepare(fmt::format("SELECT {} WHERE number = ?", kSampleColumns));
    by_number.with(*number);
    if (by_number.step()) return read_sample(by_number);
  }
  throw ValueError(fmt::format(
      "The project has no sample \"{}\"; give its name in the record, its path or its number.", name));
}

io::Dataset Project::dataset() const {
  io::Dataset data;
  data.class_names = impl_->settings.classes;
  data.synthetic = impl_->settings.synthetic;
  std::vector<fs::path> roots;
  {
    Statement row = impl_->db.prepare("SELECT path FROM roots ORDER BY number");
    while (row.step())
      roots.emplace_back(row.text(0));
  }
  if (!roots.empty()) data.root = roots.front();
  std::unordered_map<std::string, index_t> groups;
  bool frames = false;
  bool times = false;
  bool costs = false;
  Statement row = impl_->db.prepare(
      "SELECT root, path, grp, frame, id, time, cost, split, given FROM names "
      "JOIN samples ON sample = number ORDER BY number");
  while (row.step()) {
    const auto root = static_cast<std::size_t>(row.integer(0));
    data.paths.push_back(root == 0 ? row.text(1) : (item(roots, row.integer(0)) / row.text(1)).string());
    const auto group =
        groups.emplace(row.text(2), static_cast<index_t>(data.group_names.size()));
    if (group.second) data.group_names.push_back(row.text(2));
    data.groups.push_back(group.first->second);
    data.frames.push_back(row.integer(3));
    data.ids.push_back(static_cast<std::uint64_t>(row.integer(4)));
    data.times.push_back(row.real(5));
    data.costs.push_back(row.real(6));
    const auto side = static_cast<Side>(row.integer(7));
    data.labels.push_back(side == Side::test ? static_cast<label_t>(row.integer(8)) : kUnlabelled);
    data.split.push_back(static_cast<std::uint8_t>(side == Side::pool ? io::Split::pool
                                                                      : io::Split::test));
    frames = frames || data.frames.back() >= 0;
    times = times || !std::isnan(data.times.back());
    costs = costs || !std::isnan(data.costs.back());
  }
  if (!frames) data.frames.clear();
  if (!times) data.times.clear();
  if (!costs) data.costs.clear();
  return data;
}

}  // namespace aift::store
