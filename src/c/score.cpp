// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>

#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>
#include <aift/score/pool.hpp>

#include "src/c/context.hpp"
#include "src/c/convert.hpp"
#include "src/c/guard.hpp"
#include "src/c/result.hpp"

namespace {

/// What every operator on predictions does around its own work: `fill(result, predictions, options)`.
template <class Fill>
aift_status with_predictions(aift_context* context, const aift_predictions* predictions,
                             const aift_score_options* options, aift_result** out, Fill&& fill) {
  return aift::capi::guarded([&] {
    aift::capi::expect_given(context, "context");
    aift::capi::expect_given(out, "out");
    context->begin();
    const auto read = aift::capi::read_predictions(predictions);
    const auto how = aift::capi::read_options(options);
    auto result = std::make_unique<aift_result>();
    fill(*result, read, how);
    *out = result.release();
  });
}

}  // namespace

extern "C" {

aift_status aift_score(aift_context* context, const aift_predictions* predictions,
                       const char* score, const aift_score_options* options, aift_result** out) {
  return with_predictions(
      context, predictions, options, out,
      [&](aift_result& result, const aift::PatchPredictions& read, const aift::ScoreOptions& how) {
        aift::capi::expect_given(score, "score");
        aift::score::PoolScoring scoring;
        scoring.kind = aift::score_kind(score);
        scoring.options = how;
        scoring.request = {.kept = true, .mean_probabilities = true};
        scoring.executor = context->executor();
        scoring.progress = context;
        aift::ScoreTable table = aift::score::score_pool(read, scoring);
        result.put(AIFT_SCORE, std::move(table.score));
        result.put(AIFT_ENTROPY, std::move(table.entropy));
        result.put(AIFT_DIVERSITY, std::move(table.diversity));
        result.put(AIFT_DOMINANT, std::move(table.dominant));
        result.put(AIFT_KEPT_OFFSETS, std::move(table.kept_offsets));
        result.put(AIFT_KEPT, std::move(table.kept));
        result.put(AIFT_MEAN_PROBABILITIES, std::move(table.mean_probabilities));
      });
}

aift_status aift_majority(aift_context* context, const aift_predictions* predictions,
                          const aift_score_options* options, aift_result** out) {
  return with_predictions(
      context, predictions, options, out,
      [&](aift_result& result, const aift::PatchPredictions& read, const aift::ScoreOptions& how) {
        aift::score::Majority majority = aift::score::majority(read, how, context->executor());
        result.put(AIFT_DOMINANT, std::move(majority.dominant));
        result.put(AIFT_KEPT_OFFSETS, std::move(majority.kept_offsets));
        result.put(AIFT_KEPT, std::move(majority.kept));
      });
}

aift_status aift_matrices(aift_context* context, const aift_predictions* predictions,
                          const aift_score_options* options, aift_result** out) {
  return with_predictions(
      context, predictions, options, out,
      [&](aift_result& result, const aift::PatchPredictions& read, const aift::ScoreOptions& how) {
        aift::score::MatrixTable table;
        aift::score::matrix(read, how, table, context->executor());
        result.put(AIFT_CELL_OFFSETS, std::move(table.offsets));
        result.put(AIFT_CELLS, std::move(table.cells));
        result.put(AIFT_KEPT_OFFSETS, std::move(table.kept_offsets));
        result.put(AIFT_KEPT, std::move(table.kept));
      });
}

aift_status aift_patch_entropies(aift_context* context, const aift_predictions* predictions,
                                 const aift_score_options* options, aift_result** out) {
  return with_predictions(
      context, predictions, options, out,
      [&](aift_result& result, const aift::PatchPredictions& read, const aift::ScoreOptions& how) {
        std::vector<double> entropies;
        aift::score::patch_entropies(read, how, entropies, context->executor());
        result.put(AIFT_PATCH_ENTROPIES, std::move(entropies));
      });
}

}  // extern "C"
