// SPDX-License-Identifier: Apache-2.0
#include <aift/select/batch_rules.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include <aift/core/error.hpp>
#include <aift/select/aift_selector.hpp>
#include <aift/select/random_selector.hpp>
#include <aift/select/registry.hpp>

#include "pools.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using namespace aift::test;
using Catch::Matchers::ContainsSubstring;

namespace {

using Indices = std::vector<index_t>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// A pool whose candidates are already scored.
struct Scored {
  ScoreTable table;
  PoolView pool;

  explicit Scored(std::vector<double> scores) {
    table.score = std::move(scores);
    pool.size = table.size();
    pool.classes = 2;
    pool.scores = &table;
  }
};

Selection pick(const Scored& scored, const BatchRules& rules, index_t budget) {
  return select_batch(AiftSelector(), rules, scored.pool, budget, {.seed = 1, .round = 2});
}

double cosine(const FullPool& pool, index_t i, index_t j) {
  double ij = 0;
  double ii = 0;
  double jj = 0;
  for (index_t f = 0; f < pool.feature_size; ++f) {
    const double a = pool.features[static_cast<std::size_t>(i * pool.feature_size + f)];
    const double b = pool.features[static_cast<std::size_t>(j * pool.feature_size + f)];
    ij += a * b;
    ii += a * a;
    jj += b * b;
  }
  return ij / std::sqrt(ii * jj);
}

/// A random pool of video frames: groups of several videos, times with ties, near-duplicates, costs.
struct Frames {
  FullPool pool;
  std::vector<double> times;
  std::vector<double> costs;
  std::vector<index_t> sequences;

  Frames(std::uint64_t seed, index_t count) : pool(full_pool(seed, count, 3)) {
    const KeyedRandom random(seed, Purpose::order, 7);
    for (index_t i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      sequences.push_back(random.below(5 * i, 6));
      pool.groups[at] = sequences.back() / 2;
      times.push_back(random.below(5 * i + 1, 9) == 0 ? kNan : double(random.below(5 * i + 2, 40)));
      costs.push_back(static_cast<double>(random.below(5 * i + 3, 8)) / 4);
      if (random.below(5 * i + 4, 10) == 0) pool.labels[at] = 1;
      if (i > 0 && i % 4 == 0) {  // nearly the one before
        for (index_t f = 0; f < pool.feature_size; ++f) {
          const auto to = static_cast<std::size_t>(i * pool.feature_size + f);
          pool.features[to] =
              pool.features[to - static_cast<std::size_t>(pool.feature_size)] * 1.01F;
        }
      }
    }
  }
  [[nodiscard]] PoolView view() const {
    PoolView out = pool.view();
    out.times = times;
    out.costs = costs;
    out.sequences = sequences;
    return out;
  }
  [[nodiscard]] Frames reordered(const Indices& order) const {
    Frames out = *this;
    out.pool = reorder(pool, order);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto from = static_cast<std::size_t>(order[i]);
      out.times[i] = times[from];
      out.costs[i] = costs[from];
      out.sequences[i] = sequences[from];
    }
    return out;
  }
};

BatchRules random_rules(std::uint64_t seed) {
  const KeyedRandom random(seed, Purpose::order, 8);
  BatchRules rules;
  if (random.below(0, 2) == 0) rules.max_per_group = 1 + random.below(1, 4);
  if (random.below(2, 2) == 0) rules.min_gap = static_cast<double>(1 + random.below(3, 12));
  if (random.below(4, 2) == 0) rules.veto_similarity = random.uniform(5, 0.2, 0.999);
  if (random.below(6, 2) == 0) rules.max_cost = random.uniform(7, 0.5, 12);
  if (random.below(8, 3) == 0) rules.audit_share = random.uniform(9);
  if (rules.min_gap > 0 || rules.veto_similarity < 1)
    rules.against_labelled = random.below(10, 2) == 0;
  return rules;
}

/// Whether `rules` allow i beside the batch; independent of the implementation: pair by pair.
bool admits(const BatchRules& rules, const Frames& frames, const Indices& batch, index_t i) {
  const auto at = static_cast<std::size_t>(i);
  const auto near = [&](index_t j) {
    const auto other = static_cast<std::size_t>(j);
    return (rules.min_gap > 0 && frames.sequences[at] == frames.sequences[other] &&
            std::fabs(frames.times[at] - frames.times[other]) < rules.min_gap) ||
           (rules.veto_similarity < 1 && cosine(frames.pool, i, j) > rules.veto_similarity);
  };
  index_t of_group = 0;
  double cost = frames.costs[at];
  for (const index_t j : batch) {
    of_group += frames.pool.groups[static_cast<std::size_t>(j)] == frames.pool.groups[at] ? 1 : 0;
    cost += frames.costs[static_cast<std::size_t>(j)];
    if (near(j)) return false;
  }
  if (rules.against_labelled) {
    for (index_t j = 0; j < static_cast<index_t>(frames.pool.labels.size()); ++j) {
      if (frames.pool.labels[static_cast<std::size_t>(j)] >= 0 && near(j)) return false;
    }
  }
  return (rules.max_per_group == 0 || of_group < rules.max_per_group) &&
         (rules.max_cost == 0 || cost <= rules.max_cost);
}

template <class F>
void for_every_selector(const F& f) {
  const auto registry = SelectorRegistry::with_builtin();
  for (const auto& entry : registry.entries()) {
    DYNAMIC_SECTION(entry.name) { f(*registry.make(entry.name)); }
  }
}

}  // namespace

TEST_CASE("batch rules: at most so many of a group") {
  Scored scored({9, 8, 7, 6, 5, 4});
  const Indices groups = {0, 0, 0, 1, 1, 2};
  scored.pool.groups = groups;
  Selection batch = pick(scored, {.max_per_group = 1}, 3);
  CHECK(batch.indices == Indices{0, 3, 5});
  CHECK(batch.score == std::vector<double>{9, 6, 4});
  CHECK(batch.vetoed == VetoCounts{.group = 3});
  CHECK(batch.shortfall.empty());
  CHECK_THAT(batch.reason[0], ContainsSubstring("rank 0 of 6"));
  CHECK_THAT(batch.reason[0], ContainsSubstring("leaves out 2 more of its group"));
  CHECK_THAT(batch.reason[1], ContainsSubstring("rank 3 of 6"));
  CHECK(pick(scored, {.max_per_group = 2}, 4).indices == Indices{0, 1, 3, 4});

  batch = pick(scored, {.max_per_group = 1}, 5);  // nothing is relaxed
  CHECK(batch.indices == Indices{0, 3, 5});
  CHECK(batch.shortfall ==
        "The batch has 3 of 5 candidates: the batch rules leave out all others (3 by the group "
        "quota).");
}

TEST_CASE("batch rules: frames of a video at least so far apart") {
  Scored scored({9, 8, 7, 6, 5, 4});
  const Indices groups = {0, 0, 0, 0, 1, 0};
  std::vector<double> times = {10, 11, 14.5, 15, 10, kNan};
  scored.pool.groups = groups;
  scored.pool.times = times;
  Selection batch = pick(scored, {.min_gap = 5}, 6);
  CHECK(batch.indices == Indices{0, 3, 4, 5});  // 15 is exactly 5 away; other video; unknown time
  CHECK(batch.vetoed == VetoCounts{.gap = 2});
  CHECK_THAT(batch.reason[0], ContainsSubstring("leaves out 2 near in time"));
  CHECK(pick(scored, {.min_gap = 1}, 6).indices == Indices{0, 1, 2, 4, 5});

  const Indices videos = {0, 1, 0, 0, 1, 0};  // of one patient
  scored.pool.sequences = videos;
  CHECK(pick(scored, {.min_gap = 5}, 6).indices == Indices{0, 1, 3, 5});
}

TEST_CASE("batch rules: near-duplicates") {
  Scored scored({9, 8, 7, 6, 5});
  const std::vector<float> features = {1, 0, 2, 0.1F, 0, 1, 0, 0, -1, 0};
  scored.pool.features = features;
  scored.pool.feature_size = 2;
  Selection batch = pick(scored, {.veto_similarity = 0.95}, 5);
  CHECK(batch.indices == Indices{0, 2, 3, 4});  // features of length 0 are similar to nothing
  CHECK(batch.vetoed == VetoCounts{.similarity = 1});
  CHECK_THAT(batch.reason[0], ContainsSubstring("leaves out 1 near-duplicates"));
  CHECK(pick(scored, {.veto_similarity = 0.999}, 5).size() == 5);

  const std::vector<label_t> labels = {1, -1, -1, -1, -1};
  scored.pool.labels = labels;
  CHECK(pick(scored, {.veto_similarity = 0.95}, 5).indices == Indices{1, 2, 3, 4});
  batch = pick(scored, {.veto_similarity = 0.95, .against_labelled = true}, 5);
  CHECK(batch.indices == Indices{2, 3, 4});
  CHECK_FALSE(batch.shortfall.empty());
}

TEST_CASE("batch rules: the gap towards what is labelled") {
  Scored scored({9, 8, 7});
  const Indices groups = {0, 0, 0};
  const std::vector<double> times = {1, 2, 9};
  const std::vector<label_t> labels = {0, -1, -1};
  scored.pool.groups = groups;
  scored.pool.times = times;
  scored.pool.labels = labels;
  CHECK(pick(scored, {.min_gap = 3}, 3).indices == Indices{1, 2});
  CHECK(pick(scored, {.min_gap = 3, .against_labelled = true}, 3).indices == Indices{2});
}

TEST_CASE("batch rules: a budget in cost") {
  Scored scored({9, 8, 7, 6, 5});
  const std::vector<double> costs = {2, 4, 2.5, 1, 0};
  scored.pool.costs = costs;
  const Selection batch = pick(scored, {.max_cost = 5}, 5);
  CHECK(batch.indices == Indices{0, 2, 4});  // 2 + 2.5 + 0; neither 4 nor 1 fits
  CHECK(batch.vetoed == VetoCounts{.cost = 2});
  CHECK_THAT(batch.shortfall, ContainsSubstring("2 by their cost"));
  CHECK(pick(scored, {.max_cost = 0.5}, 5).indices == Indices{4});
  CHECK(pick(scored, {.max_cost = 5}, 1).indices == Indices{0});
}

TEST_CASE("batch rules: an audit sample is marked, and does not depend on the selector") {
  const FullPool pool = full_pool(3, 60, 2);
  const BatchRules rules{.audit_share = 0.25};
  const SelectContext context{.seed = 5, .round = 3};
  const auto audits = [&](const Selector& selector, const BatchRules& with) {
    const Selection batch = select_batch(selector, with, pool.view(), 10, context);
    REQUIRE(batch.size() == 10);
    REQUIRE(batch.audit.size() == 10);
    Indices out;
    for (std::size_t r = 0; r < 10; ++r) {
      if (batch.audit[r] == 0) continue;
      out.push_back(batch.indices[r]);
      CHECK_THAT(batch.reason[r], ContainsSubstring("audit sample: drawn at random"));
    }
    return out;
  };
  const Indices drawn = audits(AiftSelector(), rules);
  CHECK(drawn.size() == 3);  // 2.5 is rounded up
  CHECK(audits(RandomSelector(), rules) == drawn);
  CHECK(audits(AiftSelector(), {.audit_share = 1}).size() == 10);

  // The rest is the selector's own ranking; audit picks carry their scores.
  const Selection batch = select_batch(AiftSelector(), rules, pool.view(), 10, context);
  const Selection all = AiftSelector().select(pool.view(), 60, context);
  Indices expected;
  std::map<index_t, double> score;
  for (std::size_t r = 0; r < all.indices.size(); ++r) {
    score[all.indices[r]] = all.score[r];
    const bool audited = std::find(drawn.begin(), drawn.end(), all.indices[r]) != drawn.end();
    if (!audited && expected.size() < 7) expected.push_back(all.indices[r]);
  }
  expected.insert(expected.end(), drawn.begin(), drawn.end());
  CHECK(batch.indices == expected);
  for (std::size_t r = 0; r < 10; ++r)
    CHECK(batch.score[r] == score.at(batch.indices[r]));
}

TEST_CASE("batch rules: everybody is as likely to be in the audit sample") {
  const FullPool pool = full_pool(3, 12, 2);
  std::vector<index_t> count(12);
  for (index_t round = 0; round < 3000; ++round) {
    const Selection batch = select_batch(AiftSelector(), {.audit_share = 0.5}, pool.view(), 4,
                                         {.seed = 1, .round = round});
    for (std::size_t r = 0; r < 4; ++r)
      count[static_cast<std::size_t>(batch.indices[r])] += batch.audit[r];
  }
  double chi = 0;  // 11 degrees of freedom; 500 expected each
  for (const index_t c : count)
    chi += std::pow(static_cast<double>(c) - 500, 2) / 500;
  CHECK(chi < 31.3);  // p = 0.001
}

TEST_CASE("batch rules: without rules it is the selector") {
  for_every_selector([](const Selector& selector) {
    const FullPool pool = full_pool(2, 30, 3);
    const Selection a = selector.select(pool.view(), 7, {.seed = 4, .round = 1});
    const Selection b = select_batch(selector, {}, pool.view(), 7, {.seed = 4, .round = 1});
    CHECK(a.indices == b.indices);
    CHECK(a.reason == b.reason);
    // a rule that excludes nobody
    const Selection c =
        select_batch(selector, {.max_per_group = 30}, pool.view(), 7, {.seed = 4, .round = 1});
    CHECK(a.indices == c.indices);
    CHECK(a.score == c.score);
    CHECK(c.vetoed.sum() == 0);
  });
}

TEST_CASE("batch rules: every selector keeps off whom it may not pick") {
  for_every_selector([](const Selector& selector) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const FullPool pool = full_pool(seed, 24, 3);
      std::vector<Standing> standing(24, Standing::open);
      for (std::size_t i = 0; i < 24; ++i)
        standing[i] = static_cast<Standing>(splitmix64(seed * 100 + i) % 3);
      PoolView view = pool.view();
      view.standing = standing;
      const auto open = std::count(standing.begin(), standing.end(), Standing::open);
      const Selection picked = selector.select(view, 24, {.seed = seed, .round = 1});
      CHECK(picked.size() == open);
      for (const index_t i : picked.indices)
        CHECK(standing[static_cast<std::size_t>(i)] == Standing::open);
    }
  });
}

TEST_CASE("batch rules hold for every selector, random pools and random rules") {
  for_every_selector([](const Selector& selector) {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
      const Frames frames(seed, 40);
      const BatchRules rules = random_rules(seed);
      const auto eligible =
          std::count(frames.pool.labels.begin(), frames.pool.labels.end(), kUnlabelled);
      for (const index_t budget : {0, 1, 6, 40, 43}) {
        INFO("seed " << seed << ", budget " << budget << ", rules " << rules.text());
        const SelectContext context{.seed = seed, .round = 2};
        const Selection batch = select_batch(selector, rules, frames.view(), budget, context);
        const index_t wanted = std::min<index_t>(budget, eligible);
        REQUIRE(batch.size() <= wanted);
        REQUIRE(std::set<index_t>(batch.indices.begin(), batch.indices.end()).size() ==
                batch.indices.size());
        Indices before;
        for (const index_t i : batch.indices) {
          REQUIRE(frames.pool.labels[static_cast<std::size_t>(i)] == kUnlabelled);
          REQUIRE(admits(rules, frames, before, i));  // the rules hold, in any order of the batch
          before.push_back(i);
        }
        if (batch.size() < wanted) {  // only when nobody else is admitted
          CHECK_FALSE(batch.shortfall.empty());
          for (index_t i = 0; i < 40; ++i) {
            if (frames.pool.labels[static_cast<std::size_t>(i)] >= 0) continue;
            if (std::find(before.begin(), before.end(), i) != before.end()) continue;
            REQUIRE_FALSE(admits(rules, frames, before, i));
          }
          CHECK(batch.vetoed.sum() == eligible - batch.size());
        } else {
          CHECK(batch.shortfall.empty());
        }
        const Selection again = select_batch(selector, rules, frames.view(), budget, context);
        CHECK(again.indices == batch.indices);
        CHECK(again.reason == batch.reason);
        const auto parallel = [&](std::size_t n) { return n == 0 || n == batch.indices.size(); };
        CHECK(parallel(batch.score.size()));
        CHECK(parallel(batch.dominant.size()));
        CHECK(parallel(batch.kept.size()));
        CHECK(parallel(batch.audit.size()));
        CHECK(batch.reason.size() == batch.indices.size());
      }
    }
  });
}

TEST_CASE("batch rules: the order of the pool changes nothing but ties") {
  for_every_selector([](const Selector& selector) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      INFO("seed " << seed);
      const Frames frames(seed, 36);
      const std::vector<double> scores = selector.select(frames.view(), 36).score;
      if (std::set<double>(scores.begin(), scores.end()).size() < scores.size()) continue;
      const BatchRules rules = random_rules(seed);
      Indices order(36);
      std::iota(order.begin(), order.end(), 0);
      const KeyedRandom random(seed, Purpose::order);
      std::sort(order.begin(), order.end(),
                [&](index_t a, index_t b) { return random.bits(a) < random.bits(b); });
      const Frames shuffled = frames.reordered(order);
      const Selection a = select_batch(selector, rules, frames.view(), 9, {.seed = 3, .round = 1});
      Selection b = select_batch(selector, rules, shuffled.view(), 9, {.seed = 3, .round = 1});
      for (index_t& i : b.indices)
        i = order[static_cast<std::size_t>(i)];
      CHECK(a.indices == b.indices);
      CHECK(a.vetoed == b.vetoed);
    }
  });
}

TEST_CASE("batch rules: a ranking is gone down, whoever a rule excludes is skipped") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Frames frames(seed, 50);
    BatchRules rules = random_rules(seed);
    rules.audit_share = 0;
    INFO("seed " << seed << ", rules " << rules.text());
    const AiftSelector selector;
    const Selection ranking = selector.select(frames.view(), 50);
    Indices expected;
    for (const index_t i : ranking.indices) {
      if (expected.size() < 12 && admits(rules, frames, expected, i)) expected.push_back(i);
    }
    CHECK(select_batch(selector, rules, frames.view(), 12).indices == expected);
  }
}

TEST_CASE("batch rules: neighbouring frames with the highest scores do not fill a batch") {
  // One video of 1000 frames: a lesion in view for 100 of them, and little to see elsewhere.
  Scored scored(std::vector<double>(1000));
  std::vector<double> times(1000);
  const Indices groups(1000, 0);
  for (std::size_t i = 0; i < 1000; ++i) {
    times[i] = static_cast<double>(i);
    const double from_lesion = std::fabs(static_cast<double>(i) - 420);
    scored.table.score[i] = from_lesion < 50 ? 100 - from_lesion : std::fmod(0.618 * times[i], 1);
  }
  scored.pool.times = times;
  scored.pool.groups = groups;
  const auto in_lesion = [](const Selection& batch) {
    return std::count_if(batch.indices.begin(), batch.indices.end(),
                         [](index_t i) { return std::abs(i - 420) < 50; });
  };
  CHECK(in_lesion(pick(scored, {}, 20)) == 20);
  const Selection batch = pick(scored, {.min_gap = 25}, 20);
  CHECK(batch.size() == 20);
  CHECK(in_lesion(batch) <= 4);
  CHECK(batch.indices[0] == 420);
}

TEST_CASE("batch rules: what cannot be is refused with one sentence") {
  Scored scored({3, 2, 1});
  const auto refused = [&](const BatchRules& rules, const std::string& sentence) {
    CHECK_THROWS_AS(pick(scored, rules, 2), ValueError);
    CHECK_THROWS_WITH(pick(scored, rules, 2), ContainsSubstring(sentence));
  };
  refused({.max_per_group = -1}, "max_per_group");
  refused({.max_per_group = 1}, "max_per_group needs groups");
  refused({.min_gap = kNan}, "min_gap");
  refused({.min_gap = 2}, "min_gap needs times");
  refused({.veto_similarity = 1.5}, "veto_similarity");
  refused({.veto_similarity = 0.9}, "veto_similarity needs features");
  refused({.against_labelled = true}, "against_labelled extends");
  refused({.max_cost = -1}, "max_cost");
  refused({.max_cost = 1}, "max_cost needs costs");
  refused({.audit_share = 1.01}, "audit_share");
  const std::vector<double> costs = {1, -1, 2};
  scored.pool.costs = costs;
  refused({.max_cost = 1}, "candidate 1 has -1");
  const std::vector<float> features = {1, 2, std::numeric_limits<float>::infinity()};
  scored.pool.features = features;
  scored.pool.feature_size = 1;
  refused({.veto_similarity = 0.9}, "candidate 2 has inf");
  CHECK_THROWS_AS(pick(scored, {.audit_share = 0.5}, -1), ValueError);
  const std::vector<double> times = {1, 2};
  scored.pool.times = times;
  CHECK_THROWS_AS(pick(scored, {.audit_share = 0.5}, 1), ShapeError);
}

TEST_CASE("batch rules: a selector that picks whom it may not is refused") {
  class Stubborn final : public Selector {
   public:
    std::string_view name() const noexcept override { return "stubborn"; }

   protected:
    void pick(const PoolView&, index_t, const SelectContext&, Selection& out) const override {
      out.indices = {0};
    }
  };
  Scored scored({3, 2, 1});
  const Indices groups = {0, 0, 0};
  scored.pool.groups = groups;
  CHECK_THROWS_WITH(select_batch(Stubborn(), {.max_per_group = 2}, scored.pool, 2),
                    ContainsSubstring("\"stubborn\" picked 0"));
}
