// SPDX-License-Identifier: Apache-2.0
// Scores and picks in C++17, with a compiler that may be another one than the library's.
#include <aift/c/aift.hpp>

#include <cstdio>
#include <vector>

static_assert(__cplusplus < 202002L, "this program shows that C++17 is enough");

int main() {
  const std::vector<float> values = {0.9F, 0.1F, 0.8F, 0.2F,   // sure
                                     0.5F, 0.5F, 0.6F, 0.4F};  // undecided
  aift::c::Context context;
  const aift::c::Result scored = context.score(
      aift::c::dense(values.data(), 2, 2, 2, AIFT_PROBABILITIES), "entropy", aift::c::score_options());
  std::printf("AIFT %s: candidate %d is the undecided one\n", aift_version(),
              scored.score()[1] > scored.score()[0] ? 1 : 0);
  return scored.score()[1] > scored.score()[0] ? 0 : 1;
}
