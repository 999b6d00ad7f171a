// SPDX-License-Identifier: Apache-2.0
#include "learning_step.hpp"

#include <algorithm>
#include <cstddef>
#include <set>

#include <aift/core/error.hpp>

namespace aift {

index_t classes_in(std::span<const LabelledCandidate> samples) {
  std::set<label_t> seen;
  for (const LabelledCandidate& one : samples)
    seen.insert(one.label);
  return static_cast<index_t>(seen.size());
}

std::vector<LabelledCandidate> misclassified(const Model& model, const Augmenter& augmenter,
                                             const Source& source,
                                             std::span<const LabelledCandidate> samples,
                                             index_t round, const PipelineOptions& options,
                                             Progress& progress) {
  std::vector<CandidateRef> members;
  for (const LabelledCandidate& one : samples)
    members.push_back(one.candidate);
  const std::vector<double> means = predict_mean_probabilities(
      model, augmenter, source, members, Purpose::test, round, options, progress);
  const index_t classes = model.info().classes;
  std::vector<LabelledCandidate> wrong;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const auto row = means.begin() + static_cast<std::ptrdiff_t>(i) * classes;
    if (std::max_element(row, row + classes) - row != samples[i].label) wrong.push_back(samples[i]);
  }
  return wrong;
}

FitResult fit_round(IncrementalTrainer& trainer, const Starts& starts, const TrainingRound& round,
                    Progress& progress) {
  std::unique_ptr<Model> scratch;
  if (starts.from == StartFrom::scratch) {
    scratch = starts.make_scratch(round.round);
    AIFT_EXPECT(scratch != nullptr && scratch->info().classes == round.classes, ShapeError,
                "make_scratch must make a model of {} classes.", round.classes);
  }
  const Model& parent = starts.from == StartFrom::scratch      ? *scratch
                        : starts.from == StartFrom::pretrained ? starts.pretrained
                                                               : starts.current;
  FitResult result = trainer.fit(parent, round, progress);
  AIFT_EXPECT(result.model != nullptr && result.model->info().classes == round.classes, ShapeError,
              "The trainer \"{}\" must hand back a model of {} classes.", trainer.name(),
              round.classes);
  return result;
}

}  // namespace aift
