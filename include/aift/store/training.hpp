// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/loop/model.hpp>
#include <aift/loop/progress.hpp>
#include <aift/loop/trainer.hpp>
#include <aift/store/gate.hpp>
#include <aift/store/project.hpp>

namespace aift::store {

/// What an application brings to train a project's models; nothing here is owned. CandidateRef::index
/// is the number of the sample in the project.
struct TrainingParts {
  const Model* initial = nullptr;         ///< required: the network that the project begins with
  std::string initial_hash;               ///< what its weights are, for the record
  IncrementalTrainer* trainer = nullptr;  ///< required
  const Augmenter* augmenter = nullptr;   ///< required
  const Source* source = nullptr;         ///< required: pixels of the samples
  ModelLoader load;                       ///< required: reads what Model::save wrote
  std::function<std::unique_ptr<Model>(index_t round)> make_scratch;  ///< for StartFrom::scratch
  index_t batch = 32;                     ///< patches per forward pass
  index_t workers = 1;                    ///< threads that decode and render beside it
  /// Facts for the record: versions of the runtime, device, recipe.
  std::vector<std::pair<std::string, std::string>> facts;
};

/// What a call of train() did.
struct TrainingOutcome {
  std::optional<StoredModel> model;  ///< the new one; empty: nothing was trained
  std::optional<GateDecision> gate;  ///< how it was judged, where there was something to judge by
  index_t samples = 0;               ///< it was trained on
  index_t scored = 0;                ///< samples of the pool that were scored now
  std::string note;                  ///< why nothing was trained; empty: something was
};

/// Trains on all labels so far, measures the new model on the locked test set, lets the gate decide
/// and scores the pool with the model that is then current: whatever of this is missing. Each of the
/// two is one transaction; interrupted, the next call goes on and comes to the same bytes.
///
/// partial   false: an open query must have an answer for every pick. true: picks without one return
///           to the pool
/// files     a model appears under its hash before the record names it, and is checked when it is
///           read: one that is cut short is never used
/// bad image one that cannot be read is left out and noted
/// throws ValueError (nothing to do, open query not answered, conflicts left), IoError,
///        CancelledError; whatever the trainer throws
TrainingOutcome train(Project& project, const TrainingParts& parts, Progress& progress,
                      bool partial = false);

/// The model of a project's file, checked against its hash. throws IoError naming the file
[[nodiscard]] std::unique_ptr<Model> load_model(const StoredModel& model, const ModelLoader& load);

}  // namespace aift::store
