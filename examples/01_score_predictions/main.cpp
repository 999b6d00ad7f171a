// SPDX-License-Identifier: Apache-2.0
// Scores predictions that another runtime made and says which candidate to label first.
// The regions between the markers are what README.md and docs/ show.
#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

// [begin readme]
#include <aift/core/error.hpp>
#include <aift/select/aift_selector.hpp>

std::vector<aift::index_t> hardest(std::span<const float> probabilities, aift::index_t candidates,
                                   aift::index_t patches, aift::index_t batch) {
  const auto predictions = aift::PatchPredictions::dense(probabilities.data(), candidates, patches,
                                                         2, aift::PredictionKind::probabilities);
  const aift::AiftSelector selector;  // keeps the top quarter of the dominant side
  return selector.select({.size = candidates, .classes = 2, .predictions = &predictions}, batch)
      .indices;
}
// [end readme]

namespace {

// [begin majority]
void the_methods_own_example() {
  // Nine patches of one picture: six say class 1 with 0.9, three say it with 0.1.
  std::vector<double> p;
  for (const double p1 : {0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9, 0.1, 0.9}) {
    p.insert(p.end(), {1.0 - p1, p1});
  }
  const auto picture =
      aift::PatchPredictions::dense(p.data(), 1, 9, 2, aift::PredictionKind::probabilities);
  aift::ScoreTable table;
  table.request.kept = true;
  aift::AiftSelector({.alpha = 6.0 / 9.0}).score(picture, table);
  fmt::print("class {} dominates; kept {}; dropped {}\n", table.dominant[0], table.kept_of(0),
             table.dropped_of(0));
}
// [end majority]

// [begin chunks]
aift::Selection score_in_chunks(const aift::PatchPredictions& pool, aift::index_t batch) {
  const aift::AiftSelector selector({.alpha = 0.5});
  aift::ScoreTable table;
  table.request.kept = true;
  for (aift::index_t first = 0; first < pool.candidates; first += 1000) {
    const aift::index_t count = std::min<aift::index_t>(1000, pool.candidates - first);
    selector.score(pool.slice(first, count), table);  // your runtime fills one chunk at a time
  }
  return selector.select({.size = pool.candidates, .classes = pool.classes, .scores = &table},
                         batch);
}
// [end chunks]

// [begin refused]
void a_bad_row_is_named() {
  const std::vector<float> p = {0.5F, 0.5F, 0.3F, std::numeric_limits<float>::quiet_NaN()};
  const auto predictions =
      aift::PatchPredictions::dense(p.data(), 2, 1, 2, aift::PredictionKind::probabilities);
  try {
    aift::ScoreTable table;
    aift::AiftSelector().score(predictions, table);
  } catch (const aift::ValueError& error) {
    fmt::print("refused: {}\n", error.what());  // names candidate 1, patch 0
  }
}
// [end refused]

}  // namespace

int main() {
  // Candidate 0: the network agrees with itself. Candidate 1: it does not.
  const std::vector<float> probabilities = {0.1F, 0.9F, 0.1F, 0.9F, 0.1F, 0.9F, 0.1F, 0.9F,
                                            0.4F, 0.6F, 0.5F, 0.5F, 0.3F, 0.7F, 0.6F, 0.4F};
  fmt::print("ask candidate {} first\n", hardest(probabilities, 2, 4, 1).front());
  the_methods_own_example();
  const auto pool = aift::PatchPredictions::dense(probabilities.data(), 2, 4, 2,
                                                  aift::PredictionKind::probabilities);
  const aift::Selection picks = score_in_chunks(pool, 2);
  for (std::size_t i = 0; i < picks.indices.size(); ++i) {
    fmt::print("{}. candidate {}, score {:.3f}: {}\n", i, picks.indices[i], picks.score[i],
               picks.reason[i]);
  }
  a_bad_row_is_named();
  return 0;
}
