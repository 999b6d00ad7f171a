// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/active_learner.hpp>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>
#include <unordered_map>
#include <utility>

#include <aift/core/error.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/loop/splits.hpp>
#include <aift/select/registry.hpp>
#include <aift/select/score_selector.hpp>

#include "first_draw.hpp"
#include "learning_step.hpp"
#include "pick_predictions.hpp"
#include "prediction_table.hpp"
#include "run_folder.hpp"

namespace aift {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// What a candidate is to the run.
enum class Role : std::uint8_t {
  out,         ///< takes no part: no label in a simulation, or of the test set without one
  pool,        ///< can be asked for
  asked,       ///< has been asked for
  test,        ///< the metrics are computed on it
  unreadable,  ///< its image cannot be read
};

std::string_view to_text(StartFrom start) {
  switch (start) {
    case StartFrom::scratch:
      return "scratch";
    case StartFrom::pretrained:
      return "pretrained";
    case StartFrom::current:
      return "current";
  }
  return "";
}

std::string_view to_text(TrainSet set) {
  switch (set) {
    case TrainSet::only_new:
      return "new";
    case TrainSet::all:
      return "all";
    case TrainSet::hard:
      return "hard";
  }
  return "";
}

std::string_view to_text(FirstBatch first) {
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

}  // namespace

struct ActiveLearner::Impl {
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

  Impl(LearnerOptions options, Progress& progress) : o(std::move(options)) {
    check_options();
    state.seed = o.seed;
    state.class_names = o.data->class_names;
    state.synthetic = o.data->synthetic;
    state.fingerprint = fingerprint();
    if (!o.folder.empty()) folder.emplace(o.folder, o.open);
    const bool resumed = folder && folder->found();

    assign_roles(progress);
    if (resumed) {
      adopt(std::move(*folder->found()), progress);
    }
    exclude_known(progress);
    list_members();
    if (!resumed) {
      state.pool = pool.size();
      state.test = static_cast<index_t>(test.size());
      state.pool_classes = count_pool_classes();
      check_classes(progress);
    }
    expect_readable_enough(state);
    state.stop = why_stop(state, pool_left());

    if (folder) {
      if (resumed) {
        load_model();
      } else {
        folder->try_saving(*o.initial);
      }
      folder->write_state(state);
      folder->remove_orphans(state, o.keep, o.initial->info().file_type);
      folder->write_tables(state);
    }
  }

  // ------------------------------------------------------------------ what there is to work with

  index_t classes() const { return static_cast<index_t>(o.data->class_names.size()); }
  const Model& model() const { return current ? *current : *o.initial; }
  bool has_model() const { return !state.rounds.empty() && state.rounds.back().has_model; }
  index_t pool_left() const { return pool.size(); }

  /// Numbers of groups that depend on their names alone, so that the order of a manifest does not
  /// change a split.
  index_t group_key(index_t candidate) const {
    const auto group =
        static_cast<std::size_t>(o.data->groups[static_cast<std::size_t>(candidate)]);
    return static_cast<index_t>(io::candidate_id(o.data->group_names[group]) >> 1);
  }

  label_t known_label(index_t candidate) const {
    return o.data->labels[static_cast<std::size_t>(candidate)];
  }

  Role& role(index_t candidate) { return roles[static_cast<std::size_t>(candidate)]; }

  void check_options() {
    AIFT_EXPECT(o.data != nullptr && o.source != nullptr && o.augmenter != nullptr &&
                    o.initial != nullptr && o.trainer != nullptr && o.selector != nullptr,
                ValueError,
                "A learner needs data, source, augmenter, initial model, trainer and selector; one "
                "of them is null.");
    const io::Dataset& data = *o.data;
    const std::size_t n = data.paths.size();
    AIFT_EXPECT(
        data.ids.size() == n && data.labels.size() == n && data.groups.size() == n &&
            (data.split.empty() || data.split.size() == n),
        ShapeError,
        "A data set gives id, label, group and split for each of its {} candidates; got {}, "
        "{}, {} and {}.",
        n, data.ids.size(), data.labels.size(), data.groups.size(), data.split.size());
    AIFT_EXPECT(
        classes() >= 2, ValueError,
        "A classifier needs at least 2 classes; the data set names {}. Name them when nothing "
        "is labelled yet.",
        classes());
    for (std::size_t i = 0; i < n; ++i) {
      AIFT_EXPECT(data.labels[i] >= kUnlabelled && data.labels[i] < classes(), ValueError,
                  "Labels must be in [0, {}) or {}; candidate {} has {}.", classes(), kUnlabelled,
                  i, data.labels[i]);
      AIFT_EXPECT(
          data.groups[i] >= 0 && data.groups[i] < static_cast<index_t>(data.group_names.size()),
          ValueError, "Groups must be in [0, {}); candidate {} has {}.", data.group_names.size(), i,
          data.groups[i]);
    }
    const ModelInfo& info = o.initial->info();
    AIFT_EXPECT(info.classes == classes(), ShapeError,
                "The initial model must have one output for each of the {} classes; \"{}\" has {}.",
                classes(), info.architecture, info.classes);
    AIFT_EXPECT(o.budget >= 1, ValueError, "budget must be at least 1 label per round; got {}.",
                o.budget);
    AIFT_EXPECT(o.rounds >= 0 && o.max_labels >= 0, ValueError,
                "rounds and max_labels must be at least 1, or 0 for no limit; got {} and {}.",
                o.rounds, o.max_labels);
    AIFT_EXPECT(o.batch >= 1 && o.workers >= 1, ValueError,
                "batch and workers must be at least 1; got {} and {}.", o.batch, o.workers);
    AIFT_EXPECT(o.test_share >= 0 && o.test_share < 1, ValueError,
                "test_share must be in [0, 1); got {}.", o.test_share);
    AIFT_EXPECT(o.max_unreadable >= 0 && o.max_unreadable <= 1, ValueError,
                "max_unreadable must be in [0, 1]; got {}.", o.max_unreadable);
    AIFT_EXPECT(o.start != StartFrom::scratch || o.make_scratch, ValueError,
                "Starting from scratch needs make_scratch, which makes an untrained model.");
    AIFT_EXPECT(o.folder.empty() || o.load, ValueError,
                "A run folder needs a loader for the models in it (LearnerOptions::load).");

    score_selector = dynamic_cast<const ScoreSelector*>(o.selector);
    const Needs needs = o.selector->needs();
    AIFT_EXPECT(!needs.scores || score_selector != nullptr, ValueError,
                "The selector \"{}\" needs scores, and a pool is scored in chunks: derive it from "
                "ScoreSelector.",
                o.selector->name());
    AIFT_EXPECT(!needs.features || info.feature_size >= 1, ValueError,
                "The selector \"{}\" needs features, and the model \"{}\" gives none.",
                o.selector->name(), info.architecture);
    check_rules(info);
    if (o.first == FirstBatch::imagenet) {
      AIFT_EXPECT(o.first_model != nullptr, ValueError,
                  "The first batch \"imagenet\" needs a network with its own head (first_model).");
      if (o.first_selector == nullptr) {
        own_first_selector = SelectorRegistry::with_builtin().make("aift");
        o.first_selector = own_first_selector.get();
      }
      AIFT_EXPECT(!o.first_selector->needs().features || o.first_model->info().feature_size >= 1,
                  ValueError,
                  "The first selector \"{}\" needs features; the first model gives none.",
                  o.first_selector->name());
      AIFT_EXPECT(dynamic_cast<const ScoreSelector*>(o.first_selector) != nullptr, ValueError,
                  "The first batch \"imagenet\" is picked by a score; \"{}\" makes none.",
                  o.first_selector->name());
    }
    if (o.first_augmenter == nullptr) o.first_augmenter = o.augmenter;

    if (o.rounds > 0) o.stopping.push_back(std::make_shared<MaxRounds>(o.rounds));
    if (o.max_labels > 0) o.stopping.push_back(std::make_shared<MaxLabels>(o.max_labels));
    o.stopping.push_back(std::make_shared<EmptyPool>());
    for (const auto& rule : o.stopping)
      AIFT_EXPECT(rule != nullptr, ValueError, "A stopping rule must not be null.");
  }

  void check_rules(const ModelInfo& info) const {
    o.rules.validate();
    AIFT_EXPECT(!o.rules.needs().features || info.feature_size >= 1, ValueError,
                "The batch rule veto_similarity needs features, and the model \"{}\" gives none.",
                info.architecture);
    const std::size_t n = o.data->paths.size();
    const auto expect_column = [n](bool needed, std::size_t size, std::string_view rule,
                                   std::string_view what) {
      AIFT_EXPECT(!needed || size == n, ValueError,
                  "The batch rule {} needs {} of the {} candidates; the data set has {}.", rule,
                  what, n, size);
    };
    expect_column(o.rules.min_gap > 0, o.data->times.size(), "min_gap", "times");
    expect_column(o.rules.min_gap > 0 && !o.data->sequences.empty(), o.data->sequences.size(),
                  "min_gap", "sequences");
    expect_column(o.rules.max_cost > 0, o.data->costs.size(), "max_cost", "costs");
  }

  /// The rules, and a hash of the columns that they read; not of their order.
  std::string rules_fact() const {
    std::uint64_t sum = 0;
    const auto mix = [&](std::size_t i, std::uint64_t column, double value) {
      const auto bits = std::bit_cast<std::uint64_t>(std::isnan(value) ? -1e300 : value);
      sum += splitmix64(splitmix64(o.data->ids[i] ^ column) ^ bits);
    };
    for (std::size_t i = 0; i < o.data->paths.size(); ++i) {
      if (o.rules.min_gap > 0) mix(i, 1, o.data->times[i]);
      if (o.rules.max_cost > 0) mix(i, 2, o.data->costs[i]);
    }
    return fmt::format("{}, {:016x}", o.rules.text(), sum);
  }

  Fingerprint fingerprint() const {
    Fingerprint print = machine_fingerprint(o.threads);
    print.add("data", data_hash());
    print.add("seed", std::to_string(o.seed));
    print.add("budget", std::to_string(o.budget));
    print.add("selector", std::string(o.selector->name()));
    print.add("first batch",
              o.first == FirstBatch::imagenet
                  ? fmt::format("imagenet, by {} of {} with {} classes", o.first_selector->name(),
                                o.first_model->info().architecture, o.first_model->info().classes)
                  : std::string(to_text(o.first)));
    print.add("start", std::string(to_text(o.start)));
    print.add("train set", std::string(to_text(o.set)));
    print.add("trainer", std::string(o.trainer->name()));
    print.add("augmenter", fmt::format("{}, {} views to score, {} to test", o.augmenter->name(),
                                       o.augmenter->patches(Purpose::scoring),
                                       o.augmenter->patches(Purpose::test)));
    const ModelInfo& info = o.initial->info();
    print.add("model",
              fmt::format("{}, {} classes, input [{}, {}, {}]", info.architecture, info.classes,
                          info.input.channels, info.input.height, info.input.width));
    print.add("batch", std::to_string(o.batch));
    print.add("test share", fmt::format("{}", o.test_share));
    if (o.rules.any()) print.add("batch rules", rules_fact());
    for (const auto& [name, value] : o.facts)
      print.add(name, value);
    return print;
  }

  /// Of ids, labels, groups, split and class names; not of the order of the manifest, nor of
  /// pixels.
  std::string data_hash() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < o.data->paths.size(); ++i) {
      std::uint64_t h = splitmix64(o.data->ids[i]);
      h = splitmix64(h ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(o.data->labels[i])));
      h = splitmix64(h ^ static_cast<std::uint64_t>(group_key(static_cast<index_t>(i))));
      h = splitmix64(h ^ (o.data->split.empty() ? 0U : o.data->split[i]));
      sum += h;  // the same in any order
    }
    sum = splitmix64(sum ^ static_cast<std::uint64_t>(o.data->paths.size()));
    for (const std::string& name : o.data->class_names)
      sum = splitmix64(sum ^ io::candidate_id(name));
    return fmt::format("{} candidates, {:016x}", o.data->paths.size(), sum);
  }

  // ------------------------------------------------------------------ pool and test set

  void assign_roles(Progress& progress) {
    const io::Dataset& data = *o.data;
    const index_t n = data.size();
    roles.assign(static_cast<std::size_t>(n), Role::pool);
    const bool given = std::any_of(data.split.begin(), data.split.end(), [](std::uint8_t split) {
      return split == static_cast<std::uint8_t>(io::Split::test);
    });
    if (given) {
      for (index_t i = 0; i < n; ++i) {
        if (data.split[static_cast<std::size_t>(i)] == static_cast<std::uint8_t>(io::Split::test))
          role(i) = Role::test;
      }
    } else if (o.test_share > 0) {
      split_by_group(progress);
    }
    expect_whole_groups();

    index_t unlabelled = 0;
    index_t untested = 0;
    for (index_t i = 0; i < n; ++i) {
      if (role(i) == Role::pool && o.oracle != nullptr && !o.oracle->can_label(data.ref(i))) {
        role(i) = Role::out;
        ++unlabelled;
      } else if (role(i) == Role::test && known_label(i) == kUnlabelled) {
        role(i) = Role::out;
        ++untested;
      }
    }
    if (unlabelled > 0) {
      progress.note(fmt::format(
          "{} candidates of the pool have no label that the {} reader could give; left out.",
          unlabelled, o.oracle->name()));
    }
    if (untested > 0) {
      progress.note(
          fmt::format("{} candidates of the test set have no label; left out.", untested));
    }
  }

  void split_by_group(Progress& progress) {
    std::vector<index_t> labelled;
    for (index_t i = 0; i < o.data->size(); ++i) {
      if (known_label(i) != kUnlabelled) labelled.push_back(i);
    }
    if (labelled.empty()) {
      progress.note("Nothing is labelled beforehand, so there is no test set and no metrics.");
      return;
    }
    std::vector<index_t> groups;
    std::vector<label_t> labels;
    for (const index_t i : labelled) {
      groups.push_back(group_key(i));
      labels.push_back(known_label(i));
    }
    const std::vector<std::uint8_t> side =
        grouped_test_split(groups, labels, classes(), o.test_share, o.seed);
    std::set<index_t> tested;
    for (std::size_t j = 0; j < labelled.size(); ++j) {
      if (side[j] != 0) tested.insert(groups[j]);
    }
    // An unlabelled member of a test group leaves the pool with it.
    for (index_t i = 0; i < o.data->size(); ++i) {
      if (tested.contains(group_key(i))) role(i) = Role::test;
    }
  }

  void expect_whole_groups() {
    std::vector<Role> side(o.data->group_names.size(), Role::out);
    for (index_t i = 0; i < o.data->size(); ++i) {
      Role& first = side[static_cast<std::size_t>(o.data->groups[static_cast<std::size_t>(i)])];
      if (first == Role::out) first = role(i);
      AIFT_EXPECT(
          first == role(i), ValueError,
          "A group must be wholly in the pool or wholly in the test set; that of candidate {} "
          "is in both. Change its split.",
          i);
    }
  }

  /// The lists that work goes by; in the order of the ids, so that nothing depends on the order of
  /// the manifest.
  void list_members() {
    std::vector<CandidateRef> in_pool;
    std::vector<CandidateRef> in_test;
    for (index_t i = 0; i < o.data->size(); ++i) {
      if (role(i) == Role::pool) in_pool.push_back(o.data->ref(i));
      if (role(i) == Role::test) in_test.push_back(o.data->ref(i));
    }
    pool = Members(std::move(in_pool));
    test = Members(std::move(in_test)).list();
  }

  /// Empty when a candidate of the pool has no label that is known beforehand.
  std::vector<index_t> count_pool_classes() const {
    std::vector<index_t> counts(static_cast<std::size_t>(classes()));
    for (index_t i = 0; i < pool.size(); ++i) {
      const label_t label = known_label(pool[i].index);
      if (label == kUnlabelled) return {};
      ++counts[static_cast<std::size_t>(label)];
    }
    return counts;
  }

  void check_classes(Progress& progress) const {
    AIFT_EXPECT(
        !pool.empty(), ValueError,
        "There is no candidate to ask for: all {} are of the test set, unreadable or without "
        "an answer.",
        o.data->size());
    std::vector<index_t> in_pool(static_cast<std::size_t>(classes()));
    std::vector<index_t> in_test(static_cast<std::size_t>(classes()));
    bool all_known = true;
    for (index_t i = 0; i < pool.size(); ++i) {
      const label_t label = known_label(pool[i].index);
      all_known = all_known && label != kUnlabelled;
      if (label != kUnlabelled) ++in_pool[static_cast<std::size_t>(label)];
    }
    for (const CandidateRef& c : test)
      ++in_test[static_cast<std::size_t>(known_label(c.index))];
    if (o.oracle != nullptr && all_known) {  // a simulation: what is not there cannot be learnt
      for (std::size_t k = 0; k < in_pool.size(); ++k) {
        AIFT_EXPECT(in_pool[k] > 0 || in_test[k] == 0, ValueError,
                    "Class {} has {} candidates in the test set and none in the pool, so it could "
                    "never be learnt; change the split or leave the class out.",
                    k, in_test[k]);
      }
      const auto present =
          std::count_if(in_pool.begin(), in_pool.end(), [](index_t count) { return count > 0; });
      AIFT_EXPECT(present >= 2, ValueError,
                  "The pool must hold at least 2 classes; all of its {} candidates are of one.",
                  pool.size());
    }
    if (!test.empty()) {
      for (std::size_t k = 0; k < in_test.size(); ++k) {
        if (in_test[k] == 0) {
          progress.note(fmt::format("The test set has no candidate of class {} ({}).", k,
                                    o.data->class_names[k]));
        }
      }
    }
  }

  // ------------------------------------------------------------------ unreadable images

  /// Takes a candidate out of everything and records it, once.
  void exclude(RunState& into, const CandidateRef& candidate, const std::string& reason,
               Progress& progress) const {
    const bool there =
        std::any_of(into.excluded.begin(), into.excluded.end(),
                    [&](const ExcludedCandidate& e) { return e.candidate.id == candidate.id; });
    if (there) return;
    const bool said = !into.excluded.empty() && into.excluded.back().reason == reason;
    into.excluded.push_back(
        {candidate, o.data->paths[static_cast<std::size_t>(candidate.index)], reason});
    if (!said) progress.note(reason);  // the missing frames of a video have one reason
  }

  void exclude_known(Progress& progress) {
    for (const io::BadImage& bad : o.unreadable) {
      AIFT_EXPECT(bad.index >= 0 && bad.index < o.data->size(), ValueError,
                  "An unreadable image must be one of the {} candidates; got {}.", o.data->size(),
                  bad.index);
      exclude(state, o.data->ref(bad.index), bad.reason, progress);
    }
    mark_excluded(state);
  }

  void mark_excluded(const RunState& from) {
    for (const ExcludedCandidate& e : from.excluded) {
      if (role(e.candidate.index) == Role::asked) continue;
      role(e.candidate.index) = Role::unreadable;
    }
  }

  bool is_excluded(const CandidateRef& candidate) const {
    return std::any_of(state.excluded.begin(), state.excluded.end(),
                       [&](const ExcludedCandidate& e) { return e.candidate.id == candidate.id; });
  }

  void expect_readable_enough(const RunState& of) const {
    const auto bad = static_cast<double>(of.excluded.size());
    const auto all = static_cast<double>(o.data->size());
    AIFT_EXPECT(bad <= o.max_unreadable * all, IoError,
                "{} of {} images cannot be read, more than the share of {} that is allowed; repair "
                "them or allow more.",
                of.excluded.size(), o.data->size(), o.max_unreadable);
  }

  // ------------------------------------------------------------------ going on with a run

  void adopt(RunState found, Progress& progress) {
    const std::vector<std::string> differences = found.fingerprint.differences(state.fingerprint);
    if (!differences.empty()) {
      std::string list;
      for (const std::string& difference : differences)
        list += (list.empty() ? "" : "; ") + difference;
      AIFT_EXPECT(
          o.force, IoError,
          "The run in {} was made differently ({}), so it would not go on as it began; make "
          "these equal, or force it and accept other numbers.",
          o.folder.string(), list);
      found.notes.push_back(
          fmt::format("Resumed by force after {} rounds although it was made "
                      "differently: {}.",
                      found.rounds.size(), list));
      progress.note(found.notes.back());
      found.fingerprint = state.fingerprint;
    }
    AIFT_EXPECT(found.class_names.size() == state.class_names.size(), IoError,
                "The run in {} has {} classes and the data set {}; give the run's own data.",
                o.folder.string(), found.class_names.size(), state.class_names.size());
    found.class_names = state.class_names;
    found.seed = state.seed;
    found.synthetic = state.synthetic;
    state = std::move(found);

    // Positions in the data set are found again by id; texts come from the data set, byte for byte.
    std::unordered_map<std::uint64_t, index_t> wanted;
    const auto want = [&](const CandidateRef& candidate) { wanted.emplace(candidate.id, -1); };
    const auto each_round = [this](auto&& visit) {
      for (RoundRecord& round : state.rounds)
        visit(round);
      if (state.pending) visit(*state.pending);
    };
    each_round([&](RoundRecord& round) {
      for (const Pick& pick : round.picks)
        want(pick.candidate);
    });
    for (const ExcludedCandidate& e : state.excluded)
      want(e.candidate);
    for (index_t i = 0; i < o.data->size(); ++i) {
      const auto entry = wanted.find(o.data->ids[static_cast<std::size_t>(i)]);
      if (entry != wanted.end()) entry->second = i;
    }
    const auto locate = [&](CandidateRef& candidate) {
      const index_t index = wanted.at(candidate.id);
      AIFT_EXPECT(
          index >= 0, IoError,
          "The run in {} asked for candidate {} ({:016x}), which the data set does not hold; "
          "give the run's own data.",
          o.folder.string(), candidate.index, candidate.id);
      candidate.index = index;
    };
    each_round([&](RoundRecord& round) {
      for (Pick& pick : round.picks) {
        locate(pick.candidate);
        AIFT_EXPECT(
            role(pick.candidate.index) == Role::pool, IoError,
            "Candidate {} was asked for in the run in {} and is not of the pool now, or asked "
            "for twice; give the run's own data and split.",
            pick.candidate.index, o.folder.string());
        role(pick.candidate.index) = Role::asked;
        pick.path = o.data->paths[static_cast<std::size_t>(pick.candidate.index)];
        pick.group = group_name(pick.candidate.index);
      }
    });
    for (ExcludedCandidate& e : state.excluded) {
      locate(e.candidate);
      e.path = o.data->paths[static_cast<std::size_t>(e.candidate.index)];
    }
  }

  const std::string& group_name(index_t candidate) const {
    return o.data->group_names[static_cast<std::size_t>(
        o.data->groups[static_cast<std::size_t>(candidate)])];
  }

  void load_model() {
    const auto last = std::find_if(state.rounds.rbegin(), state.rounds.rend(),
                                   [](const RoundRecord& round) { return round.trained; });
    if (last == state.rounds.rend()) return;
    current = o.load(folder->model_path(last->model_file));
    AIFT_EXPECT(current != nullptr && current->info().classes == classes(), IoError,
                "{} must hold a model of {} classes, as this run wrote it.",
                folder->model_path(last->model_file).string(), classes());
  }

  // ------------------------------------------------------------------ stopping and committing

  std::optional<StopReason> why_stop(const RunState& of, index_t left) const {
    if (of.pending) return std::nullopt;
    const LoopStatus status{of.rounds, of.labels(), left};
    for (const auto& rule : o.stopping) {
      if (std::optional<std::string> reason = rule->check(status))
        return StopReason{std::string(rule->name()), std::move(*reason)};
    }
    return std::nullopt;
  }

  /// Makes `next` the state: on disk first, then here.
  void commit(RunState next) {
    if (folder) folder->write_state(next);
    state = std::move(next);
  }

  // ------------------------------------------------------------------ what is labelled already

  /// With people, the labels that the pool brings along are a round that was answered before the
  /// run began: they are recorded as round 0, and the network is trained on them before anybody is
  /// asked.
  void train_on_start_set(Progress& progress) {
    if (o.oracle != nullptr) return;
    if (!state.pending && state.rounds.empty() && !state.stop) record_start_set(progress);
    if (state.pending && state.answered && state.pending->rule == kStartSet) train(progress);
  }

  void record_start_set(Progress& progress) {
    std::vector<CandidateRef> known;
    for (index_t i = 0; i < pool.size(); ++i) {
      if (known_label(pool[i].index) != kUnlabelled) known.push_back(pool[i]);
    }
    if (known.empty()) return;
    drop_unreadable(unreadable_among(known, 0, progress), progress);
    RoundRecord record;
    record.rule = kStartSet;
    record.agreement = kNan;
    for (const CandidateRef& candidate : known) {
      if (role(candidate.index) != Role::pool) continue;
      record.picks.push_back(make_pick(candidate));
      record.picks.back().label = known_label(candidate.index);
      record.picks.back().reason = "Labelled before the run began.";
    }
    if (record.picks.empty()) return;
    RunState next = state;
    next.pending = std::move(record);
    next.answered = true;
    commit(std::move(next));
    for (const Pick& pick : state.pending->picks)
      role(pick.candidate.index) = Role::asked;
    drop_members();
  }

  // ------------------------------------------------------------------ asking

  PipelineOptions pipeline(std::string_view stage) const {
    PipelineOptions options;
    options.batch = o.batch;
    options.workers = o.workers;
    options.stage = stage;
    return options;
  }

  /// False when nobody is left who could be asked.
  bool open_query(Progress& progress) {
    const Clock::time_point start = Clock::now();
    RoundRecord record;
    record.round = static_cast<index_t>(state.rounds.size());
    while (!pool.empty()) {
      record.picks.clear();
      record.vetoed = {};
      record.shortfall.clear();
      choose(record, progress);
      if (explain(record, progress)) break;  // else: somebody unreadable was picked
    }
    record.has_model = has_model();
    record.agreement = kNan;
    record.times.score = seconds_since(start);

    RunState next = state;
    if (pool.empty()) {
      next.stop = why_stop(next, 0);
    } else if (record.picks.empty()) {
      next.stop = StopReason{"batch_rules", record.shortfall};
    } else {
      if (!record.shortfall.empty()) progress.note(record.shortfall);
      next.pending = std::move(record);
      next.answered = false;
    }
    commit(std::move(next));
    if (state.pending) {
      for (const Pick& pick : state.pending->picks)
        role(pick.candidate.index) = Role::asked;
    }
    drop_members();
    asked_at = Clock::now();
    return state.pending.has_value();
  }

  void drop_members() {
    pool.remove_if([this](const CandidateRef& c) { return role(c.index) != Role::pool; });
    std::erase_if(test, [this](const CandidateRef& c) { return role(c.index) != Role::test; });
  }

  using Unreadable = std::vector<std::pair<CandidateRef, std::string>>;

  /// Takes candidates out of everything, for good: a commit of its own.
  void drop_unreadable(const Unreadable& bad, Progress& progress) {
    if (bad.empty()) return;
    RunState next = state;
    for (const auto& [candidate, reason] : bad)
      exclude(next, candidate, reason, progress);
    expect_readable_enough(next);
    commit(std::move(next));
    mark_excluded(state);
    drop_members();
  }

  void choose(RoundRecord& record, Progress& progress) {
    index_t budget = o.budget;
    if (o.max_labels > 0) budget = std::min(budget, o.max_labels - state.labels());
    if (has_model()) {
      record.rule = o.selector->name();
      select(record, *o.selector, model(), *o.augmenter, budget, o.rules, progress);
    } else if (o.first == FirstBatch::imagenet) {
      record.rule = to_text(o.first);
      select(record, *o.first_selector, *o.first_model, *o.first_augmenter, budget, o.rules,
             progress);
    } else {
      record.rule = to_text(o.first);
      BatchRules rules = o.rules;
      rules.veto_similarity = 1;  // no features are there
      if (rules.min_gap == 0) rules.against_labelled = false;
      select(record, FirstDraw(), model(), *o.augmenter, budget, rules, progress);
    }
  }

  /// The network that asks has classes of its own.
  bool asked_by_first_model() const { return !has_model() && o.first == FirstBatch::imagenet; }

  Pick make_pick(const CandidateRef& candidate) const {
    Pick pick;
    pick.candidate = candidate;
    pick.path = o.data->paths[static_cast<std::size_t>(candidate.index)];
    pick.group = group_name(candidate.index);
    pick.score = pick.entropy = pick.diversity = kNan;
    return pick;
  }

  void select(RoundRecord& record, const Selector& selector, const Model& by,
              const Augmenter& augmenter, index_t budget, const BatchRules& rules,
              Progress& progress) {
    Needs needs = selector.needs();
    needs.features |= rules.needs().features;
    needs.labels |= rules.needs().labels;
    needs.groups |= rules.needs().groups;
    const auto* scorer = dynamic_cast<const ScoreSelector*>(&selector);
    // Selectors that compare with what is labelled already see it, marked by its label.
    std::unordered_map<std::uint64_t, label_t> answers;
    Members with_labelled;
    if (needs.labels) {
      std::vector<CandidateRef> list = pool.list();
      for (const LabelledCandidate& one : labelled_so_far()) {
        answers.emplace(one.candidate.id, one.label);
        list.push_back(one.candidate);
      }
      with_labelled = Members(std::move(list));
    }
    const Members& members = needs.labels ? with_labelled : pool;

    PoolSummary summary;
    Unreadable bad;
    if (needs.scores || needs.mean_probabilities || needs.features) {
      PipelineOptions options = pipeline("score");
      options.on_unreadable = [&](index_t position, const std::string& reason) {
        bad.emplace_back(members[position], reason);
      };
      summary = summarise_pool(
          by, augmenter, *o.source, members.size(), [&](index_t i) { return members[i]; },
          Purpose::scoring, record.round,
          {.scorer = needs.scores ? scorer : nullptr,
           .mean_probabilities = needs.mean_probabilities,
           .mean_features = needs.features},
          options, progress);
      if (!bad.empty()) {
        drop_unreadable(bad, progress);
        with_labelled.remove_if([this](const CandidateRef& c) { return is_excluded(c); });
        if (pool.empty()) return;
      }
    }

    PoolView view;
    view.size = members.size();
    view.classes = by.info().classes;
    if (needs.scores) view.scores = &summary.scores;
    view.mean_probabilities = summary.mean_probabilities;
    view.features = summary.mean_features;
    view.feature_size = needs.features ? by.info().feature_size : 0;
    std::vector<label_t> labels;
    std::vector<index_t> groups;
    view.ids = members.ids();
    if (needs.labels) {
      for (const std::uint64_t id : members.ids()) {
        const auto answer = answers.find(id);
        labels.push_back(answer == answers.end() ? kUnlabelled : answer->second);
      }
      view.labels = labels;
    }
    if (needs.groups) {
      for (index_t i = 0; i < members.size(); ++i)
        groups.push_back(group_key(members[i].index));
      view.groups = groups;
    }

    std::vector<double> times;
    std::vector<index_t> sequences;
    std::vector<double> costs;
    const auto gather = [&]<class T>(const std::vector<T>& from, std::vector<T>& column) {
      for (index_t i = 0; i < members.size() && !from.empty(); ++i)
        column.push_back(from[static_cast<std::size_t>(members[i].index)]);
      return std::span<const T>(column);
    };
    if (rules.min_gap > 0) {
      view.times = gather(o.data->times, times);
      view.sequences = gather(o.data->sequences, sequences);
    }
    if (rules.max_cost > 0) view.costs = gather(o.data->costs, costs);

    const Selection picked =
        select_batch(selector, rules, view, budget, {o.seed, record.round, o.executor});
    record.vetoed = picked.vetoed;
    record.shortfall = picked.shortfall;
    AIFT_EXPECT(picked.size() >= 1 || !picked.shortfall.empty(), ValueError,
                "A selector must pick somebody from {} candidates; \"{}\" picked nobody.",
                view.size, selector.name());
    for (std::size_t r = 0; r < picked.indices.size(); ++r) {
      Pick pick = make_pick(members[picked.indices[r]]);
      if (!picked.score.empty()) pick.score = picked.score[r];
      if (!picked.entropy.empty()) pick.entropy = picked.entropy[r];
      if (!picked.diversity.empty()) pick.diversity = picked.diversity[r];
      if (!picked.dominant.empty() && !asked_by_first_model()) pick.dominant = picked.dominant[r];
      if (!picked.reason.empty()) pick.reason = picked.reason[r];
      if (!picked.audit.empty()) pick.audit = picked.audit[r] != 0;
      record.picks.push_back(std::move(pick));
    }
  }

  /// Predicts the picks once more, for what is too large to keep for a whole pool: predictions of
  /// every patch, and which were kept. Without a model that can say anything, one view is rendered
  /// all the same, so that no reader is asked about an image that cannot be opened. False when an
  /// unreadable candidate was among them: it is taken out, and picking has to start again.
  bool explain(RoundRecord& record, Progress& progress) {
    Unreadable bad;
    std::vector<CandidateRef> picked;
    for (const Pick& pick : record.picks)
      picked.push_back(pick.candidate);

    const bool by_first = asked_by_first_model();
    if (has_model() || by_first) {
      const Model& by = by_first ? *o.first_model : model();
      const auto* scorer =
          by_first ? dynamic_cast<const ScoreSelector*>(o.first_selector) : score_selector;
      PipelineOptions options = pipeline("explain");
      options.on_unreadable = [&](index_t position, const std::string& reason) {
        bad.emplace_back(picked[static_cast<std::size_t>(position)], reason);
      };
      std::vector<double> rows;
      predict_pool(
          by, by_first ? *o.first_augmenter : *o.augmenter, *o.source, picked, Purpose::scoring,
          record.round, options, progress, [&](const PredictedChunk& chunk) {
            ScoreTable table;
            if (scorer != nullptr) {
              table.request.kept = true;
              scorer->score(
                  PatchPredictions::dense(chunk.logits.data(), chunk.candidates, chunk.patches,
                                          chunk.classes, PredictionKind::logits),
                  table);
            }
            rows.resize(chunk.logits.size());
            softmax_rows(chunk.logits, chunk.classes, rows);
            const auto each = static_cast<std::size_t>(chunk.patches * chunk.classes);
            for (index_t i = 0; i < chunk.candidates; ++i) {
              Pick& pick = record.picks[static_cast<std::size_t>(chunk.first + i)];
              pick.patches = chunk.patches;
              if (scorer != nullptr) {
                const auto kept = table.kept_of(i);
                pick.kept.assign(kept.begin(), kept.end());
              }
              if (by_first) continue;  // its classes are not those of the data
              keep_predictions(pick,
                               std::span(rows).subspan(static_cast<std::size_t>(i) * each, each),
                               chunk.classes);
            }
          });
    } else {
      bad = unreadable_among(picked, record.round, progress);
    }
    drop_unreadable(bad, progress);
    return bad.empty();
  }

  /// Those of whom not one view can be rendered.
  Unreadable unreadable_among(std::span<const CandidateRef> members, index_t round,
                              Progress& progress) const {
    Unreadable bad;
    const PatchFormat& format = o.initial->info().input;
    std::vector<float> patch(static_cast<std::size_t>(format.elements()));
    for (const CandidateRef& candidate : members) {
      throw_if_cancelled(progress);
      try {
        const PatchPlan plan = o.augmenter->plan(candidate, Purpose::scoring, round, 0);
        o.augmenter->render({&plan, 1}, *o.source, {patch.data(), 1, format});
      } catch (const IoError& error) {
        bad.emplace_back(candidate, error.what());
      }
    }
    return bad;
  }

  // ------------------------------------------------------------------ answers

  void submit(std::span<const label_t> labels) {
    AIFT_EXPECT(state.pending.has_value(), ValueError,
                "There is no open query to answer; ask first (query).");
    AIFT_EXPECT(!state.answered, ValueError,
                "The query of round {} is answered already; train on it (train).",
                state.pending->round);
    AIFT_EXPECT(labels.size() == state.pending->picks.size(), ShapeError,
                "A query is answered with one label per pick; it has {} picks and {} labels came.",
                state.pending->picks.size(), labels.size());
    for (std::size_t i = 0; i < labels.size(); ++i) {
      AIFT_EXPECT(labels[i] >= kUnlabelled && labels[i] < classes(), ValueError,
                  "A label must be in [0, {}), or {} for \"cannot tell\"; pick {} got {}.",
                  classes(), kUnlabelled, i, labels[i]);
    }
    RunState next = state;
    for (std::size_t i = 0; i < labels.size(); ++i)
      next.pending->picks[i].label = labels[i];
    next.answered = true;
    next.pending->times.label = seconds_since(asked_at);
    next.pending->agreement = agreement(next.pending->picks);
    commit(std::move(next));
  }

  /// Share of the labelled picks whose largest mean probability is at the label.
  double agreement(const std::vector<Pick>& picks) const {
    index_t asked = 0;
    index_t right = 0;
    for (const Pick& pick : picks) {
      if (pick.label == kUnlabelled || pick.top.empty()) continue;
      ++asked;
      right += pick.top.front().first == pick.label ? 1 : 0;
    }
    return asked == 0 ? kNan : static_cast<double>(right) / static_cast<double>(asked);
  }

  // ------------------------------------------------------------------ training

  LabelledCandidate labelled(const Pick& pick) const {
    return {pick.candidate, pick.label, group_key(pick.candidate.index)};
  }

  /// In order of labelling; those that have become unreadable are left out.
  std::vector<LabelledCandidate> labelled_so_far(index_t from_round = 0) const {
    std::vector<LabelledCandidate> out;
    const auto add = [&](const RoundRecord& round) {
      if (round.round < from_round) return;
      for (const Pick& pick : round.picks) {
        if (pick.label != kUnlabelled && !is_excluded(pick.candidate))
          out.push_back(labelled(pick));
      }
    };
    for (const RoundRecord& round : state.rounds)
      add(round);
    if (state.pending && state.answered) add(*state.pending);
    return out;
  }

  const RoundRecord& train(Progress& progress) {
    AIFT_EXPECT(state.pending && state.answered, ValueError,
                "There are no new labels to train on; ask and answer first (query, submit).");
    RoundRecord record = *state.pending;
    record.labels = state.labels();

    const Clock::time_point start = Clock::now();
    std::unique_ptr<Model> trained = fit_readable(record, progress);
    record.times.train = seconds_since(start);
    record.trained = trained != nullptr;
    record.has_model = has_model() || record.trained;

    const Clock::time_point tested = Clock::now();
    PredictionTable predictions(o.data->class_names, record.round);
    measure(record, trained ? *trained : model(), predictions, progress);
    if (trained && folder) predict_labelled(*trained, predictions, progress);
    record.times.test = seconds_since(tested);

    throw_if_cancelled(progress);
    if (trained) {
      record.model_file = RunFolder::model_name(record.round, *trained);
      if (folder) {
        folder->save_model(*trained, record.model_file);
        folder->write_predictions(predictions.csv());
      }
    }
    RunState next = state;
    next.pending.reset();
    next.answered = false;
    next.rounds.push_back(std::move(record));
    next.stop = why_stop(next, pool_left());
    commit(std::move(next));
    if (trained) current = std::move(trained);
    if (folder) {
      folder->write_tables(state);
      if (o.keep == KeepModels::last)
        folder->remove_orphans(state, o.keep, o.initial->info().file_type);
    }
    return state.rounds.back();
  }

  /// An image that has become unreadable since it was labelled must not end the run: it is left out
  /// and the training begins again.
  std::unique_ptr<Model> fit_readable(RoundRecord& record, Progress& progress) {
    for (;;) {
      try {
        return fit(record, progress);
      } catch (const IoError&) {
        std::vector<CandidateRef> members;
        for (const LabelledCandidate& one : labelled_so_far())
          members.push_back(one.candidate);
        const Unreadable bad = unreadable_among(members, record.round, progress);
        if (bad.empty()) throw;  // it was something else
        drop_unreadable(bad, progress);
        record.fit = {};
      }
    }
  }

  /// Null when the labels do not allow any training.
  std::unique_ptr<Model> fit(RoundRecord& record, Progress& progress) {
    // New is what the current model has not been trained on: rounds that could not train hand
    // their labels on.
    index_t first_fresh = 0;
    for (const RoundRecord& round : state.rounds) {
      if (round.trained) first_fresh = round.round + 1;
    }
    const std::vector<LabelledCandidate> all = labelled_so_far();
    const std::vector<LabelledCandidate> fresh = labelled_so_far(first_fresh);
    std::vector<LabelledCandidate> hard;
    std::vector<LabelledCandidate> samples;
    if (o.set == TrainSet::all) samples = all;
    if (o.set == TrainSet::only_new) samples = fresh;
    if (o.set == TrainSet::hard) {
      hard = misclassified(model(), *o.augmenter, *o.source,
                           std::span(all).first(all.size() - fresh.size()), record.round,
                           pipeline("hard"), progress);
      samples = hard;
      samples.insert(samples.end(), fresh.begin(), fresh.end());
    }
    if (classes_in(samples) < 2) {
      const std::string why =
          samples.empty()
              ? "there is no label to train on"
              : fmt::format("all {} labels to train on are of one class", samples.size());
      record.fit.add("skipped", why);
      progress.note(fmt::format("Round {}: {}, so nothing is trained; the {} model stays.",
                                record.round, why, has_model() ? "current" : "untrained"));
      return nullptr;
    }

    TrainingRound round;
    round.round = record.round;
    round.seed = o.seed;
    round.classes = classes();
    round.class_names = o.data->class_names;
    round.set = o.set;
    round.fresh = fresh;
    round.all = all;
    round.misclassified = hard;
    round.samples = samples;
    round.augmenter = o.augmenter;
    round.source = o.source;

    if (folder) folder->expect_room();
    FitResult result =
        fit_round(*o.trainer, {o.start, o.make_scratch, *o.initial, model()}, round, progress);
    record.fit = std::move(result.report);
    return std::move(result.model);
  }

  PredictionTable::Row prediction_row(std::string_view split, const CandidateRef& candidate,
                                      label_t label, std::span<const double> means) const {
    return {split,
            candidate.index,
            o.data->paths[static_cast<std::size_t>(candidate.index)],
            group_name(candidate.index),
            label,
            means};
  }

  /// What the new model says of the images it was taught with: a label that it cannot be brought
  /// to believe may be wrong.
  void predict_labelled(const Model& by, PredictionTable& into, Progress& progress) const {
    const std::vector<LabelledCandidate> samples = labelled_so_far();
    std::vector<CandidateRef> members;
    for (const LabelledCandidate& one : samples)
      members.push_back(one.candidate);
    std::set<index_t> unreadable;  // since the training, a moment ago: only left out here
    PipelineOptions options = pipeline("review");
    options.on_unreadable = [&](index_t position, const std::string&) {
      unreadable.insert(position);
    };
    const std::vector<double> means =
        predict_mean_probabilities(by, *o.augmenter, *o.source, members, Purpose::test,
                                   state.pending->round, options, progress);
    const auto k = static_cast<std::size_t>(classes());
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (unreadable.contains(static_cast<index_t>(i))) continue;
      into.add(prediction_row("labelled", members[i], samples[i].label,
                              std::span(means).subspan(i * k, k)));
    }
  }

  void measure(RoundRecord& record, const Model& by, PredictionTable& predictions,
               Progress& progress) {
    record.metrics = Metrics{};
    if (record.has_model && !record.trained) {  // the same model on the same images
      record.metrics = state.rounds.back().metrics;
      return;
    }
    const auto k = static_cast<std::size_t>(classes());
    std::vector<double> means;
    std::vector<label_t> labels;
    if (record.has_model) {
      Unreadable bad;
      const std::vector<CandidateRef> members = test;
      PipelineOptions options = pipeline("test");
      options.on_unreadable = [&](index_t position, const std::string& reason) {
        bad.emplace_back(members[static_cast<std::size_t>(position)], reason);
      };
      const std::vector<double> predicted = predict_mean_probabilities(
          by, *o.augmenter, *o.source, members, Purpose::test, record.round, options, progress);
      drop_unreadable(bad, progress);
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (role(members[i].index) != Role::test) continue;
        const auto row = predicted.begin() + static_cast<std::ptrdiff_t>(i * k);
        means.insert(means.end(), row, row + static_cast<std::ptrdiff_t>(k));
        labels.push_back(known_label(members[i].index));
        predictions.add(prediction_row("test", members[i], labels.back(),
                                       std::span(predicted).subspan(i * k, k)));
      }
    } else {
      std::vector<double> frequency(k, 1.0);
      for (const LabelledCandidate& one : labelled_so_far())
        frequency[static_cast<std::size_t>(one.label)] += 1;
      double sum = 0;
      for (const double f : frequency)
        sum += f;
      for (const CandidateRef& candidate : test) {
        for (const double f : frequency)
          means.push_back(f / sum);
        labels.push_back(known_label(candidate.index));
      }
    }
    if (!labels.empty()) record.metrics = evaluate(means, labels, classes());
  }
};

ActiveLearner::ActiveLearner(LearnerOptions options, Progress& progress)
    : impl_(std::make_unique<Impl>(std::move(options), progress)) {}

ActiveLearner::~ActiveLearner() = default;
ActiveLearner::ActiveLearner(ActiveLearner&&) noexcept = default;
ActiveLearner& ActiveLearner::operator=(ActiveLearner&&) noexcept = default;

bool ActiveLearner::step(Progress& progress) {
  if (stopped()) return false;
  AIFT_EXPECT(impl_->o.oracle != nullptr, ValueError,
              "step() and run() need an oracle that answers; without one use query(), submit() and "
              "train().");
  if (!impl_->state.pending && !impl_->open_query(progress)) return false;
  if (!impl_->state.answered) {
    std::vector<CandidateRef> asked;
    for (const Pick& pick : impl_->state.pending->picks)
      asked.push_back(pick.candidate);
    throw_if_cancelled(progress);
    impl_->asked_at = Clock::now();
    impl_->submit(impl_->o.oracle->label(asked, impl_->state.pending->round, progress));
  }
  impl_->train(progress);
  return true;
}

const StopReason& ActiveLearner::run(Progress& progress) {
  while (step(progress)) {
  }
  return *impl_->state.stop;
}

const RoundRecord& ActiveLearner::query(Progress& progress) {
  impl_->train_on_start_set(progress);
  if (impl_->state.pending) return *impl_->state.pending;
  AIFT_EXPECT(!stopped(), ValueError, "The run has ended, nobody is asked any more: {}",
              impl_->state.stop->reason);
  AIFT_EXPECT(impl_->open_query(progress), ValueError,
              "The run has ended, nobody is asked any more: {}", impl_->state.stop->reason);
  return *impl_->state.pending;
}

void ActiveLearner::submit(std::span<const label_t> labels) { impl_->submit(labels); }

const RoundRecord& ActiveLearner::train(Progress& progress) { return impl_->train(progress); }

bool ActiveLearner::stopped() const noexcept { return impl_->state.stop.has_value(); }
const RunState& ActiveLearner::state() const noexcept { return impl_->state; }
const Model& ActiveLearner::model() const noexcept { return impl_->model(); }
index_t ActiveLearner::pool_left() const noexcept { return impl_->pool_left(); }
std::span<const CandidateRef> ActiveLearner::test_set() const noexcept { return impl_->test; }

}  // namespace aift
