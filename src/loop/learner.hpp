// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/loop/active_learner.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/score_selector.hpp>

#include "prediction_table.hpp"
#include "run_folder.hpp"

namespace aift {
namespace detail {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What a candidate is to the run.
enum class Role : std::uint8_t {
  out,         ///< takes no part: no label in a simulation, or of the test set without one
  pool,        ///< can be asked for
  asked,       ///< has been asked for
  test,        ///< the metrics are computed on it
  unreadable,  ///< its image cannot be read
};

inline std::string_view to_text(FirstBatch first) {
  return first == FirstBatch::random ? "random" : "imagenet";
}

/// Candidates in the order of their ids. Two columns, because selectors want the ids in one: a pool
/// costs 16 bytes per candidate and nothing more while it is being picked from.
class Members {
 public:
  Members() = default;
  explicit Members(std::vector<CandidateRef> list) {
    std::sort(list.begin(), list.end(),
              [](const CandidateRef& a, const CandidateRef& b) { return a.id < b.id; });
    ids_.reserve(list.size());
    indices_.reserve(list.size());
    for (const CandidateRef& candidate : list) {
      AIFT_EXPECT(ids_.empty() || ids_.back() != candidate.id, ValueError,
                  "Every candidate needs an id of its own; candidates {} and {} share one.",
                  indices_.back(), candidate.index);
      ids_.push_back(candidate.id);
      indices_.push_back(candidate.index);
    }
  }

  [[nodiscard]] index_t size() const noexcept { return static_cast<index_t>(ids_.size()); }
  [[nodiscard]] bool empty() const noexcept { return ids_.empty(); }
  [[nodiscard]] std::span<const std::uint64_t> ids() const noexcept { return ids_; }
  [[nodiscard]] CandidateRef operator[](index_t i) const {
    return {indices_[static_cast<std::size_t>(i)], ids_[static_cast<std::size_t>(i)]};
  }
  [[nodiscard]] std::vector<CandidateRef> list() const {
    std::vector<CandidateRef> out;
    out.reserve(ids_.size());
    for (index_t i = 0; i < size(); ++i)
      out.push_back((*this)[i]);
    return out;
  }

  template <class Predicate>
  void remove_if(const Predicate& leaves) {
    std::size_t kept = 0;
    for (index_t i = 0; i < size(); ++i) {
      if (leaves((*this)[i])) continue;
      ids_[kept] = ids_[static_cast<std::size_t>(i)];
      indices_[kept++] = indices_[static_cast<std::size_t>(i)];
    }
    ids_.resize(kept);
    indices_.resize(kept);
  }

 private:
  std::vector<std::uint64_t> ids_;
  std::vector<index_t> indices_;
};

using Unreadable = std::vector<std::pair<CandidateRef, std::string>>;

}  // namespace detail

struct ActiveLearner::Impl {
  using Clock = detail::Clock;
  using Members = detail::Members;
  using Role = detail::Role;
  using Unreadable = detail::Unreadable;

  LearnerOptions o;
  const ScoreSelector* score_selector = nullptr;  // o.selector, when it is one
  std::unique_ptr<Selector> own_first_selector;
  std::optional<RunFolder> folder;
  RunState state;
  std::unique_ptr<Model> current;  // null: o.initial

  std::vector<Role> roles;  // [size of the data set]
  Members pool;
  std::vector<CandidateRef> test;  // in the order of the ids
  Clock::time_point asked_at = Clock::now();

  Impl(LearnerOptions options, Progress& progress);

  // ------------------------------------------------------------------ what there is to work with

  index_t classes() const { return static_cast<index_t>(o.data->class_names.size()); }
  const Model& model() const { return current ? *current : *o.initial; }
  bool has_model() const { return !state.rounds.empty() && state.rounds.back().has_model; }
  index_t pool_left() const { return pool.size(); }
  label_t known_label(index_t candidate) const {
    return o.data->labels[static_cast<std::size_t>(candidate)];
  }
  const std::string& group_name(index_t candidate) const {
    return o.data->group_names[static_cast<std::size_t>(
        o.data->groups[static_cast<std::size_t>(candidate)])];
  }
  Role& role(index_t candidate) { return roles[static_cast<std::size_t>(candidate)]; }
  /// Numbers of groups that depend on their names alone, so that the order of a manifest does not
  /// change a split.
  index_t group_key(index_t candidate) const;

  void check_options();
  void check_rules(const ModelInfo& info) const;
  /// The rules, and a hash of the columns that they read; not of their order.
  std::string rules_fact() const;
  Fingerprint fingerprint() const;
  /// Of ids, labels, groups, split and class names; not of the order of the manifest, nor of
  /// pixels.
  std::string data_hash() const;

  // ------------------------------------------------------------------ pool and test set

  void assign_roles(Progress& progress);
  void split_by_group(Progress& progress);
  void expect_whole_groups();
  /// The lists that work goes by; in the order of the ids, so that nothing depends on the order of
  /// the manifest.
  void list_members();
  void drop_members();
  /// Empty when a candidate of the pool has no label that is known beforehand.
  std::vector<index_t> count_pool_classes() const;
  void check_classes(Progress& progress) const;

  // ------------------------------------------------------------------ unreadable images

  /// Takes a candidate out of everything and records it, once.
  void exclude(RunState& into, const CandidateRef& candidate, const std::string& reason,
               Progress& progress) const;
  void exclude_known(Progress& progress);
  void mark_excluded(const RunState& from);
  bool is_excluded(const CandidateRef& candidate) const;
  void expect_readable_enough(const RunState& of) const;
  /// Takes candidates out of everything, for good: a commit of its own.
  void drop_unreadable(const Unreadable& bad, Progress& progress);
  /// Those of whom not one view can be rendered.
  Unreadable unreadable_among(std::span<const CandidateRef> members, index_t round,
                              Progress& progress) const;

  // ------------------------------------------------------------------ going on with a run

  void adopt(RunState found, Progress& progress);
  void load_model();

  // ------------------------------------------------------------------ stopping and committing

  std::optional<StopReason> why_stop(const RunState& of, index_t left) const;
  /// Makes `next` the state: on disk first, then here.
  void commit(RunState next);

  // ------------------------------------------------------------------ what is labelled already

  /// With people, the labels that the pool brings along are a round that was answered before the
  /// run began: they are recorded as round 0, and the network is trained on them before anybody is
  /// asked.
  void train_on_start_set(Progress& progress);
  void record_start_set(Progress& progress);

  // ------------------------------------------------------------------ asking

  PipelineOptions pipeline(std::string_view stage) const;
  /// False when nobody is left who could be asked.
  bool open_query(Progress& progress);
  void choose(RoundRecord& record, Progress& progress);
  /// The network that asks has classes of its own.
  bool asked_by_first_model() const { return !has_model() && o.first == FirstBatch::imagenet; }
  Pick make_pick(const CandidateRef& candidate) const;
  void select(RoundRecord& record, const Selector& selector, const Model& by,
              const Augmenter& augmenter, index_t budget, const BatchRules& rules,
              Progress& progress);
  /// Predicts the picks once more, for what is too large to keep for a whole pool: predictions of
  /// every patch, and which were kept. Without a model that can say anything, one view is rendered
  /// all the same, so that no reader is asked about an image that cannot be opened. False when an
  /// unreadable candidate was among them: it is taken out, and picking has to start again.
  bool explain(RoundRecord& record, Progress& progress);

  // ------------------------------------------------------------------ answers

  void submit(std::span<const label_t> labels);
  /// Share of the labelled picks whose largest mean probability is at the label.
  double agreement(const std::vector<Pick>& picks) const;

  // ------------------------------------------------------------------ training

  LabelledCandidate labelled(const Pick& pick) const;
  /// In order of labelling; those that have become unreadable are left out.
  std::vector<LabelledCandidate> labelled_so_far(index_t from_round = 0) const;
  const RoundRecord& train(Progress& progress);
  /// An image that has become unreadable since it was labelled must not end the run: it is left out
  /// and the training begins again.
  std::unique_ptr<Model> fit_readable(RoundRecord& record, Progress& progress);
  /// Null when the labels do not allow any training.
  std::unique_ptr<Model> fit(RoundRecord& record, Progress& progress);
  PredictionTable::Row prediction_row(std::string_view split, const CandidateRef& candidate,
                                      label_t label, std::span<const double> means) const;
  /// What the new model says of the images it was taught with: a label that it cannot be brought
  /// to believe may be wrong.
  void predict_labelled(const Model& by, PredictionTable& into, Progress& progress) const;
  void measure(RoundRecord& record, const Model& by, PredictionTable& predictions,
               Progress& progress);
};

}  // namespace aift
