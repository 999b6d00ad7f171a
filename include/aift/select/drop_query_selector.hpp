// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// A spread over the candidates on whose patches the predicted class changes.
///
///   score(i) = share of the patches that predict another class than their mean prediction
///   the candidates with a score above `disagree` are put into b clusters (k-means), and the one
///   nearest to each centre is picked; where they are fewer than b, all of them, and the others in
///   the same way
/// Source: Gupte et al., TMLR 2024 (DropQuery), with augmented patches in the place of features
///   under dropout. There, more than half of three strongly disturbed predictions must differ; views
///   of an image disturb less, and one that differs is enough unless `disagree` says otherwise.
///
/// needs  scores and features
/// score  as above, in [0, 1)
/// ties   the smaller id first (the smaller index when the pool has none)
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate and O(iterations N b d); memory O(N + b d)
/// wins   where margins are badly calibrated; loses with few patches, when hardly anybody disagrees
class DropQuerySelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "drop_query";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "A spread over candidates on whose patches the predicted class changes";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, disagree";

  /// normalise: rows to length 1; disagree: share of the patches, in [0, 1]
  explicit DropQuerySelector(bool normalise = true, double disagree = 0);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.scores = true, .features = true}; }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override;
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  double disagree_;
};

}  // namespace aift
