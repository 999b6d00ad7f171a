// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/store/project.hpp>

namespace aift::store {

/// What tasks carry of the images.
enum class TaskImages : std::uint8_t {
  path,      ///< the path, behind TaskOptions::prefix
  embedded,  ///< a JPEG thumbnail inside the task; such a file holds pictures of patients
  none,      ///< nothing: samples go by their names in the record
};

/// How a query is written for readers.
struct TaskOptions {
  TaskImages images = TaskImages::path;  ///< what tasks carry of the images
  std::string prefix;           ///< put before a path, "/data/local-files/?d=" for Label Studio
  index_t thumbnail = 512;      ///< longer side of an embedded picture, pixels
  const ImageSource* source = nullptr;  ///< required for embedded pictures
  /// What the network thinks is told too. Readers who see it agree with it more often than others
  /// do; without it they judge alone.
  bool predictions = true;
  /// Label Studio shows the prediction as an answer that is only to be confirmed.
  bool preannotate = false;
};

/// CSV, one line per pick, with empty columns to be filled in and given back to read_answers:
/// `sample,round,rank,image,prediction,probability,score,entropy,diversity,reason,label,reader,
/// confidence,lead_time,comment`. A number that the rule does not make is an empty field. `sample` is
/// the name in the record.
[[nodiscard]] std::string task_csv(const Project& project, std::span<const StorePick> picks,
                                   const TaskOptions& options = {});
/// Tasks for Label Studio's import, with the columns of task_csv as data of each task.
[[nodiscard]] std::string label_studio_tasks(const Project& project, std::span<const StorePick> picks,
                                             const TaskOptions& options = {});
/// The labelling interface that fits these tasks: one choice, a rating, a remark.
[[nodiscard]] std::string label_studio_interface(std::span<const std::string> classes);

/// Samples of the test set that have no label, as picks without scores: readers label all of them, no
/// selector is asked. In an order drawn by the seed.
[[nodiscard]] std::vector<StorePick> unlabelled_test_samples(const Project& project);

/// Answers from text: CSV, or JSON as Label Studio exports it ("JSON" and "JSON-MIN").
///
/// CSV     a column `sample` (name, path or number) or `path`, and `label` (or `choice`); `reader` (or
///         `annotator`), `confidence`, `lead_time`, `comment` where they are there. A line with an
///         empty label is not an answer
/// label   a class by its name; "?" or "cannot tell" for a reader who could not
/// reader  of a line that names none, else `reader`; of Label Studio the e-mail address or "reader N"
/// name    how messages call the text, a file's path as a rule
/// throws  IoError naming line or task: not to be understood; ValueError: not a class
[[nodiscard]] std::vector<Answer> parse_answers(std::string_view text, std::string_view name,
                                                std::span<const std::string> classes,
                                                const std::string& reader = "reader");
/// The same from a file.
[[nodiscard]] std::vector<Answer> read_answers(const std::filesystem::path& file,
                                               std::span<const std::string> classes,
                                               const std::string& reader = "reader");

/// The samples that readers disagree on: `sample,path,group,<who said what>`.
[[nodiscard]] std::string conflict_csv(const Project& project);

}  // namespace aift::store
