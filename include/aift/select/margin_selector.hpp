// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/score/scores.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// Prefers candidates whose two most probable classes are close.
///
///   score(i) = 1 - (largest - second largest) of the mean prediction of the kept patches
/// alpha is 1 unless given: as this strategy is known, over all patches.
///
/// chunk  ragged or dense patch predictions, probabilities or logits (DESIGN sections 4 and 5)
/// out    score in [0, 1]; larger = label first
/// ties   smaller candidate index first, so equal input gives equal output
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate, no allocation per candidate
class MarginSelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "margin";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "The two most probable classes are close (mean over the patches)";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions =
      "alpha, eps, entropy, pairs, precision, pick, omega, beta";

  /// throws ValueError: an option out of range
  explicit MarginSelector(const ScoreOptions& options = ScoreOptions{.alpha = 1},
                          const PickRule& rule = {})
      : ScoreSelector(rule), options_(options) {
    options_.validate();
  }
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings) {
    return std::make_unique<MarginSelector>(ScoreOptions::from(settings, ScoreOptions{.alpha = 1}),
                                            PickRule::from(settings));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  /// The conventions in use.
  [[nodiscard]] const ScoreOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::optional<ScoreRecipe> recipe() const override {
    return ScoreRecipe{ScoreKind::margin, options_};
  }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::margin(chunk, options_, out);
  }

 private:
  ScoreOptions options_;
};

}  // namespace aift
