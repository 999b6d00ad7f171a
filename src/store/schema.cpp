// SPDX-License-Identifier: Apache-2.0
#include "schema.hpp"

#include <array>

#include <fmt/format.h>

namespace aift::store {

namespace {

/// Step n brings version n to version n + 1. A step that was released never changes.
constexpr std::array<std::string_view, 2> kSteps = {
    R"sql(
-- The record: events and what they refer to. Nothing here is ever changed or removed.
CREATE TABLE events(seq INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL,
                    payload TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE blobs(hash TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TRIGGER events_stay BEFORE UPDATE ON events
  BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;
CREATE TRIGGER events_remain BEFORE DELETE ON events
  BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;

-- What the record must not hold: names, paths, comments. Sealed by keyed hashes in the record.
CREATE TABLE secrets(name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE roots(number INTEGER PRIMARY KEY, path TEXT NOT NULL) STRICT;
CREATE TABLE names(sample INTEGER PRIMARY KEY, root INTEGER NOT NULL, path TEXT NOT NULL,
                   grp TEXT NOT NULL, frame INTEGER NOT NULL, id INTEGER NOT NULL,
                   time REAL, cost REAL) STRICT;
CREATE UNIQUE INDEX names_id ON names(id);
CREATE TABLE comments(label INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE working(name TEXT PRIMARY KEY, data BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- What follows from the events.
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE samples(number INTEGER PRIMARY KEY, sid TEXT NOT NULL, gid TEXT NOT NULL,
                     seal TEXT NOT NULL, split INTEGER NOT NULL, given INTEGER NOT NULL,
                     joined INTEGER NOT NULL, withdrawn INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX samples_sid ON samples(sid);
CREATE TABLE rounds(number INTEGER PRIMARY KEY, event INTEGER NOT NULL, rule TEXT NOT NULL,
                    model INTEGER NOT NULL, scoring INTEGER NOT NULL, closed INTEGER NOT NULL) STRICT;
CREATE TABLE picks(round INTEGER NOT NULL, rank INTEGER NOT NULL, sample INTEGER NOT NULL,
                   score REAL, entropy REAL, diversity REAL, prediction INTEGER NOT NULL,
                   probability REAL, audit INTEGER NOT NULL, reason TEXT NOT NULL,
                   PRIMARY KEY(round, rank)) STRICT, WITHOUT ROWID;
CREATE INDEX picks_sample ON picks(sample);
CREATE TABLE labels(number INTEGER PRIMARY KEY, event INTEGER NOT NULL, sample INTEGER NOT NULL,
                    reader TEXT NOT NULL, label INTEGER NOT NULL, lead_time REAL, confidence REAL,
                    comment TEXT NOT NULL, superseded INTEGER NOT NULL) STRICT;
CREATE INDEX labels_sample ON labels(sample);
CREATE TABLE models(number INTEGER PRIMARY KEY, event INTEGER NOT NULL, hash TEXT NOT NULL,
                    type TEXT NOT NULL, parent INTEGER NOT NULL, round INTEGER NOT NULL,
                    accepted INTEGER NOT NULL, auc REAL, accuracy REAL, balanced_accuracy REAL,
                    log_loss REAL, tested INTEGER NOT NULL, predictions TEXT NOT NULL) STRICT;
CREATE TABLE training(model INTEGER NOT NULL, place INTEGER NOT NULL, sample INTEGER NOT NULL,
                      label INTEGER NOT NULL, PRIMARY KEY(model, place)) STRICT, WITHOUT ROWID;
CREATE INDEX training_sample ON training(sample);
CREATE TABLE scorings(number INTEGER PRIMARY KEY, event INTEGER NOT NULL, model INTEGER NOT NULL,
                      round INTEGER NOT NULL, count INTEGER NOT NULL, scores TEXT NOT NULL,
                      means TEXT NOT NULL, features TEXT NOT NULL) STRICT;
)sql",
    // 1 -> 2: how long a training took, so that status can say what going on would cost.
    R"sql(
ALTER TABLE models ADD COLUMN seconds REAL;
CREATE INDEX picks_round ON picks(round, sample);
)sql"};

}  // namespace

int newest_schema() { return static_cast<int>(kSteps.size()); }

void migrate(const Database& database, int version) {
  for (auto at = static_cast<int>(database.integer("PRAGMA user_version")); at < version; ++at) {
    database.run(kSteps[static_cast<std::size_t>(at)]);
    database.run(fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {};", at + 1,
                             kApplicationId));
  }
}

const std::vector<std::string_view>& derived_tables() {
  static const std::vector<std::string_view> tables = {
      "facts", "samples", "rounds", "picks", "labels", "models", "training", "scorings"};
  return tables;
}

}  // namespace aift::store
