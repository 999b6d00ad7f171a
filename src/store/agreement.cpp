// SPDX-License-Identifier: Apache-2.0
#include <aift/store/agreement.hpp>

#include <algorithm>
#include <map>

namespace aift::store {

namespace {

/// The class with most voices; kUnlabelled on a tie, or without any.
label_t majority(const std::vector<std::pair<std::string, label_t>>& readers) {
  std::map<label_t, index_t> voices;
  for (const auto& [reader, label] : readers) {
    if (label != kUnlabelled) ++voices[label];
  }
  label_t best = kUnlabelled;
  index_t most = 0;
  for (const auto& [label, count] : voices) {
    if (count == most) best = kUnlabelled;
    if (count > most) {
      best = label;
      most = count;
    }
  }
  return best;
}

}  // namespace

Verdict agree(std::span<const StoredAnswer> answers, const AnswerSettings& rule) {
  Verdict verdict;
  bool counted = false;
  std::vector<label_t> told;  // in the order of coming in
  for (const StoredAnswer& one : answers) {
    verdict.sample = one.sample;
    if (one.superseded) continue;
    if (!counted) verdict.first_answer = one.number;
    counted = true;
    verdict.readers.emplace_back(one.answer.reader, one.answer.label);
    if (one.answer.label != kUnlabelled) told.push_back(one.answer.label);
  }
  verdict.waiting = static_cast<index_t>(verdict.readers.size()) < rule.readers;
  const bool differ =
      std::any_of(told.begin(), told.end(), [&](label_t label) { return label != told.front(); });
  if (told.empty()) return verdict;

  label_t label = kUnlabelled;
  switch (rule.rule) {
    case AnswerRule::majority:
      label = majority(verdict.readers);
      break;
    case AnswerRule::unanimous:
      label = differ ? kUnlabelled : told.front();
      break;
    case AnswerRule::first:
      label = told.front();
      break;
    case AnswerRule::last:
      label = told.back();
      break;
    case AnswerRule::reader: {
      const auto named =
          std::find_if(verdict.readers.begin(), verdict.readers.end(),
                       [&](const auto& one) { return one.first == rule.reader && one.second >= 0; });
      label = named != verdict.readers.end() ? named->second : majority(verdict.readers);
      break;
    }
  }
  verdict.conflict = label == kUnlabelled && differ;
  if (!verdict.waiting) verdict.label = label;
  return verdict;
}

}  // namespace aift::store
