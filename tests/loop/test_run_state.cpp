// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/run_state.hpp>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include <aift/core/error.hpp>
#include <aift/io/csv.hpp>

#include "support/catch.hpp"

using namespace aift;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

RunState example() {
  RunState state;
  state.seed = 0xFFFFFFFFFFFFFFFFu;
  state.class_names = {"no, polyp", "polyp \"big\""};
  state.fingerprint.add("threads", "2");
  state.pool = 100;
  state.test = 7;
  state.excluded.push_back({{3, 0xFEDCBA9876543210u}, "a.png", "Cannot decode a.png."});
  state.notes = {"a note"};
  state.stop = {"rounds", "1 of 1 rounds are done."};
  RoundRecord round;
  round.rule = "aift";
  round.labels = 2;
  round.trained = round.has_model = true;
  round.model_file = "model-000.safetensors";
  round.metrics = {0.1, 1.0 / 3, kNan, std::numeric_limits<double>::infinity(), 7};
  round.agreement = kNan;
  round.fit.add("steps", "100");
  round.fit.add("steps", "again");
  round.times = {1.5, 0, 2.25, 0.1234567};
  Pick pick;
  pick.candidate = {12, 0x8000000000000001u};
  pick.path = "img/with,comma.png";
  pick.group = "patient 1";
  pick.label = 1;
  pick.score = 0.1 + 0.2;
  pick.entropy = std::nextafter(1.0, 2.0);
  pick.diversity = 5e-324;
  pick.dominant = 1;
  pick.kept = {3, 0};
  pick.patches = 4;
  pick.top = {{1, 0.75F}, {0, 0.25F}};
  for (int i = 0; i < 4; ++i)
    pick.probabilities.push_back(1.0F / static_cast<float>(i + 3));
  pick.reason = "because";
  round.picks.push_back(pick);
  pick.candidate = {13, 5};
  pick.label = kUnlabelled;
  pick.score = pick.entropy = pick.diversity = kNan;
  pick.kept.clear();
  pick.probabilities.clear();
  pick.top.clear();
  pick.dominant = kUnlabelled;
  pick.patches = 0;
  round.picks.push_back(pick);
  state.rounds.push_back(round);
  return state;
}

}  // namespace

TEST_CASE("a state comes back from its text, bit for bit") {
  RunState state = example();
  state.pending = state.rounds[0];
  state.pending->round = 1;
  state.answered = true;
  const std::string text = to_json(state);
  const RunState back = run_state_from_json(text, "x");
  CHECK(to_json(back) == text);
  CHECK(back.seed == state.seed);
  CHECK(back.class_names == state.class_names);
  CHECK(back.excluded[0].candidate.id == state.excluded[0].candidate.id);
  CHECK(back.rounds[0].picks[0].candidate.id == 0x8000000000000001u);
  CHECK(back.rounds[0].picks[0].score == 0.1 + 0.2);
  CHECK(back.rounds[0].picks[0].diversity == 5e-324);
  CHECK(back.rounds[0].picks[0].probabilities == state.rounds[0].picks[0].probabilities);
  CHECK(back.rounds[0].picks[0].top == state.rounds[0].picks[0].top);
  CHECK(std::isnan(back.rounds[0].metrics.balanced_accuracy));
  CHECK(std::isinf(back.rounds[0].metrics.log_loss));
  CHECK(back.rounds[0].fit.facts == state.rounds[0].fit.facts);
  CHECK(back.stop->reason == state.stop->reason);
  CHECK(curve_csv(back) == curve_csv(state));
  CHECK(picks_csv(back) == picks_csv(state));
  CHECK(back.labels() == 2);  // one in the round, one in the answered query
}

TEST_CASE("the tables have the columns of the design") {
  const RunState state = example();
  CHECK(curve_csv(state) ==
        "round,labels,auc,accuracy,balanced_accuracy,log_loss\n"
        "0,2,0.1,0.3333333333333333,nan,inf\n");
  CHECK(
      times_csv(state) ==
      "round,seconds_score,seconds_label,seconds_train,seconds_test\n0,1.500,0.000,2.250,0.123\n");
  const io::CsvTable picks = io::parse_csv(picks_csv(state), "picks");
  CHECK(picks.header == std::vector<std::string>{"round", "rank", "candidate", "path", "group",
                                                 "label", "score", "entropy", "diversity"});
  REQUIRE(picks.rows.size() == 2);
  CHECK(picks.rows[0].fields ==
        std::vector<std::string>{"0", "0", "12", "img/with,comma.png", "patient 1", "polyp \"big\"",
                                 "0.30000000000000004", "1.0000000000000002", "5e-324"});
  CHECK(picks.rows[1].fields[5].empty());  // the reader could not tell
  CHECK(picks.rows[1].fields[6].empty());  // no score was made
}

TEST_CASE("text that is no state is refused") {
  const std::string good = to_json(example());
  CHECK_NOTHROW(run_state_from_json(good, "x"));
  const auto without = [&](const std::string& part, const std::string& other) {
    std::string bad = good;
    const std::size_t at = bad.find(part);
    REQUIRE(at != std::string::npos);
    return bad.replace(at, part.size(), other);
  };
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("[1]"), good.substr(0, good.size() / 2),
        without("\"rounds\": [", "\"rundes\": ["), without("\"pool\": 100", "\"pool\": \"many\""),
        without("\"label\": 1", "\"label\": 2"), without("\"round\": 0", "\"round\": 1"),
        without("model-000", "../model"), without("8000000000000001", "80x"),
        without("\"patches\": 4", "\"patches\": 3"),
        without("\"answered\": false", "\"answered\": true")}) {
    CHECK_THROWS_WITH(run_state_from_json(bad, "runs/a/state.json"),
                      ContainsSubstring("runs/a/state.json is not the state of a run"));
  }
  CHECK_THROWS_WITH(run_state_from_json(without("\"version\": 2", "\"version\": 3"), "x"),
                    ContainsSubstring("version 3"));
}

TEST_CASE("a state of version 1, with the probabilities of all classes, is read") {
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(to_json(example()));
  json["version"] = 1;
  auto& pick = json["rounds"][0]["picks"][0];
  pick.erase("top");
  pick["probabilities"] = {0.25, 0.75, 0.5, 0.5, 0.125, 0.875, 1.0, 0.0};  // [4, 2]
  json["rounds"][0]["picks"][1].erase("top");
  const RunState state = run_state_from_json(json.dump(), "x");
  const Pick& read = state.rounds[0].picks[0];
  CHECK(read.probabilities == std::vector<float>{0.75F, 0.5F, 0.875F, 0.0F});
  CHECK(read.top == std::vector<std::pair<label_t, float>>{{1, 0.53125F}, {0, 0.46875F}});
  CHECK(to_json(run_state_from_json(to_json(state), "x")) == to_json(state));
  pick["probabilities"] = {0.25, 0.75};
  CHECK_THROWS_AS(run_state_from_json(json.dump(), "x"), IoError);
}

TEST_CASE("paths that are not UTF-8 do not stop a run from being written") {
  RunState state = example();
  state.rounds[0].picks[0].path = "img/\xff\xfe.png";
  CHECK_NOTHROW(run_state_from_json(to_json(state), "x"));
}

TEST_CASE("a folder without a state holds no run") {
  const TempDir dir;
  CHECK_THROWS_WITH(read_run_state(dir.path()), ContainsSubstring("holds no run"));
  dir.write("state.json", to_json(example()));
  CHECK(read_run_state(dir.path()).rounds.size() == 1);
}

TEST_CASE("a fingerprint names what differs") {
  Fingerprint a;
  a.add("threads", "2");
  a.add("build", "abc");
  a.add("old", "x");
  CHECK(a.differences(a).empty());
  Fingerprint b;
  b.add("build", "abc");
  b.add("threads", "4");
  b.add("recipe", "y");
  CHECK(a.differences(b) == std::vector<std::string>{"threads: 2, now 4", "old: x, now not given",
                                                     "recipe: not given, now y"});
}

TEST_CASE("what the data set says of itself comes back from the state") {
  RunState state = example();
  state.pool_classes.assign(state.class_names.size(), 7);
  state.synthetic = "Drawn by a program.";
  const RunState back = run_state_from_json(to_json(state), "x");
  CHECK(back.pool_classes == state.pool_classes);
  CHECK(back.synthetic == state.synthetic);
  CHECK(to_json(back) == to_json(state));
  state.pool_classes.pop_back();
  CHECK_THROWS_AS(run_state_from_json(to_json(state), "x"), IoError);
}

TEST_CASE("this machine and this build are described the same way twice") {
  const Fingerprint machine = machine_fingerprint(3);
  CHECK(machine.differences(machine_fingerprint(3)).empty());
  CHECK(machine.differences(machine_fingerprint(2)) ==
        std::vector<std::string>{"threads: 3, now 2"});
  const auto value = [&](const std::string& name) {
    for (const auto& [key, text] : machine.facts) {
      if (key == name) return text;
    }
    return std::string();
  };
  for (const char* name : {"AIFT", "build", "compiler", "processor", "instruction sets"})
    CHECK_FALSE(value(name).empty());
#if defined(__linux__)
  CHECK(value("build").size() >= 16);  // the linker's identifier, in hexadecimal
#endif
}
