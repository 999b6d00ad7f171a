// SPDX-License-Identifier: Apache-2.0
#include <aift/loop/oracle.hpp>

#include <aift/core/error.hpp>

namespace aift {

std::vector<label_t> SimulatedOracle::label(std::span<const CandidateRef> candidates,
                                            index_t /*round*/, Progress& /*progress*/) {
  std::vector<label_t> answers;
  answers.reserve(candidates.size());
  for (const CandidateRef& candidate : candidates) {
    AIFT_EXPECT(candidate.index >= 0 && candidate.index < static_cast<index_t>(labels_.size()),
                ValueError, "A simulated reader knows {} labels; it was asked for candidate {}.",
                labels_.size(), candidate.index);
    AIFT_EXPECT(can_label(candidate), ValueError,
                "A simulated reader answers from stored labels; candidate {} has none.",
                candidate.index);
    answers.push_back(labels_[static_cast<std::size_t>(candidate.index)]);
  }
  return answers;
}

bool SimulatedOracle::can_label(const CandidateRef& candidate) const {
  return candidate.index >= 0 && candidate.index < static_cast<index_t>(labels_.size()) &&
         labels_[static_cast<std::size_t>(candidate.index)] != kUnlabelled;
}

}  // namespace aift
