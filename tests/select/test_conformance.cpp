// SPDX-License-Identifier: Apache-2.0
// What every built-in selector must do. The list is made by the build from select/*_selector.hpp: a
// new selector is tested by being there.
#include "tests/support/catch.hpp"

#include <algorithm>
#include <limits>
#include <set>

#include <aift/core/error.hpp>
#include <aift/select/registry.hpp>
#include <aift/select/score_selector.hpp>

#include <aift/select/builtin_selectors_includes.inc>

#include "pools.hpp"

using namespace aift;
using aift::test::full_pool;
using aift::test::FullPool;
using aift::test::reorder;

namespace {

std::vector<std::string> builtin_names() {
  std::vector<std::string> names;
#define AIFT_BUILTIN_SELECTOR(Class) names.emplace_back(Class::kName);
#include <aift/select/builtin_selectors_list.inc>
#undef AIFT_BUILTIN_SELECTOR
  return names;
}

/// Runs `f(selector)` once for every built-in selector, each in a section of its own.
template <class F>
void for_every_selector(const F& f) {
  const auto registry = SelectorRegistry::with_builtin();
  for (const std::string& name : builtin_names()) {
    DYNAMIC_SECTION(name) { f(*registry.make(name)); }
  }
}

void check_valid(const Selection& selection, const FullPool& pool, index_t budget) {
  const auto eligible = std::count(pool.labels.begin(), pool.labels.end(), kUnlabelled);
  REQUIRE(selection.size() == std::min<index_t>(budget, eligible));
  const std::set<index_t> different(selection.indices.begin(), selection.indices.end());
  REQUIRE(static_cast<index_t>(different.size()) == selection.size());
  for (const index_t i : selection.indices) {
    REQUIRE(i >= 0);
    REQUIRE(i < pool.chunk.candidates);
    REQUIRE(pool.labels[static_cast<std::size_t>(i)] < 0);
  }
  const auto parallel = [&](std::size_t size) {
    return size == 0 || size == selection.indices.size();
  };
  CHECK(parallel(selection.score.size()));
  CHECK(parallel(selection.entropy.size()));
  CHECK(parallel(selection.diversity.size()));
  CHECK(parallel(selection.dominant.size()));
  CHECK(parallel(selection.kept.size()));
  CHECK(parallel(selection.dropped.size()));
  CHECK(selection.reason.size() == selection.indices.size());
  for (const std::string& reason : selection.reason)
    CHECK_FALSE(reason.empty());
}

}  // namespace

TEST_CASE("conformance: every header of a selector is in the registry, sorted and described") {
  const auto registry = SelectorRegistry::with_builtin();
  const auto names = builtin_names();
  REQUIRE(names.size() >= 7);
  REQUIRE(registry.entries().size() == names.size());
  for (std::size_t i = 1; i < names.size(); ++i) {
    CHECK(registry.entries()[i - 1].name < registry.entries()[i].name);
  }
  for (const auto& entry : registry.entries()) {
    INFO(entry.name);
    CHECK_FALSE(entry.summary.empty());
    CHECK(entry.summary.find('\n') == std::string::npos);
    CHECK(registry.make(entry.name)->name() == entry.name);
    CHECK(std::find(names.begin(), names.end(), entry.name) != names.end());
  }
}

TEST_CASE("conformance: the same call gives the same selection") {
  for_every_selector([](const Selector& selector) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const FullPool pool = full_pool(seed, 40, 3);
      const SelectContext context{.seed = 9, .round = 2};
      const Selection a = selector.select(pool.view(), 7, context);
      const Selection b = selector.select(pool.view(), 7, context);
      CHECK(a.indices == b.indices);
      CHECK(a.score == b.score);
      CHECK(a.reason == b.reason);
      CHECK(a.selector == selector.name());
    }
  });
}

TEST_CASE("conformance: the order of the pool changes nothing") {
  for_every_selector([](const Selector& selector) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      INFO("seed " << seed);
      const FullPool pool = full_pool(seed, 37, 2);
      std::vector<index_t> order(37);
      std::iota(order.begin(), order.end(), 0);
      const KeyedRandom random(seed, Purpose::order);
      std::sort(order.begin(), order.end(),
                [&](index_t a, index_t b) { return random.bits(a) < random.bits(b); });
      const Selection straight = selector.select(pool.view(), 9, {.seed = 3, .round = 1});
      Selection shuffled = selector.select(reorder(pool, order).view(), 9, {.seed = 3, .round = 1});
      for (index_t& i : shuffled.indices)
        i = order[static_cast<std::size_t>(i)];
      CHECK(straight.indices == shuffled.indices);
      CHECK(straight.score == shuffled.score);
    }
  });
}

TEST_CASE("conformance: any budget") {
  for_every_selector([](const Selector& selector) {
    const FullPool pool = full_pool(4, 12, 4);
    for (const index_t budget : {0, 1, 5, 12, 13, 1000}) {
      INFO("budget " << budget);
      check_valid(selector.select(pool.view(), budget), pool, budget);
    }
    CHECK_THROWS_AS(selector.select(pool.view(), -1), ValueError);
    const FullPool single = full_pool(5, 1, 2);
    check_valid(selector.select(single.view(), 3), single, 3);
    const FullPool none = reorder(pool, {});
    CHECK(selector.select(none.view(), 3).size() == 0);
  });
}

TEST_CASE("conformance: from logits as well") {
  for_every_selector([](const Selector& selector) {
    const FullPool pool = full_pool(6, 20, 3, PredictionKind::logits);
    check_valid(selector.select(pool.view(), 6), pool, 6);
  });
}

TEST_CASE("conformance: what is labelled is never asked for again") {
  for_every_selector([](const Selector& selector) {
    FullPool pool = full_pool(7, 30, 3);
    for (std::size_t i = 0; i < 30; i += 2)
      pool.labels[i] = static_cast<label_t>(i % 3);
    check_valid(selector.select(pool.view(), 9), pool, 9);
    check_valid(selector.select(pool.view(), 30), pool, 30);
    std::fill(pool.labels.begin(), pool.labels.end(), 1);
    CHECK(selector.select(pool.view(), 5).size() == 0);
  });
}

TEST_CASE("conformance: hard predictions of exactly 0 and 1") {
  for_every_selector([](const Selector& selector) {
    FullPool pool = full_pool(8, 15, 3);
    const KeyedRandom random(8, Purpose::order);
    auto& p = pool.predictions.probabilities;
    for (std::size_t row = 0; row * 3 < p.size(); ++row) {
      const auto hot = static_cast<std::size_t>(random.below(static_cast<index_t>(row), 3));
      for (std::size_t k = 0; k < 3; ++k)
        p[row * 3 + k] = k == hot ? 1.0 : 0.0;
    }
    for (std::size_t i = 0; i < 15; ++i) {
      for (std::size_t k = 0; k < 3; ++k)
        pool.mean_probabilities[i * 3 + k] = k == i % 3 ? 1.0 : 0.0;
    }
    check_valid(selector.select(pool.view(), 6), pool, 6);
  });
}

TEST_CASE("conformance: NaN is refused in whatever a selector reads") {
  for_every_selector([](const Selector& selector) {
    const Needs needs = selector.needs();
    if (needs.scores) {
      FullPool pool = full_pool(9, 10, 2);
      pool.predictions.probabilities[7] = std::numeric_limits<double>::quiet_NaN();
      CHECK_THROWS_AS(selector.select(pool.view(), 3), ValueError);
    }
    if (const auto* scores = dynamic_cast<const ScoreSelector*>(&selector)) {
      const FullPool pool = full_pool(9, 10, 2);
      ScoreTable table;
      scores->score(pool.chunk, table);
      PoolView view = pool.view();
      view.scores = &table;
      CHECK(selector.select(view, 3).size() == 3);
      table.score[7] = std::numeric_limits<double>::quiet_NaN();
      CHECK_THROWS_AS(selector.select(view, 3), ValueError);
      table.score[7] = 0;
      table.name = "another";
      CHECK_THROWS_AS(selector.select(view, 3), ValueError);
    }
    if (needs.mean_probabilities) {
      FullPool pool = full_pool(9, 10, 2);
      pool.mean_probabilities[7] = std::numeric_limits<double>::quiet_NaN();
      CHECK_THROWS_AS(selector.select(pool.view(), 3), ValueError);
    }
    if (needs.features) {
      FullPool pool = full_pool(9, 10, 2);
      pool.features[7] = std::numeric_limits<float>::quiet_NaN();
      CHECK_THROWS_AS(selector.select(pool.view(), 3), ValueError);
    }
  });
}

TEST_CASE("conformance: one class is refused") {
  for_every_selector([](const Selector& selector) {
    const std::vector<double> ones(10, 1.0);
    const auto chunk =
        PatchPredictions::dense(ones.data(), 10, 1, 1, PredictionKind::probabilities);
    FullPool pool = full_pool(10, 10, 2);
    PoolView view = pool.view();
    view.classes = 1;
    view.predictions = &chunk;
    view.mean_probabilities = ones;
    CHECK_THROWS_AS(selector.select(view, 3), ShapeError);
  });
}

TEST_CASE("conformance: an input that a selector needs and does not get") {
  for_every_selector([](const Selector& selector) {
    PoolView bare;
    bare.size = 10;
    bare.classes = 2;
    const Needs needs = selector.needs();
    if (needs.scores || needs.mean_probabilities || needs.features || needs.labels ||
        needs.groups) {
      CHECK_THROWS_WITH(selector.select(bare, 3),
                        Catch::Matchers::ContainsSubstring(std::string(selector.name())));
    } else {
      CHECK(selector.select(bare, 3).size() == 3);
    }
  });
}

TEST_CASE("conformance: an unknown option is refused") {
  const auto registry = SelectorRegistry::with_builtin();
  for (const std::string& name : builtin_names()) {
    DYNAMIC_SECTION(name) {
      Settings settings;
      settings.set("no_such_option", "1");
      CHECK_THROWS_WITH(registry.make(name, settings),
                        Catch::Matchers::ContainsSubstring("no_such_option"));
    }
  }
}

TEST_CASE("conformance: the options named are the options there are") {
  // kOptions is what `--help` prints: each of them must be read, with a value that is accepted.
  const std::map<std::string, std::string> samples = {
      {"alpha", "0.5"},        {"lambda1", "2"},    {"lambda2", "2"},
      {"eps", "1e-9"},         {"entropy", "mean"}, {"pairs", "unordered"},
      {"precision", "single"}, {"pick", "acft"},    {"omega", "3"}};
  const auto registry = SelectorRegistry::with_builtin();
  for (const auto& entry : registry.entries()) {
    DYNAMIC_SECTION(entry.name) {
      std::string rest = entry.options;
      while (!rest.empty()) {
        const std::size_t comma = rest.find(", ");
        const std::string option = rest.substr(0, comma);
        rest = comma == std::string::npos ? "" : rest.substr(comma + 2);
        Settings settings;
        const auto sample = samples.find(option);
        settings.set(option, sample == samples.end() ? "1" : sample->second);
        INFO(option);
        CHECK_NOTHROW(registry.make(entry.name, settings));
      }
    }
  }
}
