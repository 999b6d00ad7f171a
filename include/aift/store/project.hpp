// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/io/dataset.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/progress.hpp>
#include <aift/store/settings.hpp>

namespace aift::store {

/// What a sample is to a project.
enum class Side : std::uint8_t {
  pool = 0,  ///< may be asked about and trained on
  test = 1,  ///< of the locked test set: never asked about by a selector, never trained on
  out = 2,   ///< of a group of the test set, joined after it was locked, or without a label in it
};

/// One sample.
struct Sample {
  index_t number = 0;   ///< from 0 on, in the order of joining
  std::string sid;      ///< name in the record: a keyed hash of the path, 32 hexadecimal digits
  std::string path;     ///< as the data set named it
  std::string group;    ///< of it
  Side side = Side::pool;  ///< what it is for
  bool withdrawn = false;  ///< taken out by Project::withdraw
};

/// One sample a reader is asked about.
struct StorePick {
  Sample sample;           ///< whom
  index_t round = 0;       ///< in which it was asked about
  index_t rank = 0;        ///< 0: first
  double score = std::numeric_limits<double>::quiet_NaN();      ///< NaN: drawn without a score
  double entropy = std::numeric_limits<double>::quiet_NaN();    ///< nats
  double diversity = std::numeric_limits<double>::quiet_NaN();  ///< nats
  label_t prediction = kUnlabelled;  ///< of the model that picked
  double probability = std::numeric_limits<double>::quiet_NaN();  ///< of `prediction`, mean of the views
  bool audit = false;                ///< drawn at random as an audit sample
  std::string reason;                ///< one sentence
};

/// A query: who is asked about.
struct StoreQuery {
  index_t round = 0;              ///< from 0 on
  std::string rule;               ///< a selector's name, or "random"
  index_t model = -1;             ///< number of the model that scored; -1: none
  bool closed = false;            ///< trained on
  std::vector<StorePick> picks;   ///< best first
};

/// An answer of one reader.
struct Answer {
  std::string sample;                  ///< its sid, its path or its number
  std::string reader = "reader";       ///< who; not empty
  label_t label = kUnlabelled;         ///< kUnlabelled: could not tell
  double lead_time = std::numeric_limits<double>::quiet_NaN();   ///< seconds
  double confidence = std::numeric_limits<double>::quiet_NaN();  ///< in [0, 1]
  std::string comment;                 ///< free text; stays out of the record
};

/// An answer as it is kept.
struct StoredAnswer {
  index_t number = 0;        ///< from 0 on, in the order of coming in
  index_t sample = 0;        ///< number of the sample
  Answer answer;             ///< `sample` is the sid
  bool superseded = false;   ///< the same reader has corrected it
};

/// What the readers of a sample came to.
struct Verdict {
  index_t sample = 0;              ///< number of the sample
  label_t label = kUnlabelled;     ///< kUnlabelled: no label yet, or nobody could tell
  bool conflict = false;           ///< the readers disagree and the rule does not decide
  bool waiting = false;            ///< fewer readers than AnswerSettings::readers
  index_t first_answer = 0;        ///< number of the earliest answer that counts
  std::vector<std::pair<std::string, label_t>> readers;  ///< who said what, corrections applied
};

/// A model of the project.
struct StoredModel {
  index_t number = 0;         ///< from 0 on
  std::string hash;           ///< SHA-256 of its file
  std::filesystem::path file; ///< where it lies
  index_t parent = -1;        ///< number; -1: the network that the project began with
  index_t round = 0;          ///< in which it was trained
  bool accepted = false;      ///< passed the gate
  Metrics metrics;            ///< on the locked test set
  double seconds = std::numeric_limits<double>::quiet_NaN();  ///< that its training took
};

/// Where a project stands.
struct ProjectStatus {
  index_t samples = 0;            ///< all that ever joined
  index_t pool = 0;               ///< of these, in the pool
  index_t test = 0;               ///< of these, in the test set
  index_t out = 0;                ///< of these, kept out of both
  index_t withdrawn = 0;          ///< of these, withdrawn
  index_t test_labelled = 0;      ///< of the test set, with a label
  index_t labelled = 0;           ///< of the pool, with a verdict
  index_t conflicts = 0;          ///< samples that readers disagree on
  index_t answers = 0;            ///< of all readers, corrections counted
  index_t rounds = 0;             ///< asked in, the open one included
  index_t open_round = -1;        ///< -1: none is open
  index_t open_picks = 0;         ///< of the open round
  index_t open_answered = 0;      ///< of these
  index_t left = 0;               ///< of the pool, not asked about
  index_t unscored = 0;           ///< of these, not scored by the current model
  std::optional<StoredModel> model;  ///< the accepted one
  index_t models = 0;             ///< trained so far
  index_t rejected = 0;           ///< of these, rejected
  double seconds_per_label = std::numeric_limits<double>::quiet_NaN();  ///< median lead time
  double seconds_per_training = std::numeric_limits<double>::quiet_NaN();  ///< of the last one
  index_t events = 0;             ///< of the record
  std::string head;               ///< hash of the last event
  std::uintmax_t bytes = 0;       ///< of the folder
  std::string next;               ///< what to do next, one sentence
};

/// How a project is opened.
struct OpenOptions {
  bool write = true;           ///< false: looked at only; nothing waits
  double wait_seconds = 10;    ///< for another process that holds it
  std::string who = "an application";  ///< said to others that wait
  /// Milliseconds since 1970; empty: the system's clock. Times are recorded and decide nothing.
  std::function<std::int64_t()> now;
};

/// A reading project in one folder: project.db (SQLite, write-ahead log), models named by their SHA-256,
/// and a lock. Every call that changes it is one transaction on the disk: after a crash, a kill or a
/// full disk it opens in the state of the last call that returned.
///
/// record    every change is an event with a hash over the one before; all else is made from the
///           events and can be made again from them (store/audit.hpp)
/// lock      one process writes at a time, held from opening to closing; looking takes no lock
/// place     a local disk: the write-ahead log does not work over network file systems
/// errors    IoError (disk, damage, another process), ValueError (what cannot be done now), and the
///           project is as it was
/// thread rule: one call at a time per object
class Project {
 public:
  /// Makes a project in a folder that is missing or empty, with these samples.
  ///
  /// data   classes of `settings`; labels of pool samples count as answers of the reader "data set";
  ///        those of the test set are what models are measured by
  /// split  that of `data`, else `test_share` of the groups, drawn by the seed
  /// throws IoError (folder), ValueError (settings, no samples, one group in pool and test)
  static void create(const std::filesystem::path& folder, const ProjectSettings& settings,
                     const io::Dataset& data, const OpenOptions& options = {});
  /// throws IoError: no project, of a later version, damaged, held by another process (which one)
  explicit Project(const std::filesystem::path& folder, const OpenOptions& options = {});
  ~Project();
  Project(Project&&) noexcept;             ///< The other one can then be destroyed, nothing else.
  Project& operator=(Project&&) noexcept;  ///< As the constructor.

  [[nodiscard]] const std::filesystem::path& folder() const noexcept;  ///< where it lies
  [[nodiscard]] const ProjectSettings& settings() const noexcept;      ///< in force
  /// Replaces the settings; classes must stay. Takes effect with the next call.
  void change_settings(const ProjectSettings& settings);

  /// Adds what is not there yet (by path). A new image of a group of the test set is kept out of the
  /// pool; the test set itself grows only before the first model. returns how many joined
  index_t add(const io::Dataset& data);
  /// Takes a sample out of everything from now on. The record names the models it has touched.
  void withdraw(std::span<const std::string> samples, const std::string& reason);

  /// The images of a data set lie in another folder now; their names stay. throws ValueError: no data set
  /// of the project lay in `from`
  void move_data(const std::filesystem::path& from, const std::filesystem::path& to);
  [[nodiscard]] std::vector<std::filesystem::path> data_folders() const;  ///< of all data sets, in order

  /// The open query, or a new one, from stored scores. Without a model, candidates are drawn at
  /// random. Only of the pool: the test set is not among what is looked at.
  /// throws ValueError: nobody left, or scores of the current model are missing (train first)
  StoreQuery query(std::optional<index_t> budget = {});
  /// The open query, or nothing.
  [[nodiscard]] std::optional<StoreQuery> open_query() const;
  [[nodiscard]] std::vector<StoreQuery> queries() const;  ///< all, in order

  /// Takes answers in. An answer that this reader has given before with the same label and remarks is
  /// left out, another one corrects it. returns how many were new
  /// throws ValueError naming the answer: unknown or withdrawn sample, label outside the classes
  index_t label(std::span<const Answer> answers);
  [[nodiscard]] std::vector<StoredAnswer> answers() const;  ///< all, in the order of coming in
  [[nodiscard]] std::vector<Verdict> verdicts() const;      ///< per answered sample, by number

  [[nodiscard]] std::vector<StoredModel> models() const;            ///< all, in order
  [[nodiscard]] std::optional<StoredModel> current_model() const;   ///< the accepted one in force
  /// Makes an accepted model current again. throws ValueError: unknown, rejected or current
  void rollback(index_t model, const std::string& reason);

  /// Samples as a data set, position = number: what sources and trainers work on. Labels are those of
  /// the test set and nothing else.
  [[nodiscard]] io::Dataset dataset() const;
  [[nodiscard]] std::vector<Sample> samples() const;               ///< all, by number
  [[nodiscard]] Sample sample(const std::string& name) const;      ///< by sid, path or number
  [[nodiscard]] ProjectStatus status() const;                      ///< where it stands

  struct Impl;                            ///< not for users
  [[nodiscard]] Impl& impl() noexcept { return *impl_; }              ///< not for users
  [[nodiscard]] const Impl& impl() const noexcept { return *impl_; }  ///< not for users

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace aift::store
