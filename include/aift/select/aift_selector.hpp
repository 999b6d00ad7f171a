// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/score/scores.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// Prefers candidates whose patches are undecided and contradict each other: the selection of AIFT.
///
///   score(i) = lambda1 entropy(i) + lambda2 diversity(i), the sum of all cells of R over the kept
///              patches
/// Source: Zhou et al., CVPR 2017.
///
/// chunk  ragged or dense patch predictions, probabilities or logits (DESIGN sections 4 and 5)
/// out    score in nats; larger = label first
/// ties   smaller candidate index first, so equal input gives equal output
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate, no allocation per candidate
class AiftSelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "aift";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "AIFT: entropy and diversity of the majority of the patches";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions =
      "alpha, lambda1, lambda2, eps, entropy, pairs, precision, pick, omega, beta";

  /// throws ValueError: an option out of range
  explicit AiftSelector(const ScoreOptions& options = ScoreOptions{}, const PickRule& rule = {})
      : ScoreSelector(rule), options_(options) {
    options_.validate();
  }
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings) {
    return std::make_unique<AiftSelector>(ScoreOptions::from(settings, ScoreOptions{}),
                                          PickRule::from(settings));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  /// The conventions in use.
  [[nodiscard]] const ScoreOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::optional<ScoreRecipe> recipe() const override {
    return ScoreRecipe{ScoreKind::aift, options_};
  }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::aift(chunk, options_, out);
  }

 private:
  ScoreOptions options_;
};

}  // namespace aift
