// SPDX-License-Identifier: Apache-2.0
// The engines that selectors on features share, and each such selector against its plain loop.
#include "tests/support/catch.hpp"

#include <cmath>
#include <limits>
#include <map>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/select/badge_selector.hpp>
#include <aift/select/k_center_selector.hpp>
#include <aift/select/max_herding_selector.hpp>
#include <aift/select/prob_cover_selector.hpp>
#include <aift/select/registry.hpp>
#include <aift/select/score_selector.hpp>

#include "pools.hpp"
#include "src/select/k_means.hpp"

using namespace aift;
using namespace aift::select::detail;

namespace {

/// Random features only.
struct FeaturePool {
  std::vector<float> features;
  std::vector<label_t> labels;
  PoolView view;

  FeaturePool(std::uint64_t seed, index_t n, index_t d) : labels(at(n), kUnlabelled) {
    const KeyedRandom random(seed, Purpose::folds);
    for (index_t i = 0; i < n * d; ++i)
      features.push_back(static_cast<float>(random.normal(i)));
    view.size = n;
    view.features = features;
    view.feature_size = d;
    view.labels = labels;
  }
  FeaturePool(const FeaturePool&) = delete;
  FeaturePool& operator=(const FeaturePool&) = delete;

  [[nodiscard]] double squared(index_t a, index_t b) const {
    double sum = 0;
    for (index_t f = 0; f < view.feature_size; ++f) {
      const double off = static_cast<double>(features[at(a * view.feature_size + f)]) -
                         static_cast<double>(features[at(b * view.feature_size + f)]);
      sum += off * off;
    }
    return sum;
  }
};

}  // namespace

TEST_CASE("distances: every engine gives the same bits, equal rows are at 0") {
  for (const index_t d : {1, 5, 16, 17, 48, 130}) {
    const FeaturePool pool(static_cast<std::uint64_t>(d), 11, d);
    const Rows rows(pool.view, canonical(pool.view, false), false);
    std::vector<std::vector<float>> results;
    for (const DistanceEngine* engine : distance_engines()) {
      INFO(engine->name << ", d = " << d);
      std::vector<float> out(11 * 11 * 2);
      engine->squared(rows.rows(), 11, rows.rows(), 11, d, out.data());
      engine->dot(rows.rows(), 11, rows.rows(), 11, d, out.data() + 121);
      for (index_t a = 0; a < 11; ++a) {
        CHECK(out[at(a * 11 + a)] == 0);
        for (index_t b = 0; b < 11; ++b) {
          CHECK(out[at(a * 11 + b)] == out[at(b * 11 + a)]);
          CHECK(static_cast<double>(out[at(a * 11 + b)]) ==
                Approx(pool.squared(a, b)).epsilon(1e-5));
        }
      }
      engine->gaussian(out.data(), 121, 0.25F);
      CHECK(static_cast<double>(out[1]) ==
            Approx(std::exp(-0.25 * pool.squared(0, 1))).epsilon(1e-4));
      results.push_back(std::move(out));
    }
    for (const auto& result : results)
      CHECK(result == results.front());
  }
}

TEST_CASE("k-center picks what the plain loop picks, for any number of threads") {
  ThreadExecutor two(2);
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    INFO("seed " << seed);
    FeaturePool pool(seed, 300, 7);
    if (seed % 2 == 0) {  // whole numbers: many ties and duplicates
      for (float& x : pool.features)
        x = std::round(x);
    }
    std::vector<index_t> centres = {3, 50};
    for (const index_t i : centres)
      pool.labels[at(i)] = 0;
    std::vector<index_t> want;
    std::vector<char> taken(300, 0);
    for (const index_t c : centres)
      taken[at(c)] = 1;
    while (want.size() < 60) {
      index_t best = -1;
      double far = -1;
      for (index_t i = 0; i < 300; ++i) {
        if (taken[at(i)] != 0) continue;
        double nearest = std::numeric_limits<double>::infinity();
        for (const index_t c : centres)
          nearest = std::min(nearest, pool.squared(i, c));
        if (nearest > far) {
          far = nearest;
          best = i;
        }
      }
      taken[at(best)] = 1;
      centres.push_back(best);
      want.push_back(best);
    }
    CHECK(KCenterSelector().select(pool.view, 60).indices == want);
    CHECK(KCenterSelector().select(pool.view, 60, {.executor = &two}).indices == want);
  }
}

namespace {

/// Greedy facility location, all gains in every step, in the numbers of the engines: gains that are
/// equal but for rounding must be told apart in the same way. `kernel` turns squared distances into
/// values; `known` is covered from the start.
template <class Kernel>
std::vector<index_t> herd_plainly(const FeaturePool& pool, const std::vector<index_t>& known,
                                  index_t budget, const Kernel& kernel) {
  const index_t n = pool.view.size;
  const index_t d = pool.view.feature_size;
  std::vector<const float*> rows;
  for (index_t i = 0; i < n; ++i)
    rows.push_back(pool.features.data() + i * d);
  const auto values_of = [&](index_t by) {
    std::vector<float> values(at(n));
    distances().squared(rows.data(), n, &rows[at(by)], 1, d, values.data());
    kernel(values.data(), n);
    return values;
  };
  std::vector<float> covered(at(n), 0.0F);
  std::vector<char> out(at(n), 0);
  const auto cover = [&](index_t by) {
    out[at(by)] = 1;
    const std::vector<float> values = values_of(by);
    for (index_t x = 0; x < n; ++x)
      covered[at(x)] = std::max(covered[at(x)], values[at(x)]);
  };
  for (const index_t i : known)
    cover(i);
  const std::vector<char> labelled = out;
  std::vector<index_t> picks;
  while (static_cast<index_t>(picks.size()) < budget) {
    index_t best = -1;
    double most = -1;
    for (index_t i = 0; i < n; ++i) {
      if (out[at(i)] != 0) continue;
      const std::vector<float> values = values_of(i);
      double gain = 0;
      for (index_t x = 0; x < n; ++x) {
        if (labelled[at(x)] == 0)
          gain += static_cast<double>(std::max(values[at(x)] - covered[at(x)], 0.0F));
      }
      if (gain > most) {
        most = gain;
        best = i;
      }
    }
    picks.push_back(best);
    cover(best);
  }
  return picks;
}

}  // namespace

TEST_CASE("facility location picks what the plain loop picks") {
  ThreadExecutor two(2);
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const index_t n = 60 + static_cast<index_t>(seed) * 13;
    FeaturePool pool(seed, n, 5);
    std::vector<index_t> known;
    for (index_t i = 0; i < n; i += seed % 3 == 0 ? 9 : 1000)
      known.push_back(i);
    if (seed % 2 == 0) {  // copies: ties
      for (index_t i = n / 2; i < n; ++i)
        std::copy_n(pool.features.begin() + 5 * (i - n / 2), 5, pool.features.begin() + 5 * i);
    }
    for (const index_t i : known)
      pool.labels[at(i)] = 0;
    CAPTURE(seed);
    const auto gaussian = [](float* values, index_t count) {
      distances().gaussian(values, count, 0.25F);
    };
    const index_t left = n - static_cast<index_t>(known.size());
    const auto want = herd_plainly(pool, known, left, gaussian);
    CHECK(MaxHerdingSelector(false, 2).select(pool.view, left).indices == want);
    CHECK(MaxHerdingSelector(false, 2).select(pool.view, left, {.executor = &two}).indices == want);
    // Counts of neighbours tie all the time, and most are 0 in the end.
    const auto ball = [](float* values, index_t count) {
      for (index_t i = 0; i < count; ++i)
        values[i] = values[i] <= 2.25F ? 1.0F : 0.0F;
    };
    CHECK(ProbCoverSelector(false, 1.5).select(pool.view, left).indices ==
          herd_plainly(pool, known, left, ball));
  }
  CHECK_THROWS_AS(MaxHerdingSelector(true, 0), ValueError);
}

TEST_CASE("a row is drawn by its squared distance") {
  // Beside a plain scan; exact, since quarters add up without rounding.
  for (const index_t n : {1, 255, 256, 257, 700, 2000}) {
    const KeyedRandom random(static_cast<std::uint64_t>(n), Purpose::folds);
    std::vector<float> squared;
    for (index_t p = 0; p < n; ++p) {
      const bool gap = n > 1000 && p >= 512 && p < 1100;  // parts that nobody is drawn from
      squared.push_back(gap || random.below(p, 3) == 0
                            ? 0.0F
                            : 0.25F * static_cast<float>(random.below(n + p, 9)));
    }
    squared[at(n / 2)] = n > 1000 ? 0.0F : 1.0F;
    std::vector<double> running;
    double total = 0;
    for (index_t part = 0; part < sum_parts(n); ++part)
      running.push_back(total += part_sum(squared.data(), n, part));
    CHECK(total == std::accumulate(squared.begin(), squared.end(), 0.0));
    for (index_t draw = 0; draw < 300; ++draw) {
      const double share = draw == 0 ? 0.0 : draw == 1 ? 1 - 0x1p-53 : random.uniform(2 * n + draw);
      index_t expected = -1;
      double run = 0;
      for (index_t p = 0; p < n && !(run > share * total); ++p) {
        run += static_cast<double>(squared[at(p)]);
        if (squared[at(p)] > 0) expected = p;
      }
      CHECK(draw_row(squared.data(), n, running.data(), share) == expected);
    }
  }
  const std::vector<float> none(300, 0.0F);
  const std::vector<double> running(2, 0.0);
  CHECK(draw_row(none.data(), 300, running.data(), 0.5) == -1);
}

TEST_CASE("k-means ends where every row is with its nearest centre and centres are means") {
  const FeaturePool pool(5, 1500, 4);  // clusters of more than one part
  const Rows rows(pool.view, canonical(pool.view, false), false);
  const Clusters clusters = k_means(rows, 3, KeyedRandom(2, Purpose::selection), 1000, nullptr);
  REQUIRE(clusters.count == 3);
  std::vector<double> sum(3 * 4, 0.0);
  std::vector<index_t> size(3, 0);
  for (index_t i = 0; i < 1500; ++i) {
    const index_t own = clusters.of[at(i)];
    ++size[at(own)];
    double best = std::numeric_limits<double>::infinity();
    double to_own = 0;
    for (index_t c = 0; c < 3; ++c) {
      double squared = 0;
      for (index_t f = 0; f < 4; ++f) {
        const double off = static_cast<double>(pool.features[at(4 * i + f)]) -
                           static_cast<double>(clusters.centres[at(4 * c + f)]);
        squared += off * off;
      }
      best = std::min(best, squared);
      if (c == own) to_own = squared;
    }
    CHECK(to_own <= best * (1 + 1e-5));
    CHECK(static_cast<double>(clusters.squared[at(i)]) == Catch::Approx(to_own).epsilon(1e-4));
    for (index_t f = 0; f < 4; ++f)
      sum[at(4 * own + f)] += static_cast<double>(pool.features[at(4 * i + f)]);
  }
  for (index_t c = 0; c < 3; ++c) {
    CHECK(size[at(c)] > 300);
    for (index_t f = 0; f < 4; ++f) {
      CHECK(static_cast<double>(clusters.centres[at(4 * c + f)]) ==
            Catch::Approx(sum[at(4 * c + f)] / static_cast<double>(size[at(c)])).margin(1e-6));
    }
  }
}

TEST_CASE("k-means: fewer distinct rows than clusters") {
  FeaturePool pool(1, 40, 3);
  for (index_t i = 0; i < 40; ++i) {
    for (index_t f = 0; f < 3; ++f)
      pool.features[at(i * 3 + f)] = static_cast<float>(i % 4);
  }
  const Rows rows(pool.view, canonical(pool.view, false), false);
  const Clusters clusters = k_means(rows, 10, KeyedRandom(1, Purpose::selection), 50, nullptr);
  CHECK(clusters.count == 4);
  for (index_t i = 0; i < 40; ++i) {
    CHECK(clusters.squared[at(i)] == 0);
    CHECK(clusters.of[at(i)] == clusters.of[at(i % 4)]);
  }
}

TEST_CASE("badge draws as k-means++ on the gradients themselves") {
  // Six candidates, budget 2: the first is the longest gradient, the second by squared distance.
  auto pool = test::full_pool(11, 6, 3);
  std::vector<std::vector<double>> g(6);
  std::vector<double> length(6, 0.0);
  for (index_t i = 0; i < 6; ++i) {
    const double* p = pool.mean_probabilities.data() + i * 3;
    const index_t y = std::max_element(p, p + 3) - p;
    for (index_t k = 0; k < 3; ++k) {
      for (index_t f = 0; f < 5; ++f) {
        const double x =
            (p[k] - (k == y ? 1 : 0)) * static_cast<double>(pool.features[at(i * 5 + f)]);
        g[at(i)].push_back(x);
        length[at(i)] += x * x;
      }
    }
  }
  const index_t first = std::max_element(length.begin(), length.end()) - length.begin();
  std::vector<double> chance(6, 0.0);
  double total = 0;
  for (index_t i = 0; i < 6; ++i) {
    for (std::size_t f = 0; f < 15; ++f)
      chance[at(i)] += std::pow(g[at(i)][f] - g[at(first)][f], 2);
    total += chance[at(i)];
  }
  std::vector<double> seen(6, 0.0);
  constexpr int kDraws = 4000;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Selection s =
        BadgeSelector().select(pool.view(), 2, {.seed = static_cast<std::uint64_t>(draw)});
    REQUIRE(s.indices[0] == first);
    seen[at(s.indices[1])] += 1;
  }
  double chi = 0;
  for (index_t i = 0; i < 6; ++i) {
    if (i == first) {
      CHECK(seen[at(i)] == 0);
      continue;
    }
    const double expected = kDraws * chance[at(i)] / total;
    chi += std::pow(seen[at(i)] - expected, 2) / expected;
  }
  CHECK(chi < 18.47);  // 4 degrees of freedom: exceeded once in 1,000
}

TEST_CASE("selectors on features: constant features, zeros and duplicates") {
  const auto registry = SelectorRegistry::with_builtin();
  ThreadExecutor two(2);
  for (const auto& entry : registry.entries()) {
    const auto selector = registry.make(entry.name);
    if (!selector->needs().features) continue;
    DYNAMIC_SECTION(entry.name) {
      for (const float value : {0.0F, 3.0F}) {
        auto pool = test::full_pool(3, 20, 2);
        std::fill(pool.features.begin(), pool.features.end(), value);
        for (const index_t budget : {1, 20}) {
          auto picks = selector->select(pool.view(), budget).indices;
          std::sort(picks.begin(), picks.end());
          CHECK(std::unique(picks.begin(), picks.end()) == picks.end());
          CHECK(static_cast<index_t>(picks.size()) == budget);
        }
      }
      const auto pool = test::full_pool(5, 200, 3);
      const Selection one = selector->select(pool.view(), 30, {.seed = 1});
      const Selection both = selector->select(pool.view(), 30, {.seed = 1, .executor = &two});
      CHECK(one.indices == both.indices);
      CHECK(one.score == both.score);
    }
  }
}

TEST_CASE("noised rules: chances of the first pick are those of the key") {
  // power with beta 1: chances proportional to the scores.
  const std::vector<double> scores = {1, 2, 4};
  const auto keys = noised_keys(scores, {.kind = PickRule::Kind::power});
  CHECK(keys[1] - keys[0] == Approx(std::log(2.0)));
  CHECK(keys[2] - keys[1] == Approx(std::log(2.0)));
  const auto ranked = noised_keys(scores, {.kind = PickRule::Kind::softrank, .beta = 2});
  CHECK(ranked[2] == 0);
  CHECK(ranked[0] == Approx(-2 * std::log(3.0)));
  const auto soft = noised_keys(scores, {.kind = PickRule::Kind::softmax, .beta = 3});
  CHECK(soft[2] - soft[0] == Approx(9));
  CHECK_THROWS_AS(noised_keys(scores, {.kind = PickRule::Kind::top}), ValueError);
  const std::vector<double> negative = {-1};
  CHECK_THROWS_AS(noised_keys(negative, {.kind = PickRule::Kind::power}), ValueError);
}
