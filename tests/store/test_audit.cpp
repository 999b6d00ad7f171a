// SPDX-License-Identifier: Apache-2.0
#include <aift/store/audit.hpp>

#include <algorithm>

#include <aift/core/rng.hpp>
#include <aift/store/digest.hpp>

#include "store/store_world.hpp"
#include "store/tamper.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Two rounds, a comment, a correction and a withdrawn sample.
void fill(StoreWorld& w) {
  w.settings.application = "data = \"/ward/B/Smith\"";
  w.create();
  store::Project project = w.open();
  w.rounds(project, 2);
  std::vector<store::Answer> answers = w.answers(project.queries()[0], "Dr B");
  answers.resize(1);
  answers[0].comment = "Mr Smith, bed 4";
  project.label(answers);
  (void)project.query();
  const std::vector<std::string> out = {project.queries()[1].picks[0].sample.sid};
  project.withdraw(out, "consent");
}

std::string joined(const store::AuditReport& report) {
  std::string text;
  for (const std::string& problem : report.problems)
    text += problem + "\n";
  return text;
}

void copy_project(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

}  // namespace

TEST_CASE("Digests agree with published vectors") {
  CHECK(store::sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(store::sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  // RFC 4231, case 2; RFC 4648, section 10.
  CHECK(store::hmac_sha256("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  for (const auto& [plain, coded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    CHECK(store::base64(std::as_bytes(std::span(plain))) == coded);
    CHECK(store::from_base64(coded) == plain);
  }
}

TEST_CASE("An untouched project has no problem, and its record no name") {
  StoreWorld w;
  fill(w);
  const store::AuditReport report = store::verify(w.folder);
  CHECK(joined(report).empty());
  CHECK(report.models == 2);
  store::Project project = w.open();
  std::string record;
  for (const store::AuditEvent& event : store::audit_events(project))
    record += event.payload;
  const auto exported = w.dir / "record.jsonl";
  store::export_audit(project, exported);
  record += read_file(exported);
  for (const char* secret : {"img/", "video_", "Smith", "/nowhere", "/ward"})
    CHECK(record.find(secret) == std::string::npos);
  CHECK(record.find("Dr B") != std::string::npos);  // who labelled is what a record is for
  CHECK(report.head == store::audit_events(project).back().hash);
  CHECK(joined(store::verify(w.folder, store::audit_events(project)[3].hash)).empty());
}

TEST_CASE("A change of any table is found and named") {
  StoreWorld w;
  fill(w);
  const auto copy = w.dir / "copy";
  struct Row {
    std::string sql;
    std::string told;
  };
  const std::string unlock = "DROP TRIGGER events_stay; DROP TRIGGER events_remain; ";
  for (const Row& row : std::vector<Row>{
           {"UPDATE labels SET label = 1 - label WHERE number = 2", "table labels"},
           {"UPDATE labels SET reader = 'Dr X' WHERE number = 0", "table labels"},
           {"DELETE FROM labels WHERE number = 10", "table labels lacks"},
           {"INSERT INTO labels VALUES(99, 5, 1, 'me', 0, NULL, NULL, '', 0)", "no event made"},
           {"UPDATE picks SET score = score + 1e-12 WHERE round = 1 AND rank = 0", "table picks"},
           {"UPDATE models SET accepted = 1 - accepted WHERE number = 1", "table models"},
           {"UPDATE models SET auc = 0.25 WHERE number = 1", "table models"},
           {"DELETE FROM training WHERE model = 1 AND place = 3", "table training"},
           {"UPDATE samples SET split = 0 WHERE split = 1", "table samples"},
           {"UPDATE samples SET withdrawn = 0", "table samples"},
           {"UPDATE rounds SET model = 0 WHERE number = 0", "table rounds"},
           {"UPDATE facts SET value = '0' WHERE name = 'current_model'", "table facts"},
           {"UPDATE scorings SET count = 1", "table scorings"},
           {"UPDATE names SET path = 'img/x.png' WHERE sample = 7", "sample 7"},
           {"UPDATE names SET grp = 'video_1' WHERE sample = 8", "sample 8"},
           {"UPDATE names SET id = 5 WHERE sample = 9", "sample 9"},
           {"UPDATE comments SET text = 'nothing'", "comment"},
           {"DELETE FROM comments", "comment"},
           {"UPDATE secrets SET value = x'00' WHERE name = 'salt'", "salted names"},
           {"UPDATE secrets SET value = CAST('x' AS BLOB) WHERE name = 'application'", "application"},
           {"UPDATE roots SET path = '/elsewhere'", "folder of the images"},
           {"UPDATE working SET data = x'00' WHERE name = 'means'", "working data"},
           {"UPDATE blobs SET data = CAST(data || x'00' AS BLOB)", "content"},
           {"DELETE FROM blobs WHERE hash = (SELECT scores FROM scorings LIMIT 1)", "missing"},
           {unlock + "UPDATE events SET time = '2001' WHERE seq = 3", "event 3"},
           {unlock + "UPDATE events SET payload = replace(payload, 'Dr', 'dr') WHERE seq = 2", "schema"},
           {unlock + "DELETE FROM events WHERE seq = 4", "event 4 is missing"},
           {"CREATE TABLE more(a)", "schema"}}) {
    INFO(row.sql);
    copy_project(w.folder, copy);
    tamper(copy, row.sql);
    CHECK_THAT(joined(store::verify(copy)), ContainsSubstring(row.told));
  }
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((w.folder / "project.db").c_str(), &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "DELETE FROM events", nullptr, nullptr, nullptr) == SQLITE_CONSTRAINT);
  sqlite3_close(db);
}

TEST_CASE("A changed model file is found, named and never used") {
  StoreWorld w;
  fill(w);
  store::Project project = w.open();
  const store::StoredModel model = *project.current_model();
  std::filesystem::permissions(model.file, std::filesystem::perms::owner_all);
  flip_bit(model.file, 3, 1);
  CHECK_THAT(joined(store::verify(w.folder)),
             ContainsSubstring("model 1") && ContainsSubstring(model.file.filename().string()));
  CHECK_THAT(refusal([&] { (void)store::load_model(model, LinearModel::load); }),
             ContainsSubstring("does not hold"));
  CHECK_THAT(refusal([&] { store::export_project(project, w.dir / "out"); }),
             ContainsSubstring("does not hold"));
  std::filesystem::remove(model.file);
  CHECK_THAT(joined(store::verify(w.folder)), ContainsSubstring("missing"));
  w.dir.write("project/models/stray.safetensors", "x");
  CHECK_THAT(joined(store::verify(w.folder)), ContainsSubstring("stray"));
}

TEST_CASE("A changed byte anywhere in the database is found, unless nothing is read from it") {
  StoreWorld w;
  fill(w);
  tamper(w.folder, "PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string content = dump_database(w.folder);
  REQUIRE_FALSE(content.empty());
  const auto copy = w.dir / "copy";
  copy_project(w.folder, copy);
  const std::string whole = read_file(w.folder / "project.db");
  const KeyedRandom random(42, Purpose::order);
  index_t found = 0;
  index_t unused = 0;
  for (index_t i = 0; i < 120; ++i) {
    for (const char* rest : {"project.db-wal", "project.db-shm"})
      std::filesystem::remove(copy / rest);
    std::ofstream(copy / "project.db", std::ios::binary) << whole;
    const auto at = static_cast<std::uintmax_t>(random.below(2 * i, static_cast<index_t>(whole.size())));
    const auto bit = static_cast<int>(random.below(2 * i + 1, 8));
    flip_bit(copy / "project.db", at, bit);
    const bool told = !store::verify(copy).problems.empty();
    const bool changed = dump_database(copy) != content;
    INFO("byte " << at << " bit " << bit);
    CHECK((told || !changed));
    found += told ? 1 : 0;
    unused += changed ? 0 : 1;
  }
  INFO(found << " found, " << unused << " without content");
  CHECK(found >= 20);
}

TEST_CASE("Removing the end of a record shows only against a hash noted elsewhere") {
  StoreWorld w;
  fill(w);
  const std::string head = store::verify(w.folder).head;
  CHECK(joined(store::verify(w.folder, head)).empty());
  tamper(w.folder,
         "DROP TRIGGER events_remain; DELETE FROM events WHERE seq = (SELECT max(seq) FROM events);"
         "UPDATE samples SET withdrawn = 0; CREATE TRIGGER events_remain BEFORE DELETE ON events\n"
         "  BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;");
  CHECK(joined(store::verify(w.folder)).empty());
  CHECK_THAT(joined(store::verify(w.folder, head)), ContainsSubstring("was noted"));
}

TEST_CASE("An exported record can be checked alone") {
  StoreWorld w;
  fill(w);
  const auto file = w.dir / "record.jsonl";
  std::string head;
  {
    store::Project project = w.open();
    store::export_audit(project, file);
    head = project.status().head;
  }
  const store::AuditReport good = store::verify_export(file, head);
  CHECK(joined(good).empty());
  CHECK(good.events > 5);
  CHECK(good.contents > 5);
  const std::string text = read_file(file);
  const KeyedRandom random(43, Purpose::order);
  for (index_t i = 0; i < 60; ++i) {
    std::string changed = text;
    char& byte = changed[static_cast<std::size_t>(random.below(i, static_cast<index_t>(text.size())))];
    byte = static_cast<char>(byte ^ 1);
    if (byte == '\n' || (byte ^ 1) == '\n') continue;  // joins or splits lines: JSON breaks
    w.dir.write("changed.jsonl", changed);
    INFO(i);
    CHECK_FALSE(store::verify_export(w.dir / "changed.jsonl", head).problems.empty());
  }
  // A line that is left out.
  const std::string cut = text.substr(0, text.rfind('\n', text.size() - 2) + 1);
  w.dir.write("changed.jsonl", cut);
  CHECK_FALSE(store::verify_export(w.dir / "changed.jsonl", head).problems.empty());
}

TEST_CASE("What made a model, and what a sample has touched") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 3);
  const std::vector<store::SampleUse> uses = store::samples_of(project, 1);
  CHECK(uses.size() == 10 + 5);  // its own ten, and the five its parent was made with
  const store::Sample first = project.queries()[0].picks[0].sample;
  const store::Sample second = project.queries()[1].picks[0].sample;
  const auto touches = [&](const store::Sample& sample) {
    std::string text;
    for (const store::ModelTouch& touch : store::models_of(project, sample)) {
      text += std::to_string(touch.model) + (touch.trained ? "t" : "") + (touch.inherited ? "i" : "") +
              (touch.tested ? "s" : "") + (touch.current ? "c" : "") + " ";
    }
    return text;
  };
  CHECK(touches(first) == "0t 1ti 2tic ");
  CHECK(touches(second) == "1t 2tic ");
  CHECK(touches(project.sample("img/59.png")) == "0s 1s 2sc ");
  // Withdrawn, it is trained on no more, and what descends from it is still named.
  const std::vector<std::string> out = {first.path};
  project.withdraw(out, "consent withdrawn");
  w.rounds(project, 1);
  CHECK(w.centroids.calls.back().all.size() == 19);
  CHECK(touches(first) == "0t 1ti 2ti 3ic ");
  CHECK_THAT(store::audit_events(project)[store::audit_events(project).size() - 5].payload +
                 store::audit_events(project)[store::audit_events(project).size() - 4].payload,
             ContainsSubstring("\"trained\":[0,1,2]"));
  CHECK(refusal([&] { project.withdraw(out, "again"); }) != "");
}
