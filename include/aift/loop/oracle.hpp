// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/core/types.hpp>
#include <aift/loop/progress.hpp>

namespace aift {

/// Whatever answers queries: stored labels, a person, a file.
class Oracle {
 public:
  virtual ~Oracle() = default;
  /// Name for records: "simulated", "reader", ...
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Labels of the candidates, in their order; kUnlabelled where the reader cannot tell (such a
  /// candidate is not asked for again). Whatever it throws leaves the query open: the same
  /// candidates are asked for again.
  [[nodiscard]] virtual std::vector<label_t> label(std::span<const CandidateRef> candidates,
                                                   index_t round, Progress& progress) = 0;
  /// False for a candidate it knows to have no answer for: it never enters the pool.
  [[nodiscard]] virtual bool can_label(const CandidateRef& candidate) const {
    (void)candidate;
    return true;
  }
};

/// Answers from labels that are known beforehand (by CandidateRef::index), as studies do.
///
/// Candidates without a stored label cannot be answered for: the learner leaves them out of the
/// simulation and says how many they are.
class SimulatedOracle final : public Oracle {
 public:
  /// labels  by CandidateRef::index; kUnlabelled: not known
  explicit SimulatedOracle(std::vector<label_t> labels) : labels_(std::move(labels)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "simulated"; }
  /// throws ValueError for an index outside the labels or without one
  [[nodiscard]] std::vector<label_t> label(std::span<const CandidateRef> candidates, index_t round,
                                           Progress& progress) override;
  [[nodiscard]] bool can_label(const CandidateRef& candidate) const override;

 private:
  std::vector<label_t> labels_;
};

}  // namespace aift
