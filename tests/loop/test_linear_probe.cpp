// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/linear_probe.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Set {
  std::vector<float> features;
  std::vector<label_t> labels;
  std::vector<index_t> groups;
  index_t d = 0;
  index_t classes = 2;
  index_t views = 1;
  [[nodiscard]] ProbeData data() const { return {features, d, labels, groups, classes, views}; }
  [[nodiscard]] index_t size() const { return static_cast<index_t>(labels.size()); }
};

/// Candidates in groups of two, classes shifted along some features, features of unlike scales.
Set make_set(index_t candidates, index_t d, index_t classes, index_t views = 1,
             std::uint64_t seed = 1) {
  const KeyedRandom random(seed, Purpose::order);
  Set set;
  set.d = d;
  set.classes = classes;
  set.views = views;
  for (index_t i = 0; i < candidates; ++i) {
    const auto label = static_cast<label_t>(i % classes);
    for (index_t v = 0; v < views; ++v) {
      for (index_t j = 0; j < d; ++j) {
        const double shift = j % classes == label ? 0.6 : 0.0;
        const double own = random.normal(i * 1000 + j);
        const double view = 0.3 * random.normal((i * views + v) * 1000 + j + 50'000'000);
        set.features.push_back(
            static_cast<float>((shift + own + view) * static_cast<double>(1 + j % 3) + 2.0));
      }
      set.labels.push_back(label);
      set.groups.push_back(i / (2 * classes));
    }
  }
  return set;
}

ProbeOptions fixed(double l2, double tolerance = 1e-10) {
  ProbeOptions options;
  options.l2_grid = {l2};
  options.tolerance = tolerance;
  return options;
}

double norm(const std::vector<double>& v) {
  return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
}

double gradient_norm(const Set& set, const ProbeOptions& options, const LinearProbe& probe) {
  std::vector<double> w(set.classes * set.d);
  std::vector<double> b(set.classes);
  static_cast<void>(probe_objective(set.data(), options, probe, w, b));
  return std::hypot(norm(w), norm(b));
}

}  // namespace

TEST_CASE("The gradient of the probe's objective is that of its value") {
  const Set set = make_set(12, 5, 3);
  ProbeOptions options = fixed(0.3);
  options.balance_classes = GENERATE(true, false);
  options.standardise = GENERATE(true, false);
  LinearProbe probe;
  probe.classes = 3;
  probe.features = 5;
  probe.l2 = 0.3;
  const KeyedRandom random(3, Purpose::weights);
  for (index_t i = 0; i < 15; ++i)
    probe.weights.push_back(0.2 * random.normal(i));
  for (index_t i = 0; i < 3; ++i)
    probe.bias.push_back(random.normal(100 + i));
  std::vector<double> w(15);
  std::vector<double> b(3);
  static_cast<void>(probe_objective(set.data(), options, probe, w, b));
  const double h = 1e-5;
  for (index_t i = 0; i < 18; ++i) {
    double& x = i < 15 ? probe.weights[i] : probe.bias[i - 15];
    const double at = x;
    x = at + h;
    const double above = probe_objective(set.data(), options, probe);
    x = at - h;
    const double below = probe_objective(set.data(), options, probe);
    x = at;
    CHECK((above - below) / (2 * h) ==
          Catch::Approx(i < 15 ? w[i] : b[i - 15]).epsilon(1e-6).margin(1e-8));
  }
}

TEST_CASE("A fit ends where the gradient vanishes and no neighbour is lower") {
  const index_t classes = GENERATE(2, 3, 5);
  const index_t d = GENERATE(4, 90);  // fewer and more features than samples: both forms
  const bool standardise = GENERATE(true, false);
  const bool balance = GENERATE(true, false);
  Set set = make_set(30, d, classes);
  set.labels[0] = set.labels[2] = 1;  // not balanced
  ProbeOptions options = fixed(0.05);
  options.standardise = standardise;
  options.balance_classes = balance;
  const LinearProbe probe = fit_linear_probe(set.data(), options, 1, 0);
  CAPTURE(classes, d, standardise, balance);
  CHECK(probe.converged);
  CHECK_FALSE(probe.cross_validated);
  CHECK(probe.l2 == 0.05);
  CHECK(gradient_norm(set, options, probe) < 1e-7);
  CHECK(std::accumulate(probe.bias.begin(), probe.bias.end(), 0.0) ==
        Catch::Approx(0).margin(1e-12));
  const double best = probe_objective(set.data(), options, probe);
  const KeyedRandom random(5, Purpose::weights);
  for (index_t trial = 0; trial < 10; ++trial) {
    LinearProbe other = probe;
    for (std::size_t i = 0; i < other.weights.size(); ++i) {
      other.weights[i] += 1e-3 * random.normal(trial * 1000 + static_cast<index_t>(i));
    }
    CHECK(probe_objective(set.data(), options, other) > best);
  }
}

TEST_CASE("Both ways of solving find the same weights") {
  // The same samples, with as many features of zeros as it takes to change the form.
  const Set small = make_set(40, 6, 3);
  Set wide = small;
  wide.d = 60;
  wide.features.assign(static_cast<std::size_t>(40 * 60), 1.5F);
  for (index_t i = 0; i < 40; ++i) {
    std::copy_n(small.features.begin() + i * 6, 6, wide.features.begin() + i * 60);
  }
  ProbeOptions options = fixed(0.2);
  options.standardise = false;
  const LinearProbe a = fit_linear_probe(small.data(), options, 1, 0);
  const LinearProbe b = fit_linear_probe(wide.data(), options, 1, 0);
  for (index_t k = 0; k < 3; ++k) {
    for (index_t j = 0; j < 60; ++j) {
      const double expected = j < 6 ? a.weights[k * 6 + j] : 0.0;
      CHECK(b.weights[k * 60 + j] == Catch::Approx(expected).margin(1e-8));
    }
    CHECK(b.bias[k] == Catch::Approx(a.bias[k]).margin(1e-8));
  }
}

TEST_CASE("A case with a closed condition: one feature, two samples") {
  // x = -1, +1, classes 0, 1. By symmetry b = 0, W = (-v/2, v/2), and the optimum fulfils
  // 1 / (1 + exp(v)) = l2 v / 2.
  const std::vector<float> x = {-1, 1};
  const std::vector<label_t> y = {0, 1};
  const std::vector<index_t> g = {0, 1};
  const double l2 = 0.1;
  const LinearProbe probe = fit_linear_probe({x, 1, y, g, 2}, fixed(l2, 1e-12), 0, 0);
  const double v = probe.weights[1] - probe.weights[0];
  CHECK(1 / (1 + std::exp(v)) == Catch::Approx(l2 * v / 2).epsilon(1e-9));
  CHECK(probe.weights[0] == -probe.weights[1]);
  CHECK(probe.bias[0] == Catch::Approx(0).margin(1e-12));
}

TEST_CASE("Features that say nothing leave the class frequencies") {
  Set set;
  set.d = 2;
  set.labels = {0, 0, 0, 1};
  set.groups = {0, 1, 2, 3};
  set.features.assign(8, 3.0F);
  ProbeOptions options = fixed(0.1);
  options.balance_classes = false;
  const LinearProbe probe = fit_linear_probe(set.data(), options, 0, 0);
  CHECK(probe.weights == std::vector<double>(4, 0.0));
  CHECK(probe.bias[0] - probe.bias[1] == Catch::Approx(std::log(3.0)).epsilon(1e-9));
  options.balance_classes = true;
  const LinearProbe even = fit_linear_probe(set.data(), options, 0, 0);
  CHECK(even.bias[0] == Catch::Approx(0).margin(1e-10));
}

TEST_CASE("A constant feature among others gets no weight") {
  Set set = make_set(20, 4, 2);
  for (index_t i = 0; i < 20; ++i)
    set.features[i * 4 + 2] = 1e6F;
  const LinearProbe probe = fit_linear_probe(set.data(), fixed(0.1), 0, 0);
  CHECK(probe.converged);
  CHECK(probe.weights[2] == 0);
  CHECK(probe.weights[6] == 0);
  CHECK(std::abs(probe.weights[1]) > 0);
}

TEST_CASE("Separable data converges to finite weights that separate it") {
  Set set;
  set.d = 3;
  set.classes = 3;
  for (index_t i = 0; i < 30; ++i) {
    for (index_t j = 0; j < 3; ++j) {
      set.features.push_back(i % 3 == j ? 10.0F : static_cast<float>(i) * 0.01F);
    }
    set.labels.push_back(static_cast<label_t>(i % 3));
    set.groups.push_back(i);
  }
  const LinearProbe probe = fit_linear_probe(set.data(), ProbeOptions{}, 0, 0);
  CHECK(probe.converged);
  CHECK(probe.cross_validated);
  CHECK(probe.l2 == 0.01);  // the weakest penalty predicts held-out samples best
  std::vector<double> z(90);
  probe.logits(set.features, 30, z);
  for (index_t i = 0; i < 30; ++i) {
    const auto row = std::span(z).subspan(i * 3, 3);
    CHECK(std::max_element(row.begin(), row.end()) - row.begin() == set.labels[i]);
  }
}

TEST_CASE("The order of the samples does not matter") {
  const index_t d = GENERATE(5, 80);
  const Set set = make_set(24, d, 3, 2);
  Set reversed = set;
  for (index_t i = 0; i < 24; ++i) {
    for (index_t v = 0; v < 2; ++v) {
      const index_t from = i * 2 + v;
      const index_t to = (23 - i) * 2 + v;
      std::copy_n(set.features.begin() + from * d, d, reversed.features.begin() + to * d);
      reversed.labels[to] = set.labels[from];
      reversed.groups[to] = set.groups[from];
    }
  }
  ProbeOptions options;
  options.tolerance = 1e-11;
  const LinearProbe a = fit_linear_probe(set.data(), options, 4, 1);
  const LinearProbe b = fit_linear_probe(reversed.data(), options, 4, 1);
  CHECK(a.cross_validated);
  CHECK(a.l2 == b.l2);
  for (std::size_t i = 0; i < a.weights.size(); ++i) {
    CHECK(std::abs(a.weights[i] - b.weights[i]) < 1e-9);
  }
  for (std::size_t i = 0; i < a.bias.size(); ++i)
    CHECK(std::abs(a.bias[i] - b.bias[i]) < 1e-9);
}

TEST_CASE("The same call gives the same bits") {
  const Set set = make_set(30, 50, 2, 3);
  const LinearProbe a = fit_linear_probe(set.data(), ProbeOptions{}, 4, 1);
  const LinearProbe b = fit_linear_probe(set.data(), ProbeOptions{}, 4, 1);
  CHECK(a.weights == b.weights);
  CHECK(a.bias == b.bias);
  CHECK(a.cv_log_loss == b.cv_log_loss);
}

TEST_CASE("Held-out groups teach nothing: labels at random give no better than a coin") {
  // Every group is one point repeated, its label unrelated to it. A fit that saw a held-out group
  // could name its label; one that did not is hardly better than a coin (ln 2 = 0.69) at best.
  const KeyedRandom random(17, Purpose::order);
  Set set;
  set.d = 100;
  for (index_t g = 0; g < 40; ++g) {
    for (index_t i = 0; i < 3; ++i) {
      for (index_t j = 0; j < 100; ++j) {
        set.features.push_back(static_cast<float>(random.normal(g * 100 + j)));
      }
      set.labels.push_back(static_cast<label_t>(g % 2));
      set.groups.push_back(g);
    }
  }
  const LinearProbe probe = fit_linear_probe(set.data(), ProbeOptions{}, 2, 0);
  REQUIRE(probe.cross_validated);
  CHECK(*std::min_element(probe.cv_log_loss.begin(), probe.cv_log_loss.end()) > 0.6);
  CHECK(probe.cv_log_loss.back() > 0.69);
  CHECK(probe.l2_grid.front() == 10);
  for (index_t i = 0; i < set.size(); ++i)
    set.groups[i] = i;  // now the copies are apart
  const LinearProbe leaking = fit_linear_probe(set.data(), ProbeOptions{}, 2, 0);
  CHECK(leaking.cv_log_loss.back() < 0.2);
}

TEST_CASE("Views of a candidate are judged together") {
  const Set set = make_set(40, 10, 2, 4);
  ProbeData data = set.data();
  const LinearProbe together = fit_linear_probe(data, ProbeOptions{}, 2, 0);
  data.views = 1;
  const LinearProbe apart = fit_linear_probe(data, ProbeOptions{}, 2, 0);
  for (std::size_t k = 0; k < together.cv_log_loss.size(); ++k) {
    // The logarithm is concave: the mean probability loses less than the rows do on average.
    CHECK(together.cv_log_loss[k] < apart.cv_log_loss[k]);
  }
}

TEST_CASE("Without folds the documented penalty is used") {
  Set set = make_set(8, 4, 2);
  for (index_t i = 0; i < 8; ++i)
    set.groups[i] = set.labels[i];  // one group per class
  const LinearProbe probe = fit_linear_probe(set.data(), ProbeOptions{}, 0, 0);
  CHECK_FALSE(probe.cross_validated);
  CHECK(probe.cv_log_loss.empty());
  CHECK(probe.l2 == ProbeOptions{}.default_l2);
  CHECK(probe.converged);
}

TEST_CASE("One row per class is enough for a fit") {
  const std::vector<float> x = {0, 1, 2, 5, 4, 3};
  const LinearProbe probe = fit_linear_probe(
      {x, 3, std::vector<label_t>{0, 1}, std::vector<index_t>{0, 0}, 2}, ProbeOptions{}, 0, 0);
  CHECK(probe.converged);
  std::vector<double> z(4);
  probe.logits(x, 2, z);
  CHECK(z[0] > z[1]);
  CHECK(z[3] > z[2]);
}

TEST_CASE("A class without samples is unlikely but possible") {
  Set set = make_set(20, 4, 2);
  set.classes = 4;
  for (label_t& label : set.labels)
    label = label == 0 ? 1 : 3;
  const LinearProbe probe = fit_linear_probe(set.data(), ProbeOptions{}, 0, 0);
  CHECK(probe.bias[0] == Catch::Approx(-std::log(40.0)));
  CHECK(probe.bias[2] == probe.bias[0]);
  for (index_t j = 0; j < 4; ++j)
    CHECK(probe.weights[j] == 0);
  CHECK(std::abs(probe.weights[4]) > 0);
}

TEST_CASE("A class in a single group does not stop cross-validation of the others") {
  Set set = make_set(30, 4, 3);
  for (index_t i = 0; i < 30; ++i) {
    if (set.labels[i] == 2) set.groups[i] = 777;
  }
  const LinearProbe probe = fit_linear_probe(set.data(), ProbeOptions{}, 0, 0);
  CHECK(probe.cross_validated);
  for (const double loss : probe.cv_log_loss)
    CHECK(std::isfinite(loss));
  CHECK(probe.converged);
}

TEST_CASE("A probe refuses what it cannot be fitted on") {
  const Set good = make_set(8, 3, 2);
  Set set = good;
  set.labels.assign(8, 1);
  CHECK_THROWS_WITH(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0),
                    ContainsSubstring("at least 2 classes"));
  CHECK_THROWS_AS(fit_linear_probe({{}, 3, {}, {}, 2}, ProbeOptions{}, 0, 0), ValueError);
  set = good;
  set.labels[3] = 2;
  CHECK_THROWS_WITH(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0), ContainsSubstring("row 3"));
  set = good;
  set.features[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0),
                    ContainsSubstring("row 2, feature 1"));
  set = good;
  set.features.pop_back();
  CHECK_THROWS_AS(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0), ShapeError);
  set = good;
  set.views = 2;  // labels alternate
  CHECK_THROWS_WITH(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0), ContainsSubstring("agree"));
  set.views = 3;
  CHECK_THROWS_AS(fit_linear_probe(set.data(), ProbeOptions{}, 0, 0), ShapeError);
  for (const double l2 : {0.0, -1.0, std::nan("")}) {
    CHECK_THROWS_AS(fit_linear_probe(good.data(), fixed(l2), 0, 0), ValueError);
  }
  ProbeOptions options;
  options.l2_grid.clear();
  CHECK_THROWS_AS(fit_linear_probe(good.data(), options, 0, 0), ValueError);
  options = {};
  options.folds = 1;
  CHECK_THROWS_AS(fit_linear_probe(good.data(), options, 0, 0), ValueError);
  const LinearProbe probe = fit_linear_probe(good.data(), ProbeOptions{}, 0, 0);
  std::vector<double> out(3);
  CHECK_THROWS_AS(probe.logits(good.features, 8, out), ShapeError);
}
