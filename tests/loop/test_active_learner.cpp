// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/active_learner.hpp>

#include <cmath>
#include <limits>
#include <numeric>

#include <aift/select/random_selector.hpp>

#include "loop/fake_world.hpp"
#include "src/loop/pick_predictions.hpp"
#include "support/catch.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

std::set<std::uint64_t> distinct(const std::vector<std::uint64_t>& ids) {
  return {ids.begin(), ids.end()};
}

}  // namespace

TEST_CASE("the whole loop: asks, learns, tests, stops") {
  World world;
  world.options.rounds = 5;
  ActiveLearner learner = world.learner();
  CHECK(learner.pool_left() == 45);
  CHECK(learner.test_set().size() == 15);
  const StopReason why = learner.run(world.watch);
  CHECK(why.rule == "rounds");
  CHECK_FALSE(learner.step(world.watch));

  const RunState& state = learner.state();
  REQUIRE(state.rounds.size() == 5);
  CHECK(state.pool == 45);
  CHECK(state.test == 15);
  CHECK(distinct(picked_ids(state)).size() == 25);  // nobody is asked for twice
  for (std::size_t r = 0; r < 5; ++r) {
    const RoundRecord& round = state.rounds[r];
    CHECK(round.round == static_cast<index_t>(r));
    CHECK(round.labels == static_cast<index_t>(5 * (r + 1)));
    CHECK(round.rule == (r == 0 ? "random" : "aift"));
    CHECK(round.trained);
    CHECK(round.metrics.samples == 15);
    for (const Pick& pick : round.picks) {
      CHECK(pick.label == world.data.labels[static_cast<std::size_t>(pick.candidate.index)]);
      CHECK(pick.path == world.data.paths[static_cast<std::size_t>(pick.candidate.index)]);
      CHECK(pick.group == "video_" + std::to_string(pick.candidate.index / 3));
      CHECK_FALSE(pick.reason.empty());
      if (r == 0) {
        CHECK(std::isnan(pick.score));
        CHECK(pick.probabilities.empty());
        CHECK(pick.top.empty());
        continue;
      }
      CHECK(pick.score > 0);
      CHECK(pick.entropy + pick.diversity == Catch::Approx(pick.score));
      CHECK(pick.patches == 4);
      CHECK(pick.kept.size() == 1);  // a quarter of 4
      REQUIRE(pick.probabilities.size() == 4);
      REQUIRE(pick.top.size() == 2);
      CHECK(pick.top[0].first == pick.dominant);
      CHECK(pick.top[0].second + pick.top[1].second == Catch::Approx(1));
      CHECK(std::accumulate(pick.probabilities.begin(), pick.probabilities.end(), 0.0F) / 4 ==
            Catch::Approx(pick.top[0].second));
    }
  }
  CHECK(state.rounds.back().metrics.auc > 0.85);  // the colours can be told apart
  CHECK(std::isnan(state.rounds[0].agreement));
  CHECK(state.rounds[4].agreement >= 0);
  CHECK(state.rounds[4].agreement <= 1);
  CHECK(world.watch.stages == std::set<std::string>{"score", "explain", "train", "test"});
}

TEST_CASE("picks are those of the selector on the whole pool at once") {
  World world;
  world.options.rounds = 2;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  // What is left, in the order of the ids, predicted and scored without chunks.
  std::vector<CandidateRef> left;
  const std::vector<std::uint64_t> picked = picked_ids(learner.state());
  for (index_t i = 0; i < 45; ++i) {
    if (std::find(picked.begin(), picked.end(), world.data.ids[static_cast<std::size_t>(i)]) ==
        picked.end())
      left.push_back(world.data.ref(i));
  }
  std::sort(left.begin(), left.end(),
            [](const CandidateRef& a, const CandidateRef& b) { return a.id < b.id; });
  std::vector<float> patches(left.size() * 4 * 12);
  for (std::size_t i = 0; i < left.size(); ++i) {
    for (index_t v = 0; v < 4; ++v) {
      const PatchPlan plan = world.augmenter.plan(left[i], Purpose::scoring, 1, v);
      world.augmenter.render(
          {&plan, 1}, world.source,
          {patches.data() + (i * 4 + static_cast<std::size_t>(v)) * 12, 1, fake_format()});
    }
  }
  const auto n = static_cast<index_t>(left.size());
  std::vector<float> logits(left.size() * 8);
  learner.model().predict(patches, n * 4, logits, {});
  PoolView view;
  view.size = n;
  view.classes = 2;
  const PatchPredictions predictions =
      PatchPredictions::dense(logits.data(), n, 4, 2, PredictionKind::logits);
  view.predictions = &predictions;
  const Selection expected = world.selector.select(view, 5, {1, 1});

  const RoundRecord& query = learner.query(world.watch);
  REQUIRE(query.picks.size() == 5);
  for (std::size_t r = 0; r < 5; ++r) {
    CHECK(query.picks[r].candidate.id == left[static_cast<std::size_t>(expected.indices[r])].id);
    CHECK(query.picks[r].score == expected.score[r]);
    CHECK(query.picks[r].kept == expected.kept[r]);
    CHECK(query.picks[r].dominant == expected.dominant[r]);
  }
}

TEST_CASE("the same seed gives the same run, another seed another") {
  const auto run = [](std::uint64_t seed, index_t workers) {
    World world(make_dataset(60, 2, 5), seed);
    world.options.workers = workers;
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    return std::pair(curve_csv(learner.state()), picks_csv(learner.state()));
  };
  CHECK(run(1, 1) == run(1, 3));
  CHECK(run(1, 1) != run(2, 1));
}

TEST_CASE("the order of the manifest changes nothing") {
  const auto run = [](io::Dataset data) {
    World world(std::move(data));
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    std::vector<std::pair<std::string, label_t>> picks;
    for (const RoundRecord& round : learner.state().rounds) {
      for (const Pick& pick : round.picks)
        picks.emplace_back(pick.path, pick.label);
    }
    return std::pair(curve_csv(learner.state()), picks);
  };
  for (const index_t test_groups : {5, 0}) {  // the manifest's split, and one drawn
    const io::Dataset data = make_dataset(60, 2, test_groups);
    CHECK(run(data) == run(permuted(data, 1)));
    CHECK(run(data) == run(permuted(data, 2)));
  }
}

TEST_CASE("no group is on both sides, whoever splits") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    World world(make_dataset(90, 3, 0), seed);
    world.options.test_share = 0.4;
    world.options.rounds = 0;  // until the pool is empty
    ActiveLearner learner = world.learner();
    CHECK(learner.run(world.watch).rule == "empty_pool");
    std::set<index_t> tested;
    for (const CandidateRef& c : learner.test_set())
      tested.insert(c.index / 3);
    CHECK(tested.size() >= 9);
    CHECK(tested.size() <= 15);
    index_t asked = 0;
    for (const RoundRecord& round : learner.state().rounds) {
      for (const Pick& pick : round.picks) {
        CHECK_FALSE(tested.contains(pick.candidate.index / 3));
        ++asked;
      }
    }
    CHECK(asked + static_cast<index_t>(learner.test_set().size()) == 90);
  }
  io::Dataset leaking = make_dataset(60, 2, 5);
  leaking.split[0] = static_cast<std::uint8_t>(io::Split::test);
  World world(leaking);
  CHECK_THROWS_WITH(world.learner(), ContainsSubstring("wholly in the pool"));
}

TEST_CASE("without a test set the metrics are not numbers, and the loop goes on") {
  World world(make_dataset(30, 2, 0));
  world.options.test_share = 0;
  world.options.rounds = 2;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK(learner.test_set().empty());
  CHECK(std::isnan(learner.state().rounds[1].metrics.auc));
  CHECK(curve_csv(learner.state()).find("0,5,nan,nan,nan,nan") != std::string::npos);
}

TEST_CASE("a budget larger than the pool takes all of it and stops") {
  World world;
  world.options.budget = 1000;
  ActiveLearner learner = world.learner();
  const StopReason why = learner.run(world.watch);
  CHECK(why.rule == "empty_pool");
  REQUIRE(learner.state().rounds.size() == 1);
  CHECK(learner.state().rounds[0].picks.size() == 45);
  CHECK_THROWS_WITH(learner.query(world.watch), ContainsSubstring("pool is empty"));
}

TEST_CASE("max_labels cuts the last batch to fit") {
  World world;
  world.options.rounds = 0;
  world.options.max_labels = 12;
  ActiveLearner learner = world.learner();
  CHECK(learner.run(world.watch).rule == "max_labels");
  REQUIRE(learner.state().rounds.size() == 3);
  CHECK(learner.state().rounds[2].picks.size() == 2);
  CHECK(learner.state().labels() == 12);
}

TEST_CASE("a rule of the application's own is asked first") {
  World world;
  world.options.stopping.push_back(std::make_shared<TargetMetric>(MetricKind::auc, 0.1));
  ActiveLearner learner = world.learner();
  const StopReason why = learner.run(world.watch);
  CHECK(why.rule == "target");
  CHECK_THAT(why.reason, ContainsSubstring("target was 0.1"));
  CHECK(learner.state().rounds.size() == 1);
}

TEST_CASE("a model that is right before it sees the labels ends the run") {
  World world;
  world.source.~ColourSource();
  new (&world.source) ColourSource(world.data, 0);  // no noise: nothing left to learn
  world.options.rounds = 0;
  world.options.stopping.push_back(std::make_shared<AlreadyRight>(2));
  ActiveLearner learner = world.learner();
  CHECK(learner.run(world.watch).rule == "already_right");
  REQUIRE(learner.state().rounds.size() == 3);  // the first batch had no model
  CHECK(learner.state().rounds[1].agreement == 1);
}

TEST_CASE("no gain for p rounds ends the run") {
  World world;
  world.options.rounds = 0;
  world.options.stopping.push_back(std::make_shared<NoGain>(MetricKind::auc, 2, 1.0));
  ActiveLearner learner = world.learner();
  CHECK(learner.run(world.watch).rule == "no_gain");
  CHECK(learner.state().rounds.size() == 3);
}

TEST_CASE("each start and each training set reaches the trainer") {
  for (const StartFrom start : {StartFrom::scratch, StartFrom::pretrained, StartFrom::current}) {
    for (const TrainSet set : {TrainSet::only_new, TrainSet::all, TrainSet::hard}) {
      CAPTURE(static_cast<int>(start), static_cast<int>(set));
      World world(make_dataset(120, 2, 5));
      world.options.budget = 12;
      world.options.start = start;
      world.options.set = set;
      world.options.make_scratch = [](index_t round) {
        return std::make_unique<LinearModel>(2, "scratch" + std::to_string(round));
      };
      ActiveLearner learner = world.learner();
      // H is what the current model gets wrong, found here before each training.
      std::vector<std::vector<std::uint64_t>> wrong;
      while (!learner.stopped()) {
        std::vector<std::uint64_t> missed;
        const auto& model = dynamic_cast<const LinearModel&>(learner.model());
        for (const RoundRecord& round : learner.state().rounds) {
          for (const Pick& pick : round.picks) {
            std::array<float, 12> patch{};
            std::array<float, 2> logits{};
            const PatchPlan plan = world.augmenter.plan(pick.candidate, Purpose::test, 0, 0);
            world.augmenter.render({&plan, 1}, world.source, {patch.data(), 1, fake_format()});
            model.predict(patch, 1, logits, {});
            if ((logits[1] > logits[0] ? 1 : 0) != pick.label) missed.push_back(pick.candidate.id);
          }
        }
        wrong.push_back(missed);
        learner.step(world.watch);
      }
      REQUIRE(world.trainer.calls.size() == 4);
      bool some_wrong = false;
      std::vector<std::uint64_t> all;
      for (std::size_t r = 0; r < 4; ++r) {
        const CentroidTrainer::Call& call = world.trainer.calls[r];
        std::vector<std::uint64_t> fresh;
        for (const Pick& pick : learner.state().rounds[r].picks)
          fresh.push_back(pick.candidate.id);
        all.insert(all.end(), fresh.begin(), fresh.end());
        CHECK(call.round == static_cast<index_t>(r));
        CHECK(call.set == set);
        CHECK(call.fresh == fresh);
        CHECK(call.all == all);
        const std::string before = r == 0 ? "initial" : "r" + std::to_string(r - 1);
        CHECK(call.parent == (start == StartFrom::scratch      ? "scratch" + std::to_string(r)
                              : start == StartFrom::pretrained ? "initial"
                                                               : before));
        if (set == TrainSet::only_new) CHECK(call.samples == fresh);
        if (set == TrainSet::all) CHECK(call.samples == all);
        if (set == TrainSet::hard) {
          CHECK(call.hard == wrong[r]);
          std::vector<std::uint64_t> both = wrong[r];
          both.insert(both.end(), fresh.begin(), fresh.end());
          CHECK(call.samples == both);
          some_wrong = some_wrong || !wrong[r].empty();
        } else {
          CHECK(call.hard.empty());
        }
      }
      if (set == TrainSet::hard) CHECK(some_wrong);
    }
  }
}

TEST_CASE("labels of one class: nothing is trained, and the asking goes on") {
  World world;
  index_t asked = 0;
  ScriptedOracle oracle([&](const CandidateRef& c) {
    return asked++ < 10 ? label_t{1} : world.data.labels[static_cast<std::size_t>(c.index)];
  });
  world.options.oracle = &oracle;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  learner.step(world.watch);
  CHECK(world.trainer.calls.empty());
  CHECK(world.watch.noted("all 10 labels to train on are of one class"));
  for (const index_t r : {0, 1}) {
    const RoundRecord& round = learner.state().rounds[static_cast<std::size_t>(r)];
    CHECK_FALSE(round.trained);
    CHECK_FALSE(round.has_model);
    CHECK(round.model_file.empty());
    CHECK(round.rule == "random");
    // The frequencies of the labels, the same for every image: what can honestly be said.
    const double p =
        (5.0 * static_cast<double>(r + 1) + 1) / (5.0 * static_cast<double>(r + 1) + 2);
    double positives = 0;
    for (const CandidateRef& c : learner.test_set())
      positives += world.data.labels[static_cast<std::size_t>(c.index)];
    CHECK(round.metrics.auc == 0.5);
    CHECK(round.metrics.accuracy == positives / 15);
    CHECK(round.metrics.balanced_accuracy == 0.5);
    CHECK(round.metrics.log_loss ==
          Catch::Approx(-(positives * std::log(p) + (15 - positives) * std::log(1 - p)) / 15));
  }
  learner.step(world.watch);
  CHECK(learner.state().rounds[2].trained);
  CHECK(learner.state().rounds[2].rule == "random");
  CHECK(world.trainer.calls[0].all.size() == 15);
  CHECK(world.trainer.calls[0].fresh.size() == 15);  // nobody was trained on before
  learner.step(world.watch);
  CHECK(learner.state().rounds[3].rule == "aift");
}

TEST_CASE("new labels of one class leave the model as it is when only they are trained on") {
  World world;
  world.options.set = TrainSet::only_new;
  index_t asked = 0;
  ScriptedOracle oracle([&](const CandidateRef& c) {
    return asked++ >= 5 && asked <= 10 ? label_t{0}
                                       : world.data.labels[static_cast<std::size_t>(c.index)];
  });
  world.options.oracle = &oracle;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  REQUIRE(learner.state().rounds[0].trained);
  learner.step(world.watch);
  const RoundRecord& round = learner.state().rounds[1];
  CHECK_FALSE(round.trained);
  CHECK(round.has_model);
  CHECK(round.metrics.auc == learner.state().rounds[0].metrics.auc);
  learner.step(world.watch);
  CHECK(world.trainer.calls[1].fresh.size() == 10);  // they are handed on
  CHECK(world.trainer.calls[1].parent == "r0");
}

TEST_CASE("a reader who cannot tell is not asked again, and no label is counted") {
  World world;
  ScriptedOracle oracle([&](const CandidateRef& c) {
    return c.id % 3 == 0 ? kUnlabelled : world.data.labels[static_cast<std::size_t>(c.index)];
  });
  world.options.oracle = &oracle;
  world.options.rounds = 0;
  ActiveLearner learner = world.learner();
  CHECK(learner.run(world.watch).rule == "empty_pool");
  index_t told = 0;
  for (const RoundRecord& round : learner.state().rounds) {
    for (const Pick& pick : round.picks)
      told += pick.label != kUnlabelled ? 1 : 0;
  }
  CHECK(told < 45);
  CHECK(learner.state().labels() == told);
  CHECK(learner.state().rounds.back().labels == told);
  CHECK(distinct(picked_ids(learner.state())).size() == 45);
}

TEST_CASE("people: ask, answer and train are three calls") {
  World world(without_pool_labels(make_dataset(60, 2, 5)));
  world.options.oracle = nullptr;
  world.options.rounds = 2;
  ActiveLearner learner = world.learner();
  CHECK_THROWS_WITH(learner.step(world.watch), ContainsSubstring("oracle"));
  CHECK_THROWS_AS(learner.train(world.watch), ValueError);
  CHECK_THROWS_AS(learner.submit({}), ValueError);

  const std::vector<Pick> first = learner.query(world.watch).picks;
  REQUIRE(first.size() == 5);
  CHECK(learner.query(world.watch).picks[0].candidate.id == first[0].candidate.id);
  CHECK(learner.pool_left() == 40);
  CHECK_THROWS_AS(learner.train(world.watch), ValueError);
  CHECK_THROWS_AS(learner.submit(std::vector<label_t>{0, 1}), ShapeError);
  CHECK_THROWS_AS(learner.submit(std::vector<label_t>{0, 1, 2, 0, 1}), ValueError);
  CHECK_THROWS_AS(learner.submit(std::vector<label_t>{0, 1, -2, 0, 1}), ValueError);
  CHECK_FALSE(learner.state().answered);
  learner.submit(std::vector<label_t>{0, 1, kUnlabelled, 0, 1});
  CHECK_THROWS_WITH(learner.submit(std::vector<label_t>{0, 1, 0, 0, 1}),
                    ContainsSubstring("answered already"));
  CHECK(learner.state().labels() == 4);
  CHECK(learner.train(world.watch).trained);
  CHECK(learner.state().rounds[0].labels == 4);
  learner.query(world.watch);
  learner.submit(std::vector<label_t>{0, 1, 1, 0, 1});
  learner.train(world.watch);
  CHECK(learner.stopped());
  CHECK_THROWS_AS(learner.query(world.watch), ValueError);
}

TEST_CASE("people: labels that are there already are the start set") {
  io::Dataset data = make_dataset(60, 2, 5);
  const std::vector<label_t> truth = data.labels;
  for (index_t i = 8; i < 45; ++i)  // the first 8 of the pool are labelled: 5 and 3 of a class
    data.labels[static_cast<std::size_t>(i)] = kUnlabelled;
  World world(std::move(data));
  world.options.oracle = nullptr;
  world.options.rounds = 3;
  ActiveLearner learner = world.learner();
  CHECK(learner.pool_left() == 45);
  const RoundRecord& query = learner.query(world.watch);

  REQUIRE(learner.state().rounds.size() == 1);
  const RoundRecord& start = learner.state().rounds[0];
  CHECK(start.rule == kStartSet);
  CHECK(start.trained);
  CHECK(start.labels == 8);
  CHECK(start.metrics.samples == 15);
  REQUIRE(start.picks.size() == 8);
  for (const Pick& pick : start.picks) {
    CHECK(pick.candidate.index < 8);
    CHECK(pick.label == truth[static_cast<std::size_t>(pick.candidate.index)]);
    CHECK(std::isnan(pick.score));
  }
  CHECK(query.round == 1);
  CHECK(query.rule == "aift");  // the network that they gave asks
  REQUIRE(query.picks.size() == 5);
  CHECK(learner.pool_left() == 45 - 8 - 5);
  std::vector<label_t> answers;
  for (const Pick& pick : query.picks) {
    CHECK(pick.candidate.index >= 8);
    CHECK_FALSE(pick.top.empty());
    answers.push_back(truth[static_cast<std::size_t>(pick.candidate.index)]);
  }
  learner.submit(answers);
  CHECK(learner.train(world.watch).labels == 13);
  CHECK(world.trainer.calls.back().samples.size() == 13);
  CHECK(learner.query(world.watch).round == 2);
  CHECK(learner.state().rounds.size() == 2);  // the start set is learnt from once
}

TEST_CASE("people: a start set of one class, and one with an image that is broken") {
  io::Dataset data = make_dataset(60, 2, 5);
  for (index_t i = 3; i < 45; ++i)
    data.labels[static_cast<std::size_t>(i)] = kUnlabelled;
  World world(std::move(data));
  world.options.oracle = nullptr;
  world.source.break_image(world.data.ids[1]);
  ActiveLearner learner = world.learner();
  const RoundRecord& query = learner.query(world.watch);
  CHECK_FALSE(learner.state().rounds[0].trained);  // nothing can be learnt from one class
  CHECK(learner.state().rounds[0].picks.size() == 2);
  CHECK(learner.state().excluded.size() == 1);
  CHECK(query.rule == "random");
  std::vector<label_t> answers(query.picks.size(), 1);
  learner.submit(answers);
  CHECK(learner.train(world.watch).trained);
  CHECK(learner.state().labels() == 2 + 5);
}

TEST_CASE("a record of many classes stays short") {
  std::vector<double> probabilities;  // [3, 8]
  for (int j = 0; j < 3; ++j)
    for (int k = 0; k < 8; ++k)
      probabilities.push_back(k == 6 ? 0.25 + 0.125 * j : k == 2 || k == 4 ? 0.125 : 0.0625);
  Pick pick;
  keep_predictions(pick, probabilities, 8);
  CHECK(pick.dominant == 6);
  CHECK(pick.top == std::vector<std::pair<label_t, float>>{
                        {6, 0.375F}, {2, 0.125F}, {4, 0.125F}, {0, 0.0625F}, {1, 0.0625F}});
  CHECK(pick.probabilities == std::vector<float>{0.25F, 0.375F, 0.5F});
  pick.dominant = 2;  // as the score has it
  keep_predictions(pick, probabilities, 8);
  CHECK(pick.probabilities == std::vector<float>{0.125F, 0.125F, 0.125F});
  CHECK(pick.top[0].first == 6);
}

TEST_CASE("the first batch of the pretrained network's own head") {
  World world;
  LinearModel pretrained(10, "imagenet");
  for (std::size_t i = 0; i < pretrained.weights.size(); ++i)  // sees how bright, not which colour
    pretrained.weights[i] = i % 4 == 3 ? 0 : std::cos(static_cast<double>(i / 4));
  world.options.first = FirstBatch::imagenet;
  world.options.budget = 15;  // enough to meet both classes
  CHECK_THROWS_WITH(world.learner(), ContainsSubstring("first_model"));
  world.options.first_model = &pretrained;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  const RoundRecord& round = learner.state().rounds[0];
  CHECK(round.rule == "imagenet");
  CHECK(std::isnan(round.agreement));
  REQUIRE(round.picks.size() == 15);
  for (std::size_t r = 0; r < 15; ++r) {
    CHECK(round.picks[r].score > 0);
    if (r > 0) CHECK(round.picks[r].score <= round.picks[r - 1].score);
    CHECK(round.picks[r].kept.size() == 1);
    CHECK(round.picks[r].top.empty());
    CHECK(round.picks[r].probabilities.empty());  // of classes that are not the data's
    CHECK(round.picks[r].dominant == kUnlabelled);
  }
  CHECK(world.initial.calls.empty());  // the untrained head is never asked
  learner.step(world.watch);
  CHECK(learner.state().rounds[1].rule == "aift");
}

TEST_CASE("a selector that needs no predictions costs no pass over the pool") {
  World world;
  const RandomSelector random;
  world.options.selector = &random;
  world.options.rounds = 2;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  world.watch.stages.clear();
  learner.step(world.watch);
  CHECK_FALSE(world.watch.stages.contains("score"));
  CHECK(learner.state().rounds[1].rule == "random");
  // What the model thought of the picks is recorded all the same.
  CHECK(learner.state().rounds[1].picks[0].probabilities.size() == 4);
  CHECK(learner.state().rounds[1].picks[0].dominant >= 0);
  CHECK(learner.state().rounds[1].agreement >= 0);
}

namespace {

/// Takes the candidates farthest (in mean features) from all that is labelled; checks its inputs.
class FarthestSelector final : public Selector {
 public:
  std::string_view name() const noexcept override { return "farthest"; }
  Needs needs() const override {
    return {.scores = false,
            .mean_probabilities = true,
            .features = true,
            .labels = true,
            .groups = true};
  }
  mutable index_t labelled_seen = 0;
  mutable std::vector<float> features;
  mutable std::vector<double> means;
  mutable std::vector<std::uint64_t> ids;

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext&,
            Selection& out) const override {
    labelled_seen = std::count_if(pool.labels.begin(), pool.labels.end(),
                                  [](label_t label) { return label >= 0; });
    features.assign(pool.features.begin(), pool.features.end());
    means.assign(pool.mean_probabilities.begin(), pool.mean_probabilities.end());
    ids.assign(pool.ids.begin(), pool.ids.end());
    for (index_t i = 0; i < pool.size && out.size() < budget; ++i) {
      if (pool.labels[static_cast<std::size_t>(i)] < 0) out.indices.push_back(i);
    }
  }
};

/// Wants scores and does not say how they are made.
class Careless final : public Selector {
 public:
  std::string_view name() const noexcept override { return "careless"; }
  Needs needs() const override { return {.scores = true}; }

 protected:
  void pick(const PoolView&, index_t, const SelectContext&, Selection&) const override {}
};

}  // namespace

TEST_CASE("a selector that picks nobody does not make an endless run") {
  class Idle final : public Selector {
   public:
    std::string_view name() const noexcept override { return "idle"; }

   protected:
    void pick(const PoolView&, index_t, const SelectContext&, Selection&) const override {}
  } idle;
  World world;
  world.options.selector = &idle;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  CHECK_THROWS_AS(learner.step(world.watch), Error);
  CHECK(learner.state().rounds.size() == 1);
}

TEST_CASE("a selector gets the features, means, labels and groups it asks for") {
  World world;
  const FarthestSelector farthest;
  world.options.selector = &farthest;
  world.options.rounds = 2;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  learner.query(world.watch);
  CHECK(farthest.labelled_seen == 5);
  REQUIRE(farthest.ids.size() == 45);
  REQUIRE(farthest.features.size() == 45 * 3);
  REQUIRE(farthest.means.size() == 45 * 2);
  CHECK(std::is_sorted(farthest.ids.begin(), farthest.ids.end()));
  // One candidate by hand: means over its four views.
  const std::uint64_t id = farthest.ids[7];
  const auto at = std::find(world.data.ids.begin(), world.data.ids.end(), id);
  const CandidateRef candidate = world.data.ref(at - world.data.ids.begin());
  std::array<double, 3> feature{};
  double probability = 0;
  for (index_t v = 0; v < 4; ++v) {
    std::array<float, 12> patch{};
    std::array<float, 2> logits{};
    std::array<float, 3> one{};
    const PatchPlan plan = world.augmenter.plan(candidate, Purpose::scoring, 1, v);
    world.augmenter.render({&plan, 1}, world.source, {patch.data(), 1, fake_format()});
    learner.model().predict(patch, 1, logits, one);
    for (std::size_t c = 0; c < 3; ++c)
      feature[c] += static_cast<double>(one[c]) / 4;
    probability += 1 / (1 + std::exp(static_cast<double>(logits[0] - logits[1]))) / 4;
  }
  for (std::size_t c = 0; c < 3; ++c)
    CHECK(farthest.features[7 * 3 + c] == Catch::Approx(feature[c]).margin(1e-6));
  CHECK(farthest.means[7 * 2 + 1] == Catch::Approx(probability).margin(1e-6));
}

TEST_CASE("unreadable images are left out, counted and told of once") {
  World world;
  SECTION("known beforehand") {
    world.options.unreadable = {{3, "Cannot decode img/3.png."}, {50, "Cannot decode img/50.png."}};
    world.source.break_image(world.data.ids[3]);
    world.source.break_image(world.data.ids[50]);
  }
  SECTION("found on the way") {
    world.source.break_image(world.data.ids[3]);
    world.source.break_image(world.data.ids[50]);
  }
  world.options.rounds = 0;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  const RunState& state = learner.state();
  REQUIRE(state.excluded.size() == 2);
  CHECK(state.excluded[0].reason.find("Cannot decode") != std::string::npos);
  CHECK(std::count(world.watch.notes.begin(), world.watch.notes.end(),
                   "Cannot decode img/3.png.") == 1);
  CHECK(std::count(world.watch.notes.begin(), world.watch.notes.end(),
                   "Cannot decode img/50.png.") == 1);
  const std::vector<std::uint64_t> asked = picked_ids(state);
  CHECK(asked.size() == 44);
  CHECK(std::count(asked.begin(), asked.end(), world.data.ids[3]) == 0);
  CHECK(state.rounds.back().metrics.samples == 14);
}

TEST_CASE("a first batch by chance never holds an image that cannot be opened") {
  World world;
  world.options.budget = 20;
  for (std::size_t i = 0; i < 45; i += 2)
    world.source.break_image(world.data.ids[i]);
  ActiveLearner learner = world.learner();
  const RoundRecord& query = learner.query(world.watch);
  REQUIRE(query.picks.size() == 20);
  for (const Pick& pick : query.picks)
    CHECK(pick.candidate.index % 2 == 1);
}

TEST_CASE("too many unreadable images stop the run before anything is trained") {
  World world;
  world.options.max_unreadable = 0.04;  // 2 of 60
  for (const std::size_t i : {3, 4, 5})
    world.source.break_image(world.data.ids[i]);
  SECTION("known") {
    world.options.unreadable = {{3, "a"}, {4, "b"}, {5, "c"}};
    CHECK_THROWS_WITH(world.learner(), ContainsSubstring("3 of 60 images cannot be read"));
  }
  SECTION("found on the way") {
    ActiveLearner learner = world.learner();
    CHECK_THROWS_WITH(learner.run(world.watch), ContainsSubstring("3 of 60 images cannot be read"));
  }
}

TEST_CASE("candidates without a label are left out of a simulation, and it is said") {
  io::Dataset data = make_dataset(60, 2, 5);
  for (const std::size_t i : {0, 1, 2, 46})
    data.labels[i] = kUnlabelled;
  World world(data);
  world.options.rounds = 0;
  ActiveLearner learner = world.learner();
  CHECK(world.watch.noted("3 candidates of the pool have no label"));
  CHECK(world.watch.noted("1 candidates of the test set have no label"));
  learner.run(world.watch);
  CHECK(picked_ids(learner.state()).size() == 42);
  CHECK(learner.test_set().size() == 14);
}

TEST_CASE("an oracle that fails leaves its query open") {
  World world;
  bool fails = true;
  ScriptedOracle oracle([&](const CandidateRef& c) {
    if (fails) throw IoError("The reader left.");
    return world.data.labels[static_cast<std::size_t>(c.index)];
  });
  world.options.oracle = &oracle;
  ActiveLearner learner = world.learner();
  CHECK_THROWS_WITH(learner.step(world.watch), "The reader left.");
  REQUIRE(learner.state().pending);
  const std::uint64_t first = learner.state().pending->picks[0].candidate.id;
  fails = false;
  learner.step(world.watch);
  CHECK(learner.state().rounds[0].picks[0].candidate.id == first);
}

TEST_CASE("an oracle that answers nonsense is refused") {
  World world;
  ScriptedOracle oracle([&](const CandidateRef&) { return label_t{7}; });
  world.options.oracle = &oracle;
  ActiveLearner learner = world.learner();
  CHECK_THROWS_WITH(learner.step(world.watch), ContainsSubstring("[0, 2)"));
  CHECK_FALSE(learner.state().answered);
}

TEST_CASE("a run that is cancelled anywhere keeps its last good state and goes on") {
  World plain;
  ActiveLearner reference = plain.learner();
  reference.run(plain.watch);
  const std::string expected = picks_csv(reference.state()) + curve_csv(reference.state());

  World world;
  ActiveLearner learner = world.learner();
  index_t cancelled = 0;
  for (index_t after = 0; !learner.stopped(); after += 3) {
    world.watch.asked = 0;
    world.watch.cancel_at = after % 40;
    const std::size_t rounds = learner.state().rounds.size();
    try {
      learner.run(world.watch);
    } catch (const CancelledError&) {
      ++cancelled;
      CHECK(learner.state().rounds.size() >= rounds);
    }
  }
  CHECK(cancelled > 10);
  CHECK(picks_csv(learner.state()) + curve_csv(learner.state()) == expected);
}

TEST_CASE("options that contradict each other are refused in one sentence") {
  World world;
  std::string part;
  const Careless careless;
  const LinearModel wide(3);
  SECTION("null") {
    world.options.trainer = nullptr;
    part = "one of them is null";
  }
  SECTION("budget") {
    world.options.budget = 0;
    part = "budget must be at least 1";
  }
  SECTION("rounds") {
    world.options.rounds = -1;
    part = "rounds and max_labels";
  }
  SECTION("test share") {
    world.options.test_share = 1;
    part = "test_share";
  }
  SECTION("NaN") {
    world.options.test_share = std::numeric_limits<double>::quiet_NaN();
    part = "test_share";
  }
  SECTION("classes of the model") {
    world.options.initial = &wide;
    part = "one output for each of the 2 classes";
  }
  SECTION("scratch") {
    world.options.start = StartFrom::scratch;
    part = "make_scratch";
  }
  SECTION("scores") {
    world.options.selector = &careless;
    part = "derive it from ScoreSelector";
  }
  SECTION("loader") {
    world.options.folder = "/nowhere/run";
    world.options.load = nullptr;
    part = "loader";
  }
  SECTION("one class name") {
    world.data.class_names.pop_back();
    part = "at least 2 classes";
  }
  SECTION("a label outside") {
    world.data.labels[4] = 2;
    part = "candidate 4 has 2";
  }
  SECTION("one class in the pool") {
    for (std::size_t i = 0; i < 60; ++i)
      world.data.labels[i] = 1;
    world.oracle = SimulatedOracle(world.data.labels);
    part = "all of its 45 candidates are of one";
  }
  SECTION("a class only in the test set") {
    for (std::size_t i = 0; i < 45; ++i)
      world.data.labels[i] = 1;
    world.oracle = SimulatedOracle(world.data.labels);
    part = "none in the pool";
  }
  SECTION("everything in the test set") {
    for (std::uint8_t& split : world.data.split)
      split = static_cast<std::uint8_t>(io::Split::test);
    part = "no candidate to ask for";
  }
  SECTION("two candidates of one id") {
    world.data.ids[4] = world.data.ids[5];
    part = "candidates 4 and 5 share one";
  }
  CHECK_THROWS_WITH(world.learner(), ContainsSubstring(part));
}

TEST_CASE("batch rules: every batch keeps to them, the first one too") {
  World world(make_dataset(90, 2, 5));
  for (index_t i = 0; i < 90; ++i)  // three frames of each video, one apart
    world.data.times.push_back(static_cast<double>(i % 3));
  world.options.rules = {.max_per_group = 2, .min_gap = 2, .audit_share = 0.2};
  world.options.rounds = 6;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  const RunState& state = learner.state();
  REQUIRE(state.rounds.size() == 6);
  for (const RoundRecord& round : state.rounds) {
    REQUIRE(round.picks.size() == 5);
    CHECK(round.shortfall.empty());
    CHECK(round.vetoed.gap > 0);
    CHECK(std::count_if(round.picks.begin(), round.picks.end(),
                        [](const Pick& pick) { return pick.audit; }) == 1);
    for (std::size_t a = 0; a < 5; ++a) {
      for (std::size_t b = 0; b < a; ++b) {
        const index_t i = round.picks[a].candidate.index;
        const index_t j = round.picks[b].candidate.index;
        CHECK((i / 3 != j / 3 || std::abs(i - j) == 2));
      }
    }
  }
  CHECK(run_state_from_json(to_json(state), "state").rounds[3].vetoed == state.rounds[3].vetoed);
  CHECK(to_json(run_state_from_json(to_json(state), "state")) == to_json(state));
}

TEST_CASE("batch rules: the order of the manifest changes nothing") {
  const auto picks = [](std::uint64_t seed) {
    io::Dataset data = make_dataset(60, 2, 5);
    if (seed > 0) data = permuted(data, seed);
    World world(std::move(data));
    for (std::size_t i = 0; i < 60; ++i) {
      const std::uint64_t id = world.data.ids[i];
      world.data.times.push_back(static_cast<double>(splitmix64(id) % 10));
      world.data.costs.push_back(static_cast<double>(splitmix64(id + 1) % 4));
    }
    world.options.rules = {.min_gap = 6, .max_cost = 7, .audit_share = 0.4};
    ActiveLearner learner = world.learner();
    learner.run(world.watch);
    return picked_ids(learner.state());
  };
  CHECK(picks(0) == picks(5));
}

TEST_CASE("batch rules: near-duplicates are looked for in the model's features") {
  World world;
  world.options.rules = {.veto_similarity = 0.9};
  world.options.rounds = 3;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK(learner.state().rounds[0].vetoed.sum() == 0);
  CHECK(learner.state().rounds[1].vetoed.similarity > 0);

  World towards;
  towards.options.rules = {.veto_similarity = 0.9, .against_labelled = true};
  towards.options.rounds = 3;
  ActiveLearner other = towards.learner();
  other.run(towards.watch);
  CHECK(other.state().rounds[1].vetoed.similarity > learner.state().rounds[1].vetoed.similarity);
}

TEST_CASE("batch rules: a pool of which nobody is admitted any more ends the run") {
  World world;
  world.data.costs.assign(60, 1);
  for (std::size_t i = 0; i < 60; i += 6)
    world.data.costs[i] = 0.5;
  world.options.rules = {.max_cost = 0.5};
  world.options.rounds = 0;
  const TempDir dir;
  world.options.folder = dir / "run";
  std::string stop;
  std::size_t rounds = 0;
  {
    ActiveLearner learner = world.learner();
    stop = learner.run(world.watch).reason;
    CHECK(learner.state().stop->rule == "batch_rules");
    CHECK_THAT(stop, ContainsSubstring("The batch has 0 of 5 candidates"));
    rounds = learner.state().rounds.size();
    CHECK(rounds == 8);  // of the 45 in the pool, one each
    CHECK(learner.state().rounds[0].shortfall ==
          "The batch has 1 of 5 candidates: the batch rules leave out all others (44 by their "
          "cost).");
    CHECK(world.watch.noted("The batch has 1 of 5"));
  }
  world.options.open = OpenRun::resume;
  ActiveLearner learner = world.learner();
  learner.run(world.watch);
  CHECK(learner.state().rounds.size() == rounds);
  CHECK(learner.state().stop->reason == stop);
}

TEST_CASE("batch rules: columns that they need, and a resumed run that has other rules") {
  World world;
  const auto refused = [&](const BatchRules& rules, const std::string& sentence) {
    world.options.rules = rules;
    CHECK_THROWS_WITH(world.learner(), ContainsSubstring(sentence));
  };
  refused({.min_gap = 2}, "min_gap needs times of the 60 candidates; the data set has 0");
  refused({.max_cost = 2}, "max_cost needs costs");
  refused({.audit_share = 2}, "audit_share");

  const TempDir dir;
  world.data.costs.assign(60, 1);
  world.options.rules = {.max_cost = 3};
  world.options.folder = dir / "run";
  {
    ActiveLearner learner = world.learner();
    learner.step(world.watch);
  }
  world.options.open = OpenRun::resume;
  refused({}, "batch rules: cost at most 3");
  refused({.max_cost = 4}, "batch rules");
  world.data.costs[3] = 2;
  refused({.max_cost = 3}, "batch rules");
}
