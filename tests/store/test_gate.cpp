// SPDX-License-Identifier: Apache-2.0
#include <aift/store/gate.hpp>

#include "store/store_world.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Approx;
using Catch::Matchers::ContainsSubstring;

namespace {

/// [n, 2] from probabilities of class 1.
std::vector<double> rows(const std::vector<double>& second) {
  std::vector<double> out;
  for (const double p : second) {
    out.push_back(1 - p);
    out.push_back(p);
  }
  return out;
}

/// As CentroidTrainer, but from the second call on it hands back nonsense.
class FailingTrainer final : public IncrementalTrainer {
 public:
  std::string_view name() const noexcept override { return "failing"; }
  FitResult fit(const Model& parent, const TrainingRound& round, Progress& progress) override {
    FitResult result = good.fit(parent, round, progress);
    if (++calls >= 2 && calls <= last_bad) {
      auto& model = dynamic_cast<LinearModel&>(*result.model);
      for (double& w : model.weights)
        w = -w;
    }
    return result;
  }
  CentroidTrainer good;
  int calls = 0;
  int last_bad = 2;
};

}  // namespace

TEST_CASE("The gate accepts what is not worse, by the metric asked for") {
  const std::vector<label_t> labels = {0, 1, 0, 1, 0, 1};
  const std::vector<index_t> groups = {0, 0, 1, 1, 2, 2};
  const std::vector<double> good = rows({0.1, 0.9, 0.2, 0.8, 0.3, 0.7});
  const std::vector<double> bad = rows({0.9, 0.1, 0.2, 0.8, 0.3, 0.7});
  store::GateSettings gate;
  gate.tolerance = 0;
  const store::GateDecision equal = store::pass_gate(gate, good, good, labels, groups, 2, 1);
  CHECK(equal.accepted);
  CHECK(equal.difference == 0);
  CHECK(equal.error == 0);
  const store::GateDecision worse = store::pass_gate(gate, good, bad, labels, groups, 2, 1);
  CHECK_FALSE(worse.accepted);
  // Pairs of (positive, negative): 0.1 loses against 0.9, 0.2 and 0.3, 0.8 and 0.7 against 0.9.
  CHECK(worse.value == Approx(1.0 - 5.0 / 9.0));
  CHECK(worse.difference == Approx(-5.0 / 9.0));
  CHECK(store::pass_gate(gate, bad, good, labels, groups, 2, 1).accepted);
  gate.metric = MetricKind::log_loss;
  CHECK_FALSE(store::pass_gate(gate, good, bad, labels, groups, 2, 1).accepted);
  CHECK(store::pass_gate(gate, bad, good, labels, groups, 2, 1).accepted);
}

TEST_CASE("What one group alone says is within the error of the difference") {
  const std::vector<label_t> labels = {0, 1, 0, 1, 0, 1};
  const std::vector<index_t> groups = {0, 0, 1, 1, 2, 2};
  const std::vector<double> reference = rows({0.1, 0.9, 0.2, 0.8, 0.3, 0.7});
  const std::vector<double> lower = rows({0.6, 0.9, 0.2, 0.8, 0.3, 0.7});  // one sample of one group
  store::GateSettings gate;
  gate.metric = MetricKind::accuracy;
  gate.tolerance = 2;
  const store::GateDecision decision = store::pass_gate(gate, reference, lower, labels, groups, 2, 1);
  CHECK(decision.difference == Approx(-1.0 / 6.0));
  // A third of the draws' groups is the one that differs, by 1/2: sd = sqrt(2/9/3) / 2.
  CHECK(decision.error == Approx(std::sqrt(2.0 / 27.0) / 2).epsilon(0.1));
  CHECK(decision.accepted);
  gate.tolerance = 0;
  CHECK_FALSE(store::pass_gate(gate, reference, lower, labels, groups, 2, 1).accepted);
}

TEST_CASE("A metric that is not defined decides nothing") {
  const std::vector<double> p = rows({0.1, 0.2});
  const std::vector<label_t> labels = {0, 0};
  const std::vector<index_t> groups = {0, 1};
  const store::GateDecision d = store::pass_gate({}, p, p, labels, groups, 2, 1);
  CHECK(d.accepted);
  CHECK_THAT(d.reason, ContainsSubstring("not defined"));
}

TEST_CASE("A worse model is kept, marked, and training goes on from the accepted one") {
  StoreWorld w;
  FailingTrainer trainer;
  w.trainer = &trainer;
  w.settings.gate.on = true;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 2);
  REQUIRE(project.models().size() == 2);
  CHECK_FALSE(project.models()[1].accepted);
  CHECK(std::filesystem::exists(project.models()[1].file));
  CHECK(project.current_model()->number == 0);
  CHECK_THAT(refusal([&] { project.rollback(1, "why not"); }), ContainsSubstring("rejected"));
  CHECK_THAT(refusal([&] { (void)w.train(project); }), ContainsSubstring("nothing to do"));
  w.rounds(project, 1);
  CHECK(project.models()[2].parent == 0);
  CHECK(trainer.good.calls.back().parent == "r0");
  CHECK(trainer.good.calls.back().fresh.size() == 10);  // the rejected round's labels are new again
  CHECK(project.models()[2].accepted);
  CHECK(project.current_model()->number == 2);
}

TEST_CASE("The setting that goes on from a rejected model does") {
  StoreWorld w;
  FailingTrainer trainer;
  w.trainer = &trainer;
  w.settings.keep_rejected = true;
  w.settings.gate.on = true;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 3);
  CHECK_FALSE(project.models()[1].accepted);
  CHECK(project.models()[2].parent == 1);
}

TEST_CASE("The gate can be off") {
  StoreWorld w;
  FailingTrainer trainer;
  w.trainer = &trainer;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 2);
  CHECK(project.current_model()->number == 1);
}

TEST_CASE("Rolling back makes an earlier model ask and be trained from") {
  StoreWorld w;
  w.create();
  store::Project project = w.open();
  w.rounds(project, 3);
  project.rollback(0, "worse on ward B");
  CHECK(project.current_model()->number == 0);
  const store::StoreQuery query = project.query();
  CHECK(query.model == 0);
  project.label(w.answers(query));
  (void)w.train(project);
  CHECK(project.models().back().parent == 0);
  CHECK(store::verify(w.folder).problems.empty());
  CHECK_THAT(refusal([&] { project.rollback(9, ""); }), ContainsSubstring("got 9"));
}
