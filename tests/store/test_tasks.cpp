// SPDX-License-Identifier: Apache-2.0
#include <aift/store/tasks.hpp>

#include <cmath>

#include <nlohmann/json.hpp>

#include <aift/io/csv.hpp>

#include "store/store_world.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::vector<std::string> kClasses = {"clear", "polyp"};

std::vector<store::Answer> parse(std::string_view text) {
  return store::parse_answers(text, "answers", kClasses, "me");
}

}  // namespace

TEST_CASE("A table goes out, is filled in and comes back") {
  StoreWorld w;
  w.settings.classes = kClasses;
  w.truth.class_names = kClasses;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 1);
  const store::StoreQuery query = project.query();
  const io::CsvTable table = io::parse_csv(store::task_csv(project, query.picks), "tasks");
  REQUIRE(table.rows.size() == 5);
  std::string back = "sample,label,comment\n";
  for (const io::CsvRow& row : table.rows) {
    CHECK(row.fields[*table.column("image")].starts_with("img/"));
    CHECK_FALSE(row.fields[*table.column("score")].empty());
    CHECK((row.fields[*table.column("prediction")] == "clear" ||
           row.fields[*table.column("prediction")] == "polyp"));
    CHECK(row.fields[*table.column("label")].empty());
    back += row.fields[0] + ",polyp,\"a, b\"\n";
  }
  CHECK(project.label(parse(back)) == 5);
  CHECK(project.answers().back().answer.comment == "a, b");
  CHECK(project.answers().back().answer.reader == "me");
  CHECK(parse(store::task_csv(project, query.picks)).empty());  // nothing filled in
}

TEST_CASE("Readers can be left alone with the picture") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 1);
  store::TaskOptions blind;
  blind.predictions = false;
  blind.images = store::TaskImages::none;
  const store::StoreQuery query = project.query();
  const std::string csv = store::task_csv(project, query.picks, blind);
  CHECK(csv.find("class_") == std::string::npos);
  CHECK(csv.find("img/") == std::string::npos);
  const std::string json = store::label_studio_tasks(project, query.picks, blind);
  CHECK(json.find("score") == std::string::npos);
  CHECK(json.find("img/") == std::string::npos);
}

TEST_CASE("Tasks for Label Studio carry the columns; a thumbnail can be inside") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 1);
  store::TaskOptions options;
  options.images = store::TaskImages::embedded;
  options.source = &w.source;
  options.preannotate = true;
  const store::StoreQuery query = project.query();
  const auto tasks = nlohmann::json::parse(store::label_studio_tasks(project, query.picks, options));
  REQUIRE(tasks.size() == 5);
  for (const auto& task : tasks) {
    const auto& data = task.at("data");
    CHECK(data.at("image").get<std::string>().starts_with("data:image/jpeg;base64,/9j/"));
    for (const char* column : {"prediction", "score", "entropy", "diversity", "reason", "sample"})
      CHECK(data.contains(column));
    CHECK(task.at("predictions")[0].at("result")[0].at("value").at("choices")[0] ==
          data.at("prediction"));
  }
  CHECK_THAT(store::label_studio_interface(std::vector<std::string>{"a<b", "c"}),
             ContainsSubstring("a&lt;b"));
}

TEST_CASE("What Label Studio exports is read") {
  const auto answers = parse(R"([
   {"id": 1, "data": {"sample": "s1", "image": "x"}, "annotations": [
     {"completed_by": {"id": 3, "email": "a@ward"}, "lead_time": 12.5, "was_cancelled": false, "result": [
        {"from_name": "comment", "type": "textarea", "value": {"text": ["blurred"]}},
        {"from_name": "confidence", "type": "number", "value": {"number": 0.8}},
        {"from_name": "label", "type": "choices", "value": {"choices": ["polyp"]}}]},
     {"completed_by": 4, "result": [{"type": "choices", "value": {"choices": ["cannot tell"]}}]},
     {"completed_by": 5, "was_cancelled": true, "result": [{"type": "choices", "value": {"choices": ["clear"]}}]},
     {"completed_by": 6, "result": []}]},
   {"id": 2, "data": {"sample": "s2"}, "annotations": []}])");
  REQUIRE(answers.size() == 2);
  CHECK(answers[0].sample == "s1");
  CHECK(answers[0].reader == "a@ward");
  CHECK(answers[0].label == 1);
  CHECK(answers[0].lead_time == 12.5);
  CHECK(answers[0].confidence == 0.8);
  CHECK(answers[0].comment == "blurred");
  CHECK(answers[1].reader == "reader 4");
  CHECK(answers[1].label == kUnlabelled);

  const auto flat = parse(R"([{"sample": "s3", "label": "clear", "annotator": 7, "lead_time": 3.0},
                              {"sample": "s4"}])");
  REQUIRE(flat.size() == 1);
  CHECK(flat[0].label == 0);
  CHECK(flat[0].reader == "reader 7");
}

TEST_CASE("Answers that cannot be understood are told with their place") {
  const auto told = [](std::string_view text) { return refusal([&] { (void)parse(text); }); };
  CHECK_THAT(told("sample,label\na,polyp\nb,poylp\n"),
             ContainsSubstring("line 3") && ContainsSubstring("clear, polyp"));
  CHECK_THAT(told("sample,answer\na,polyp\n"), ContainsSubstring("columns sample"));
  CHECK_THAT(told("sample,label,confidence\na,polyp,much\n"), ContainsSubstring("confidence"));
  CHECK_THAT(told("[1"), ContainsSubstring("list of tasks"));
  CHECK_THAT(told("[1]"), ContainsSubstring("task 0"));
  CHECK_THAT(told(R"([{"data": 3}])"), ContainsSubstring("object"));
  CHECK_THAT(told(R"([{"data": {"sample": "a"}, "annotations": [{"result": [{"value": {"choices": ["a", "b"]}}]}]}])"),
             ContainsSubstring("exactly one choice"));
  CHECK_THAT(told(R"([{"data": {}, "annotations": [{"result": []}]}])"),
             ContainsSubstring("do not name a sample"));
  CHECK(parse("sample,label\na,?\n")[0].label == kUnlabelled);
  CHECK(std::isnan(parse("sample,label\na,clear\n")[0].lead_time));
}

TEST_CASE("The test set can be labelled by readers, all of it") {
  StoreWorld w;
  io::Dataset bare = w.truth;
  std::fill(bare.labels.begin(), bare.labels.end(), kUnlabelled);
  bare.split.clear();
  w.settings.test_share = 0.25;
  store::Project::create(w.folder, w.settings, bare);
  store::Project project = w.open();
  CHECK(project.status().test == 15);
  const std::vector<store::StorePick> picks = store::unlabelled_test_samples(project);
  CHECK(picks.size() == 15);
  w.rounds(project, 2);
  REQUIRE(!project.models().empty());
  CHECK(project.models().back().metrics.samples == 0);
  store::StoreQuery asked;
  asked.picks = picks;
  project.label(w.answers(asked));
  CHECK(store::unlabelled_test_samples(project).empty());
  CHECK(project.status().labelled == 10);
  w.rounds(project, 1);
  CHECK(project.models().back().metrics.samples == 15);
  CHECK(w.centroids.calls.back().samples.size() == 15);
}

TEST_CASE("Conflicts are listed with who said what") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  const store::StoreQuery query = project.query();
  project.label(w.answers(query));
  std::vector<store::Answer> other = w.answers(query, "Dr B");
  other[2].label = 1 - other[2].label;
  project.label(other);
  const io::CsvTable table = io::parse_csv(store::conflict_csv(project), "conflicts");
  REQUIRE(table.rows.size() == 1);
  CHECK(table.rows[0].fields[0] == other[2].sample);
  CHECK_THAT(table.rows[0].fields[3], ContainsSubstring("Dr A: class_") && ContainsSubstring("Dr B: class_"));
}
