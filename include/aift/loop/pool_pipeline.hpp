// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/rng.hpp>
#include <aift/core/types.hpp>
#include <aift/loop/model.hpp>
#include <aift/loop/progress.hpp>
#include <aift/score/score_table.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// How a pool is sent through a model.
struct PipelineOptions {
  index_t batch = 32;     ///< B: patches per forward pass, at least 1
  bool features = false;  ///< deliver the model's features too
  index_t views = 0;      ///< patches per candidate; 0: augmenter.patches(purpose)
  index_t workers = 1;    ///< threads that decode and render beside the forward pass, at least 1
  /// Name for Progress::report; empty: "score" or "test" by the purpose, else "predict".
  std::string_view stage = {};
  /// Told of a candidate that cannot be read (IoError), by its position in the span given and the
  /// error's message, in order, from the calling thread; the candidate is left out and the pass
  /// goes on. Empty: the error reaches the caller.
  std::function<void(index_t position, const std::string& reason)> on_unreadable = {};
};

/// Predictions of consecutive candidates; the spans are valid during the callback only.
struct PredictedChunk {
  index_t first = 0;                ///< position of the first candidate in the span given
  index_t candidates = 0;           ///< n
  index_t patches = 0;              ///< q, of every candidate
  index_t classes = 0;              ///< K
  std::span<const float> logits;    ///< [n, q, K]
  index_t feature_size = 0;         ///< d; 0 without features
  std::span<const float> features;  ///< [n, q, d] or empty
};

/// Predicts every view of every candidate: worker threads decode and render into the next batch
/// while the calling thread runs Model::predict on the full one.
///
/// batches   every forward pass sees exactly B patches except the last, whatever q: the views of a
///           candidate may fall into two passes; its image is decoded once
/// device    a model with a DevicePipeline gets decoded images in batches of max(1, B / q)
///           candidates, the next one while it works on the last; rendering and forward pass are
///           then the device's
/// chunks    in the order of `candidates`, each candidate once and whole; a candidate that
///           `on_unreadable` was told of is missing, and the next chunk starts behind it
/// result    does not depend on timing or on `workers`
/// memory    max(3 B, q + 3 B) patches, q more per worker unless the augmenter names its images, and
///           the predictions of B + q patches; on a device the decoded images of three batches.
///           Independent of the number of candidates
/// throws    ValueError (batch, views, workers, features the model does not give), ShapeError,
///           CancelledError between batches; whatever a worker, the model or the callback threw.
///           With several faults it is that of the first candidate, and the candidates of all
///           batches before it have been delivered
void predict_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                  std::span<const CandidateRef> candidates, Purpose purpose, index_t round,
                  const PipelineOptions& options, Progress& progress,
                  const std::function<void(const PredictedChunk&)>& deliver);

/// The same for candidates that are not stored one after another: `candidate(i)` gives number i of
/// `count`; workers call it at the same time.
void predict_pool(const Model& model, const Augmenter& augmenter, const Source& source,
                  index_t count, const std::function<CandidateRef(index_t)>& candidate,
                  Purpose purpose, index_t round, const PipelineOptions& options,
                  Progress& progress, const std::function<void(const PredictedChunk&)>& deliver);

/// What is to be known of every candidate of a pool: some numbers each, whatever q is.
struct SummaryRequest {
  const ScoreSelector* scorer = nullptr;  ///< fills `scores`
  bool mean_probabilities = false;        ///< of the softmax over the views
  bool mean_features = false;             ///< over the views
};

/// Numbers of the candidates that could be read, in their order.
struct PoolSummary {
  ScoreTable scores;                       ///< [N], where a scorer was given
  std::vector<double> mean_probabilities;  ///< [N, K], mean of the softmax over the views
  std::vector<float> mean_features;        ///< [N, d], mean over the views, taken in double
};

/// predict_pool, and what a selector needs to know of it. A model on a device computes scores that
/// have a recipe, and means, where its predictions are.
///
/// options.features is not used
/// throws  as predict_pool and ScoreSelector::score
[[nodiscard]] PoolSummary summarise_pool(const Model& model, const Augmenter& augmenter,
                                         const Source& source, index_t count,
                                         const std::function<CandidateRef(index_t)>& candidate,
                                         Purpose purpose, index_t round,
                                         const SummaryRequest& request,
                                         const PipelineOptions& options, Progress& progress);

/// Softmax of the logits of n rows, in double: [n, K].
void softmax_rows(std::span<const float> logits, index_t classes, std::span<double> out);

/// Mean over the views: rows [n, q, K] -> out [n, K]. throws ShapeError
void mean_over_views(std::span<const double> rows, index_t candidates, index_t views,
                     index_t classes, std::span<double> out);

/// Per candidate the mean over its q views of the softmax of the logits: [n, K]. Same order and
/// rules as predict_pool; candidates that cannot be read get NaN when options.on_unreadable is set.
[[nodiscard]] std::vector<double> predict_mean_probabilities(
    const Model& model, const Augmenter& augmenter, const Source& source,
    std::span<const CandidateRef> candidates, Purpose purpose, index_t round,
    const PipelineOptions& options, Progress& progress);

}  // namespace aift
