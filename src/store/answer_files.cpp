// SPDX-License-Identifier: Apache-2.0
// Answers of readers from files: CSV and what Label Studio exports.
#include <algorithm>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>
#include <aift/store/tasks.hpp>

namespace aift::store {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxText = 10'000;  // of a comment, bytes

label_t label_from(const std::string& word, std::span<const std::string> classes,
                   const std::string& where) {
  if (word == "?" || word == "cannot tell") return kUnlabelled;
  const auto found = std::find(classes.begin(), classes.end(), word);
  std::string names;
  for (const std::string& name : classes)
    names += (names.empty() ? "" : ", ") + name;
  AIFT_EXPECT(found != classes.end(), ValueError,
              "{}: \"{}\" is no class; the project has {} (or \"?\" for cannot tell).", where,
              word.substr(0, 100), names);
  return static_cast<label_t>(found - classes.begin());
}

double number_from(const std::string& text, const std::string& where, const char* what) {
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto value = io::parse_number(text);
  AIFT_EXPECT(value && std::isfinite(*value), IoError, "{}: {} must be a number; got \"{}\".", where,
              what, text.substr(0, 100));
  return *value;
}

std::string cut(std::string text) {
  if (text.size() > kMaxText) text.resize(kMaxText);
  return text;
}

// ------------------------------------------------------------------ CSV

std::vector<Answer> from_csv(std::string_view text, std::string_view name,
                             std::span<const std::string> classes, const std::string& reader) {
  const io::CsvTable table = io::parse_csv(text, name);
  const auto column = [&](std::initializer_list<const char*> names) -> std::optional<std::size_t> {
    for (const char* one : names) {
      if (const auto at = table.column(one)) return at;
    }
    return std::nullopt;
  };
  const auto sample = column({"sample", "path"});
  const auto label = column({"label", "choice"});
  AIFT_EXPECT(sample && label, IoError,
              "{} must have the columns sample (or path) and label (or choice).", name);
  const auto who = column({"reader", "annotator"});
  const auto confidence = column({"confidence"});
  const auto lead_time = column({"lead_time"});
  const auto comment = column({"comment"});
  std::vector<Answer> answers;
  for (const io::CsvRow& row : table.rows) {
    if (row.fields[*label].empty()) continue;
    const std::string where = fmt::format("{}, line {}", name, row.line);
    Answer answer;
    answer.sample = row.fields[*sample];
    AIFT_EXPECT(!answer.sample.empty(), IoError, "{}: the line names no sample.", where);
    answer.label = label_from(row.fields[*label], classes, where);
    answer.reader = who && !row.fields[*who].empty() ? row.fields[*who] : reader;
    if (confidence) answer.confidence = number_from(row.fields[*confidence], where, "confidence");
    if (lead_time) answer.lead_time = number_from(row.fields[*lead_time], where, "lead_time");
    if (comment) answer.comment = cut(row.fields[*comment]);
    answers.push_back(std::move(answer));
  }
  return answers;
}

// ------------------------------------------------------------------ Label Studio

/// A member that is text; empty without.
std::string text_member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string sample_of(const Json& data, const std::string& where) {
  for (const char* name : {"sample", "path"}) {
    std::string sample = text_member(data, name);
    if (!sample.empty()) return sample;
  }
  throw IoError(fmt::format("{}: the task's data do not name a sample; label the tasks that `aift "
                            "query` wrote.",
                            where));
}

std::string reader_of(const Json& by, const std::string& otherwise) {
  if (by.is_number_integer()) return fmt::format("reader {}", by.get<std::int64_t>());
  if (by.is_string() && !by.get<std::string>().empty()) return by.get<std::string>();
  if (by.is_object()) {
    std::string email = text_member(by, "email");
    if (!email.empty()) return email;
    const auto id = by.find("id");
    if (id != by.end() && id->is_number_integer())
      return fmt::format("reader {}", id->get<std::int64_t>());
  }
  return otherwise;
}

double number_of(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

/// One result of an annotation into the answer; true when it is the label.
bool take_result(const Json& result, std::span<const std::string> classes, const std::string& where,
                 Answer& answer) {
  AIFT_EXPECT(result.is_object() && result.value("value", Json()).is_object(), IoError,
              "{}: a result must be an object with a value.", where);
  const Json& value = result.at("value");
  const auto choices = value.find("choices");
  if (choices != value.end()) {
    AIFT_EXPECT(choices->is_array() && choices->size() == 1 && choices->front().is_string(), IoError,
                "{}: expected exactly one choice.", where);
    answer.label = label_from(choices->front().get<std::string>(), classes, where);
    return true;
  }
  const std::string from = text_member(result, "from_name");
  if (from == "confidence") {
    for (const char* kind : {"number", "rating"}) {
      if (value.contains(kind)) answer.confidence = number_of(value.at(kind));
    }
  }
  const auto text = value.find("text");
  if (from == "comment" && text != value.end()) {
    const Json& one = text->is_array() && !text->empty() ? text->front() : *text;
    if (one.is_string()) answer.comment = cut(one.get<std::string>());
  }
  return false;
}

void from_annotations(const Json& task, const std::string& where,
                      std::span<const std::string> classes, const std::string& reader,
                      std::vector<Answer>& answers) {
  const Json& data = task.at("data");
  AIFT_EXPECT(data.is_object(), IoError, "{}: data must be an object.", where);
  const Json annotations = task.value("annotations", Json::array());
  AIFT_EXPECT(annotations.is_array(), IoError, "{}: annotations must be a list.", where);
  for (const Json& one : annotations) {
    AIFT_EXPECT(one.is_object(), IoError, "{}: an annotation must be an object.", where);
    const auto cancelled = one.find("was_cancelled");
    if (cancelled != one.end() && cancelled->is_boolean() && cancelled->get<bool>()) continue;
    Answer answer;
    answer.sample = sample_of(data, where);
    answer.reader = reader_of(one.value("completed_by", Json()), reader);
    answer.lead_time = number_of(one.value("lead_time", Json()));
    const Json results = one.value("result", Json::array());
    AIFT_EXPECT(results.is_array(), IoError, "{}: result must be a list.", where);
    bool labelled = false;
    for (const Json& result : results)
      labelled = take_result(result, classes, where, answer) || labelled;
    if (labelled) answers.push_back(std::move(answer));
  }
}

/// JSON-MIN: the data and the answers side by side.
void from_flat(const Json& task, const std::string& where, std::span<const std::string> classes,
               const std::string& reader, std::vector<Answer>& answers) {
  std::string word = text_member(task, "label");
  if (word.empty()) word = text_member(task, "choice");
  if (word.empty()) return;
  Answer answer;
  answer.sample = sample_of(task, where);
  answer.label = label_from(word, classes, where);
  answer.reader = reader_of(task.value("annotator", Json()), reader);
  answer.lead_time = number_of(task.value("lead_time", Json()));
  answer.confidence = number_of(task.value("confidence", Json()));
  answer.comment = cut(text_member(task, "comment"));
  answers.push_back(std::move(answer));
}

std::vector<Answer> from_json(std::string_view text, std::string_view name,
                              std::span<const std::string> classes, const std::string& reader) {
  const Json json = Json::parse(text, nullptr, false);
  AIFT_EXPECT(json.is_array(), IoError,
              "{} must be a list of tasks in JSON, as Label Studio exports it.", name);
  std::vector<Answer> answers;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string where = fmt::format("{}, task {}", name, i);
    const Json& task = json[i];
    AIFT_EXPECT(task.is_object(), IoError, "{}: a task must be an object.", where);
    if (task.contains("data")) {
      from_annotations(task, where, classes, reader, answers);
    } else {
      from_flat(task, where, classes, reader, answers);
    }
  }
  return answers;
}

}  // namespace

std::vector<Answer> parse_answers(std::string_view text, std::string_view name,
                                  std::span<const std::string> classes, const std::string& reader) {
  const auto first = text.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  const bool json = first != std::string_view::npos && (text[first] == '[' || text[first] == '{');
  return json ? from_json(text.substr(first), name, classes, reader)
              : from_csv(text, name, classes, reader);
}

std::vector<Answer> read_answers(const std::filesystem::path& file,
                                 std::span<const std::string> classes, const std::string& reader) {
  return parse_answers(io::read_text_file(file), file.string(), classes, reader);
}

}  // namespace aift::store
