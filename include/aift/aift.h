/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AIFT_AIFT_H
#define AIFT_AIFT_H

/**
 * @file
 * The C interface of AIFT: scores, majority selection, diversity matrices, selectors and top-b over
 * predictions that the caller's own runtime made. C99; the library is `aift_c`. Nothing here is
 * cleared for clinical use.
 *
 * What holds for every function:
 *   status    what returns aift_status gives AIFT_OK (0) or one of the codes below; the reason, one
 *             sentence, is aift_last_error() of the same thread. No C++ exception and no C++ type
 *             crosses, no signal handler is set, nothing is printed, there is no global state
 *   input     is only read, never copied as a whole and never kept behind the call, unless said so
 *   output    `*out` is set on success alone, and left as it was on failure
 *   structs   begin with `struct_size` = sizeof of the struct as the caller was compiled. Members
 *             that a later version adds have a default for callers that do not know them; from a
 *             caller that knows more than the library, the unknown bytes must be 0 (AIFT_SHAPE)
 *   enums     travel as int32_t
 *   threads   functions on different contexts, and on the same const objects, may run side by side;
 *             one context serves one call at a time
 *   numbers   scores and picks are the same bits on every machine, for any number of threads
 */

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AIFT_API __attribute__((visibility("default")))
#else
/// Makes a function visible outside of a shared library.
#define AIFT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------ version, errors */

/** Raised when a symbol or the meaning of one changes so that old callers break. */
#define AIFT_ABI_VERSION 1

/** AIFT_ABI_VERSION of the library that is linked; compare it with the header's at start-up. */
AIFT_API uint32_t aift_abi_version(void);
/** "major.minor.patch" of the library; static storage. */
AIFT_API const char* aift_version(void);

/** What a call came to. Numbers are never reused. */
typedef int32_t aift_status;
enum {
  AIFT_OK = 0,
  AIFT_SHAPE = 1,     /**< an extent, a size or a null pointer is not what the call needs */
  AIFT_VALUE = 2,     /**< a value is outside its range: NaN, alpha of 0, an unknown name */
  AIFT_DEVICE = 3,    /**< an accelerator is absent or reported a failure */
  AIFT_IO = 4,        /**< a file could not be read or written */
  AIFT_CANCELLED = 5, /**< the progress callback asked to stop */
  AIFT_MEMORY = 6,    /**< no memory to be had */
  AIFT_INTERNAL = 7   /**< a defect of the library; please report the message */
};

/** "ok", "shape", ...; "unknown" for other numbers. Static storage. */
AIFT_API const char* aift_status_name(aift_status status);
/**
 * The sentence that explains the last failure in this thread, UTF-8: what was expected, what came,
 * what to do. Empty before the first failure. Valid until the next call of this thread that fails.
 * Carries shapes and indices, never pixels or identifiers.
 */
AIFT_API const char* aift_last_error(void);

/* ------------------------------------------------------------------------------------- context */

/** Threads, seed and callbacks of an application's part. Contexts share nothing. */
typedef struct aift_context aift_context;

/**
 * Told how a long call goes on, from the thread that called. stage: "score". total 0: not known.
 * Returns 0 to go on; anything else stops the call with AIFT_CANCELLED.
 */
typedef int32_t (*aift_progress_fn)(void* user, const char* stage, int64_t done, int64_t total);
/** One line for the application's log, without a line end, from the thread that called. */
typedef void (*aift_log_fn)(void* user, const char* line);

/// How a context is made.
typedef struct aift_context_options {
  size_t struct_size;  ///< sizeof(aift_context_options)
  int32_t threads;     /**< threads of the context, the caller's among them; 0: one per processor */
  uint64_t seed;       /**< of random selectors and draws */
  aift_progress_fn progress; /**< or NULL */
  aift_log_fn log;           /**< or NULL */
  void* user;                /**< handed to both */
} aift_context_options;      ///< how a context is made

/** One thread, seed 0, no callbacks. */
AIFT_API void aift_context_options_init(aift_context_options* options);
/** options NULL: as aift_context_options_init. Starts threads - 1 threads, which sleep meanwhile. */
AIFT_API aift_status aift_context_create(const aift_context_options* options, aift_context** out);
/** NULL is fine. Ends the context's threads. */
AIFT_API void aift_context_destroy(aift_context* context);

/* --------------------------------------------------------------------------------- predictions */

enum { AIFT_F64 = 0, AIFT_F32 = 1, AIFT_F16 = 2, AIFT_BF16 = 3 };
enum { AIFT_PROBABILITIES = 0, AIFT_LOGITS = 1 };

/**
 * Predictions of the patches (augmented views) of N candidates, row-major [rows, classes], in the
 * caller's memory.
 *
 * dense   patches = q, offsets NULL: candidate i has the rows [i q, (i+1) q); rows is ignored
 * ragged  offsets [N+1], increasing, first 0, last `rows`: candidate i has the rows
 *         [offsets[i], offsets[i+1])
 * Probabilities must be finite and not negative, their rows sum to 1 within 1e-3 (bf16: 1e-2);
 * logits must be finite. The first offender is named by candidate and patch.
 */
typedef struct aift_predictions {
  size_t struct_size;      ///< sizeof(aift_predictions)
  const void* values;      ///< row-major, host memory
  const int64_t* offsets;  ///< when ragged: candidates + 1 row numbers; else null
  int64_t candidates;      ///< N
  int64_t classes;         /**< K >= 2 */
  int64_t patches;         ///< q when dense
  int64_t rows;            ///< rows behind `values`
  int32_t dtype;           /**< AIFT_F64, ... */
  int32_t kind;            /**< AIFT_PROBABILITIES or AIFT_LOGITS */
} aift_predictions;

/** Everything 0, struct_size set. */
AIFT_API void aift_predictions_init(aift_predictions* predictions);

/* -------------------------------------------------------------------------------------- scores */

enum { AIFT_ENTROPY_SUM = 0, AIFT_ENTROPY_MEAN = 1 };
enum { AIFT_PAIRS_ORDERED = 0, AIFT_PAIRS_UNORDERED = 1 };
enum { AIFT_DOUBLE = 0, AIFT_SINGLE = 1 };

/** The conventions of a score; see aift/score/options.hpp, docs/score-your-own-predictions.md. */
typedef struct aift_score_options {
  size_t struct_size;  ///< sizeof(aift_score_options)
  double alpha;        /**< share of patches kept on the dominant side, in (0, 1] */
  double lambda1;      /**< weight of the entropies, >= 0 */
  double lambda2;      /**< weight of the diversities, >= 0 */
  double eps;          /**< added inside the logarithm, >= 0; not used from logits */
  int32_t entropy;     /**< AIFT_ENTROPY_SUM or AIFT_ENTROPY_MEAN */
  int32_t pairs;       /**< AIFT_PAIRS_ORDERED or AIFT_PAIRS_UNORDERED */
  int32_t precision;   /**< AIFT_DOUBLE or AIFT_SINGLE */
} aift_score_options;

/** alpha 0.25, lambda1 = lambda2 = 1, eps 2^-52, sum, ordered, double. */
AIFT_API void aift_score_options_init(aift_score_options* options);

/** What a call computed: columns of numbers, owned by the result. */
typedef struct aift_result aift_result;

/** Columns. "N": one entry per candidate, or per pick for aift_select and aift_top_b. */
enum {
  AIFT_SCORE = 0,        /**< f64 [N]; larger = label first */
  AIFT_ENTROPY = 1,      /**< f64 [N], nats */
  AIFT_DIVERSITY = 2,    /**< f64 [N], nats */
  AIFT_DOMINANT = 3,     /**< i32 [N], class of the largest mean probability */
  AIFT_KEPT_OFFSETS = 4, /**< i64 [N+1] into AIFT_KEPT */
  AIFT_KEPT = 5,         /**< i32, patch numbers; most confident first (matrices: ascending) */
  AIFT_INDEX = 6,        /**< i64 [picks], candidate numbers, best first */
  AIFT_CELL_OFFSETS = 7, /**< i64 [N+1] into AIFT_CELLS */
  AIFT_CELLS = 8,        /**< f64, matrices m_i x m_i, row-major, one after another */
  AIFT_MEAN_PROBABILITIES = 9, /**< f64 [N, K], mean prediction of the kept patches */
  AIFT_PATCH_ENTROPIES = 10    /**< f64 [rows], nats */
};

/** Entries of a column; 0 when the result does not have it. */
AIFT_API int64_t aift_result_size(const aift_result* result, int32_t column);
/** The entries; valid until the result is destroyed. NULL: not in the result, or of another type. */
AIFT_API const double* aift_result_f64(const aift_result* result, int32_t column);
/// The same for a column of 64-bit integers.
AIFT_API const int64_t* aift_result_i64(const aift_result* result, int32_t column);
/// The same for a column of 32-bit integers.
AIFT_API const int32_t* aift_result_i32(const aift_result* result, int32_t column);
/** Why pick `rank` was picked, one sentence; NULL when the result has no such pick or reason. */
AIFT_API const char* aift_result_reason(const aift_result* result, int64_t rank);
/** NULL is fine. */
AIFT_API void aift_result_destroy(aift_result* result);

/**
 * One score per candidate, with entropy, diversity, dominant class and kept patches.
 *
 * score   "aift", "entropy", "diversity", "least_confidence", "margin", "bald"
 * out     AIFT_SCORE, AIFT_ENTROPY, AIFT_DIVERSITY, AIFT_DOMINANT, AIFT_KEPT_OFFSETS, AIFT_KEPT,
 *         AIFT_MEAN_PROBABILITIES
 * cost    O(q K) per candidate; memory 28 bytes and 4 m + 8 K per candidate. A larger pool is
 *         scored chunk by chunk
 */
AIFT_API aift_status aift_score(aift_context* context, const aift_predictions* predictions,
                                const char* score, const aift_score_options* options,
                                aift_result** out);
/** Majority selection alone. out: AIFT_DOMINANT, AIFT_KEPT_OFFSETS, AIFT_KEPT. */
AIFT_API aift_status aift_majority(aift_context* context, const aift_predictions* predictions,
                                   const aift_score_options* options, aift_result** out);
/**
 * R of every candidate over its kept patches: lambda1 * entropy on the diagonal, lambda2 *
 * diversity beside it. out: AIFT_CELL_OFFSETS, AIFT_CELLS, AIFT_KEPT_OFFSETS, AIFT_KEPT.
 */
AIFT_API aift_status aift_matrices(aift_context* context, const aift_predictions* predictions,
                                   const aift_score_options* options, aift_result** out);
/** Entropy of every patch, all of them kept. out: AIFT_PATCH_ENTROPIES. */
AIFT_API aift_status aift_patch_entropies(aift_context* context,
                                          const aift_predictions* predictions,
                                          const aift_score_options* options, aift_result** out);

/* ------------------------------------------------------------------------------------- picking */

/**
 * The min(b, N) largest scores, descending, lowest index on a tie; NaN is refused.
 *
 * scores  [count] of dtype AIFT_F64 or AIFT_F32
 * out     AIFT_INDEX, AIFT_SCORE
 */
AIFT_API aift_status aift_top_b(aift_context* context, const void* scores, int64_t count,
                                int32_t dtype, int64_t budget, aift_result** out);

/** A selector with its options. Immutable: may be used by several contexts at the same time. */
typedef struct aift_selector aift_selector;

/** How many selectors there are, and the name, summary and options of each; static storage.
 *  NULL for a number that does not exist. Sorted by name. */
AIFT_API int32_t aift_selector_count(void);
/// Name of a selector by its number.
AIFT_API const char* aift_selector_name(int32_t number);
/// One line about it, for people.
AIFT_API const char* aift_selector_summary(int32_t number);
/// Keys of its options.
AIFT_API const char* aift_selector_options(int32_t number);

/**
 * settings  [count] texts "key=value", as --set on the command line; NULL with count 0
 */
AIFT_API aift_status aift_selector_create(const char* name, const char* const* settings,
                                          int64_t count, aift_selector** out);
/** NULL is fine. */
AIFT_API void aift_selector_destroy(aift_selector* selector);

/** What a selector may look at; NULL = not given. A selector that needs more says so. */
typedef struct aift_pool {
  size_t struct_size;                   ///< sizeof(aift_pool)
  int64_t size;                         /**< N */
  int64_t classes;                      /**< K, or 0 where the selector needs no predictions */
  const aift_predictions* predictions;  ///< of all candidates, or null
  const double* mean_probabilities;     /**< [N, K] */
  const float* features;                /**< [N, feature_size] */
  int64_t feature_size;                 ///< d
  const int32_t* labels; /**< [N]; >= 0: labelled already, never picked; -1: not yet */
  const int64_t* groups; /**< [N] */
  const double* costs;   /**< [N] */
  const uint64_t* ids;   /**< [N] stable sample ids for keyed randomness; else indices */
} aift_pool;

/** Everything 0, struct_size set. */
AIFT_API void aift_pool_init(aift_pool* pool);

/**
 * Picks min(budget, unlabelled) candidates, none twice.
 *
 * round  number of the round, from 0: randomness is keyed by (context's seed, round, id)
 * out    AIFT_INDEX, and where the selector has them AIFT_SCORE, AIFT_ENTROPY, AIFT_DIVERSITY,
 *        AIFT_DOMINANT, AIFT_KEPT_OFFSETS, AIFT_KEPT; reasons
 */
AIFT_API aift_status aift_select(aift_context* context, const aift_selector* selector,
                                 const aift_pool* pool, int64_t budget, int64_t round,
                                 aift_result** out);

/* ------------------------------------------------------------------------- tensors from DLPack */

/**
 * Fills `out` from a DLTensor of any framework (the member dl_tensor of a DLManagedTensor or a
 * DLManagedTensorVersioned), nothing is copied. The tensor stays its owner's and must outlive every use
 * of `out`; so must `offsets`.
 *
 * dl_tensor  DLTensor*: [N, q, K], or with offsets [rows, K]; float64, float32, float16 or bfloat16, C
 *            order without gaps, in host memory
 * offsets    candidates + 1 row numbers, or NULL with candidates ignored
 * kind       AIFT_PROBABILITIES or AIFT_LOGITS
 */
AIFT_API aift_status aift_predictions_from_dlpack(const void* dl_tensor, int32_t kind,
                                                  const int64_t* offsets, int64_t candidates,
                                                  aift_predictions* out);

/* ------------------------------------------------------------------------------- device memory
 *
 * The same scores, bit for bit, of predictions that lie in the memory of a CUDA device, on the caller's
 * stream. Nothing synchronises, allocates or uses another stream, except aift_device_check. A library
 * that was built without CUDA has these functions too; they give AIFT_DEVICE.
 */

/** 1: built with CUDA; whether there is a device, a call says. 0: built without. */
AIFT_API int32_t aift_has_cuda(void);

/** Predictions in device memory, as aift_predictions otherwise. */
typedef struct aift_device_predictions {
  size_t struct_size;      ///< sizeof(aift_device_predictions)
  const void* values;      ///< device memory, row-major
  const int64_t* offsets;  ///< device memory, when ragged: candidates + 1 row numbers; else null
  int64_t candidates;      ///< N
  int64_t classes;         ///< K >= 2
  int64_t patches;         ///< q when dense
  int64_t rows;            ///< rows behind `values` when ragged
  int64_t most_patches;    ///< when ragged: upper bound of a candidate's patches
  int32_t dtype;           ///< AIFT_F64, ...
  int32_t kind;            ///< AIFT_PROBABILITIES or AIFT_LOGITS
} aift_device_predictions;

/** Where scores go: device memory; NULL: not wanted, except `score`. */
typedef struct aift_device_scores {
  size_t struct_size;  ///< sizeof(aift_device_scores)
  double* score;       ///< [N]
  double* entropy;     ///< [N], nats
  double* diversity;   ///< [N], nats
  int32_t* dominant;   ///< [N]
  double* mean_probabilities;  ///< [N, K], of the kept patches
} aift_device_scores;

/** Everything 0, struct_size set. */
AIFT_API void aift_device_predictions_init(aift_device_predictions* predictions);
/// The same.
AIFT_API void aift_device_scores_init(aift_device_scores* scores);

/** Bytes of device memory, aligned to 256, that aift_device_score needs. */
AIFT_API aift_status aift_device_score_workspace(const aift_device_predictions* predictions,
                                                 const aift_score_options* options, size_t* out);
/** Queues "nothing was refused" into a word of device memory. stream: a cudaStream_t. */
AIFT_API aift_status aift_device_status_reset(uint64_t* status, void* stream);
/**
 * Queues the scores of aift_score. The first candidate that would be refused is written into `status`;
 * what was computed is then of no use.
 *
 * first_candidate  number of candidate 0 in the pool
 */
AIFT_API aift_status aift_device_score(const aift_device_predictions* predictions, const char* score,
                                       const aift_score_options* options,
                                       const aift_device_scores* out, uint64_t* status,
                                       void* workspace, size_t workspace_bytes, void* stream,
                                       int64_t first_candidate);
/** Waits for the stream; AIFT_VALUE or AIFT_SHAPE when a candidate was refused, which is named. */
AIFT_API aift_status aift_device_check(const uint64_t* status,
                                       const aift_device_predictions* predictions,
                                       const aift_score_options* options, int64_t first_candidate,
                                       void* stream);
/** Bytes of workspace, aligned to 256, for aift_device_top_b. */
AIFT_API aift_status aift_device_top_b_workspace(int64_t count, int64_t budget, size_t* out);
/**
 * Queues aift_top_b over scores in device memory.
 *
 * indices  [budget] device memory; -1 behind the last when there are fewer scores
 * best     [budget] device memory, or NULL
 */
AIFT_API aift_status aift_device_top_b(const double* scores, int64_t count, int64_t budget,
                                       int64_t* indices, double* best, uint64_t* status,
                                       void* workspace, size_t workspace_bytes, void* stream);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* AIFT_AIFT_H */
