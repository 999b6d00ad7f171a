// SPDX-License-Identifier: Apache-2.0
#include <aift/store/project.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"
#include "schema.hpp"
#include "software.hpp"
#include "src/io/flush.hpp"

namespace aift::store {

namespace {

void expect_free(const fs::path& folder) {
  std::error_code error;
  AIFT_EXPECT(!fs::exists(folder, error) ||
                  (fs::is_directory(folder, error) && fs::is_empty(folder, error)),
              IoError, "{} is there already and not an empty folder; name another one.",
              folder.string());
}

Json init_payload(const Json& settings, const std::string& salt) {
  return {{"project", hexadecimal(random_bytes(16))},
          {"salt_check", hmac_sha256(salt, "salt")},
          {"settings", settings},
          {"schema", newest_schema()},
          {"software", software()}};
}

}  // namespace

// ------------------------------------------------------------------ Impl

Project::Impl::Impl(const fs::path& where, const OpenOptions& how) : folder(where), options(how) {
  std::error_code error;
  const fs::path file = folder / kDatabaseName;
  AIFT_EXPECT(fs::is_regular_file(file, error), IoError,
              "{} holds no project ({} is missing); make one with `aift init`, or check the path.",
              folder.string(), kDatabaseName);
  if (options.write) lock = ProjectLock(folder / kLock, options.wait_seconds, options.who);
  const auto open = [&](Database::Mode mode) { db = Database(file, mode); };
  // A reader may have to make the shared memory of the log: where it may write, it is let.
  const bool may_write = ::access(file.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
  open(options.write || may_write ? Database::Mode::write : Database::Mode::read);
  const auto id = db.integer("PRAGMA application_id");
  const auto version = db.integer("PRAGMA user_version");
  AIFT_EXPECT(id == kApplicationId && version >= 1, IoError,
              "{} is no database of an AIFT project.", file.string());
  AIFT_EXPECT(version <= newest_schema(), IoError,
              "The project {} was written by a later version of AIFT (schema {}, this one knows {}); "
              "use that version.",
              folder.string(), version, newest_schema());
  if (version < newest_schema()) {
    AIFT_EXPECT(options.write, IoError,
                "The project {} is of an earlier version (schema {}); open it for writing once to "
                "bring it to schema {}.",
                folder.string(), version, newest_schema());
    Transaction transaction(db);
    migrate(db, newest_schema());
    rebuild();
    load();
    append("migrate", {{"from", version}, {"to", newest_schema()}, {"software", software()}});
    transaction.commit();
  }
  load();
  if (options.write) remove_orphans();
}

void Project::Impl::rebuild() const {
  std::vector<Event> events;
  Statement row = db.prepare(fmt::format("SELECT {} FROM events ORDER BY seq", kEventColumns));
  while (row.step())
    events.push_back(read_event(row));
  for (const std::string_view table : derived_tables())
    db.run(fmt::format("DELETE FROM {}", table));
  for (const Event& event : events)
    apply_event(db, event, [this](const std::string& hash) { return blob(hash); });
}

void Project::Impl::load() {
  salt = db.text("SELECT value FROM secrets WHERE name = 'salt'");
  settings = project_settings_from_json(fact("settings"));
  settings.application = db.text("SELECT value FROM secrets WHERE name = 'application'");
}

Json Project::Impl::record_settings(const ProjectSettings& of) const {
  Statement keep = db.prepare(
      "INSERT INTO secrets VALUES('application', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value");
  keep.bind_blob(0, of.application);
  keep.run();
  Json json = parse_json(to_json(of), "settings");
  json["application"] = application_seal(salt, of.application);
  return json;
}

void Project::Impl::expect_writable() const {
  AIFT_EXPECT(options.write, ValueError,
              "The project {} was opened to be looked at; open it for writing.", folder.string());
}

void Project::Impl::remove_orphans() const {
  std::error_code error;
  Statement known = db.prepare("SELECT 1 FROM models WHERE hash || type = ?");
  for (const auto& entry : fs::directory_iterator(folder / kModels, error)) {
    // Left by a process that ended between writing a model and committing it.
    known.with(entry.path().filename().string());
    if (!known.step()) fs::remove(entry.path(), error);
  }
}

Event Project::Impl::append(const std::string& kind, const Json& payload) const {
  Event event;
  event.seq = 1;
  event.previous = std::string(64, '0');
  {
    Statement last = db.prepare("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1");
    if (last.step()) {
      event.seq = last.integer(0) + 1;
      event.previous = last.text(1);
    }
  }
  event.time = utc(options.now ? options.now()
                               : std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  event.kind = kind;
  event.payload = dump(payload);
  event.hash = event_hash(event);
  db.prepare("INSERT INTO events VALUES(?, ?, ?, ?, ?, ?)")
      .with(event.seq, event.time, event.kind, event.payload, event.previous, event.hash)
      .run();
  apply_event(db, event, [this](const std::string& hash) { return blob(hash); });
  return event;
}

std::string Project::Impl::put_blob(const std::string& bytes) const {
  const std::string hash = sha256(bytes);
  Statement insert = db.prepare("INSERT OR IGNORE INTO blobs VALUES(?, ?)");
  insert.bind(0, hash);
  insert.bind_blob(1, bytes);
  insert.run();
  return hash;
}

std::string Project::Impl::blob(const std::string& hash) const {
  Statement find = db.prepare("SELECT data FROM blobs WHERE hash = ?");
  find.with(hash);
  AIFT_EXPECT(find.step(), IoError, "{} lacks content that its record names ({}); restore a copy.",
              (folder / kDatabaseName).string(), hash);
  return find.text(0);
}

std::string Project::Impl::fact(std::string_view name) const {
  Statement find = db.prepare("SELECT value FROM facts WHERE name = ?");
  find.with(name);
  return find.step() ? find.text(0) : std::string();
}

index_t Project::Impl::current_model() const {
  return io::parse_integer(fact("current_model")).value_or(-1);
}

fs::path Project::Impl::model_file(const std::string& hash, const std::string& type) const {
  return folder / kModels / (hash + type);
}

StoredModel read_model(const Project::Impl& project, const Statement& row) {
  StoredModel model;
  model.number = row.integer(0);
  model.hash = row.text(1);
  model.file = project.model_file(model.hash, row.text(2));
  model.parent = row.integer(3);
  model.round = row.integer(4);
  model.accepted = row.integer(5) != 0;
  model.metrics = {row.real(6), row.real(7), row.real(8), row.real(9), row.integer(10)};
  model.seconds = row.real(11);
  return model;
}

StoredModel Project::Impl::model(index_t number) const {
  Statement find = db.prepare(fmt::format("SELECT {} FROM models WHERE number = ?", kModelColumns));
  find.with(number);
  AIFT_EXPECT(find.step(), ValueError, "The project has {} models, counted from 0; got {}.",
              db.integer("SELECT count(*) FROM models"), number);
  return read_model(*this, find);
}

std::optional<Scoring> Project::Impl::latest_scoring(index_t of) const {
  Statement find = db.prepare(
      "SELECT number, model, count, scores, means, features FROM scorings WHERE model = ? "
      "ORDER BY number DESC LIMIT 1");
  find.with(of);
  if (!find.step()) return std::nullopt;
  return Scoring{find.integer(0), find.integer(1), find.integer(2),
                 find.text(3),    find.text(4),    find.text(5)};
}

std::vector<std::uint64_t> Project::Impl::ids() const {
  std::vector<std::uint64_t> ids;
  Statement row = db.prepare("SELECT id FROM names ORDER BY sample");
  while (row.step())
    ids.push_back(static_cast<std::uint64_t>(row.integer(0)));
  return ids;
}

bool Project::Impl::test_set_is_locked() const {
  return db.integer("SELECT count(*) FROM models") > 0;
}

// ------------------------------------------------------------------ making and opening

void Project::create(const fs::path& folder, const ProjectSettings& settings,
                     const io::Dataset& data, const OpenOptions& options) {
  settings.validate();
  expect_free(folder);
  AIFT_EXPECT(data.size() >= 1, ValueError, "A project needs at least one sample; the data has none.");
  fs::path whole = fs::absolute(folder).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // "project/"
  // Made beside its place under another name, it appears complete or not at all.
  const fs::path partial = whole.parent_path() / fmt::format(".{}.partial", whole.filename().string());
  std::error_code error;
  fs::create_directories(whole.parent_path(), error);
  fs::remove_all(partial, error);
  fs::create_directories(partial / kModels, error);
  AIFT_EXPECT(!error, IoError, "{} could not be made: {}; check path and rights.", partial.string(),
              error.message());
  try {
    Impl impl(partial, options, Database(partial / kDatabaseName, Database::Mode::create));
    impl.settings = settings;
    impl.salt = random_bytes(32);
    {
      Transaction transaction(impl.db);
      migrate(impl.db, newest_schema());
      Statement secret = impl.db.prepare("INSERT INTO secrets VALUES('salt', ?)");
      secret.bind_blob(0, impl.salt);
      secret.run();
      impl.append("init", init_payload(impl.record_settings(settings), impl.salt));
      impl.add(data, true);
      impl.record_given_answers();
      transaction.commit();
    }
    impl.db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (...) {
    fs::remove_all(partial, error);
    throw;
  }
  fs::rename(partial, whole, error);
  if (error) {
    const std::string why = error.message();
    fs::remove_all(partial, error);
    throw IoError(fmt::format("{} could not be made: {}.", whole.string(), why));
  }
  io::flush(whole.parent_path());
}

Project::Project(const fs::path& folder, const OpenOptions& options)
    : impl_(std::make_unique<Impl>(folder, options)) {}
Project::~Project() = default;
Project::Project(Project&&) noexcept = default;
Project& Project::operator=(Project&&) noexcept = default;

const fs::path& Project::folder() const noexcept { return impl_->folder; }
const ProjectSettings& Project::settings() const noexcept { return impl_->settings; }

void Project::change_settings(const ProjectSettings& settings) {
  impl_->expect_writable();
  settings.validate();
  AIFT_EXPECT(settings.classes == impl_->settings.classes, ValueError,
              "The classes of a project stay as they are; make a new project for others.");
  Transaction transaction(impl_->db);
  impl_->append("settings", {{"settings", impl_->record_settings(settings)}});
  transaction.commit();
  impl_->settings = settings;
}

index_t Project::add(const io::Dataset& data) {
  impl_->expect_writable();
  Transaction transaction(impl_->db);
  const index_t before = impl_->db.integer("SELECT count(*) FROM samples");
  const index_t joined = impl_->add(data, false);
  if (joined == 0) return 0;
  // Labels that came with them are answers like others.
  Statement given = impl_->db.prepare(
      "SELECT number, given FROM samples WHERE number >= ? AND given >= 0 AND split = 0");
  given.with(before);
  std::vector<Answer> answers;
  while (given.step()) {
    Answer answer;
    answer.sample = std::to_string(given.integer(0));
    answer.reader = kDataSet;
    answer.label = static_cast<label_t>(given.integer(1));
    answers.push_back(std::move(answer));
  }
  given.reset();
  if (!answers.empty()) impl_->take_answers(answers);
  transaction.commit();
  return joined;
}

void Project::withdraw(std::span<const std::string> names, const std::string& reason) {
  impl_->expect_writable();
  AIFT_EXPECT(!names.empty(), ValueError, "Name the samples to withdraw.");
  Json sids = Json::array();
  Json models = Json::array();
  Statement touched = impl_->db.prepare("SELECT DISTINCT model FROM training WHERE sample = ?");
  for (const std::string& name : names) {
    const Sample one = sample(name);
    AIFT_EXPECT(!one.withdrawn, ValueError, "Sample {} was withdrawn before.", one.sid);
    sids.push_back(one.sid);
    touched.with(one.number);
    while (touched.step()) {
      if (std::find(models.begin(), models.end(), touched.integer(0)) == models.end())
        models.push_back(touched.integer(0));
    }
  }
  touched.reset();
  Transaction transaction(impl_->db);
  impl_->append("withdraw", {{"samples", sids}, {"trained", models}, {"reason", reason}});
  transaction.commit();
}

void Project::move_data(const fs::path& from, const fs::path& to) {
  impl_->expect_writable();
  const std::string before = fs::absolute(from).lexically_normal().string();
  const std::string after = fs::absolute(to).lexically_normal().string();
  Transaction transaction(impl_->db);
  Statement find = impl_->db.prepare("SELECT number FROM roots WHERE path = ?");
  find.with(before);
  AIFT_EXPECT(find.step(), ValueError, "No data set of the project lies in {}.", before);
  const auto number = find.integer(0);
  find.reset();
  impl_->db.prepare("UPDATE roots SET path = ? WHERE number = ?").with(after, number).run();
  impl_->append("moved", {{"root", {number, root_seal(impl_->salt, after)}}});
  transaction.commit();
}

std::vector<fs::path> Project::data_folders() const {
  std::vector<fs::path> folders;
  Statement row = impl_->db.prepare("SELECT path FROM roots ORDER BY number");
  while (row.step())
    folders.emplace_back(row.text(0));
  return folders;
}

// ------------------------------------------------------------------ models

std::vector<StoredModel> Project::models() const {
  std::vector<StoredModel> models;
  Statement row = impl_->db.prepare(fmt::format("SELECT {} FROM models ORDER BY number", kModelColumns));
  while (row.step())
    models.push_back(read_model(*impl_, row));
  return models;
}

std::optional<StoredModel> Project::current_model() const {
  const index_t number = impl_->current_model();
  if (number < 0) return std::nullopt;
  return impl_->model(number);
}

void Project::rollback(index_t number, const std::string& reason) {
  impl_->expect_writable();
  const StoredModel model = impl_->model(number);
  AIFT_EXPECT(model.accepted, ValueError,
              "Model {} was rejected; only an accepted one can be made current.", number);
  AIFT_EXPECT(number != impl_->current_model(), ValueError, "Model {} is the current one already.",
              number);
  AIFT_EXPECT(sha256_of_file(model.file) == model.hash, IoError,
              "{} does not hold model {} any more; restore it from a copy.", model.file.string(),
              number);
  Transaction transaction(impl_->db);
  impl_->append("rollback", {{"model", number},
                             {"hash", model.hash},
                             {"from", impl_->current_model()},
                             {"reason", reason}});
  transaction.commit();
}

}  // namespace aift::store
