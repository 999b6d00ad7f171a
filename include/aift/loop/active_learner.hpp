// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/executor.hpp>
#include <aift/core/types.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>
#include <aift/loop/model.hpp>
#include <aift/loop/oracle.hpp>
#include <aift/loop/progress.hpp>
#include <aift/loop/run_state.hpp>
#include <aift/loop/stopping.hpp>
#include <aift/loop/trainer.hpp>
#include <aift/select/batch_rules.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Who is asked about while no model has been trained.
enum class FirstBatch : std::uint8_t {
  random,    ///< uniform, keyed by the candidates' ids
  imagenet,  ///< the AIFT score of the pretrained network's own predictions, as the method begins
};

/// What to do with what the run folder holds.
enum class OpenRun : std::uint8_t {
  create,            ///< a new run: the folder is missing, empty, or holds a config.toml alone
  resume,            ///< the run that is there
  create_or_resume,  ///< resume when there is a run, else create
};

/// Which models of a run stay in its folder.
enum class KeepModels : std::uint8_t { all, last };

/// Everything a loop needs. Pointers are not owned and must outlive the learner; those marked
/// "required" must not be null.
struct LearnerOptions {
  // ---- what is learnt from
  const io::Dataset* data = nullptr;     ///< required; class_names must hold K >= 2 names
  const Source* source = nullptr;        ///< required: pixels of the candidates
  const Augmenter* augmenter = nullptr;  ///< required
  Oracle* oracle = nullptr;              ///< for step() and run(); people use query() and submit()
  /// Candidates known to be unreadable (io::check_images): they take no part and are recorded.
  std::vector<io::BadImage> unreadable;
  /// Test set: split `test` of the data set when it has one; else this share of the labelled
  /// candidates, by whole groups (loop/splits.hpp); 0: none, and metrics are NaN.
  double test_share = 0.3;

  // ---- who learns
  const Model* initial = nullptr;         ///< required: pretrained body with a head of K classes
  IncrementalTrainer* trainer = nullptr;  ///< required
  StartFrom start = StartFrom::current;   ///< the model that a round's training begins with
  TrainSet set = TrainSet::all;           ///< what a round trains on
  std::function<std::unique_ptr<Model>(index_t round)> make_scratch;  ///< for StartFrom::scratch

  // ---- who is asked about
  const Selector* selector = nullptr;     ///< required; one that needs scores is a ScoreSelector
  FirstBatch first = FirstBatch::random;  ///< who is asked about in round 0
  const Model* first_model = nullptr;     ///< for imagenet: the network with its own head
  const Augmenter* first_augmenter = nullptr;  ///< null: augmenter (the input sizes may differ)
  const Selector* first_selector = nullptr;    ///< for imagenet; null: AIFT with its defaults
  index_t budget = 20;                         ///< b, per round, at least 1
  index_t rounds = 0;                          ///< in all, first batch counted; 0: no limit
  index_t max_labels = 0;                      ///< in all; 0: no limit
  /// What a batch keeps to, the first one included (which looks for no near-duplicates when it is
  /// drawn at random: no features are there yet). A pool of which they admit nobody any more ends
  /// the run. Times, sequences and costs are those of the data set.
  BatchRules rules;
  std::vector<std::shared_ptr<const StoppingRule>> stopping;  ///< further rules, first to fire wins

  // ---- how
  std::uint64_t seed = 0;  ///< fixes every random choice
  index_t batch = 32;      ///< patches per forward pass
  index_t workers = 1;     ///< threads that decode and render beside it
  index_t threads = 0;     ///< threads the model computes with: recorded, not set. 0: all
  /// Runs the selectors' loops over the pool; null: the calling thread. No pick depends on it.
  Executor* executor = nullptr;
  /// More unreadable images than this share of the pool and test set stop the run. 1: never.
  double max_unreadable = 1;

  // ---- where to
  std::filesystem::path folder;  ///< run folder; empty: nothing is written, nothing can be resumed
  OpenRun open = OpenRun::create;     ///< what the folder may hold
  bool force = false;                 ///< resume although the fingerprint differs
  ModelLoader load;                   ///< required for resume
  KeepModels keep = KeepModels::all;  ///< which models stay in the folder
  /// Facts of the application that a resumed run must share ("weights", "libtorch", "recipe").
  /// The learner adds its own: machine, build, data, options. Rounds, max_labels and stopping rules
  /// are not among them: a finished run may be resumed with a larger budget.
  std::vector<std::pair<std::string, std::string>> facts;
};

/// The loop: score the pool, ask for labels of the hardest, fine-tune the current model, test.
///
///   ActiveLearner learner(options, progress);
///   learner.run(progress);                                  // or step(progress), round by round
/// and for people, with any pause (or another process) between the calls:
///   const RoundRecord& query = learner.query(progress);     // whom to label, best first
///   learner.submit(labels);                                 // in the order of query.picks
///   learner.train(progress);
///
/// With people, labels that candidates of the pool have beforehand are the start set: the first
/// query() records them as round 0 (rule kStartSet), trains on them, and asks about the rest with
/// the network that this gives; they count among labels and rounds. A simulation hides all labels
/// of the pool instead.
///
/// Randomness is keyed by (seed, purpose, round, id); the pool is walked in the order of the ids,
/// so that the order of a manifest changes nothing. Ties of scores go to the smaller id.
///
/// state     after each of query, submit and train `state.json` is replaced atomically, the model's
///           file having been flushed before; curve.csv, picks.csv and times.csv follow from it.
///           Killed anywhere, resumed: the same bytes in curve.csv and picks.csv. predictions.csv,
///           what the model of the last round that trained says of the test images and of all
///           labelled ones, is written before the state of that round: the same bytes too. A run
///           without a folder does not predict the labelled ones
/// memory    a ScoreTable: at most 64 bytes per candidate, plus mean probabilities (8 K) and
///           features (4 d) when the selector or a batch rule needs them
/// errors    every exception leaves the last committed state, in the folder and in the object;
///           the call may be repeated
/// thread rule: one call at a time per object
class ActiveLearner {
 public:
  /// Opens or makes the run folder.
  ///
  /// throws ValueError for options that contradict each other, a group on both sides of the split
  /// and, in a simulation, fewer than two classes in the pool or a class that only the test set
  /// has; IoError for a folder that is of another run, no run at all, in use by another process or
  /// read-only, for a model that cannot be saved, too many unreadable images, and for a run that
  /// was made by another build, machine, data or options (naming what differs) unless `force`
  explicit ActiveLearner(LearnerOptions options, Progress& progress);
  ~ActiveLearner();
  /// The other one can then be destroyed or assigned to, nothing else.
  ActiveLearner(ActiveLearner&&) noexcept;
  /// As the constructor.
  ActiveLearner& operator=(ActiveLearner&&) noexcept;

  /// One whole round, or what is left of it after an interruption. False: a stopping rule fired
  /// (see state().stop) and nothing was done. throws ValueError without an oracle
  bool step(Progress& progress);
  /// Rounds until a rule fires.
  const StopReason& run(Progress& progress);

  /// Chooses whom to ask about, or gives back the query that is open; trains on the start set
  /// before the first. throws ValueError after a stop
  const RoundRecord& query(Progress& progress);
  /// Answers the open query, one label per pick; kUnlabelled = cannot tell (never asked again).
  /// throws ShapeError, ValueError (no open query, answered already, a label outside [0, K))
  void submit(std::span<const label_t> labels);
  /// Trains on the answers and tests; ends the round. throws ValueError when nothing is answered
  const RoundRecord& train(Progress& progress);

  /// Whether a stopping rule has fired; which one, and why: state().stop.
  [[nodiscard]] bool stopped() const noexcept;
  /// The committed history.
  [[nodiscard]] const RunState& state() const noexcept;
  /// The model of the last trained round, else the initial one.
  [[nodiscard]] const Model& model() const noexcept;
  /// Candidates that can still be asked for.
  [[nodiscard]] index_t pool_left() const noexcept;
  /// Members of the test set, in the order of their ids.
  [[nodiscard]] std::span<const CandidateRef> test_set() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aift
