// SPDX-License-Identifier: Apache-2.0
// A project against its record.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/audit.hpp>
#include <aift/store/digest.hpp>

#include "contents.hpp"
#include "impl.hpp"
#include "schema.hpp"

namespace aift::store {

namespace {

constexpr std::size_t kMostOfAKind = 20;

class Check {
 public:
  Check(const fs::path& folder, std::string head) : folder_(folder), head_(std::move(head)) {}

  AuditReport run() {
    try {
      open();
      physical();
      chain();
      contents();
      replay();
      seals();
      models();
      working();
    } catch (const std::exception& error) {
      report_.problems.emplace_back(error.what());
    }
    return std::move(report_);
  }

 private:
  template <class... Parts>
  void problem(fmt::format_string<Parts...> text, Parts&&... parts) {
    report_.problems.push_back(fmt::format(text, std::forward<Parts>(parts)...));
  }

  void open() {
    OpenOptions options;
    options.write = false;
    impl_ = std::make_unique<Project::Impl>(folder_, options);
  }

  void physical() {
    Statement row = impl_->db.prepare("PRAGMA integrity_check(20)");
    while (row.step()) {
      if (row.text(0) != "ok") problem("{}: {}", kDatabaseName, row.text(0));
    }
  }

  void chain() {
    std::string previous(64, '0');
    bool head_seen = head_.empty();
    Statement row =
        impl_->db.prepare(fmt::format("SELECT {} FROM events ORDER BY seq", kEventColumns));
    while (row.step()) {
      const Event event = read_event(row);
      ++report_.events;
      if (event.seq != report_.events) {
        problem("event {} is missing; the next one is {}", report_.events, event.seq);
        report_.events = event.seq;
      }
      if (event.previous != previous)
        problem("event {} ({}) does not follow the one before it", event.seq, event.kind);
      if (event_hash(event) != event.hash)
        problem("event {} ({}) was changed: its hash does not fit", event.seq, event.kind);
      previous = event.hash;
      head_seen = head_seen || event.hash == head_;
      events_.push_back(event);
    }
    report_.head = previous;
    if (report_.events == 0) problem("there is no event at all");
    if (!head_seen) problem("no event has the hash {} that was noted", head_);
  }

  void contents() {
    std::set<std::string> named;
    for (const Event& event : events_) {
      const Json payload = Json::parse(event.payload, nullptr, false);
      if (!payload.is_object()) continue;  // told by the chain
      for (const auto& [member, hash] : contents_of(payload))
        named.insert(hash);
    }
    std::set<std::string> there;
    Statement row = impl_->db.prepare("SELECT hash, data FROM blobs");
    while (row.step()) {
      const std::string hash = row.text(0);
      ++report_.contents;
      there.insert(hash);
      if (sha256(row.text(1)) != hash) {
        problem("the content {} was changed: its hash does not fit", hash);
      } else if (!named.contains(hash)) {
        problem("the content {} is named by no event", hash);
      }
    }
    for (const std::string& hash : named) {
      if (!there.contains(hash)) problem("the content {} is missing", hash);
    }
  }

  /// Makes the tables again and compares.
  void replay() {
    const Database again(":memory:", Database::Mode::memory);
    migrate(again, newest_schema());
    for (const Event& event : events_) {
      try {
        apply_event(again, event, [this](const std::string& hash) { return impl_->blob(hash); });
      } catch (const Error& error) {
        problem("event {} ({}) cannot be followed: {}", event.seq, event.kind, error.what());
        return;
      }
    }
    for (const std::string_view table : derived_tables())
      compare(again, table);
    const std::string schema = "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_schema ORDER BY 1";
    compare_rows(again, "schema", schema);
  }

  void compare(const Database& again, std::string_view table) {
    const Statement probe = again.prepare(fmt::format("SELECT * FROM {}", table));
    std::string columns;
    for (int c = 0; c < probe.columns(); ++c)
      columns += fmt::format("{}{}", c == 0 ? "" : ", ", c + 1);
    compare_rows(again, table, fmt::format("SELECT * FROM {} ORDER BY {}", table, columns));
  }

  static std::string line_of(const Statement& row) {
    std::string line;
    for (int c = 0; c < row.columns(); ++c)
      line += (c == 0 ? "" : " | ") + (row.is_null(c) ? std::string("NULL") : cell(row, c));
    return line;
  }

  static std::string cell(const Statement& row, int column) {
    return row.is_real(column) ? io::shortest(row.real(column)) : row.text(column);
  }

  void compare_rows(const Database& again, std::string_view table, const std::string& sql) {
    Statement is = impl_->db.prepare(sql);
    Statement must = again.prepare(sql);
    std::size_t told = 0;
    bool more_is = is.step();
    bool more_must = must.step();
    while ((more_is || more_must) && told < kMostOfAKind) {
      const std::string has = more_is ? line_of(is) : std::string();
      const std::string wants = more_must ? line_of(must) : std::string();
      if (has == wants) {
        more_is = is.step();
        more_must = must.step();
        continue;
      }
      ++told;
      if (!more_must) {
        problem("table {} has a row that no event made: {}", table, has);
        more_is = is.step();
      } else if (!more_is) {
        problem("table {} lacks a row that the events made: {}", table, wants);
        more_must = must.step();
      } else {
        problem("table {} was changed: the row \"{}\" must be \"{}\"", table, has, wants);
        more_is = is.step();
        more_must = must.step();
      }
    }
  }

  void seals() {
    if (hmac_sha256(impl_->salt, "salt") != impl_->fact("salt_check")) {
      problem("the key of the salted names was changed");
      return;
    }
    const Json settings = Json::parse(impl_->fact("settings"), nullptr, false);
    if (!settings.is_object() || settings.value("application", Json()) !=
                                     Json(application_seal(impl_->salt, impl_->settings.application)))
      problem("the application's text in the settings was changed");
    Statement row = impl_->db.prepare(
        "SELECT number, sid, gid, seal, root, path, grp, frame, id, time, cost FROM samples "
        "LEFT JOIN names ON sample = number ORDER BY number");
    while (row.step()) {
      Names names;
      names.root = row.integer(4);
      names.path = row.text(5);
      names.group = row.text(6);
      names.frame = row.integer(7);
      names.id = static_cast<std::uint64_t>(row.integer(8));
      names.time = row.real(9);
      names.cost = row.real(10);
      const std::string& salt = impl_->salt;
      if (sid_of(salt, names.path) != row.text(1) || gid_of(salt, names.group) != row.text(2) ||
          seal_of(salt, names) != row.text(3))
        problem("path, group or columns of sample {} were changed", row.integer(0));
    }
    const auto names_left =
        impl_->db.integer("SELECT count(*) FROM names WHERE sample NOT IN (SELECT number FROM samples)");
    if (names_left > 0) problem("{} names belong to no sample", names_left);
    Statement comment = impl_->db.prepare(
        "SELECT number, comment, coalesce(text, '') FROM labels LEFT JOIN comments ON comments.label = number");
    while (comment.step()) {
      if (comment_seal(impl_->salt, comment.text(2)) != comment.text(1))
        problem("the comment of answer {} was changed", comment.integer(0));
    }
    roots();
  }

  void roots() {
    std::map<std::int64_t, std::string> sealed;
    for (const Event& event : events_) {
      const Json payload = Json::parse(event.payload, nullptr, false);
      if ((event.kind != "samples" && event.kind != "moved") || !payload.is_object()) continue;
      sealed[payload.at("root").at(0).get<std::int64_t>()] =
          payload.at("root").at(1).get<std::string>();
    }
    Statement row = impl_->db.prepare("SELECT number, path FROM roots ORDER BY number");
    std::size_t count = 0;
    while (row.step()) {
      ++count;
      if (sealed[row.integer(0)] != root_seal(impl_->salt, row.text(1)))
        problem("the folder of the images of data set {} was changed", row.integer(0));
    }
    if (count != sealed.size()) problem("the table roots has {} rows instead of {}", count, sealed.size());
  }

  void models() {
    std::set<std::string> known;
    Statement row = impl_->db.prepare("SELECT number, hash, type FROM models ORDER BY number");
    while (row.step()) {
      const fs::path file = impl_->model_file(row.text(1), row.text(2));
      known.insert(file.filename().string());
      ++report_.models;
      std::error_code error;
      if (!fs::is_regular_file(file, error)) {
        problem("the file of model {} is missing: {}", row.integer(0), file.filename().string());
      } else if (sha256_of_file(file) != row.text(1)) {
        problem("the file of model {} was changed: {}", row.integer(0), file.filename().string());
      }
    }
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ / kModels, error)) {
      const std::string name = entry.path().filename().string();
      if (!known.contains(name)) problem("{}/{} is no model of the record", kModels, name);
    }
  }

  void working() {
    Statement last =
        impl_->db.prepare("SELECT means, features FROM scorings ORDER BY number DESC LIMIT 1");
    if (!last.step()) return;
    Statement row = impl_->db.prepare("SELECT name, data FROM working");
    while (row.step()) {
      const std::string name = row.text(0);
      if (name != "means" && name != "features") {
        problem("the working data \"{}\" are of no event", name);
      } else if (sha256(row.text(1)) != last.text(name == "means" ? 0 : 1)) {
        problem("the working data \"{}\" of the last scoring were changed", name);
      }
    }
  }

  fs::path folder_;
  std::string head_;
  std::unique_ptr<Project::Impl> impl_;
  std::vector<Event> events_;
  AuditReport report_;
};

}  // namespace

AuditReport verify(const fs::path& folder, const std::string& head) {
  return Check(folder, head).run();
}

}  // namespace aift::store
