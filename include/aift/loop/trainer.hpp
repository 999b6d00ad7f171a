// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aift/loop/model.hpp>
#include <aift/loop/progress.hpp>

namespace aift {

/// A candidate somebody has labelled.
struct LabelledCandidate {
  CandidateRef candidate;  ///< who was labelled
  label_t label = 0;       ///< the answer, in [0, K)
  index_t group = 0;       ///< never split between training and hold-out
};

/// Where a round's model starts (DESIGN section 7).
enum class StartFrom : std::uint8_t {
  scratch,     ///< untrained weights each round
  pretrained,  ///< the initial model each round (AFT)
  current,     ///< the model of the round before (ACFT, continual)
};

/// What it is trained on; Q = new this round, L = labelled before, H = members of L that the current
/// model gets wrong.
enum class TrainSet : std::uint8_t { only_new, all, hard };

/// Everything a trainer may use. The spans are views; `samples` is what to train on.
struct TrainingRound {
  index_t round = 0;                                 ///< from 0 on
  std::uint64_t seed = 0;                            ///< of the experiment
  index_t classes = 0;                               ///< K
  std::vector<std::string> class_names;              ///< [K]
  TrainSet set = TrainSet::all;                      ///< which set `samples` is
  std::span<const LabelledCandidate> fresh;          ///< Q
  std::span<const LabelledCandidate> all;            ///< L and Q, in order of labelling
  std::span<const LabelledCandidate> misclassified;  ///< H; filled when set == hard
  std::span<const LabelledCandidate> samples;        ///< the set chosen by `set`
  const Augmenter* augmenter = nullptr;              ///< views of the candidates
  const Source* source = nullptr;                    ///< their pixels
};

/// What a trainer did, in the order it wants it told: ("steps", "100"), ("guard", "kept tuned").
struct FitReport {
  /// Name and value, in the order in which they were added.
  std::vector<std::pair<std::string, std::string>> facts;
  /// Adds a fact at the end.
  void add(std::string key, std::string value) {
    facts.emplace_back(std::move(key), std::move(value));
  }
};

/// A new model; the parent stays as it was.
struct FitResult {
  std::unique_ptr<Model> model;  ///< never null
  FitReport report;              ///< for records and reports
};

/// Parent model + labelled set + what is new -> a new model. The same inputs give the same model on
/// the same machine, build and thread count.
class IncrementalTrainer {
 public:
  virtual ~IncrementalTrainer() = default;
  /// Name for records, snake_case.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// throws ValueError (no samples, one class only), CancelledError between batches
  [[nodiscard]] virtual FitResult fit(const Model& parent, const TrainingRound& round,
                                      Progress& progress) = 0;
};

}  // namespace aift
