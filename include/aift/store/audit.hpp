// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <aift/store/project.hpp>

namespace aift::store {

/// One entry of the record. No path, no name of a patient and no comment is in it: samples and groups
/// are called by keyed hashes, whose key stays in the project.
struct AuditEvent {
  index_t seq = 0;       ///< from 1 on
  std::string time;      ///< UTC as the clock said; order is that of seq
  std::string kind;      ///< init, settings, samples, query, labels, train, closed, scores, rollback, ...
  std::string payload;   ///< JSON
  std::string previous;  ///< hash of the entry before
  std::string hash;      ///< SHA-256 over all of this
};

/// What a check of a project found.
struct AuditReport {
  index_t events = 0;                 ///< looked at
  index_t contents = 0;               ///< score tables, training sets, ... hashed
  index_t models = 0;                 ///< files hashed
  std::string head;                   ///< hash of the last event
  std::vector<std::string> problems;  ///< one sentence each, naming what was changed; empty: none
};

/// Checks everything that a project holds against its record: the chain of the events, every content
/// and model file against its hash, every table against what the events make again, and names, groups
/// and comments against their seals.
///
/// head   hash of an event as it was noted elsewhere; empty: none. Only with it are entries found out
///        that were removed at the end, or a whole record that was written anew
/// finds  a changed byte of whatever the project says. Bytes of the database file that carry nothing
///        (free pages, page padding) are not looked at
/// cost   all that is stored is read and hashed once
[[nodiscard]] AuditReport verify(const std::filesystem::path& folder, const std::string& head = {});

/// All entries in order.
[[nodiscard]] std::vector<AuditEvent> audit_events(const Project& project);
/// Entries as JSON lines, with the contents that they refer to where `contents` is set; what an
/// auditor is given. throws IoError
void export_audit(const Project& project, const std::filesystem::path& file, bool contents = true);
/// Checks an exported file: chain and contents. returns problems as `verify` does
[[nodiscard]] AuditReport verify_export(const std::filesystem::path& file, const std::string& head = {});

/// One sample that a model has learnt from.
struct SampleUse {
  Sample sample;                ///< whom
  label_t label = kUnlabelled;  ///< as it was trained on
  index_t model = 0;            ///< by which model: the one asked about or one it descends from
};
/// What a model has learnt from, itself and through the models it descends from.
[[nodiscard]] std::vector<SampleUse> samples_of(const Project& project, index_t model);

/// How a model was touched by a sample.
struct ModelTouch {
  index_t model = 0;      ///< number
  bool trained = false;   ///< the sample was in its training set
  bool inherited = false; ///< it descends from one that was trained on it
  bool tested = false;    ///< the sample was in the test set that it was accepted or rejected by
  bool current = false;   ///< it is the one in force
};
/// Every model that a sample has touched: what a withdrawal has to name.
[[nodiscard]] std::vector<ModelTouch> models_of(const Project& project, const Sample& sample);

}  // namespace aift::store
