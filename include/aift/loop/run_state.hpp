// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/types.hpp>
#include <aift/loop/metrics.hpp>
#include <aift/loop/trainer.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// So many classes of a pick are kept with their mean probability: a record of a thousand classes
/// stays as short as one of five.
inline constexpr index_t kTopClasses = 5;

/// One candidate that was asked for, and why.
struct Pick {
  CandidateRef candidate;       ///< whom it is about
  std::string path;             ///< as the data set names it
  std::string group;            ///< name of its group
  label_t label = kUnlabelled;  ///< the answer; kUnlabelled: not yet, or the reader could not tell
  double score = 0;             ///< NaN: the rule that picked it makes no score; also the next two
  double entropy = 0;           ///< nats
  double diversity = 0;         ///< nats
  label_t dominant = kUnlabelled;  ///< class of the largest mean probability of the patches
  std::vector<std::int32_t> kept;  ///< kept patches, most confident first; empty: not scored
  index_t patches = 0;             ///< q; 0: the model was not asked
  /// Mean over all patches, of the trained model that picked: the kTopClasses largest, descending,
  /// lowest class on a tie. Empty without such a model; also `probabilities`.
  std::vector<std::pair<label_t, float>> top;
  std::vector<float> probabilities;  ///< [q] of class `dominant`, patch by patch
  std::string reason;                ///< one short sentence
  bool audit = false;                ///< drawn at random as an audit sample (BatchRules)
};

/// Wall time of the parts of a round, seconds.
struct RoundTimes {
  double score = 0;  ///< predicting and scoring the pool, picking, explaining the picks
  double label = 0;  ///< until the oracle answered
  double train = 0;  ///< the trainer's fit
  double test = 0;   ///< the test set through the model
};

/// RoundRecord::rule of a round that nobody was asked in: labels that the data set brought.
inline constexpr const char* kStartSet = "start set";

/// One query, its labels, and the model they led to.
struct RoundRecord {
  index_t round = 0;  ///< from 0 on
  /// What picked: a selector's name, "random" or "imagenet" (first), or kStartSet.
  std::string rule;
  std::vector<Pick> picks;  ///< best first
  index_t labels = 0;       ///< labels in all after this round
  /// A model was trained in this round. False where the labels to train on are all of one class:
  /// the current model stays.
  bool trained = false;
  /// Some round up to this one trained a model. While false, `metrics` are those of the one honest
  /// predictor there is, the frequencies of the labels so far ((n_k + 1) / (n + K) for every
  /// image).
  bool has_model = false;
  std::string model_file;  ///< in the run folder; empty when nothing was trained in this round
  Metrics metrics;         ///< on the test set; NaN without one
  /// Share of the new labels that the model already had right when it picked (mean probability of
  /// the scoring views); NaN when no trained model had a say.
  double agreement = 0;
  VetoCounts vetoed;      ///< candidates that the batch rules kept out of the query
  std::string shortfall;  ///< why fewer were asked for than the budget allows; empty: they were not
  FitReport fit;     ///< what the trainer said
  RoundTimes times;  ///< what it cost
};

/// A candidate that takes no part, and why.
struct ExcludedCandidate {
  CandidateRef candidate;  ///< whom it is about
  std::string path;        ///< as the data set names it
  std::string reason;      ///< one sentence
};

/// What must be equal for a resumed run to go on exactly as it would have: facts by name (build,
/// compiler, version, processor, threads, data, options). Only compared, never interpreted.
struct Fingerprint {
  /// Name and value, in the order in which they were added.
  std::vector<std::pair<std::string, std::string>> facts;
  /// Adds a fact at the end.
  void add(std::string name, std::string value) {
    facts.emplace_back(std::move(name), std::move(value));
  }
  /// One sentence part per fact that differs or exists on one side only ("threads: 2, now 4");
  /// empty: equal.
  [[nodiscard]] std::vector<std::string> differences(const Fingerprint& now) const;
};

/// Facts about this machine and build: library version, build (identifier the linker put into the
/// program), compiler, processor with its instruction sets, threads. `threads` 0: all of them.
[[nodiscard]] Fingerprint machine_fingerprint(index_t threads = 0);

/// Why a run ended.
struct StopReason {
  std::string rule;    ///< name of the stopping rule
  std::string reason;  ///< one sentence
};

/// The whole history of a run: `state.json`, the single commit point of every step. Everything else
/// in a run folder is made from it, or named in it.
struct RunState {
  std::uint64_t seed = 0;                   ///< LearnerOptions::seed
  std::vector<std::string> class_names;     ///< [K]
  Fingerprint fingerprint;                  ///< what a resumed run must share
  index_t pool = 0;                         ///< candidates that could be asked for at the start
  index_t test = 0;                         ///< candidates that the metrics are computed on
  /// Candidates of the pool by class at the start; empty: not all of its labels are known.
  std::vector<index_t> pool_classes;
  std::string synthetic;  ///< io::Dataset::synthetic: what says that the images are generated
  std::vector<RoundRecord> rounds;          ///< finished ones
  std::optional<RoundRecord> pending;       ///< asked for, perhaps answered, not yet trained on
  bool answered = false;                    ///< the picks of `pending` carry their labels
  std::vector<ExcludedCandidate> excluded;  ///< unreadable images, each once
  std::optional<StopReason> stop;           ///< empty: not stopped
  std::vector<std::string>
      notes;  ///< what a reader of the run should know ("resumed by force: ...")

  /// Candidates with a label in finished rounds and, when answered, in the pending one.
  [[nodiscard]] index_t labels() const noexcept;
};

/// JSON text of a state and back. Keys are the names of the members above, except: `format` "aift
/// run" and `version` 2 first; a pick's `candidate` is its index and `id` its hexadecimal id;
/// `seed` is text; `fit` and `fingerprint` are lists of [name, value]; `times` is `seconds` {score,
/// label, train, test}; `top` is a list of [class, mean]; a pick's `audit`, and a round's `vetoed`
/// {group, gap, similarity, cost} and `shortfall`, are there only when they say something; `stop`
/// and `pending` may be null. NaN is written as null; `pool_classes` and `synthetic` are left out
/// when empty. Doubles come back exactly. Version 1, whose `probabilities` were the flat [q
/// K], is read as well. throws IoError naming `name` when the text is no state or of an unknown
/// version
[[nodiscard]] std::string to_json(const RunState& state);
/// The way back; see to_json.
[[nodiscard]] RunState run_state_from_json(const std::string& text, const std::string& name);

/// Reads `state.json` of a run folder. throws IoError naming the folder when it holds no run
[[nodiscard]] RunState read_run_state(const std::filesystem::path& folder);

/// The tables of a run folder as text (DESIGN section 8): curve.csv, picks.csv, times.csv, of the
/// finished rounds. Numbers print shortest round-trip; a metric that is not defined is `nan`, a
/// score that the rule does not make is an empty field.
[[nodiscard]] std::string curve_csv(const RunState& state);
/// picks.csv; see curve_csv.
[[nodiscard]] std::string picks_csv(const RunState& state);
/// times.csv; see curve_csv.
[[nodiscard]] std::string times_csv(const RunState& state);

}  // namespace aift
