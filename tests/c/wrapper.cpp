// SPDX-License-Identifier: Apache-2.0
// The wrapper from C++17: results are owned, failures are exceptions.
#include <aift/c/aift.hpp>

#include <cstdio>
#include <string>
#include <vector>

static_assert(__cplusplus < 202002L, "this program shows that C++17 is enough");

namespace {

int failures = 0;

void expect(bool condition, const char* what) {
  if (condition) return;
  ++failures;
  std::fprintf(stderr, "failed: %s\n", what);
}

}  // namespace

int main() {
  const std::vector<float> values = {0.9F, 0.1F, 0.8F, 0.2F,   // sure
                                     0.5F, 0.5F, 0.6F, 0.4F,   // undecided
                                     0.1F, 0.9F, 0.2F, 0.8F};  // sure
  const aift_predictions predictions = aift::c::dense(values.data(), 3, 2, 2, AIFT_PROBABILITIES);
  aift_score_options options = aift::c::score_options();
  options.alpha = 1;
  aift::c::Context context;

  const aift::c::Result scored = context.score(predictions, "entropy", options);
  expect(scored.score().size() == 3, "one score per candidate");
  expect(scored.score()[1] > scored.score()[0], "the undecided one has the largest entropy");
  expect(scored.index().empty(), "a score has no picks");

  const aift::c::Selector selector("entropy", {"alpha=1"});
  aift_pool pool = aift::c::pool();
  pool.size = 3;
  pool.classes = 2;
  pool.predictions = &predictions;
  aift::c::Result picks = context.select(selector, pool, 1);
  expect(picks.index().size() == 1 && picks.index()[0] == 1, "the undecided one is asked");
  expect(!picks.reason(0).empty(), "a pick has a reason");
  const aift::c::Result moved = std::move(picks);
  expect(moved.index()[0] == 1, "results can be moved");
  double best = 0;
  const aift::c::Result top = context.top_b(scored.score().data(), 3, 2);
  for (const double score : top.score())
    best = score > best ? score : best;
  expect(best == scored.score()[1], "top-b of the scores");

  try {
    const aift::c::Selector unknown("nobody");
    expect(false, "an unknown selector must throw");
  } catch (const aift::c::Error& error) {
    expect(error.status() == AIFT_VALUE, "status of an unknown selector");
    expect(std::string(error.what()).find("aift") != std::string::npos, "known ones are listed");
  }
  std::printf("AIFT %s: %d failed\n", aift_version(), failures);
  return failures != 0 ? 1 : 0;
}
