// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Covers as many candidates as possible with balls around the picks.
///
///   always the candidate within whose distance `delta` most unlabelled candidates lie that no
///   labelled or picked one covers yet
/// Source: Yehuda et al., NeurIPS 2022 (ProbCover).
///
/// needs  features and labels (all -1 when nothing is labelled)
/// score  newly covered candidates divided by the number of candidates; in [0, 1]
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(N^2 d) for the first step, then O(N d) for every candidate that a pick is the first to
///        cover; memory O(N) beside the features (twice when normalised): the graph of neighbours is
///        not kept
/// wins   with few labels and a delta that fits the features
/// loses  with a delta too large (one pick covers all) or too small (none covers another): see how
///        the scores fall
class ProbCoverSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "prob_cover";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Covers as many candidates as possible with balls around the picks";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, delta";

  /// normalise: brings feature rows to length 1; delta: radius of a ball, positive
  explicit ProbCoverSelector(bool normalise = true, double delta = 0.75);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.features = true, .labels = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  double delta_;
};

}  // namespace aift
