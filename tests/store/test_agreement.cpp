// SPDX-License-Identifier: Apache-2.0
#include <aift/store/agreement.hpp>

#include "store/store_world.hpp"

using namespace aift;
using namespace aift::test;
using store::answer_rule_from;

namespace {

store::Verdict verdict(const std::string& rule,
                       const std::vector<std::pair<std::string, label_t>>& said,
                       index_t readers = 1) {
  std::vector<store::StoredAnswer> answers;
  for (const auto& [reader, label] : said) {
    store::StoredAnswer one;
    one.number = static_cast<index_t>(answers.size());
    one.answer.reader = reader;
    one.answer.label = label;
    for (store::StoredAnswer& earlier : answers)
      earlier.superseded = earlier.superseded || earlier.answer.reader == reader;
    answers.push_back(one);
  }
  store::AnswerSettings settings = answer_rule_from(rule);
  settings.readers = readers;
  return store::agree(answers, settings);
}

}  // namespace

TEST_CASE("Rules for several readers, by hand") {
  struct Row {
    std::string rule;
    std::vector<std::pair<std::string, label_t>> said;
    label_t label;
    bool conflict;
  };
  const std::vector<Row> rows = {
      {"majority", {{"a", 1}}, 1, false},
      {"majority", {{"a", 1}, {"b", 0}}, -1, true},
      {"majority", {{"a", 1}, {"b", 0}, {"c", 0}}, 0, false},
      {"majority", {{"a", 1}, {"b", -1}}, 1, false},
      {"majority", {{"a", -1}, {"b", -1}}, -1, false},
      {"majority", {{"a", 2}, {"b", 0}, {"c", 1}}, -1, true},
      {"majority", {{"a", 1}, {"b", 0}, {"b", 1}}, 1, false},  // b corrects himself
      {"unanimous", {{"a", 1}, {"b", 1}}, 1, false},
      {"unanimous", {{"a", 1}, {"b", 1}, {"c", 0}}, -1, true},
      {"unanimous", {{"a", 1}, {"b", -1}}, 1, false},
      {"first", {{"a", 1}, {"b", 0}}, 1, false},
      {"first", {{"a", -1}, {"b", 0}}, 0, false},
      {"last", {{"a", 1}, {"b", 0}}, 0, false},
      {"reader:b", {{"a", 1}, {"b", 0}, {"c", 1}}, 0, false},
      {"reader:b", {{"a", 1}, {"b", -1}, {"c", 1}}, 1, false},  // he could not tell
      {"reader:b", {{"a", 1}, {"c", 0}}, -1, true},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    INFO("row " << i);
    const store::Verdict v = verdict(rows[i].rule, rows[i].said);
    CHECK(v.label == rows[i].label);
    CHECK(v.conflict == rows[i].conflict);
  }
}

TEST_CASE("A label waits for enough readers; a correction is none of them") {
  CHECK(verdict("majority", {{"a", 1}}, 2).waiting);
  CHECK(verdict("majority", {{"a", 1}}, 2).label == kUnlabelled);
  CHECK(verdict("majority", {{"a", 0}, {"a", 1}}, 2).waiting);
  CHECK(verdict("majority", {{"a", 1}, {"b", 1}}, 2).label == 1);
  CHECK(verdict("majority", {{"a", 1}, {"b", -1}}, 2).label == 1);
}

TEST_CASE("Names of rules go both ways and others are refused") {
  for (const char* rule : {"majority", "unanimous", "first", "last", "reader:Dr A"})
    CHECK(store::to_string(answer_rule_from(rule)) == rule);
  CHECK(refusal([] { (void)answer_rule_from("reader:"); }) != "");
  CHECK(refusal([] { (void)answer_rule_from("loudest"); }) != "");
}

TEST_CASE("Corrections are kept, repeated answers are not taken twice") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  const store::StoreQuery query = project.query();
  std::vector<store::Answer> answers = w.answers(query);
  CHECK(project.label(answers) == 5);
  CHECK(project.label(answers) == 0);  // the same file again
  answers[0].label = 1 - answers[0].label;
  answers[0].comment = "looked again";
  CHECK(project.label(answers) == 1);
  CHECK(project.answers().size() == 6);
  CHECK(project.answers()[0].superseded);
  CHECK(project.answers()[5].answer.comment == "looked again");
  CHECK(project.verdicts().size() == 5);
  CHECK(project.label(w.answers(query, "Dr B")) == 5);
  CHECK(project.status().conflicts == 1);
  (void)w.train(project);
  CHECK(w.centroids.calls.back().samples.size() == 4);  // the conflict is left out
}
