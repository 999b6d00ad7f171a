// SPDX-License-Identifier: Apache-2.0
#include <aift/select/top_b.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The definition: a stable sort.
template <class T>
std::vector<index_t> sorted(const std::vector<T>& scores, index_t budget) {
  std::vector<index_t> order(scores.size());
  std::iota(order.begin(), order.end(), index_t{0});
  std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(order.size(), static_cast<std::size_t>(budget)));
  return order;
}

/// Scores of several kinds: many ties, sorted either way, infinities, all equal, all different.
std::vector<double> make_scores(index_t count, int kind, std::uint64_t seed) {
  const KeyedRandom random(seed, Purpose::order);
  std::vector<double> scores;
  for (index_t i = 0; i < count; ++i) {
    const double u = random.uniform(i);
    switch (kind) {
      case 0:
        scores.push_back(u - 0.5);
        break;
      case 1:
        scores.push_back(std::floor(u * 5) - 2);
        break;
      case 2:
        scores.push_back(static_cast<double>(i / 3));
        break;
      case 3:
        scores.push_back(static_cast<double>(-i));
        break;
      case 4:
        scores.push_back(u < 0.3 ? -kInfinity : u > 0.9 ? kInfinity : u);
        break;
      case 5:
        scores.push_back(u < 0.5 ? 0.0 : -0.0);
        break;
      default:
        scores.push_back(-kInfinity);
    }
  }
  return scores;
}

std::vector<index_t> indices_of(const StreamingTopB& top) {
  std::vector<index_t> indices;
  for (const RankedScore& entry : top.result())
    indices.push_back(entry.index);
  return indices;
}

}  // namespace

TEST_CASE("top-b is the head of a stable sort, for any size, budget and number of threads") {
  ThreadExecutor three(3);
  for (std::uint64_t seed = 1; seed <= 84; ++seed) {
    const KeyedRandom random(seed, Purpose::selection);
    const int kind = static_cast<int>(seed % 7);
    // Now and then enough for several tasks.
    const index_t count = seed % 6 == 0 ? 600000 + random.below(0, 999) : random.below(1, 20000);
    const index_t budget = seed % 5 == 0 ? random.below(2, 2 * count + 1) : random.below(3, 300);
    const std::vector<double> scores = make_scores(count, kind, seed);
    const std::vector<float> narrow(scores.begin(), scores.end());
    CAPTURE(seed, kind, count, budget);
    const std::vector<index_t> expected = sorted(scores, budget);
    REQUIRE(top_b(scores, budget) == expected);
    REQUIRE(top_b(scores, budget, &three) == expected);
    const std::vector<index_t> of_floats = sorted(narrow, budget);
    REQUIRE(top_b(narrow, budget) == of_floats);
    REQUIRE(top_b(narrow, budget, &three) == of_floats);
  }
}

TEST_CASE("chunks of any size in any order give the same top-b") {
  for (std::uint64_t seed = 1; seed <= 70; ++seed) {
    const KeyedRandom random(seed, Purpose::selection);
    const index_t count = 30000 + random.below(0, 30000);
    const index_t budget = random.below(1, 2000);
    const std::vector<double> scores = make_scores(count, static_cast<int>(seed % 7), seed);
    struct Chunk {
      index_t first, size;
    };
    std::vector<Chunk> chunks;
    for (index_t at = 0, t = 0; at < count; ++t) {
      const index_t size = std::min(count - at, random.below(10 + t, 5000));
      chunks.push_back({at, size});
      at += size;
    }
    for (std::size_t i = chunks.size(); i > 1; --i) {
      std::swap(chunks[i - 1], chunks[static_cast<std::size_t>(random.below(
                                   100000 + static_cast<index_t>(i), static_cast<index_t>(i)))]);
    }
    StreamingTopB top(budget);
    StreamingTopB left(budget);
    StreamingTopB right(budget + 5);
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const auto part = std::span<const double>(scores).subspan(
          static_cast<std::size_t>(chunks[c].first), static_cast<std::size_t>(chunks[c].size));
      top.push(part, chunks[c].first);
      (c % 2 == 0 ? left : right).push(part, chunks[c].first);
    }
    CAPTURE(seed, count, budget);
    const std::vector<index_t> expected = sorted(scores, budget);
    REQUIRE(indices_of(top) == expected);
    left.merge(right);
    REQUIRE(indices_of(left) == expected);
    for (const RankedScore& entry : left.result())
      REQUIRE(entry.score == scores[static_cast<std::size_t>(entry.index)]);
  }
}

TEST_CASE("floats and doubles may come one after the other") {
  const double above = 1.0 + 0x1p-40;  // lies between two floats
  std::vector<double> first(5000, above);
  StreamingTopB top(3);
  top.push(first, 10);
  std::vector<float> second(200, 1.0F);
  second[130] = 1.0F + 0x1p-23F;
  top.push(second, 6000);
  top.push(std::vector<float>(100, 1e30F), 0);  // behind nothing: lower indices
  CHECK(top.result() == std::vector<RankedScore>{{1e30F, 0}, {1e30F, 1}, {1e30F, 2}});
  StreamingTopB two(2);
  two.push(first, 10);
  two.push(second, 6000);
  CHECK(two.result() == std::vector<RankedScore>{{1.0F + 0x1p-23F, 6130}, {above, 10}});
}

TEST_CASE("a NaN is refused wherever it stands, and the first one is named") {
  ThreadExecutor two(2);
  for (const index_t place : {0, 63, 64, 4097, 299999, 300000, 799999}) {
    for (const index_t budget : {0, 1, 1000}) {
      std::vector<double> scores = make_scores(800000, 3, 1);
      scores[static_cast<std::size_t>(place)] = std::nan("");
      scores.back() = std::nan("");
      const std::string name = "candidate " + std::to_string(place) + " ";
      CHECK_THROWS_WITH(top_b(scores, budget), ContainsSubstring(name));
      CHECK_THROWS_WITH(top_b(scores, budget, &two), ContainsSubstring(name));
      const std::vector<float> narrow(scores.begin(), scores.end());
      CHECK_THROWS_WITH(top_b(narrow, budget, &two), ContainsSubstring(name));
      StreamingTopB top(budget);
      CHECK_THROWS_WITH(
          top.push(std::span<const double>(scores).subspan(static_cast<std::size_t>(place)), place),
          ContainsSubstring(name));
    }
  }
  StreamingTopB top(2);
  const std::vector<double> bad = {3, 1, std::nan(""), 9};
  CHECK_THROWS_AS(top.push(bad, 0), ValueError);
  CHECK(indices_of(top) == std::vector<index_t>{0, 1});
}

TEST_CASE("top-b at its ends") {
  CHECK(top_b(std::span<const double>{}, 5).empty());
  CHECK(StreamingTopB(5).result().empty());
  CHECK_THROWS_AS(StreamingTopB(-1), ValueError);
  CHECK_THROWS_AS(top_b(std::span<const float>{}, -1), ValueError);
  const std::vector<double> few = {1, 2};
  CHECK(top_b(few, std::numeric_limits<index_t>::max()) == std::vector<index_t>{1, 0});
  StreamingTopB top(4);
  CHECK_THROWS_AS(top.push(few, -1), ValueError);
  CHECK_THROWS_AS(top.merge(StreamingTopB(3)), ValueError);
  top.push(few, 7);
  top.merge(top);
  CHECK(indices_of(top) == std::vector<index_t>{8, 7});
}
