// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <aift/loop/pool_pipeline.hpp>
#include <aift/loop/trainer.hpp>

// What one step of learning is made of, for whoever keeps the books: a run, or a reading project.
namespace aift {

/// Different labels among the samples.
[[nodiscard]] index_t classes_in(std::span<const LabelledCandidate> samples);

/// Those that the model gets wrong, by the mean probability of their test views.
[[nodiscard]] std::vector<LabelledCandidate> misclassified(
    const Model& model, const Augmenter& augmenter, const Source& source,
    std::span<const LabelledCandidate> samples, index_t round, const PipelineOptions& options,
    Progress& progress);

/// Where a training may begin.
struct Starts {
  StartFrom from;
  const std::function<std::unique_ptr<Model>(index_t round)>& make_scratch;
  const Model& pretrained;
  const Model& current;
};

/// Trains on round.samples. throws what the trainer throws; ShapeError: an untrained or a trained
/// model of another number of classes than the round's
[[nodiscard]] FitResult fit_round(IncrementalTrainer& trainer, const Starts& starts,
                                  const TrainingRound& round, Progress& progress);

}  // namespace aift
