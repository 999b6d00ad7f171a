// SPDX-License-Identifier: Apache-2.0
#include <aift/store/project.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "store/store_world.hpp"
#include "store/tamper.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("A project asks and learns exactly as the active learner does") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 4);

  World loop(make_dataset(60, 2, 5));
  loop.options.rounds = 4;
  ActiveLearner learner = loop.learner();
  learner.run(loop.watch);

  std::vector<std::uint64_t> asked;
  for (const store::StoreQuery& query : project.queries()) {
    for (const store::StorePick& pick : query.picks)
      asked.push_back(w.truth.ids[static_cast<std::size_t>(pick.sample.number)]);
  }
  CHECK(asked == picked_ids(learner.state()));
  const std::vector<store::StoredModel> models = project.models();
  REQUIRE(models.size() == 4);
  for (std::size_t r = 0; r < models.size(); ++r) {
    INFO("round " << r);
    REQUIRE(models[r].accepted);
    CHECK(models[r].metrics.auc == learner.state().rounds[r].metrics.auc);
    CHECK(models[r].metrics.log_loss == learner.state().rounds[r].metrics.log_loss);
  }
  const store::StoreQuery second = project.queries()[1];
  CHECK(second.picks[0].score == learner.state().rounds[1].picks[0].score);
  CHECK(second.rule == "aift");
}

TEST_CASE("Everything is there again after closing, and an open query is given again") {
  StoreWorld w;
  w.create();
  std::vector<std::string> asked;
  {
    store::Project project = w.open();
    w.rounds(project, 1);
    for (const store::StorePick& pick : project.query().picks)
      asked.push_back(pick.sample.sid);
  }
  store::Project project = w.open();
  const store::StoreQuery again = project.query(17);  // an open query keeps its size
  REQUIRE(again.picks.size() == asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i)
    CHECK(again.picks[i].sample.sid == asked[i]);
  CHECK(again.round == 1);
  CHECK(project.status().open_picks == 5);
  CHECK(project.status().model->number == 0);
}

TEST_CASE("The test set is never asked about and never trained on") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  while (project.status().left > 0)
    w.rounds(project, 1);
  std::set<index_t> asked;
  for (const store::StoreQuery& query : project.queries()) {
    for (const store::StorePick& pick : query.picks) {
      CHECK(pick.sample.side == store::Side::pool);
      CHECK(asked.insert(pick.sample.number).second);
    }
  }
  CHECK(asked.size() == 45);
  for (const auto& call : w.centroids.calls) {
    for (const std::uint64_t id : call.samples) {
      const auto at = std::find(w.truth.ids.begin(), w.truth.ids.end(), id) - w.truth.ids.begin();
      CHECK(w.truth.split[static_cast<std::size_t>(at)] ==
            static_cast<std::uint8_t>(io::Split::pool));
    }
  }
  CHECK_THAT(refusal([&] { (void)project.query(); }), ContainsSubstring("Nobody is left"));
}

TEST_CASE("Images join at any time; a patient of the test set stays out of the pool") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 1);
  CHECK(project.add(without_pool_labels(w.truth)) == 0);  // all there

  io::Dataset more = without_pool_labels(make_dataset(60, 2, 5));
  for (std::size_t i = 0; i < more.paths.size(); ++i) {
    more.paths[i] = "later/" + std::to_string(i) + ".png";
    more.ids[i] = io::candidate_id(more.paths[i]);
    more.labels[i] = kUnlabelled;
    more.split[i] = static_cast<std::uint8_t>(io::Split::unset);
  }
  CHECK(project.add(more) == 60);
  const store::ProjectStatus status = project.status();
  CHECK(status.pool == 45 + 45);
  CHECK(status.out == 15);  // same groups as the test set
  CHECK(status.unscored == 45);
  for (const store::Sample& sample : project.samples()) {
    if (sample.side == store::Side::out) CHECK(sample.path.starts_with("later/"));
  }

  for (std::size_t i = 0; i < more.paths.size(); ++i) {
    more.paths[i] = "third/" + std::to_string(i) + ".png";
    more.ids[i] = io::candidate_id(more.paths[i]);
    more.split[i] = static_cast<std::uint8_t>(io::Split::test);
    more.groups[i] = 0;
  }
  more.group_names = {"somebody new"};
  CHECK_THAT(refusal([&] { (void)project.add(more); }), ContainsSubstring("test set is locked"));
  CHECK(project.status().samples == 120);
}

TEST_CASE("New images are scored without scoring the others again") {
  StoreWorld w(90);
  io::Dataset first = without_pool_labels(w.truth);
  w.settings.test_share = 0;
  io::Dataset early = first;
  early.paths.resize(60);
  early.ids.resize(60);
  early.labels.resize(60);
  early.groups.resize(60);
  early.split.clear();
  for (std::size_t i = 0; i < 60; ++i)
    early.labels[i] = kUnlabelled;
  store::Project::create(w.folder, w.settings, early);
  store::Project project = w.open();
  w.rounds(project, 1);
  io::Dataset all = first;
  all.split.clear();
  std::fill(all.labels.begin(), all.labels.end(), kUnlabelled);
  CHECK(project.add(all) == 30);
  const store::TrainingOutcome outcome = w.train(project);
  CHECK(outcome.scored == 30);
  CHECK(!outcome.model);
  CHECK(project.status().unscored == 0);
  CHECK_THAT(refusal([&] { (void)w.train(project); }), ContainsSubstring("nothing to do"));
}

TEST_CASE("Labels that the data set brings are the start set") {
  StoreWorld w;
  io::Dataset data = without_pool_labels(w.truth);
  for (std::size_t i = 0; i < 9; ++i)
    data.labels[i] = w.truth.labels[i];
  store::Project::create(w.folder, w.settings, data);
  store::Project project = w.open();
  CHECK(project.status().labelled == 9);
  CHECK(project.open_query()->rule == "start set");
  const store::TrainingOutcome outcome = w.train(project);
  REQUIRE(outcome.model);
  CHECK(outcome.samples == 9);
  CHECK(project.query().rule == "aift");
}

TEST_CASE("Training waits for the answers unless it is told not to") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  std::vector<store::Answer> answers = w.answers(project.query());
  const std::string left = answers.back().sample;
  answers.pop_back();
  project.label(answers);
  CHECK_THAT(refusal([&] { (void)w.train(project); }),
             ContainsSubstring("1 of 5") && ContainsSubstring("--partial"));
  REQUIRE(w.train(project, true).model);
  // It has returned to the pool.
  std::set<std::string> asked;
  while (project.status().left > 0) {
    const store::StoreQuery query = project.query();
    for (const store::StorePick& pick : query.picks)
      asked.insert(pick.sample.sid);
    project.label(w.answers(query));
    (void)w.train(project);
  }
  CHECK(asked.contains(left));
}

TEST_CASE("A round of one class trains nothing and the project goes on") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  const store::StoreQuery query = project.query(2);
  std::vector<store::Answer> answers = w.answers(query);
  for (store::Answer& answer : answers)
    answer.label = 0;
  project.label(answers);
  const store::TrainingOutcome outcome = w.train(project);
  CHECK(!outcome.model);
  CHECK_THAT(outcome.note, ContainsSubstring("fewer than 2 classes"));
  CHECK(project.query().round == 1);
}

TEST_CASE("An image that cannot be read is left out of training, test and scores") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  const store::StoreQuery query = project.query();
  project.label(w.answers(query));
  w.source.break_image(w.truth.ids[static_cast<std::size_t>(query.picks[0].sample.number)]);
  w.source.break_image(w.truth.ids[59]);  // of the test set
  std::size_t other = 0;  // of the pool, and not asked about
  while (std::any_of(query.picks.begin(), query.picks.end(), [&](const store::StorePick& pick) {
    return pick.sample.number == static_cast<index_t>(other);
  }))
    ++other;
  w.source.break_image(w.truth.ids[other]);
  const store::TrainingOutcome outcome = w.train(project);
  REQUIRE(outcome.model);
  CHECK(outcome.samples == 4);
  CHECK(outcome.model->metrics.samples == 14);
  CHECK(outcome.scored == 39);
}

TEST_CASE("A clock that goes back changes times and nothing else") {
  StoreWorld w;
  StoreWorld calm;
  std::int64_t now = 1'700'000'000'000;
  w.options.now = [&now] { return now -= 3'600'000; };
  w.create();
  calm.create();
  store::Project project = w.open();
  store::Project other = calm.open();
  w.rounds(project, 3);
  calm.rounds(other, 3);
  CHECK(store::picks_csv(project) == store::picks_csv(other));
  CHECK(store::curve_csv(project) == store::curve_csv(other));
  const std::vector<store::AuditEvent> events = store::audit_events(project);
  for (std::size_t i = 1; i < events.size(); ++i)
    CHECK(events[i].time < events[i - 1].time);
  CHECK(store::verify(w.folder).problems.empty());
}

TEST_CASE("Two projects in one process with different seeds share nothing") {
  StoreWorld a(60, 1);
  StoreWorld b(60, 2);
  StoreWorld c(60, 1);
  a.create();
  b.create();
  c.create();
  store::Project pa = a.open();
  store::Project pb = b.open();
  store::Project pc = c.open();
  for (int r = 0; r < 3; ++r) {  // interleaved
    a.rounds(pa, 1);
    b.rounds(pb, 1);
  }
  c.rounds(pc, 3);
  CHECK(store::picks_csv(pa) == store::picks_csv(pc));
  CHECK(store::picks_csv(pa) != store::picks_csv(pb));
}

TEST_CASE("A folder that is taken, empty, or no project is told") {
  StoreWorld w;
  w.dir.write("project/notes.txt", "mine");
  CHECK_THAT(refusal([&] { w.create(); }), ContainsSubstring("not an empty folder"));
  CHECK_THAT(refusal([&] { (void)w.open(); }), ContainsSubstring("holds no project"));
  w.dir.write("project/project.db", "this is no database, but long enough to be looked at ........");
  CHECK_THAT(refusal([&] { (void)w.open(); }), ContainsSubstring("damaged or no project"));
  StoreWorld e;
  std::filesystem::create_directories(e.folder);
  e.create();  // an empty folder is fine
  CHECK(e.open().status().samples == 60);
}

TEST_CASE("Images can move, settings can change, and the record still holds") {
  StoreWorld w;
  w.settings.application = "first";
  w.create();
  store::Project project = w.open();
  CHECK(project.data_folders().at(0) == "/nowhere");
  project.move_data("/nowhere", "/elsewhere");
  CHECK(project.dataset().root == "/elsewhere");
  CHECK_THAT(refusal([&] { project.move_data("/nowhere", "/x"); }), ContainsSubstring("No data set"));
  store::ProjectSettings settings = project.settings();
  CHECK(settings.application == "first");
  settings.budget = 7;
  settings.application = "second";
  project.change_settings(settings);
  CHECK(project.query().picks.size() == 7);
  settings.classes.push_back("third");
  CHECK_THAT(refusal([&] { project.change_settings(settings); }), ContainsSubstring("stay as they are"));
  CHECK(w.folder == project.folder());
  CHECK(store::verify(w.folder).problems.empty());
  store::OpenOptions look;
  look.write = false;
  CHECK(store::Project(w.folder, look).settings().application == "second");
}

TEST_CASE("Bad settings and bad answers are refused before anything changes") {
  StoreWorld w;
  store::ProjectSettings bad = w.settings;
  bad.classes = {"one"};
  CHECK_THAT(refusal([&] { bad.validate(); }), ContainsSubstring("at least 2 classes"));
  bad = w.settings;
  bad.selector = "nobody";
  CHECK(refusal([&] { bad.validate(); }) != "");
  w.create();
  store::Project project = w.open();
  const store::StoreQuery query = project.query();
  std::vector<store::Answer> answers = w.answers(query);
  answers[4].label = 2;
  CHECK_THAT(refusal([&] { (void)project.label(answers); }), ContainsSubstring("answer 4 has 2"));
  answers[4].label = 1;
  answers[3].sample = "nowhere.png";
  CHECK_THAT(refusal([&] { (void)project.label(answers); }), ContainsSubstring("Answer 3"));
  CHECK(project.status().answers == 0);
  store::OpenOptions look;
  look.write = false;
  store::Project reader(w.folder, look);  // while the other one holds it
  CHECK(reader.status().open_picks == 5);
  CHECK_THAT(refusal([&] { (void)reader.query(); }), ContainsSubstring("to be looked at"));
}

TEST_CASE("A project made by an earlier version is brought up to date, keeping everything") {
  StoreWorld w;
  w.create();
  {
    store::Project project = w.open();
    w.rounds(project, 2);
  }
  const std::string before = [&] {
    store::Project project = w.open();
    return store::picks_csv(project) + store::curve_csv(project);
  }();
  downgrade_to_schema_1(w.folder);
  store::OpenOptions look;
  look.write = false;
  CHECK_THAT(refusal([&] { store::Project reader(w.folder, look); }),
             ContainsSubstring("earlier version"));
  store::Project project = w.open();
  CHECK(store::picks_csv(project) + store::curve_csv(project) == before);
  CHECK(store::audit_events(project).back().kind == "migrate");
  w.rounds(project, 1);
  CHECK(project.models().size() == 3);
}
