// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/store/project.hpp>

#include "database.hpp"
#include "events.hpp"
#include "lock.hpp"

namespace aift::store {

namespace fs = std::filesystem;

/// An element by a number that a database names, which may say anything. throws IoError
template <class Container>
[[nodiscard]] auto& item(Container& container, std::int64_t number) {
  AIFT_EXPECT(number >= 0 && static_cast<std::size_t>(number) < container.size(), IoError,
              "The project is damaged: it names number {} of {}; restore it from a copy.", number,
              container.size());
  return container[static_cast<std::size_t>(number)];
}

inline constexpr const char* kDatabaseName = "project.db";
inline constexpr const char* kModels = "models";
inline constexpr const char* kLock = "lock";
/// Reader of labels that the data set brought; rule of the round that holds them.
inline constexpr const char* kDataSet = "data set";

/// What is private about a sample, as one text under the seal.
struct Names {
  std::int64_t root = 0;
  std::string path;
  std::string group;
  std::int64_t frame = -1;
  std::uint64_t id = 0;
  double time = 0;
  double cost = 0;
};
[[nodiscard]] std::string sid_of(std::string_view salt, std::string_view path);
[[nodiscard]] std::string gid_of(std::string_view salt, std::string_view group);
[[nodiscard]] std::string seal_of(std::string_view salt, const Names& names);
[[nodiscard]] std::string root_seal(std::string_view salt, std::string_view path);
[[nodiscard]] std::string application_seal(std::string_view salt, std::string_view text);
[[nodiscard]] std::string comment_seal(std::string_view salt, std::string_view comment);

/// What a scoring says of one sample.
struct ScoreRow {
  std::int32_t sample = 0;
  label_t dominant = kUnlabelled;
  double score = 0;
  double entropy = 0;
  double diversity = 0;
};
/// Bytes of rows, little endian, 32 each; and back. throws IoError for another length
[[nodiscard]] std::string pack(std::span<const ScoreRow> rows);
[[nodiscard]] std::vector<ScoreRow> unpack(const std::string& bytes);
template <class T>
[[nodiscard]] std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}
template <class T>
[[nodiscard]] std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::copy_n(bytes.data(), values.size() * sizeof(T), reinterpret_cast<char*>(values.data()));
  return values;
}

/// A scoring of the pool.
struct Scoring {
  std::int64_t number = -1;
  std::int64_t model = -1;
  std::int64_t count = 0;
  std::string scores, means, features;  // hashes
};

struct Project::Impl {
  fs::path folder;
  OpenOptions options;
  ProjectLock lock;
  Database db;
  ProjectSettings settings;
  std::string salt;

  Impl(const fs::path& folder, const OpenOptions& options);
  Impl(const fs::path& folder, const OpenOptions& options, Database db)
      : folder(folder), options(options), db(std::move(db)) {}

  void expect_writable() const;
  void remove_orphans() const;
  /// Adds an event and makes what follows from it, in the caller's transaction.
  Event append(const std::string& kind, const Json& payload) const;
  /// Keeps content under its hash, which is given back.
  std::string put_blob(const std::string& bytes) const;
  [[nodiscard]] std::string blob(const std::string& hash) const;
  [[nodiscard]] std::string fact(std::string_view name) const;
  [[nodiscard]] index_t current_model() const;
  void load();  ///< settings and salt
  /// Settings for the record, which holds a seal in the place of the application's text (it may name
  /// folders); the text itself is kept beside it.
  [[nodiscard]] Json record_settings(const ProjectSettings& settings) const;
  void rebuild() const;  ///< makes all that follows from the events again

  /// Adds samples in the caller's transaction; gives back how many.
  index_t add(const io::Dataset& data, bool first);
  void record_given_answers();
  /// Records answers in the caller's transaction; gives back how many were new.
  index_t take_answers(std::span<const Answer> answers) const;
  /// What is kept of the last scoring alone; empty when it is of another one.
  [[nodiscard]] std::string working(std::string_view name, const std::string& hash) const;
  [[nodiscard]] std::optional<Scoring> latest_scoring(index_t model) const;
  [[nodiscard]] StoredModel model(index_t number) const;
  [[nodiscard]] fs::path model_file(const std::string& hash, const std::string& type) const;
  [[nodiscard]] std::vector<std::uint64_t> ids() const;  ///< by number
  [[nodiscard]] bool test_set_is_locked() const;
};

/// A model row and others that several files read.
[[nodiscard]] StoredModel read_model(const Project::Impl& project, const Statement& row);
inline constexpr const char* kModelColumns =
    "number, hash, type, parent, round, accepted, auc, accuracy, balanced_accuracy, log_loss, "
    "tested, seconds";

}  // namespace aift::store
