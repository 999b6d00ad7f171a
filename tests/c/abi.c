/* SPDX-License-Identifier: Apache-2.0 */
/* The C interface from C99: every function, and what each refuses. Exit status: failed checks. */
#include <aift/aift.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static int failures = 0;

#define EXPECT(condition)                                                   \
  do {                                                                      \
    if (!(condition)) {                                                     \
      ++failures;                                                           \
      fprintf(stderr, "line %d: %s (last error: %s)\n", __LINE__, #condition, \
              aift_last_error());                                           \
    }                                                                       \
  } while (0)

/* Four candidates with nine patches each: six times 0.9 and three times 0.1 (the example of the
   method's authors), all sure, all undecided, and undecided the other way round. */
static double values[4][9][2];

static aift_predictions make_predictions(void) {
  aift_predictions predictions;
  int i, j;
  for (j = 0; j < 9; ++j) {
    const double p[4] = {j < 6 ? 0.9 : 0.1, 0.99, 0.5, 0.4 + 0.02 * j};
    for (i = 0; i < 4; ++i) {
      values[i][j][0] = 1 - p[i];
      values[i][j][1] = p[i];
    }
  }
  aift_predictions_init(&predictions);
  predictions.values = values;
  predictions.candidates = 4;
  predictions.patches = 9;
  predictions.classes = 2;
  predictions.dtype = AIFT_F64;
  predictions.kind = AIFT_PROBABILITIES;
  return predictions;
}

struct told {
  int calls;
  int stop;
  int64_t total;
};

static int32_t progress(void* user, const char* stage, int64_t done, int64_t total) {
  struct told* told = user;
  (void)done;
  ++told->calls;
  told->total = total;
  return told->stop && strcmp(stage, "score") == 0;
}

static void test_version(void) {
  EXPECT(aift_abi_version() == AIFT_ABI_VERSION);
  EXPECT(strchr(aift_version(), '.') != NULL);
  EXPECT(strcmp(aift_status_name(AIFT_OK), "ok") == 0);
  EXPECT(strcmp(aift_status_name(AIFT_INTERNAL), "internal") == 0);
  EXPECT(strcmp(aift_status_name(-5), "unknown") == 0);
}

static void test_scores(aift_context* context) {
  const aift_predictions predictions = make_predictions();
  aift_score_options options;
  aift_result* result = NULL;
  aift_result* other = NULL;
  const double e = -(0.9 * log(0.9) + 0.1 * log(0.1));

  aift_score_options_init(&options);
  EXPECT(options.alpha == 0.25 && options.lambda1 == 1 && options.lambda2 == 1);
  options.alpha = 6.0 / 9;
  EXPECT(aift_score(context, &predictions, "aift", &options, &result) == AIFT_OK);
  EXPECT(aift_result_size(result, AIFT_SCORE) == 4);
  if (result != NULL) {
    const int32_t* kept = aift_result_i32(result, AIFT_KEPT);
    const int64_t* offsets = aift_result_i64(result, AIFT_KEPT_OFFSETS);
    int j;
    EXPECT(fabs(aift_result_f64(result, AIFT_SCORE)[0] - 6 * e) < 1e-12);
    EXPECT(aift_result_f64(result, AIFT_DIVERSITY)[0] == 0);
    EXPECT(aift_result_i32(result, AIFT_DOMINANT)[0] == 1);
    EXPECT(aift_result_size(result, AIFT_KEPT_OFFSETS) == 5 && offsets[1] == 6);
    for (j = 0; j < 6; ++j)
      EXPECT(kept[j] == j); /* the three that disagree are dropped */
    EXPECT(aift_result_size(result, AIFT_MEAN_PROBABILITIES) == 8);
    EXPECT(aift_result_f64(result, AIFT_DOMINANT) == NULL); /* of another type */
    EXPECT(aift_result_size(result, AIFT_INDEX) == 0);
    EXPECT(aift_result_size(result, 99) == 0 && aift_result_f64(result, -1) == NULL);
    EXPECT(aift_result_reason(result, 0) == NULL);
  }
  EXPECT(aift_majority(context, &predictions, &options, &other) == AIFT_OK);
  EXPECT(other != NULL && aift_result_size(other, AIFT_KEPT) == 24);
  aift_result_destroy(other);
  other = NULL;
  EXPECT(aift_matrices(context, &predictions, &options, &other) == AIFT_OK);
  if (other != NULL) {
    EXPECT(aift_result_size(other, AIFT_CELLS) == 4 * 36);
    EXPECT(fabs(aift_result_f64(other, AIFT_CELLS)[7] - e) < 1e-12); /* the second diagonal cell */
    EXPECT(aift_result_i64(other, AIFT_CELL_OFFSETS)[1] == 36);
  }
  aift_result_destroy(other);
  other = NULL;
  EXPECT(aift_patch_entropies(context, &predictions, NULL, &other) == AIFT_OK);
  EXPECT(other != NULL && aift_result_size(other, AIFT_PATCH_ENTROPIES) == 36);
  aift_result_destroy(other);
  aift_result_destroy(result);
  aift_result_destroy(NULL);
}

static void test_ragged(aift_context* context) {
  aift_predictions dense = make_predictions();
  aift_predictions ragged = dense;
  const int64_t offsets[5] = {0, 9, 18, 27, 36};
  aift_result* a = NULL;
  aift_result* b = NULL;
  ragged.offsets = offsets;
  ragged.patches = 0;
  ragged.rows = 36;
  EXPECT(aift_score(context, &dense, "aift", NULL, &a) == AIFT_OK);
  EXPECT(aift_score(context, &ragged, "aift", NULL, &b) == AIFT_OK);
  EXPECT(a && b && memcmp(aift_result_f64(a, AIFT_SCORE), aift_result_f64(b, AIFT_SCORE), 32) == 0);
  aift_result_destroy(a);
  aift_result_destroy(b);
  dense.candidates = 0; /* nothing is fine */
  a = NULL;
  EXPECT(aift_score(context, &dense, "aift", NULL, &a) == AIFT_OK);
  EXPECT(aift_result_size(a, AIFT_SCORE) == 0);
  aift_result_destroy(a);
}

static void test_picking(aift_context* context) {
  const aift_predictions predictions = make_predictions();
  const double scores[5] = {1, 3, 3, -1, 2};
  const char* settings[1] = {"alpha=1"};
  const int32_t labels[4] = {-1, -1, 0, -1};
  aift_selector* selector = NULL;
  aift_result* result = NULL;
  aift_pool pool;
  int32_t i, found = 0;

  EXPECT(aift_top_b(context, scores, 5, AIFT_F64, 3, &result) == AIFT_OK);
  if (result != NULL) {
    const int64_t* index = aift_result_i64(result, AIFT_INDEX);
    EXPECT(aift_result_size(result, AIFT_INDEX) == 3);
    EXPECT(index[0] == 1 && index[1] == 2 && index[2] == 4);
    EXPECT(aift_result_f64(result, AIFT_SCORE)[2] == 2);
  }
  aift_result_destroy(result);
  result = NULL;

  for (i = 0; i < aift_selector_count(); ++i) {
    EXPECT(aift_selector_summary(i) != NULL && aift_selector_options(i) != NULL);
    found += strcmp(aift_selector_name(i), "aift") == 0;
  }
  EXPECT(found == 1);
  EXPECT(aift_selector_name(-1) == NULL && aift_selector_name(aift_selector_count()) == NULL);

  EXPECT(aift_selector_create("aift", settings, 1, &selector) == AIFT_OK);
  aift_pool_init(&pool);
  pool.size = 4;
  pool.classes = 2;
  pool.predictions = &predictions;
  pool.labels = labels;
  EXPECT(aift_select(context, selector, &pool, 10, 0, &result) == AIFT_OK);
  if (result != NULL) {
    const int64_t* index = aift_result_i64(result, AIFT_INDEX);
    EXPECT(aift_result_size(result, AIFT_INDEX) == 3); /* one is labelled already */
    EXPECT(index[0] == 0 && index[1] == 3 && index[2] == 1);
    EXPECT(aift_result_size(result, AIFT_KEPT) == 27);
    EXPECT(aift_result_reason(result, 0) != NULL && aift_result_reason(result, 3) == NULL);
  }
  aift_result_destroy(result);
  aift_selector_destroy(selector);
  aift_selector_destroy(NULL);
}

static void test_refusals(aift_context* context) {
  aift_predictions predictions = make_predictions();
  aift_score_options options;
  aift_result* result = NULL;
  aift_selector* selector = NULL;
  aift_pool pool;
  const char* bad[1] = {"alhpa=1"};
  double nan_score = NAN;
  struct {
    aift_score_options known;
    char later[8];
  } newer;

  aift_score_options_init(&options);
  EXPECT(aift_score(NULL, &predictions, "aift", &options, &result) == AIFT_SHAPE);
  EXPECT(strstr(aift_last_error(), "context") != NULL);
  EXPECT(aift_score(context, NULL, "aift", &options, &result) == AIFT_SHAPE);
  EXPECT(aift_score(context, &predictions, NULL, &options, &result) == AIFT_SHAPE);
  EXPECT(aift_score(context, &predictions, "aift", &options, NULL) == AIFT_SHAPE);
  EXPECT(aift_score(context, &predictions, "entorpy", &options, &result) == AIFT_VALUE);
  EXPECT(strstr(aift_last_error(), "entropy") != NULL); /* the known ones are listed */
  options.alpha = 0;
  EXPECT(aift_score(context, &predictions, "aift", &options, &result) == AIFT_VALUE);
  aift_score_options_init(&options);
  options.precision = 2;
  EXPECT(aift_score(context, &predictions, "aift", &options, &result) == AIFT_VALUE);
  aift_score_options_init(&options);
  options.struct_size = 0;
  EXPECT(aift_score(context, &predictions, "aift", &options, &result) == AIFT_SHAPE);
  EXPECT(strstr(aift_last_error(), "struct_size") != NULL);

  /* A caller that knows more than the library: zeros are fine, anything else is not. */
  memset(&newer, 0, sizeof newer);
  aift_score_options_init(&newer.known);
  newer.known.struct_size = sizeof newer;
  EXPECT(aift_score(context, &predictions, "aift", &newer.known, &result) == AIFT_OK);
  aift_result_destroy(result);
  result = NULL;
  newer.later[7] = 1;
  EXPECT(aift_score(context, &predictions, "aift", &newer.known, &result) == AIFT_SHAPE);

  values[2][4][1] = NAN;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &result) == AIFT_VALUE);
  EXPECT(strstr(aift_last_error(), "candidate 2") != NULL);
  EXPECT(strstr(aift_last_error(), "patch 4") != NULL);
  predictions = make_predictions();
  predictions.dtype = 7;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &result) == AIFT_VALUE);
  predictions = make_predictions();
  predictions.values = NULL;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &result) == AIFT_SHAPE);
  predictions = make_predictions();
  predictions.candidates = INT64_MAX / 4;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &result) == AIFT_SHAPE);
  predictions = make_predictions();
  predictions.classes = 1;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &result) == AIFT_SHAPE);

  EXPECT(aift_top_b(context, &nan_score, 1, AIFT_F64, 1, &result) == AIFT_VALUE);
  EXPECT(aift_top_b(context, &nan_score, 1, AIFT_F16, 1, &result) == AIFT_VALUE);
  EXPECT(aift_top_b(context, NULL, 1, AIFT_F64, 1, &result) == AIFT_SHAPE);
  EXPECT(aift_top_b(context, NULL, 0, AIFT_F64, -1, &result) == AIFT_VALUE);
  EXPECT(aift_selector_create("nobody", NULL, 0, &selector) == AIFT_VALUE);
  EXPECT(aift_selector_create("aift", bad, 1, &selector) == AIFT_VALUE);
  EXPECT(strstr(aift_last_error(), "alpha") != NULL);
  EXPECT(selector == NULL);
  EXPECT(aift_selector_create("aift", NULL, 0, &selector) == AIFT_OK);
  aift_pool_init(&pool);
  pool.size = 4;
  EXPECT(aift_select(context, selector, &pool, 1, 0, &result) == AIFT_VALUE); /* no predictions */
  EXPECT(aift_select(context, NULL, &pool, 1, 0, &result) == AIFT_SHAPE);
  pool.size = -1;
  EXPECT(aift_select(context, selector, &pool, 1, 0, &result) == AIFT_SHAPE);
  aift_selector_destroy(selector);
  EXPECT(result == NULL); /* no failure touched it */
}

static void test_contexts(void) {
  const aift_predictions predictions = make_predictions();
  aift_context_options options;
  aift_context* context = NULL;
  aift_context* second = NULL;
  aift_selector* selector = NULL;
  aift_result* a = NULL;
  aift_result* b = NULL;
  aift_pool pool;
  struct told told = {0, 0, 0};

  aift_context_options_init(&options);
  options.threads = -1;
  EXPECT(aift_context_create(&options, &context) == AIFT_VALUE && context == NULL);
  options.threads = 2;
  options.progress = progress;
  options.user = &told;
  EXPECT(aift_context_create(&options, &context) == AIFT_OK);
  EXPECT(aift_score(context, &predictions, "aift", NULL, &a) == AIFT_OK);
  EXPECT(told.calls > 0 && told.total == 4);
  told.stop = 1;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &b) == AIFT_CANCELLED && b == NULL);
  told.stop = 0;
  EXPECT(aift_score(context, &predictions, "aift", NULL, &b) == AIFT_OK); /* stopped that call only */
  EXPECT(a && b && memcmp(aift_result_f64(a, AIFT_SCORE), aift_result_f64(b, AIFT_SCORE), 32) == 0);
  aift_result_destroy(a);
  aift_result_destroy(b);

  /* Two seeds side by side: each context has its own, and a seed always picks the same. */
  aift_context_options_init(&options);
  options.seed = 7;
  EXPECT(aift_context_create(&options, &second) == AIFT_OK);
  aift_pool_init(&pool);
  pool.size = 1000;
  EXPECT(aift_selector_create("random", NULL, 0, &selector) == AIFT_OK);
  a = b = NULL;
  EXPECT(aift_select(context, selector, &pool, 20, 0, &a) == AIFT_OK);
  EXPECT(aift_select(second, selector, &pool, 20, 0, &b) == AIFT_OK);
  EXPECT(a && b &&
         memcmp(aift_result_i64(a, AIFT_INDEX), aift_result_i64(b, AIFT_INDEX), 160) != 0);
  aift_result_destroy(a);
  a = NULL;
  EXPECT(aift_select(second, selector, &pool, 20, 0, &a) == AIFT_OK);
  EXPECT(a && b &&
         memcmp(aift_result_i64(a, AIFT_INDEX), aift_result_i64(b, AIFT_INDEX), 160) == 0);
  aift_result_destroy(a);
  aift_result_destroy(b);
  aift_selector_destroy(selector);
  aift_context_destroy(context);
  aift_context_destroy(second);
  aift_context_destroy(NULL);
}

/* The structs of DLPack as another framework compiles them. */
struct dl_tensor {
  void* data;
  struct { int32_t type, id; } device;
  int32_t ndim;
  struct { uint8_t code, bits; uint16_t lanes; } dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};

static void test_dlpack(aift_context* context) {
  float values[12];
  int64_t shape[3] = {2, 3, 2};
  struct dl_tensor tensor = {0};
  aift_predictions predictions;
  aift_result* result = NULL;
  int i;
  for (i = 0; i < 12; ++i) values[i] = 0.5F;
  tensor.data = values;
  tensor.device.type = 1;
  tensor.ndim = 3;
  tensor.dtype.code = 2;
  tensor.dtype.bits = 32;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  aift_predictions_init(&predictions);
  EXPECT(aift_predictions_from_dlpack(&tensor, AIFT_PROBABILITIES, NULL, 0, &predictions) == AIFT_OK);
  EXPECT(predictions.values == values && predictions.candidates == 2 && predictions.patches == 3);
  EXPECT(aift_score(context, &predictions, "entropy", NULL, &result) == AIFT_OK);
  aift_result_destroy(result);
  tensor.ndim = 2;
  EXPECT(aift_predictions_from_dlpack(&tensor, AIFT_PROBABILITIES, NULL, 0, &predictions) == AIFT_SHAPE);
  tensor.ndim = 3;
  tensor.device.type = 2;
  EXPECT(aift_predictions_from_dlpack(&tensor, AIFT_LOGITS, NULL, 0, &predictions) == AIFT_DEVICE);
  EXPECT(aift_predictions_from_dlpack(NULL, AIFT_LOGITS, NULL, 0, &predictions) == AIFT_SHAPE);
  EXPECT(aift_predictions_from_dlpack(&tensor, 7, NULL, 0, &predictions) == AIFT_VALUE);
}

/* What can be said without a device: refusals, and one sentence where there is none. */
static void test_device(void) {
  aift_device_predictions predictions;
  aift_device_scores scores;
  size_t bytes = 77;
  aift_device_predictions_init(&predictions);
  aift_device_scores_init(&scores);
  EXPECT(predictions.struct_size == sizeof(predictions) && scores.struct_size == sizeof(scores));
  if (!aift_has_cuda()) {
    EXPECT(aift_device_score_workspace(&predictions, NULL, &bytes) == AIFT_DEVICE && bytes == 77);
    EXPECT(aift_device_top_b_workspace(10, 2, &bytes) == AIFT_DEVICE);
    EXPECT(aift_device_score(&predictions, "aift", NULL, &scores, NULL, NULL, 0, NULL, 0) ==
           AIFT_DEVICE);
    EXPECT(aift_device_check(NULL, &predictions, NULL, 0, NULL) == AIFT_DEVICE);
    EXPECT(aift_device_status_reset(NULL, NULL) == AIFT_DEVICE);
    EXPECT(aift_device_top_b(NULL, 0, 0, NULL, NULL, NULL, NULL, 0, NULL) == AIFT_DEVICE);
    EXPECT(strstr(aift_last_error(), "without CUDA") != NULL);
    return;
  }
  predictions.classes = 1;
  EXPECT(aift_device_score_workspace(&predictions, NULL, &bytes) == AIFT_SHAPE && bytes == 77);
  predictions.classes = 2;
  predictions.dtype = 9;
  EXPECT(aift_device_score_workspace(&predictions, NULL, &bytes) == AIFT_VALUE);
  predictions.dtype = AIFT_F32;
  EXPECT(aift_device_score_workspace(&predictions, NULL, &bytes) == AIFT_OK && bytes == 0); /* N = 0 */
  EXPECT(aift_device_score_workspace(NULL, NULL, &bytes) == AIFT_SHAPE);
  EXPECT(aift_device_score_workspace(&predictions, NULL, NULL) == AIFT_SHAPE);
  EXPECT(aift_device_score(&predictions, "nobody", NULL, &scores, NULL, NULL, 0, NULL, 0) == AIFT_VALUE);
  EXPECT(aift_device_score(&predictions, "aift", NULL, &scores, NULL, NULL, 64, NULL, 0) == AIFT_SHAPE);
  EXPECT(aift_device_score(&predictions, "aift", NULL, &scores, NULL, NULL, 0, NULL, 0) == AIFT_OK);
  predictions.candidates = 4;
  predictions.patches = 3; /* values are null */
  EXPECT(aift_device_score(&predictions, "aift", NULL, &scores, NULL, NULL, 0, NULL, 0) == AIFT_SHAPE);
  scores.struct_size = 3;
  EXPECT(aift_device_score(&predictions, "aift", NULL, &scores, NULL, NULL, 0, NULL, 0) == AIFT_SHAPE);
  EXPECT(aift_device_status_reset(NULL, NULL) == AIFT_SHAPE);
  EXPECT(aift_device_top_b(NULL, -1, 2, NULL, NULL, NULL, NULL, 0, NULL) == AIFT_SHAPE);
}

int main(void) {
  aift_context* context = NULL;
  EXPECT(strcmp(aift_last_error(), "") == 0);
  test_version();
  EXPECT(aift_context_create(NULL, &context) == AIFT_OK);
  test_scores(context);
  test_ragged(context);
  test_picking(context);
  test_refusals(context);
  test_dlpack(context);
  test_device();
  aift_context_destroy(context);
  test_contexts();
  printf("AIFT %s: %d failed\n", aift_version(), failures);
  return failures != 0;
}
