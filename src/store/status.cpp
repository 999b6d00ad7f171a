// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <system_error>
#include <unordered_set>

#include <aift/core/error.hpp>

#include "impl.hpp"

namespace aift::store {

namespace {

std::uintmax_t bytes_below(const fs::path& folder) {
  std::uintmax_t sum = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) sum += entry.file_size(error);
  }
  return sum;
}

double median_lead_time(const Database& db) {
  std::vector<double> times;
  Statement row = db.prepare("SELECT lead_time FROM labels WHERE lead_time IS NOT NULL");
  while (row.step())
    times.push_back(row.real(0));
  if (times.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

std::string next_step(const ProjectStatus& s, bool new_labels) {
  if (s.open_round >= 0 && s.open_answered < s.open_picks) {
    return fmt::format("label: {} of {} samples of round {} wait for an answer",
                       s.open_picks - s.open_answered, s.open_picks, s.open_round);
  }
  if (s.open_round >= 0) return fmt::format("train: round {} is answered", s.open_round);
  if (s.model && s.unscored > 0)
    return fmt::format("train: {} samples are not scored by model {}", s.unscored, s.model->number);
  if (s.left == 0) return "nothing: every sample of the pool has an answer; add images to go on";
  if (new_labels) return "train: there are labels that no model was trained on; or query";
  return fmt::format("query: {} samples of the pool can be asked about", s.left);
}

}  // namespace

ProjectStatus Project::status() const {
  const Database& db = impl_->db;
  ProjectStatus s;
  Statement sides = db.prepare("SELECT split, withdrawn > 0, count(*) FROM samples GROUP BY 1, 2");
  while (sides.step()) {
    const index_t count = sides.integer(2);
    s.samples += count;
    if (sides.integer(1) != 0) {
      s.withdrawn += count;
    } else if (sides.integer(0) == static_cast<int>(Side::pool)) {
      s.pool += count;
    } else if (sides.integer(0) == static_cast<int>(Side::test)) {
      s.test += count;
    } else {
      s.out += count;
    }
  }
  s.answers = db.integer("SELECT count(*) FROM labels");
  std::unordered_set<index_t> answered;
  s.test_labelled =
      db.integer("SELECT count(*) FROM samples WHERE split = 1 AND withdrawn = 0 AND given >= 0");
  Statement side_of = db.prepare("SELECT split, given FROM samples WHERE number = ?");
  bool pool_label = false;
  for (const Verdict& verdict : verdicts()) {
    if (!verdict.waiting) answered.insert(verdict.sample);
    s.conflicts += verdict.conflict ? 1 : 0;
    if (verdict.label == kUnlabelled) continue;
    side_of.with(verdict.sample);
    side_of.step();
    if (side_of.integer(0) == static_cast<int>(Side::pool)) {
      ++s.labelled;
      pool_label = true;
    } else if (side_of.integer(0) == static_cast<int>(Side::test) && side_of.integer(1) < 0) {
      ++s.test_labelled;
    }
  }
  side_of.reset();
  s.rounds = db.integer("SELECT count(*) FROM rounds");
  if (const auto open = open_query()) {
    s.open_round = open->round;
    for (const StorePick& pick : open->picks) {
      if (pick.sample.withdrawn) continue;
      ++s.open_picks;
      s.open_answered += answered.contains(pick.sample.number) ? 1 : 0;
    }
  }
  s.left = db.integer(
      "SELECT count(*) FROM samples WHERE split = 0 AND withdrawn = 0 AND NOT EXISTS "
      "(SELECT 1 FROM labels WHERE labels.sample = samples.number)");
  s.models = db.integer("SELECT count(*) FROM models");
  s.rejected = db.integer("SELECT count(*) FROM models WHERE accepted = 0");
  s.model = current_model();
  if (s.model) {
    std::unordered_set<std::int64_t> scored;
    if (const auto scoring = impl_->latest_scoring(s.model->number)) {
      for (const ScoreRow& row : unpack(impl_->blob(scoring->scores)))
        scored.insert(row.sample);
    }
    Statement left = db.prepare(
        "SELECT number FROM samples WHERE split = 0 AND withdrawn = 0 AND NOT EXISTS "
        "(SELECT 1 FROM labels WHERE labels.sample = samples.number)");
    while (left.step())
      s.unscored += scored.contains(left.integer(0)) ? 0 : 1;
  }
  s.seconds_per_label = median_lead_time(db);
  {
    Statement last = db.prepare("SELECT seconds FROM models ORDER BY number DESC LIMIT 1");
    if (last.step()) s.seconds_per_training = last.real(0);
  }
  s.events = db.integer("SELECT count(*) FROM events");
  s.head = db.text("SELECT hash FROM events ORDER BY seq DESC LIMIT 1");
  s.bytes = bytes_below(impl_->folder);
  s.next = next_step(s, pool_label && s.models == 0);
  return s;
}

}  // namespace aift::store
