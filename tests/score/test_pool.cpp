// SPDX-License-Identifier: Apache-2.0
// A pool scored chunk by chunk.
#include <aift/score/pool.hpp>

#include <cstring>
#include <optional>
#include <vector>

#include "reference.hpp"
#include "tests/support/catch.hpp"

using namespace aift;

namespace {

struct Watcher final : Progress {
  std::vector<index_t> done;
  index_t total = -1;
  std::optional<std::size_t> cancel_after;
  void report(std::string_view stage, index_t d, index_t t) override {
    REQUIRE(stage == "score");
    done.push_back(d);
    total = t;
  }
  [[nodiscard]] bool cancelled() const override {
    return cancel_after && done.size() >= *cancel_after;
  }
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("a pool scored in chunks is the pool scored at once") {
  const auto pool = test::random_pool(5, test::random_patches(5, 300, 12), 3, 2, 1);
  const PatchPredictions all = pool.ragged(PredictionKind::logits);
  ScoreTable whole;
  whole.request = {.kept = true, .mean_probabilities = true};
  score::aift(all, {}, whole);
  ThreadExecutor executor(2);
  for (const index_t bytes : {1, 100, 5000, 1 << 20}) {
    for (Executor* runner : {static_cast<Executor*>(nullptr), static_cast<Executor*>(&executor)}) {
      Watcher watcher;
      index_t seen = 0;
      const ScoreTable table = score::score_pool(all,
                                                 {.kind = ScoreKind::aift,
                                                  .options = {},
                                                  .request = whole.request,
                                                  .executor = runner,
                                                  .progress = &watcher},
                                                 bytes, [&](index_t first, index_t count) {
                                                   REQUIRE(first == seen);
                                                   REQUIRE(count >= 1);
                                                   seen += count;
                                                 });
      REQUIRE(seen == 300);
      REQUIRE(watcher.done.back() == 300);
      REQUIRE(watcher.total == 300);
      REQUIRE(same_bits(table.score, whole.score));
      REQUIRE(same_bits(table.mean_probabilities, whole.mean_probabilities));
      REQUIRE(table.kept == whole.kept);
      REQUIRE(table.kept_offsets == whole.kept_offsets);
    }
  }
}

TEST_CASE("chunks may be filled into one buffer") {
  const auto pool = test::random_pool(6, std::vector<index_t>(100, 4), 2, 2, 1);
  const PatchPredictions all = pool.ragged(PredictionKind::probabilities);
  const auto* values = static_cast<const double*>(all.values);
  std::vector<float> buffer;
  index_t at = 0;
  Watcher watcher;
  const ScoreTable table = score::score_pool(
      [&](PatchPredictions& chunk) {
        const index_t count = std::min<index_t>(7, 100 - at);
        if (count == 0) return false;
        buffer.assign(values + at * 8, values + (at + count) * 8);
        chunk = PatchPredictions::dense(buffer.data(), count, 4, 2, PredictionKind::probabilities);
        at += count;
        return true;
      },
      {.kind = ScoreKind::entropy,
       .options = {},
       .request = {},
       .executor = nullptr,
       .progress = &watcher});
  REQUIRE(table.size() == 100);
  REQUIRE(watcher.total == 0);
  std::vector<float> single(values, values + 800);
  ScoreTable whole;
  score::entropy(PatchPredictions::dense(single.data(), 100, 4, 2, PredictionKind::probabilities),
                 {}, whole);
  REQUIRE(same_bits(table.score, whole.score));
}

TEST_CASE("offsets that leave the rows and come back are refused before anything is read") {
  const std::vector<double> values(8, 0.5);
  const std::vector<index_t> offsets = {0, 1, 1000, 4};
  const auto pool = PatchPredictions::ragged<double>(values, offsets, 2,
                                             PredictionKind::probabilities);
  REQUIRE_THROWS_WITH(score::score_pool(pool, {}, 1),
                      Catch::Contains("beyond the 4 rows; that behind candidate 1 is 1000"));
}

TEST_CASE("a pool is refused or cancelled as a whole") {
  auto pool = test::random_pool(7, std::vector<index_t>(50, 3), 2, 2, 1);
  const PatchPredictions all = pool.ragged(PredictionKind::probabilities);
  std::vector<double> values(static_cast<const double*>(all.values),
                             static_cast<const double*>(all.values) + 300);
  const auto chunk =
      PatchPredictions::dense(values.data(), 50, 3, 2, PredictionKind::probabilities);
  const score::PoolScoring how;
  values[6 * 41 + 2] = -1;
  REQUIRE_THROWS_WITH(score::score_pool(chunk, how, 200), Catch::Contains("candidate 41, patch 1"));
  values[6 * 41 + 2] = 1 - values[6 * 41 + 3];
  REQUIRE(score::score_pool(chunk, how, 200).size() == 50);

  Watcher watcher;
  watcher.cancel_after = 3;
  score::PoolScoring watched;
  watched.progress = &watcher;
  REQUIRE_THROWS_AS(score::score_pool(chunk, watched, 200), CancelledError);
  REQUIRE(watcher.done.size() == 3);

  REQUIRE_THROWS_AS(score::score_pool(chunk, how, 0), ValueError);
  REQUIRE(score::score_pool(chunk.slice(0, 0), how).size() == 0);
  score::PoolScoring wrong;
  wrong.options.alpha = 0;
  REQUIRE_THROWS_AS(score::score_pool(chunk.slice(0, 0), wrong), ValueError);
  index_t calls = 0;
  REQUIRE_THROWS_WITH(score::score_pool(
                          [&](PatchPredictions& next) {
                            next = calls++ == 0
                                       ? chunk
                                       : PatchPredictions::dense(values.data(), 10, 3, 4,
                                                                 PredictionKind::probabilities);
                            return true;
                          },
                          how),
                      Catch::Contains("must have 2 classes"));
}
