// SPDX-License-Identifier: Apache-2.0
// Asking: from what the record holds of the pool alone, no network is needed.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>

#include <aift/core/error.hpp>
#include <aift/select/registry.hpp>
#include <aift/select/score_selector.hpp>
#include <aift/store/digest.hpp>

#include "impl.hpp"
#include "src/loop/first_draw.hpp"

namespace aift::store {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kRowBytes = 32;

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

struct Candidate {
  std::uint64_t id = 0;
  std::int64_t number = 0;
  label_t label = kUnlabelled;
};

constexpr const char* kEligible =
    " FROM samples JOIN names ON sample = number WHERE split = 0 AND withdrawn = 0 "
    "AND NOT EXISTS (SELECT 1 FROM labels WHERE labels.sample = samples.number)";

/// What a selection looks at, in the order of the ids.
struct View {
  std::vector<Candidate> candidates;
  ScoreTable scores;
  std::vector<double> means;
  std::vector<float> features;
  std::vector<std::uint64_t> ids;
  std::vector<label_t> labels;
  std::vector<index_t> groups;
  std::vector<double> times;
  std::vector<double> costs;
  PoolView pool;
};

void sort_candidates(std::vector<Candidate>& list) {
  std::sort(list.begin(), list.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

/// Hash over the names of those that could be picked.
std::string pool_hash(const Database& db, std::span<const Candidate> candidates) {
  std::vector<std::string> sids(at(db.integer("SELECT count(*) FROM samples")));
  Statement row = db.prepare("SELECT number, sid FROM samples");
  while (row.step())
    item(sids, row.integer(0)) = row.text(1);
  std::string text;
  for (const Candidate& one : candidates)
    text += item(sids, one.number) + "\n";
  return sha256(text);
}

/// Columns of `names` that rules read.
void read_columns(const Database& db, const Needs& needs, const BatchRules& rules, View& view) {
  if (!needs.groups && rules.min_gap == 0 && rules.max_cost == 0) return;
  Statement row = db.prepare("SELECT grp, time, cost FROM names WHERE sample = ?");
  for (const Candidate& one : view.candidates) {
    row.with(one.number);
    row.step();
    if (needs.groups || rules.min_gap > 0) {
      view.groups.push_back(static_cast<index_t>(io::candidate_id(row.text(0)) >> 1));
    }
    if (rules.min_gap > 0) view.times.push_back(row.real(1));
    if (rules.max_cost > 0) {
      AIFT_EXPECT(!std::isnan(row.real(2)), ValueError,
                  "The batch rule max_cost needs the cost of every sample; sample {} has none.",
                  one.number);
      view.costs.push_back(row.real(2));
    }
  }
  view.pool.groups = view.groups;
  view.pool.times = view.times;
  view.pool.costs = view.costs;
}

}  // namespace

std::string pack(std::span<const ScoreRow> rows) {
  static_assert(std::endian::native == std::endian::little && sizeof(ScoreRow) == kRowBytes);
  return {reinterpret_cast<const char*>(rows.data()), rows.size() * kRowBytes};
}

std::vector<ScoreRow> unpack(const std::string& bytes) {
  AIFT_EXPECT(bytes.size() % kRowBytes == 0, IoError,
              "The scores of this project are damaged: {} bytes are no rows of {}.", bytes.size(),
              kRowBytes);
  return values_of<ScoreRow>(bytes);
}

std::string Project::Impl::working(std::string_view name, const std::string& hash) const {
  Statement find = db.prepare("SELECT data FROM working WHERE name = ?");
  find.with(name);
  std::string data = find.step() ? find.text(0) : std::string();
  return sha256(data) == hash ? data : std::string();
}

namespace {

/// Fills scores, means and features of the candidates; those that were not scored leave the list.
void read_scores(const Project::Impl& project, const Scoring& scoring, const Needs& needs,
                 const ScoreSelector* scorer, View& view) {
  const std::vector<ScoreRow> rows = unpack(project.blob(scoring.scores));
  const std::size_t classes = project.settings.classes.size();
  const std::vector<double> means = values_of<double>(project.working("means", scoring.means));
  AIFT_EXPECT(!needs.mean_probabilities || means.size() == rows.size() * classes, ValueError,
              "The selector needs mean probabilities of the current model, which another model's have "
              "replaced; run `aift train` to score the pool again.");
  std::vector<float> features;
  std::size_t width = 0;
  if (needs.features) {
    features = values_of<float>(project.working("features", scoring.features));
    AIFT_EXPECT(!features.empty() && !rows.empty() && features.size() % rows.size() == 0, ValueError,
                "The selector needs features of the current model, which are not there; run `aift "
                "train` to score the pool again.");
    width = features.size() / rows.size();
  }
  std::unordered_map<std::int64_t, std::size_t> row_of;
  for (std::size_t r = 0; r < rows.size(); ++r)
    row_of.emplace(rows[r].sample, r);
  std::erase_if(view.candidates, [&](const Candidate& c) { return !row_of.contains(c.number); });

  if (scorer != nullptr) view.scores.name = scorer->name();
  view.scores.classes = static_cast<index_t>(classes);
  for (const Candidate& one : view.candidates) {
    const std::size_t r = row_of.at(one.number);
    if (needs.scores) {
      view.scores.score.push_back(rows[r].score);
      view.scores.entropy.push_back(rows[r].entropy);
      view.scores.diversity.push_back(rows[r].diversity);
      view.scores.dominant.push_back(rows[r].dominant);
    }
    if (!means.empty()) {
      const auto from = means.begin() + static_cast<std::ptrdiff_t>(r * classes);
      view.means.insert(view.means.end(), from, from + static_cast<std::ptrdiff_t>(classes));
    }
    if (width > 0) {
      const auto from = features.begin() + static_cast<std::ptrdiff_t>(r * width);
      view.features.insert(view.features.end(), from, from + static_cast<std::ptrdiff_t>(width));
    }
  }
  if (needs.scores) view.pool.scores = &view.scores;
  view.pool.mean_probabilities = view.means;
  view.pool.features = view.features;
  view.pool.feature_size = static_cast<index_t>(width);
}

Json pick_json(const View& view, const Selection& picked, std::size_t r, std::size_t classes) {
  const auto i = at(picked.indices[r]);
  const auto value = [r](const std::vector<double>& column) {
    return column.empty() ? kNan : column[r];
  };
  label_t prediction = kUnlabelled;
  double probability = kNan;
  if (!view.means.empty()) {
    const auto row = view.means.begin() + static_cast<std::ptrdiff_t>(i * classes);
    const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(classes));
    prediction = static_cast<label_t>(best - row);
    probability = *best;
  } else if (!picked.dominant.empty()) {
    prediction = picked.dominant[r];
  }
  return {{"number", view.candidates[i].number},
          {"score", value(picked.score)},
          {"entropy", value(picked.entropy)},
          {"diversity", value(picked.diversity)},
          {"prediction", prediction},
          {"probability", probability},
          {"audit", !picked.audit.empty() && picked.audit[r] != 0},
          {"reason", picked.reason.empty() ? "" : picked.reason[r]}};
}

}  // namespace

StoreQuery Project::query(std::optional<index_t> budget) {
  impl_->expect_writable();
  if (std::optional<StoreQuery> open = open_query()) return *std::move(open);
  const ProjectSettings& settings = impl_->settings;
  const Database& db = impl_->db;
  const index_t wanted = budget.value_or(settings.budget);
  AIFT_EXPECT(wanted >= 1, ValueError, "The budget must be at least 1 label; got {}.", wanted);

  const index_t model = impl_->current_model();
  const auto selector =
      SelectorRegistry::with_builtin().make(settings.selector, Settings(settings.selector_options));
  const FirstDraw first;
  const Selector& asker = model >= 0 ? *selector : static_cast<const Selector&>(first);
  BatchRules rules = settings.rules;
  if (model < 0) {
    rules.veto_similarity = 1;  // no features are there
    if (rules.min_gap == 0) rules.against_labelled = false;
  }
  Needs needs = asker.needs();
  needs.features |= rules.needs().features;
  needs.labels |= rules.needs().labels;
  needs.groups |= rules.needs().groups;

  View view;
  {
    Statement row = db.prepare(std::string("SELECT number, id") + kEligible);
    while (row.step())
      view.candidates.push_back({static_cast<std::uint64_t>(row.integer(1)), row.integer(0)});
  }
  AIFT_EXPECT(!view.candidates.empty(), ValueError,
              "Nobody is left to ask about: every sample of the pool has an answer. Add images, or go "
              "on with `aift train`.");
  if (needs.labels) {
    const std::vector<std::uint64_t> ids = impl_->ids();
    for (const Verdict& verdict : verdicts()) {
      if (verdict.label == kUnlabelled || sample(std::to_string(verdict.sample)).side != Side::pool)
        continue;
      view.candidates.push_back({item(ids, verdict.sample), verdict.sample, verdict.label});
    }
  }
  sort_candidates(view.candidates);
  std::int64_t scoring_number = -1;
  view.pool.classes = static_cast<index_t>(settings.classes.size());
  if (needs.scores || needs.mean_probabilities || needs.features) {
    const auto scoring = impl_->latest_scoring(model);
    AIFT_EXPECT(scoring.has_value(), ValueError,
                "The pool has not been scored by model {}; run `aift train`, which does.", model);
    scoring_number = scoring->number;
    read_scores(*impl_, *scoring, needs, dynamic_cast<const ScoreSelector*>(&asker), view);
    AIFT_EXPECT(!view.candidates.empty(), ValueError,
                "None of the samples that are left was scored by model {}: they joined since; run "
                "`aift train`, which scores them.",
                model);
  }
  for (const Candidate& one : view.candidates) {
    view.ids.push_back(one.id);
    view.labels.push_back(one.label);
  }
  view.pool.size = static_cast<index_t>(view.candidates.size());
  view.pool.ids = view.ids;
  if (needs.labels) view.pool.labels = view.labels;
  read_columns(db, needs, rules, view);

  const auto round = static_cast<index_t>(db.integer("SELECT count(*) FROM rounds"));
  const Selection picked =
      select_batch(asker, rules, view.pool, wanted, {.seed = settings.seed, .round = round});
  AIFT_EXPECT(picked.size() >= 1, ValueError, "{}",
              picked.shortfall.empty() ? "Nobody is left to ask about." : picked.shortfall);
  Json picks = Json::array();
  for (std::size_t r = 0; r < picked.indices.size(); ++r)
    picks.push_back(pick_json(view, picked, r, settings.classes.size()));

  Transaction transaction(db);
  impl_->append("query",
                {{"round", round},
                 {"rule", asker.name()},
                 {"selector", settings.selector},
                 {"selector_options", settings.selector_options},
                 {"batch_rules", rules.text()},
                 {"model", model},
                 {"scoring", scoring_number},
                 {"seed", std::to_string(settings.seed)},
                 {"budget", wanted},
                 {"pool",
                  {{"count", view.candidates.size()}, {"hash", pool_hash(db, view.candidates)}}},
                 {"shortfall", picked.shortfall},
                 {"picks", impl_->put_blob(dump(picks))}});
  transaction.commit();
  return *open_query();
}

namespace {

std::vector<StoreQuery> read_queries(const Project::Impl& project, std::string_view where) {
  std::vector<StoreQuery> queries;
  Statement row = project.db.prepare(
      fmt::format("SELECT number, rule, model, closed FROM rounds {} ORDER BY number", where));
  Statement pick = project.db.prepare(
      "SELECT rank, score, entropy, diversity, prediction, probability, audit, reason, number, sid, "
      "names.path, names.grp, split, withdrawn FROM picks JOIN samples ON number = picks.sample "
      "JOIN names ON names.sample = number WHERE round = ? ORDER BY rank");
  while (row.step()) {
    StoreQuery query{row.integer(0), row.text(1), row.integer(2), row.integer(3) != 0, {}};
    pick.with(query.round);
    while (pick.step()) {
      StorePick one;
      one.round = query.round;
      one.rank = pick.integer(0);
      one.score = pick.real(1);
      one.entropy = pick.real(2);
      one.diversity = pick.real(3);
      one.prediction = static_cast<label_t>(pick.integer(4));
      one.probability = pick.real(5);
      one.audit = pick.integer(6) != 0;
      one.reason = pick.text(7);
      one.sample = {pick.integer(8), pick.text(9), pick.text(10), pick.text(11),
                    static_cast<Side>(pick.integer(12)), pick.integer(13) != 0};
      query.picks.push_back(std::move(one));
    }
    queries.push_back(std::move(query));
  }
  return queries;
}

}  // namespace

std::optional<StoreQuery> Project::open_query() const {
  std::vector<StoreQuery> open = read_queries(*impl_, "WHERE closed = 0");
  if (open.empty()) return std::nullopt;
  return std::move(open.front());
}

std::vector<StoreQuery> Project::queries() const { return read_queries(*impl_, ""); }

}  // namespace aift::store
