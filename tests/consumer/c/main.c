/* SPDX-License-Identifier: Apache-2.0 */
/* Scores predictions that some other runtime made, and picks, in C99. */
#include <aift/aift.h>

#include <stdio.h>

// [begin hardest]
/* The candidate whose label would teach the most, or -1 (aift_last_error() says why). */
static int64_t hardest(const float* probabilities, int64_t candidates, int64_t patches) {
  aift_context* context = NULL;
  aift_result* scored = NULL;
  aift_result* picked = NULL;
  aift_predictions predictions;
  int64_t answer = -1;

  aift_predictions_init(&predictions);
  predictions.values = probabilities; /* [candidates, patches, 2], not copied */
  predictions.candidates = candidates;
  predictions.patches = patches;
  predictions.classes = 2;
  predictions.dtype = AIFT_F32;
  predictions.kind = AIFT_PROBABILITIES;

  if (aift_context_create(NULL, &context) == AIFT_OK &&
      aift_score(context, &predictions, "aift", NULL, &scored) == AIFT_OK &&
      aift_top_b(context, aift_result_f64(scored, AIFT_SCORE), candidates, AIFT_F64, 1, &picked) ==
          AIFT_OK &&
      aift_result_size(picked, AIFT_INDEX) == 1) {
    answer = aift_result_i64(picked, AIFT_INDEX)[0];
  }
  aift_result_destroy(picked);
  aift_result_destroy(scored);
  aift_context_destroy(context);
  return answer;
}
// [end hardest]

int main(void) {
  static const float probabilities[3][4][2] = {
      {{0.9F, 0.1F}, {0.9F, 0.1F}, {0.9F, 0.1F}, {0.9F, 0.1F}},
      {{0.5F, 0.5F}, {0.6F, 0.4F}, {0.4F, 0.6F}, {0.5F, 0.5F}},
      {{0.1F, 0.9F}, {0.2F, 0.8F}, {0.1F, 0.9F}, {0.1F, 0.9F}}};
  const int64_t answer = hardest(&probabilities[0][0][0], 3, 4);
  printf("AIFT %s: picked candidate %d\n", aift_version(), (int)answer);
  return answer == 1 ? 0 : 1;
}
