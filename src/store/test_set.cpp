// SPDX-License-Identifier: Apache-2.0
#include "test_set.hpp"

#include <cstring>
#include <unordered_map>

#include <aift/core/error.hpp>

namespace aift::store {

namespace {

std::size_t at(index_t i) { return static_cast<std::size_t>(i); }

void append_row(std::vector<double>& to, const TestPredictions& from, std::size_t row) {
  const auto k = static_cast<std::ptrdiff_t>(from.classes);
  const auto first = from.probabilities.begin() + static_cast<std::ptrdiff_t>(row) * k;
  to.insert(to.end(), first, first + k);
}

}  // namespace

std::string pack(const TestPredictions& predictions) {
  return bytes_of(std::vector<index_t>{predictions.classes,
                                       static_cast<index_t>(predictions.samples.size())}) +
         bytes_of(predictions.samples) + bytes_of(predictions.probabilities);
}

TestPredictions read_predictions(const Project::Impl& project, index_t model) {
  Statement find = project.db.prepare("SELECT predictions FROM models WHERE number = ?");
  find.with(model);
  AIFT_EXPECT(find.step(), ValueError, "The project has no model {}.", model);
  const std::string bytes = project.blob(find.text(0));
  const std::vector<index_t> head = values_of<index_t>(bytes.substr(0, 16));
  AIFT_EXPECT(head.size() == 2 && head[0] >= 1 && head[1] >= 0 && head[0] < (index_t{1} << 24) &&
                  head[1] < (index_t{1} << 32) &&
                  bytes.size() == 16 + 8 * at(head[1]) * (1 + at(head[0])),
              IoError, "The test predictions of model {} are damaged; restore a copy.", model);
  TestPredictions predictions;
  predictions.classes = head[0];
  predictions.samples = values_of<index_t>(bytes.substr(16, 8 * at(head[1])));
  predictions.probabilities = values_of<double>(bytes.substr(16 + 8 * at(head[1])));
  return predictions;
}

std::vector<label_t> test_labels(const Project::Impl& project, std::span<const Verdict> verdicts) {
  std::vector<label_t> labels;
  std::vector<bool> tested;
  Statement row = project.db.prepare("SELECT given, split = 1 AND withdrawn = 0 FROM samples ORDER BY number");
  while (row.step()) {
    tested.push_back(row.integer(1) != 0);
    labels.push_back(tested.back() ? static_cast<label_t>(row.integer(0)) : kUnlabelled);
  }
  for (const Verdict& verdict : verdicts) {
    label_t& label = item(labels, verdict.sample);
    if (tested[at(verdict.sample)] && label == kUnlabelled) label = verdict.label;
  }
  return labels;
}

Metrics measure(const Project::Impl& project, std::span<const Verdict> verdicts,
                const TestPredictions& predictions) {
  const std::vector<label_t> labels = test_labels(project, verdicts);
  std::vector<double> probabilities;
  std::vector<label_t> truth;
  for (std::size_t i = 0; i < predictions.samples.size(); ++i) {
    const label_t label = item(labels, predictions.samples[i]);
    if (label == kUnlabelled) continue;
    truth.push_back(label);
    append_row(probabilities, predictions, i);
  }
  return truth.empty() ? Metrics{} : evaluate(probabilities, truth, predictions.classes);
}

Paired pair_up(const Project::Impl& project, std::span<const Verdict> verdicts,
               const TestPredictions& reference, const TestPredictions& predictions,
               const std::vector<std::string>& groups) {
  const std::vector<label_t> labels = test_labels(project, verdicts);
  std::unordered_map<index_t, std::size_t> theirs;
  for (std::size_t i = 0; i < reference.samples.size(); ++i)
    theirs.emplace(reference.samples[i], i);
  Paired paired;
  for (std::size_t i = 0; i < predictions.samples.size(); ++i) {
    const index_t sample = predictions.samples[i];
    const auto found = theirs.find(sample);
    if (found == theirs.end() || item(labels, sample) == kUnlabelled) continue;
    append_row(paired.reference, reference, found->second);
    append_row(paired.probabilities, predictions, i);
    paired.labels.push_back(labels[at(sample)]);
    paired.groups.push_back(static_cast<index_t>(io::candidate_id(item(groups, sample)) >> 1));
  }
  return paired;
}

}  // namespace aift::store
