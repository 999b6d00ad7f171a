// SPDX-License-Identifier: Apache-2.0
#include <aift/store/training.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <set>
#include <system_error>
#include <unordered_map>

#include <aift/core/error.hpp>
#include <aift/loop/pool_pipeline.hpp>
#include <aift/select/registry.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"
#include "software.hpp"
#include "src/io/flush.hpp"
#include "src/loop/learning_step.hpp"
#include "test_set.hpp"

namespace aift::store {

namespace {

using Clock = std::chrono::steady_clock;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

void check_parts(const TrainingParts& parts, const ProjectSettings& settings) {
  AIFT_EXPECT(parts.initial != nullptr && parts.trainer != nullptr && parts.augmenter != nullptr &&
                  parts.source != nullptr && parts.load,
              ValueError,
              "Training needs an initial model, trainer, augmenter, source and loader; one is missing.");
  AIFT_EXPECT(parts.initial->info().classes == static_cast<index_t>(settings.classes.size()),
              ShapeError, "The initial model must have one output for each of the {} classes; it has {}.",
              settings.classes.size(), parts.initial->info().classes);
  AIFT_EXPECT(settings.start != StartFrom::scratch || parts.make_scratch, ValueError,
              "Starting from scratch needs make_scratch, which makes an untrained model.");
}

/// One call of train().
class Training {
 public:
  Training(Project& project, const TrainingParts& parts, Progress& progress)
      : project_(project), impl_(project.impl()), parts_(parts), progress_(progress) {
    ids_ = impl_.ids();
  }

  TrainingOutcome run(bool partial) {
    TrainingOutcome outcome;
    collect();
    const bool open = check_open_query(partial);
    // Whatever the gate said of them: the same labels are not trained on twice.
    if (open || labels_hash() != impl_.fact("trained_labels")) {
      fit_and_commit(outcome);
    } else {
      outcome.note = "There is no new label, so nothing was trained.";
    }
    score_pool(outcome);
    AIFT_EXPECT(outcome.note.empty() || outcome.scored > 0 || open, ValueError,
                "There is nothing to do: no new label and no sample that was not scored. Ask and "
                "answer first (query, label).");
    return outcome;
  }

 private:
  using Set = std::vector<std::pair<std::int64_t, label_t>>;

  CandidateRef ref(index_t number) const { return {number, item(ids_, number)}; }

  index_t parent_number() const {
    const index_t current = impl_.current_model();
    if (!impl_.settings.keep_rejected) return current;
    return impl_.db.integer("SELECT count(*) FROM models") - 1;
  }

  std::string labels_hash() const {
    if (set_.empty()) return {};
    Json list = Json::array();
    for (const auto& [sample, label] : set_)
      list.push_back({sample, label});
    return sha256(dump(list));
  }

  /// Labels of the pool, in the order in which their samples were asked about, then as they came in.
  void collect() {
    std::unordered_map<std::int64_t, std::pair<std::int64_t, std::int64_t>> asked;
    Statement row = impl_.db.prepare("SELECT sample, round, rank FROM picks ORDER BY round DESC");
    while (row.step())
      asked[row.integer(0)] = {row.integer(1), row.integer(2)};
    std::vector<std::int64_t> split;
    std::vector<std::string> groups;
    Statement side = impl_.db.prepare(
        "SELECT split, grp FROM samples JOIN names ON sample = number ORDER BY number");
    while (side.step()) {
      split.push_back(side.integer(0));
      groups.push_back(side.text(1));
    }
    groups_ = std::move(groups);
    struct Entry {
      std::int64_t round, rank, first_answer, sample;
      label_t label;
    };
    std::vector<Entry> order;
    for (const Verdict& verdict : project_.verdicts()) {
      if (item(split, verdict.sample) != static_cast<int>(Side::pool)) continue;
      conflicts_ += verdict.conflict ? 1 : 0;
      if (verdict.label == kUnlabelled) continue;
      const auto found = asked.find(verdict.sample);
      const auto place = found == asked.end()
                             ? std::pair<std::int64_t, std::int64_t>(INT64_MAX, 0)
                             : found->second;
      order.push_back(
          {place.first, place.second, verdict.first_answer, verdict.sample, verdict.label});
    }
    std::sort(order.begin(), order.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.round, a.rank, a.first_answer) < std::tie(b.round, b.rank, b.first_answer);
    });
    for (const Entry& entry : order)
      set_.emplace_back(entry.sample, entry.label);
  }

  bool check_open_query(bool partial) {
    const std::optional<StoreQuery> open = project_.open_query();
    if (!open) return false;
    std::unordered_map<index_t, const Verdict*> of;
    const std::vector<Verdict> verdicts = project_.verdicts();
    for (const Verdict& verdict : verdicts)
      of.emplace(verdict.sample, &verdict);
    index_t missing = 0;
    index_t conflicts = 0;
    for (const StorePick& pick : open->picks) {
      if (pick.sample.withdrawn) continue;
      const auto found = of.find(pick.sample.number);
      missing += found == of.end() || found->second->waiting ? 1 : 0;
      conflicts += found != of.end() && found->second->conflict ? 1 : 0;
    }
    AIFT_EXPECT(partial || missing == 0, ValueError,
                "{} of {} samples of round {} have no answer yet, or not from enough readers; label "
                "them, or train without them (--partial), and they return to the pool.",
                missing, open->picks.size(), open->round);
    if (conflicts > 0) {
      progress_.note(fmt::format(
          "{} samples of round {} are left out: their readers disagree (see `aift status`).",
          conflicts, open->round));
    }
    round_ = open->round;
    return true;
  }

  Set trained_set(index_t model) const {
    Set set;
    Statement row = impl_.db.prepare(
        "SELECT training.sample, label FROM training JOIN samples ON number = sample "
        "WHERE model = ? AND withdrawn = 0 ORDER BY place");
    row.with(model);
    while (row.step())
      set.emplace_back(row.integer(0), static_cast<label_t>(row.integer(1)));
    return set;
  }

  LabelledCandidate labelled(const std::pair<std::int64_t, label_t>& one) const {
    return {ref(one.first), one.second,
            static_cast<index_t>(io::candidate_id(item(groups_, one.first)) >> 1)};
  }

  std::unique_ptr<Model> load(index_t number) const {
    return load_model(impl_.model(number), parts_.load);
  }

  PipelineOptions pipeline(std::string_view stage) const {
    PipelineOptions options;
    options.batch = parts_.batch;
    options.workers = parts_.workers;
    options.stage = stage;
    return options;
  }

  // ------------------------------------------------------------------ fitting

  void close_without_model(TrainingOutcome& outcome, const std::string& why) {
    Transaction transaction(impl_.db);
    impl_.append("closed", {{"round", round_}, {"reason", why}, {"labels", labels_hash()}});
    transaction.commit();
    outcome.note = why;
    progress_.note(why);
  }

  /// Those whose image can be read; asked only when something could not be.
  bool drop_unreadable(std::vector<LabelledCandidate>& samples) {
    const PatchFormat& format = parts_.initial->info().input;
    std::vector<float> patch(at(format.elements()));
    const std::size_t before = samples.size();
    std::erase_if(samples, [&](const LabelledCandidate& one) {
      try {
        const PatchPlan plan = parts_.augmenter->plan(one.candidate, Purpose::scoring, round_, 0);
        parts_.augmenter->render({&plan, 1}, *parts_.source, {patch.data(), 1, format});
        return false;
      } catch (const IoError& error) {
        progress_.note(error.what());
        return true;
      }
    });
    return samples.size() < before;
  }

  void fit_and_commit(TrainingOutcome& outcome) {
    const ProjectSettings& settings = impl_.settings;
    if (round_ < 0) round_ = impl_.db.integer("SELECT count(*) FROM rounds");
    const index_t parent_model = parent_number();
    std::unique_ptr<Model> loaded;
    if (parent_model >= 0) loaded = load(parent_model);
    const Model& current = loaded ? *loaded : *parts_.initial;

    std::vector<LabelledCandidate> all;
    for (const auto& one : set_)
      all.push_back(labelled(one));
    FitResult result;
    std::vector<LabelledCandidate> samples;
    const Clock::time_point began = Clock::now();
    for (;;) {
      try {
        samples = choose(all, current, parent_model);
        if (classes_in(samples) < 2) {
          close_without_model(
              outcome, fmt::format("Round {}: the {} labels to train on are of fewer than 2 classes, so "
                                   "nothing is trained.",
                                   round_, samples.size()));
          return;
        }
        result = fit(all, samples, current);
        break;
      } catch (const IoError&) {
        if (!drop_unreadable(all)) throw;
      }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    const TestPredictions predictions = predict_test_set(*result.model);
    const Metrics metrics = measure(impl_, project_.verdicts(), predictions);
    const GateDecision gate = judge(predictions);
    throw_if_cancelled(progress_);

    const auto [hash, type] = save(*result.model);
    Json training = Json::array();
    Statement sid = impl_.db.prepare("SELECT sid FROM samples WHERE number = ?");
    for (const LabelledCandidate& one : samples) {
      sid.with(one.candidate.index);
      sid.step();
      training.push_back({one.candidate.index, sid.text(0), one.label});
    }
    sid.reset();
    Json facts = Json::array();
    for (const auto& [name, value] : parts_.facts)
      facts.push_back({name, value});
    Json report = Json::array();
    for (const auto& [name, value] : result.report.facts)
      report.push_back({name, value});
    Transaction transaction(impl_.db);
    impl_.append(
        "train",
        {{"round", round_},
         {"model", hash},
         {"type", type},
         {"parent", settings.start == StartFrom::current ? parent_model : -1},
         {"parent_hash", settings.start == StartFrom::current && parent_model >= 0
                             ? impl_.model(parent_model).hash
                             : parts_.initial_hash},
         {"trainer", parts_.trainer->name()},
         {"training", impl_.put_blob(dump(training))},
         {"labels", labels_hash()},
         {"order_seed", std::to_string(settings.seed)},
         {"answer_rule", to_string(settings.answers)},
         {"readers", settings.answers.readers},
         {"metrics",
          {{"auc", metrics.auc},
           {"accuracy", metrics.accuracy},
           {"balanced_accuracy", metrics.balanced_accuracy},
           {"log_loss", metrics.log_loss},
           {"samples", metrics.samples}}},
         {"predictions", impl_.put_blob(pack(predictions))},
         {"gate",
          {{"on", settings.gate.on},
           {"reference", gate.reference},
           {"difference", gate.difference},
           {"error", gate.error},
           {"samples", gate.samples},
           {"reason", gate.reason}}},
         {"accepted", gate.accepted},
         {"seconds", seconds},
         {"fit", report},
         {"facts", facts},
         {"software", software()}});
    transaction.commit();
    outcome.gate = gate;
    outcome.samples = static_cast<index_t>(samples.size());
    outcome.model = impl_.model(impl_.db.integer("SELECT count(*) FROM models") - 1);
  }

  /// What is trained on, of all that is labelled; fills fresh_ and hard_.
  std::vector<LabelledCandidate> choose(const std::vector<LabelledCandidate>& all,
                                        const Model& current, index_t parent_model) {
    std::set<std::pair<std::int64_t, label_t>> seen;
    for (const auto& one : trained_set(parent_model))
      seen.insert(one);
    fresh_.clear();
    hard_.clear();
    std::vector<LabelledCandidate> earlier;
    for (const LabelledCandidate& one : all)
      (seen.contains({one.candidate.index, one.label}) ? earlier : fresh_).push_back(one);
    if (impl_.settings.set == TrainSet::all) return all;
    std::vector<LabelledCandidate> samples;
    if (impl_.settings.set == TrainSet::hard) {
      samples = hard_ = misclassified(current, *parts_.augmenter, *parts_.source, earlier, round_,
                                      pipeline("hard"), progress_);
    }
    samples.insert(samples.end(), fresh_.begin(), fresh_.end());
    return samples;
  }

  FitResult fit(const std::vector<LabelledCandidate>& all,
                const std::vector<LabelledCandidate>& samples, const Model& current) {
    const ProjectSettings& settings = impl_.settings;
    TrainingRound round;
    round.round = round_;
    round.seed = settings.seed;
    round.classes = static_cast<index_t>(settings.classes.size());
    round.class_names = settings.classes;
    round.set = settings.set;
    round.fresh = fresh_;
    round.all = all;
    round.misclassified = hard_;
    round.samples = samples;
    round.augmenter = parts_.augmenter;
    round.source = parts_.source;
    return fit_round(*parts_.trainer, {settings.start, parts_.make_scratch, *parts_.initial, current},
                     round, progress_);
  }

  std::pair<std::string, std::string> save(const Model& model) const {
    const std::string& type = model.info().file_type;
    const fs::path trial = impl_.folder / kModels / ("trial" + type);
    model.save(trial);
    io::flush(trial);
    const std::string hash = sha256_of_file(trial);
    const fs::path file = impl_.model_file(hash, type);
    std::error_code error;
    fs::permissions(trial, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read, error);
    fs::rename(trial, file, error);
    AIFT_EXPECT(!error, IoError, "{} could not be written: {}.", file.string(), error.message());
    io::flush(impl_.folder / kModels);
    return {hash, type};
  }

  // ------------------------------------------------------------------ measuring

  TestPredictions predict_test_set(const Model& by) {
    std::vector<CandidateRef> members;
    Statement row = impl_.db.prepare("SELECT number FROM samples WHERE split = 1 AND withdrawn = 0");
    while (row.step())
      members.push_back(ref(row.integer(0)));
    std::sort(members.begin(), members.end(),
              [](const CandidateRef& a, const CandidateRef& b) { return a.id < b.id; });
    TestPredictions predictions;
    predictions.classes = static_cast<index_t>(impl_.settings.classes.size());
    if (members.empty()) return predictions;
    PipelineOptions options = pipeline("test");
    options.on_unreadable = [&](index_t, const std::string& reason) { progress_.note(reason); };
    const std::vector<double> means = predict_mean_probabilities(
        by, *parts_.augmenter, *parts_.source, members, Purpose::test, round_, options, progress_);
    const auto k = at(predictions.classes);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (std::isnan(means[i * k])) continue;  // unreadable
      predictions.samples.push_back(members[i].index);
      predictions.probabilities.insert(predictions.probabilities.end(), means.begin() + static_cast<std::ptrdiff_t>(i * k),
                                       means.begin() + static_cast<std::ptrdiff_t>((i + 1) * k));
    }
    return predictions;
  }

  /// Against the best accepted model so far, so that many small steps down do not add up.
  GateDecision judge(const TestPredictions& predictions) const {
    const ProjectSettings& settings = impl_.settings;
    GateDecision first;
    if (!settings.gate.on) {
      first.reason = "The gate is off.";
      return first;
    }
    const std::vector<Verdict> verdicts = project_.verdicts();
    std::optional<TestPredictions> best;
    index_t number = -1;
    double best_value = 0;
    for (const StoredModel& model : project_.models()) {
      if (!model.accepted) continue;
      TestPredictions theirs = read_predictions(impl_, model.number);
      const double value = metric_value(measure(impl_, verdicts, theirs), settings.gate.metric);
      const double gain = settings.gate.metric == MetricKind::log_loss ? -value : value;
      if (std::isnan(value) || (best && gain < best_value)) continue;
      best = std::move(theirs);
      best_value = gain;
      number = model.number;
    }
    if (!best) {
      first.reason = "There is no accepted model to compare with.";
      return first;
    }
    const Paired paired = pair_up(impl_, verdicts, *best, predictions, groups_);
    if (paired.labels.empty()) {
      first.reason = "The test set has no label, so nothing was compared.";
      return first;
    }
    GateDecision gate = pass_gate(settings.gate, paired.reference, paired.probabilities,
                                  paired.labels, paired.groups, predictions.classes, settings.seed);
    gate.reference = number;
    return gate;
  }

  // ------------------------------------------------------------------ scoring

  void score_pool(TrainingOutcome& outcome) {
    const index_t number = impl_.current_model();
    if (number < 0) return;
    const ProjectSettings& settings = impl_.settings;
    const auto selector = SelectorRegistry::with_builtin().make(settings.selector,
                                                                Settings(settings.selector_options));
    Needs needs = selector->needs();
    needs.features |= settings.rules.needs().features;
    needs.labels |= settings.rules.needs().labels;
    const auto* scorer = dynamic_cast<const ScoreSelector*>(selector.get());

    std::set<std::int64_t> wanted;
    Statement row = impl_.db.prepare(
        "SELECT number FROM samples WHERE split = 0 AND withdrawn = 0 AND NOT EXISTS "
        "(SELECT 1 FROM labels WHERE labels.sample = samples.number)");
    while (row.step())
      wanted.insert(row.integer(0));
    const bool anybody = !wanted.empty();
    if (needs.labels && anybody) {
      for (const auto& [sample, label] : set_)
        wanted.insert(sample);
    }
    if (!anybody) return;

    // What the same model has scored before is kept.
    const std::size_t k = settings.classes.size();
    std::vector<ScoreRow> rows;
    std::vector<double> means;
    std::vector<float> features;
    if (const auto earlier = impl_.latest_scoring(number)) {
      std::vector<ScoreRow> old = unpack(impl_.blob(earlier->scores));
      std::vector<double> old_means = values_of<double>(impl_.working("means", earlier->means));
      std::vector<float> old_features = values_of<float>(impl_.working("features", earlier->features));
      if (old_means.size() == old.size() * k && (!needs.features || !old_features.empty())) {
        rows = std::move(old);
        means = std::move(old_means);
        features = std::move(old_features);
      }
    }
    for (const ScoreRow& one : rows)
      wanted.erase(one.sample);
    if (wanted.empty()) return;

    std::vector<CandidateRef> members;
    for (const std::int64_t sample : wanted)
      members.push_back(ref(sample));
    std::sort(members.begin(), members.end(),
              [](const CandidateRef& a, const CandidateRef& b) { return a.id < b.id; });
    const std::unique_ptr<Model> model = load(number);
    const auto round = static_cast<index_t>(impl_.db.integer("SELECT count(*) FROM rounds"));
    std::set<index_t> unreadable;
    PipelineOptions options = pipeline("score");
    options.on_unreadable = [&](index_t position, const std::string& reason) {
      unreadable.insert(position);
      progress_.note(reason);
    };
    const PoolSummary summary = summarise_pool(
        *model, *parts_.augmenter, *parts_.source, static_cast<index_t>(members.size()),
        [&](index_t i) { return members[at(i)]; }, Purpose::scoring, round,
        {.scorer = needs.scores ? scorer : nullptr,
         .mean_probabilities = true,
         .mean_features = needs.features},
        options, progress_);
    std::size_t r = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (unreadable.contains(static_cast<index_t>(i))) continue;
      ScoreRow one;
      one.sample = static_cast<std::int32_t>(members[i].index);
      if (needs.scores) {
        one.score = summary.scores.score[r];
        one.entropy = summary.scores.entropy[r];
        one.diversity = summary.scores.diversity[r];
        one.dominant = summary.scores.dominant[r];
      }
      rows.push_back(one);
      ++r;
    }
    means.insert(means.end(), summary.mean_probabilities.begin(), summary.mean_probabilities.end());
    features.insert(features.end(), summary.mean_features.begin(), summary.mean_features.end());
    outcome.scored = static_cast<index_t>(r);
    commit_scores(number, round, rows, bytes_of(means), bytes_of(features));
  }

  void commit_scores(index_t model, index_t round, const std::vector<ScoreRow>& rows,
                     const std::string& means, const std::string& features) {
    throw_if_cancelled(progress_);
    Transaction transaction(impl_.db);
    Statement keep = impl_.db.prepare(
        "INSERT INTO working VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET data = excluded.data");
    const auto store = [&](std::string_view name, const std::string& bytes) {
      keep.bind(0, name);
      keep.bind_blob(1, bytes);
      keep.run();
      return sha256(bytes);
    };
    const std::string means_hash = store("means", means);
    const std::string features_hash = store("features", features);
    impl_.append("scores", {{"model", model},
                            {"model_hash", impl_.model(model).hash},
                            {"round", round},
                            {"selector", impl_.settings.selector},
                            {"selector_options", impl_.settings.selector_options},
                            {"count", rows.size()},
                            {"scores", impl_.put_blob(pack(rows))},
                            {"means", means_hash},
                            {"features", features_hash}});
    transaction.commit();
  }

  Project& project_;
  Project::Impl& impl_;
  const TrainingParts& parts_;
  Progress& progress_;
  std::vector<std::uint64_t> ids_;
  std::vector<std::string> groups_;
  Set set_;
  index_t conflicts_ = 0;
  index_t round_ = -1;
  std::vector<LabelledCandidate> fresh_;
  std::vector<LabelledCandidate> hard_;
};

}  // namespace

TrainingOutcome train(Project& project, const TrainingParts& parts, Progress& progress,
                      bool partial) {
  project.impl().expect_writable();
  check_parts(parts, project.settings());
  return Training(project, parts, progress).run(partial);
}

std::unique_ptr<Model> load_model(const StoredModel& model, const ModelLoader& load) {
  AIFT_EXPECT(sha256_of_file(model.file) == model.hash, IoError,
              "{} does not hold the model that the record names; restore it from a copy.",
              model.file.string());
  std::unique_ptr<Model> loaded = load(model.file);
  AIFT_EXPECT(loaded != nullptr, IoError, "{} could not be loaded.", model.file.string());
  return loaded;
}

}  // namespace aift::store
