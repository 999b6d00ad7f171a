/* SPDX-License-Identifier: Apache-2.0 */
/* Two contexts with different seeds in two threads of one process, at the same time: each gives what it
 * gives alone. Meant for the thread sanitizer as well. */
#include <aift/aift.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { CANDIDATES = 300, PATCHES = 8, PICKS = 20, ROUNDS = 20 };

struct work {
  uint64_t seed;
  const float* values;
  int64_t random[PICKS];
  int64_t best[PICKS];
  int failed;
};

static int run_once(struct work* work, int64_t* random, int64_t* best) {
  aift_context_options options;
  aift_context* context = NULL;
  aift_selector* selector = NULL;
  aift_predictions predictions;
  aift_pool pool;
  aift_result* scored = NULL;
  aift_result* drawn = NULL;
  aift_result* top = NULL;
  int good = 0;

  aift_context_options_init(&options);
  options.seed = work->seed;
  options.threads = 2;
  aift_predictions_init(&predictions);
  predictions.values = work->values;
  predictions.candidates = CANDIDATES;
  predictions.patches = PATCHES;
  predictions.classes = 2;
  predictions.dtype = AIFT_F32;
  aift_pool_init(&pool);
  pool.size = CANDIDATES;
  if (aift_context_create(&options, &context) == AIFT_OK &&
      aift_selector_create("random", NULL, 0, &selector) == AIFT_OK &&
      aift_score(context, &predictions, "aift", NULL, &scored) == AIFT_OK &&
      aift_select(context, selector, &pool, PICKS, 0, &drawn) == AIFT_OK &&
      aift_top_b(context, aift_result_f64(scored, AIFT_SCORE), CANDIDATES, AIFT_F64, PICKS, &top) ==
          AIFT_OK &&
      aift_score(context, &predictions, "nobody", NULL, &scored) == AIFT_VALUE &&
      strstr(aift_last_error(), "nobody") != NULL) {
    memcpy(random, aift_result_i64(drawn, AIFT_INDEX), sizeof(work->random));
    memcpy(best, aift_result_i64(top, AIFT_INDEX), sizeof(work->best));
    good = 1;
  }
  aift_result_destroy(scored);
  aift_result_destroy(drawn);
  aift_result_destroy(top);
  aift_selector_destroy(selector);
  aift_context_destroy(context);
  return good;
}

static void* run(void* argument) {
  struct work* work = argument;
  int64_t random[PICKS];
  int64_t best[PICKS];
  int i;
  for (i = 0; i < ROUNDS; ++i) {
    if (!run_once(work, random, best) || memcmp(random, work->random, sizeof(random)) != 0 ||
        memcmp(best, work->best, sizeof(best)) != 0) {
      work->failed = 1;
    }
  }
  return NULL;
}

int main(void) {
  static float values[CANDIDATES * PATCHES * 2];
  struct work works[2];
  pthread_t threads[2];
  uint32_t state = 1;
  int i;
  for (i = 0; i < CANDIDATES * PATCHES; ++i) {
    state = state * 1664525U + 1013904223U;
    values[2 * i] = (float)(state >> 8) / 16777216.0F;
    values[2 * i + 1] = 1.0F - values[2 * i];
  }
  for (i = 0; i < 2; ++i) {
    works[i].seed = (uint64_t)(i + 1);
    works[i].values = values;
    works[i].failed = !run_once(&works[i], works[i].random, works[i].best);
  }
  if (memcmp(works[0].random, works[1].random, sizeof(works[0].random)) == 0) return 2;
  for (i = 0; i < 2; ++i) {
    if (pthread_create(&threads[i], NULL, run, &works[i]) != 0) return 3;
  }
  for (i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  printf("two contexts: %s\n", works[0].failed || works[1].failed ? "FAILED" : "as alone");
  return works[0].failed || works[1].failed;
}
