// SPDX-License-Identifier: Apache-2.0
// What is on disk after a run was stopped somewhere, and what becomes of it.
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <numeric>

#include <aift/io/csv.hpp>
#include <aift/loop/active_learner.hpp>

#include "loop/fake_world.hpp"
#include "support/catch.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

namespace fs = std::filesystem;

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    out.insert(entry.path().filename().string());
  return out;
}

const std::set<std::string> kAllFiles = {"state.json",
                                         "curve.csv",
                                         "picks.csv",
                                         "times.csv",
                                         "predictions.csv",
                                         "model-000.safetensors",
                                         "model-001.safetensors",
                                         "model-002.safetensors",
                                         "model-003.safetensors"};

std::string tables(const fs::path& folder) {
  return read_file(folder / "curve.csv") + read_file(folder / "picks.csv");
}

std::string everything(const fs::path& folder) {
  return tables(folder) + read_file(folder / "predictions.csv") +
         read_file(folder / "model-003.safetensors");
}

/// The tables, the predictions and the last model of a run that nothing disturbs.
std::string undisturbed() {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  return everything(dir / "run");
}

}  // namespace

TEST_CASE("a run leaves its tables, its state and a model per round") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "some/run";
  ActiveLearner learner = world.learner();
  CHECK(files_in(dir.path() / "some" / "run") ==
        std::set<std::string>{"state.json", "curve.csv", "picks.csv", "times.csv"});
  learner.run(world.watch);
  CHECK(files_in(dir.path() / "some" / "run") == kAllFiles);
  const fs::path run = dir.path() / "some" / "run";
  CHECK(read_file(run / "curve.csv") == curve_csv(learner.state()));
  CHECK(read_file(run / "picks.csv") == picks_csv(learner.state()));
  CHECK(read_file(run / "times.csv") == times_csv(learner.state()));
  CHECK(read_file(run / "state.json") == to_json(learner.state()));

  // the last model on the test set and on everything labelled, each once
  const io::CsvTable predictions = io::read_csv(run / "predictions.csv");
  std::set<std::string> seen;
  index_t tested = 0;
  for (const io::CsvRow& row : predictions.rows) {
    CHECK(row.fields[0] == "3");
    CHECK(seen.insert(row.fields[2]).second);
    tested += row.fields[1] == "test" ? 1 : 0;
    double sum = 0;
    for (std::size_t k = 6; k < row.fields.size(); ++k)
      sum += std::stod(row.fields[k]);
    CHECK(sum == Catch::Approx(1).margin(1e-6));
  }
  CHECK(tested == learner.state().test);
  CHECK(static_cast<index_t>(predictions.rows.size()) == tested + learner.state().labels());
  const auto& pool = learner.state().pool_classes;
  CHECK(std::accumulate(pool.begin(), pool.end(), index_t{0}) == learner.state().pool);
  const auto last = LinearModel::load(run / "model-003.safetensors");
  CHECK(dynamic_cast<const LinearModel&>(*last).weights ==
        dynamic_cast<const LinearModel&>(learner.model()).weights);
}

TEST_CASE("an exception at any report of any stage: resumed, the same bytes") {
  const std::string expected = undisturbed();
  // Every report in turn, over the whole run: scoring, explaining, training, testing.
  index_t reports = 0;
  {
    World world;
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    reports = world.watch.reports;
  }
  REQUIRE(reports > 50);
  for (index_t at = 0; at < reports; at += 11) {
    CAPTURE(at);
    const TempDir dir;
    {
      World world;
      world.options.folder = dir / "run";
      ActiveLearner learner = world.learner();
      world.watch.on_report = [&](std::string_view, index_t, index_t) {
        if (world.watch.reports > at) throw std::runtime_error("power cut");
      };
      CHECK_THROWS_WITH(learner.run(world.watch), "power cut");
    }
    World world;
    world.options.folder = dir / "run";
    world.options.open = OpenRun::resume;
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    REQUIRE(everything(dir / "run") == expected);
    REQUIRE(files_in(dir / "run") == kAllFiles);
  }
}

TEST_CASE("killed at random moments, again and again, and resumed: the same bytes") {
  const std::string expected = undisturbed();
  index_t kills = 0;
  const auto slow = [](World& world) {
    // Long enough, some 50 ms, that a kill meets every stage.
    world.source.delay = [](const CandidateRef&) {
      std::this_thread::sleep_for(std::chrono::microseconds(150));
    };
  };
  for (std::uint64_t trial = 0; trial < 4; ++trial) {
    const TempDir dir;
    for (std::uint64_t attempt = 0;; ++attempt) {
      REQUIRE(attempt < 200);
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        int status = 3;
        try {
          World world;
          slow(world);
          world.options.folder = dir / "run";
          world.options.open = OpenRun::create_or_resume;
          ActiveLearner learner = world.learner();
          learner.run(world.watch);
          status = 0;
        } catch (...) {
          status = 2;
        }
        ::_exit(status);
      }
      const auto us = 1000 + splitmix64(trial * 1000 + attempt) % (20000 + 5000 * attempt);
      std::this_thread::sleep_for(std::chrono::microseconds(us));
      ::kill(child, SIGKILL);
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      if (WIFSIGNALED(status)) {
        ++kills;
        continue;
      }
      REQUIRE(WIFEXITED(status));
      REQUIRE(WEXITSTATUS(status) == 0);
      break;
    }
    REQUIRE(everything(dir / "run") == expected);
    REQUIRE(files_in(dir / "run") == kAllFiles);
  }
  CHECK(kills >= 10);
}

TEST_CASE("a run with batch rules, stopped anywhere and resumed: the same bytes") {
  const auto make = [](const fs::path& folder) {
    auto world = std::make_unique<World>();
    for (std::size_t i = 0; i < 60; ++i) {
      world->data.times.push_back(static_cast<double>(i % 3));
      world->data.costs.push_back(static_cast<double>(1 + i % 2));
    }
    world->options.rules = {.max_per_group = 2,
                            .min_gap = 2,
                            .veto_similarity = 0.99999,
                            .against_labelled = true,
                            .max_cost = 7,
                            .audit_share = 0.25};
    world->options.folder = folder;
    world->options.open = OpenRun::create_or_resume;
    return world;
  };
  const TempDir dir;
  index_t reports = 0;
  {
    const auto world = make(dir / "whole");
    ActiveLearner learner = world->learner();
    learner.run(world->watch);
    reports = world->watch.reports;
  }
  const std::string expected = everything(dir / "whole");
  CHECK(expected.find("\n3,") != std::string::npos);
  for (index_t at = 3; at < reports; at += reports / 9) {
    CAPTURE(at);
    const fs::path folder = dir / fmt::format("at{}", at);
    {
      const auto world = make(folder);
      ActiveLearner learner = world->learner();
      world->watch.on_report = [&](std::string_view, index_t, index_t) {
        if (world->watch.reports > at) throw std::runtime_error("power cut");
      };
      CHECK_THROWS_WITH(learner.run(world->watch), "power cut");
    }
    const auto world = make(folder);
    ActiveLearner learner = world->learner();
    learner.run(world->watch);
    REQUIRE(everything(folder) == expected);
  }
}

TEST_CASE("files of a round that never ended go when the run is resumed") {
  const TempDir dir;
  {
    World world;
    world.options.folder = dir / "run";
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
    learner.step(world.watch);
  }
  const fs::path run = dir / "run";
  dir.write("run/model-002.safetensors", "half a model");
  dir.write("run/.state.json.4711-0.tmp", "{");
  dir.write("run/.model-002.safetensors.4711-1.tmp", "half");
  dir.write("run/.report.html.4711-2.tmp", "<html>");
  dir.write("run/model-best.safetensors", "the user's own");
  dir.write("run/notes.txt", "the user's own");
  fs::remove(run / "curve.csv");
  dir.write("run/picks.csv", "cut sho");
  World world;
  world.options.folder = run;
  world.options.open = OpenRun::resume;
  ActiveLearner learner = world.learner();
  CHECK(files_in(run) == std::set<std::string>{"state.json", "curve.csv", "picks.csv", "times.csv",
                                               "predictions.csv", "model-000.safetensors",
                                               "model-001.safetensors", "model-best.safetensors",
                                               "notes.txt"});
  CHECK(tables(run) == curve_csv(learner.state()) + picks_csv(learner.state()));
  learner.run(world.watch);
  CHECK(everything(run) == undisturbed());
}

TEST_CASE("an open query, and its answers, survive a restart") {
  const TempDir dir;
  std::vector<std::uint64_t> asked;
  {
    World world(without_pool_labels(make_dataset(60, 2, 5)));
    world.options.oracle = nullptr;
    world.options.folder = dir / "run";
    ActiveLearner learner = world.learner();
    for (const Pick& pick : learner.query(world.watch).picks)
      asked.push_back(pick.candidate.id);
    CHECK(read_file(dir / "run" / "picks.csv").find('\n') ==
          read_file(dir / "run" / "picks.csv").size() - 1);  // not before the round has ended
  }
  const auto reopen = [&](World& world) {
    world.options.oracle = nullptr;
    world.options.folder = dir / "run";
    world.options.open = OpenRun::resume;
    return world.learner();
  };
  {
    World world(without_pool_labels(make_dataset(60, 2, 5)));
    ActiveLearner learner = reopen(world);
    CHECK(learner.pool_left() == 40);
    const RoundRecord& query = learner.query(world.watch);
    CHECK(world.watch.reports == 0);  // nothing is scored again
    REQUIRE(query.picks.size() == asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i)
      CHECK(query.picks[i].candidate.id == asked[i]);
    learner.submit(std::vector<label_t>{0, 1, 0, 1, kUnlabelled});
  }
  World world(without_pool_labels(make_dataset(60, 2, 5)));
  ActiveLearner learner = reopen(world);
  CHECK(learner.state().answered);
  CHECK(learner.train(world.watch).labels == 4);
}

TEST_CASE("a start set survives a restart in the middle of its training") {
  const TempDir dir;
  const auto open = [&](OpenRun how) {
    io::Dataset data = make_dataset(60, 2, 5);
    for (std::size_t i = 8; i < 45; ++i)
      data.labels[i] = kUnlabelled;
    auto world = std::make_unique<World>(std::move(data));
    world->options.oracle = nullptr;
    world->options.folder = dir / "run";
    world->options.open = how;
    return world;
  };
  {
    const auto world = open(OpenRun::create);
    ActiveLearner learner = world->learner();
    world->watch.on_report = [](std::string_view stage, index_t, index_t) {
      if (stage == "train") throw CancelledError("enough");
    };
    CHECK_THROWS_AS(learner.query(world->watch), CancelledError);
    CHECK(learner.state().rounds.empty());
  }
  const auto world = open(OpenRun::resume);
  ActiveLearner learner = world->learner();
  CHECK(learner.state().labels() == 8);
  CHECK(learner.pool_left() == 37);
  CHECK(learner.query(world->watch).round == 1);
  CHECK(learner.state().rounds[0].labels == 8);
}

TEST_CASE("a run that was made differently is not resumed unless forced") {
  const TempDir dir;
  {
    World world;
    world.options.folder = dir / "run";
    world.options.facts = {{"weights", "a"}};
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
  }
  const auto reopened = [&](World& world) {
    world.options.folder = dir / "run";
    world.options.open = OpenRun::resume;
    return world.learner();
  };
  const auto refused = [&](const std::string& part, const std::function<void(World&)>& change,
                           std::uint64_t seed = 1) {
    World world(make_dataset(60, 2, 5), seed);
    world.options.facts = {{"weights", "a"}};
    change(world);
    CHECK_THROWS_WITH(reopened(world), ContainsSubstring(part));
  };
  refused(
      "seed: 1, now 2", [](World&) {}, 2);
  refused("threads: 1, now 2", [](World& w) { w.options.threads = 2; });
  refused("budget: 5, now 6", [](World& w) { w.options.budget = 6; });
  refused("train set: all, now hard", [](World& w) { w.options.set = TrainSet::hard; });
  refused("start: current, now pretrained",
          [](World& w) { w.options.start = StartFrom::pretrained; });
  refused("weights: a, now b", [](World& w) { w.options.facts = {{"weights", "b"}}; });
  refused("batch: 8, now 16", [](World& w) { w.options.batch = 16; });
  refused("data: 60 candidates", [](World& w) { w.data.labels[0] = 1 - w.data.labels[0]; });
  refused("data: 60 candidates", [](World& w) { w.data.class_names[0] = "other"; });

  const std::string before = read_file(dir / "run" / "state.json");
  {
    World world;  // not even facts
    CHECK_THROWS_AS(reopened(world), IoError);
    CHECK(read_file(dir / "run" / "state.json") == before);
    world.options.force = true;
    ActiveLearner learner = reopened(world);
    CHECK(world.watch.noted("weights: a, now not given"));
    CHECK_THAT(learner.state().notes.at(0), ContainsSubstring("Resumed by force after 1 rounds"));
    learner.step(world.watch);
  }
  World world;  // the new facts are the run's own now
  CHECK_NOTHROW(reopened(world));
}

TEST_CASE("other data cannot be forced on a run") {
  const TempDir dir;
  const auto make = [&](io::Dataset data, World*& made) {
    made = new World(std::move(data));
    made->options.folder = dir / "run";
    made->options.open = OpenRun::create_or_resume;
    made->options.force = true;
  };
  World* world = nullptr;
  make(make_dataset(60, 2, 5), world);
  const std::unique_ptr<World> first(world);
  {
    ActiveLearner learner = first->learner();
    learner.step(first->watch);
  }
  SECTION("candidates that are gone") {
    io::Dataset data = make_dataset(60, 2, 5);
    for (std::size_t i = 0; i < 45; ++i)
      data.ids[i] = i + 1;
    make(std::move(data), world);
    const std::unique_ptr<World> other(world);
    CHECK_THROWS_WITH(other->learner(), ContainsSubstring("which the data set does not hold"));
  }
  SECTION("labelled candidates that are tested on") {
    io::Dataset data = make_dataset(60, 2, 5);
    for (std::size_t i = 0; i < 60; ++i)
      data.split[i] = static_cast<std::uint8_t>(i < 15 ? io::Split::pool : io::Split::test);
    make(std::move(data), world);
    const std::unique_ptr<World> other(world);
    CHECK_THROWS_WITH(other->learner(), ContainsSubstring("is not of the pool now"));
  }
  SECTION("the same data in another order is the same data") {
    make(permuted(make_dataset(60, 2, 5), 3), world);
    const std::unique_ptr<World> other(world);
    other->options.force = false;
    ActiveLearner learner = other->learner();
    learner.run(other->watch);
    CHECK(read_file(dir / "run" / "curve.csv") + read_file(dir / "run" / "model-003.safetensors") ==
          [] {
            const std::string all = undisturbed();
            const std::size_t picks = all.find("round,rank");
            return all.substr(0, picks) + all.substr(all.find("r3 2"));
          }());
  }
}

TEST_CASE("a finished run goes on with a larger budget of rounds") {
  const TempDir dir;
  {
    World world;
    world.options.rounds = 2;
    world.options.folder = dir / "run";
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    CHECK_FALSE(learner.step(world.watch));
  }
  World world;
  world.options.folder = dir / "run";
  world.options.open = OpenRun::resume;
  ActiveLearner learner = world.learner();
  CHECK_FALSE(learner.stopped());
  learner.run(world.watch);
  CHECK(everything(dir / "run") == undisturbed());
}

TEST_CASE("only the last model is kept when asked so") {
  const TempDir dir;
  {
    World world;
    world.options.keep = KeepModels::last;
    world.options.folder = dir / "run";
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
    learner.step(world.watch);
    CHECK_FALSE(fs::exists(dir / "run" / "model-000.safetensors"));
    CHECK(fs::exists(dir / "run" / "model-001.safetensors"));
  }
  World world;
  world.options.keep = KeepModels::last;
  world.options.folder = dir / "run";
  world.options.open = OpenRun::resume;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK(everything(dir / "run") == undisturbed());
  CHECK_FALSE(fs::exists(dir / "run" / "model-002.safetensors"));
}

TEST_CASE("a folder that is not this run's is left alone") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  const auto refused = [&](const std::string& part) {
    CHECK_THROWS_WITH(world.learner(), ContainsSubstring(part));
    CHECK_FALSE(fs::exists(dir / "run" / "curve.csv"));
  };
  SECTION("holding something else") {
    dir.write("run/thesis.tex", "precious");
    refused("is not empty and holds no run");
    world.options.open = OpenRun::resume;
    refused("is not empty and holds no run");
    CHECK(files_in(dir / "run") == std::set<std::string>{"thesis.tex"});
  }
  SECTION("a file") {
    dir.write("run", "precious");
    CHECK_THROWS_WITH(world.learner(), ContainsSubstring("is a file"));
    CHECK(read_file(dir / "run") == "precious");
  }
  SECTION("resuming nothing") {
    world.options.open = OpenRun::resume;
    refused("no run to resume");
    CHECK_FALSE(fs::exists(dir / "run"));
    fs::create_directory(dir / "run");
    refused("no run to resume");
  }
  SECTION("a damaged state") {
    dir.write("run/state.json", "{\"format\": \"aift run\"");
    world.options.open = OpenRun::resume;
    refused("is not the state of a run");
  }
  SECTION("a model that is gone") {
    {
      ActiveLearner learner = world.learner();
      learner.step(world.watch);
    }
    fs::remove(dir / "run" / "model-000.safetensors");
    World other;
    other.options.folder = dir / "run";
    other.options.open = OpenRun::resume;
    CHECK_THROWS_WITH(other.learner(), ContainsSubstring("model-000.safetensors"));
  }
}

TEST_CASE("a run that is there is not begun again") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  {
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
  }
  const std::string before = read_file(dir / "run" / "state.json");
  CHECK_THROWS_WITH(world.learner(), ContainsSubstring("holds a run already"));
  CHECK(read_file(dir / "run" / "state.json") == before);
}

TEST_CASE("a program may put its configuration there first") {
  const TempDir dir;
  dir.write("run/config.toml", "seed = 1");
  World world;
  world.options.folder = dir / "run";
  SECTION("and begin") { world.options.open = OpenRun::create; }
  SECTION("and be killed right after") { world.options.open = OpenRun::resume; }
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  CHECK(fs::exists(dir / "run" / "config.toml"));
}

TEST_CASE("two processes do not work in one folder") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  const ActiveLearner learner = world.learner();
  World other;
  other.options.folder = dir / "run";
  other.options.open = OpenRun::resume;
  CHECK_THROWS_WITH(other.learner(), ContainsSubstring("Another process works"));
}

TEST_CASE("a folder that cannot be written shows before any work") {
  World world;
  world.options.folder = "/proc/aift-run";
  CHECK_THROWS_AS(world.learner(), IoError);
  CHECK(world.initial.calls.empty());
}

TEST_CASE("bad input leaves no folder behind") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  world.data.ids[4] = world.data.ids[5];
  CHECK_THROWS_AS(world.learner(), ValueError);
  CHECK_FALSE(fs::exists(dir / "run"));
}

TEST_CASE("a disk that fills up: an error, the last state stays, and the run goes on later") {
  const TempDir dir;
  // In a process of its own, where files may not grow beyond a limit: the state of the second or
  // third round is what does not fit.
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int status = 1;
    try {
      World world;
      world.options.folder = dir / "run";
      ActiveLearner learner = world.learner();
      learner.step(world.watch);
      const rlimit limit{8000, 8000};
      std::signal(SIGXFSZ, SIG_IGN);
      ::setrlimit(RLIMIT_FSIZE, &limit);
      try {
        learner.run(world.watch);
        status = 2;
      } catch (const IoError& error) {
        const bool kept =
            read_run_state(dir / "run").rounds.size() == learner.state().rounds.size();
        status = kept && std::string(error.what()).find("state.json") != std::string::npos ? 0 : 3;
      }
    } catch (...) {
      status = 4;
    }
    ::_exit(status);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  World world;
  world.options.folder = dir / "run";
  world.options.open = OpenRun::resume;
  ActiveLearner learner = world.learner();
  CHECK(learner.state().rounds.size() < 4);
  learner.run(world.watch);
  CHECK(everything(dir / "run") == undisturbed());
}

TEST_CASE("broken images that were left out stay out after a restart, and are not told of again") {
  const TempDir dir;
  {
    World world;
    world.options.folder = dir / "run";
    world.options.unreadable = {{3, "Cannot decode img/3.png."}};
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
    CHECK(world.watch.noted("img/3.png"));
  }
  World world;
  world.options.folder = dir / "run";
  world.options.open = OpenRun::resume;
  world.options.rounds = 0;
  world.options.unreadable = {{3, "Cannot decode img/3.png."}};
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK_FALSE(world.watch.noted("img/3.png"));
  CHECK(learner.state().excluded.size() == 1);
  CHECK(picked_ids(learner.state()).size() == 44);
}

TEST_CASE("a labelled image that breaks later is left out of training") {
  const TempDir dir;
  World world;
  world.options.folder = dir / "run";
  index_t broken = -1;
  {
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
    broken = learner.state().rounds[0].picks[2].candidate.index;
    world.source.break_image(world.data.ids[static_cast<std::size_t>(broken)]);
  }
  world.options.open = OpenRun::resume;
  SECTION("noticed by the training") {}
  SECTION("known at the restart") { world.options.unreadable = {{broken, "Cannot decode it."}}; }
  SECTION("in any training set") {
    world.options.set = TrainSet::hard;
    world.options.force = true;
  }
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK(learner.state().rounds.size() == 4);
  CHECK(learner.state().excluded.size() == 1);
  CHECK(world.trainer.calls.back().all.size() == 19);
  CHECK(learner.state().labels() == 20);  // it was paid for
}

TEST_CASE("a trainer that cannot write its own files is not blamed on an image") {
  class Failing final : public IncrementalTrainer {
   public:
    std::string_view name() const noexcept override { return "failing"; }
    FitResult fit(const Model&, const TrainingRound&, Progress&) override {
      throw IoError("No space for a checkpoint.");
    }
  } failing;
  World world;
  world.options.trainer = &failing;
  ActiveLearner learner = world.learner();
  CHECK_THROWS_WITH(learner.step(world.watch), "No space for a checkpoint.");
  CHECK(learner.state().answered);
  CHECK(learner.state().excluded.empty());
}
