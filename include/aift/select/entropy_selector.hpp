// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/score/scores.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// Prefers candidates whose patches leave the network undecided.
///
///   score(i) = sum over the kept patches j of -sum_k p[j,k] ln(p[j,k] + eps)
/// Source: Zhou et al., CVPR 2017; kept patches: the same paper, majority selection.
///
/// chunk  ragged or dense patch predictions, probabilities or logits (DESIGN sections 4 and 5)
/// out    score in nats, in [0, m ln K] up to m eps; larger = label first
/// ties   smaller candidate index first, so equal input gives equal output
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate, no allocation per candidate
class EntropySelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "entropy";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Patches that leave the network undecided (sum of their entropies)";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions =
      "alpha, eps, entropy, pairs, precision, pick, omega, beta";

  /// throws ValueError: an option out of range
  explicit EntropySelector(const ScoreOptions& options = ScoreOptions{}, const PickRule& rule = {})
      : ScoreSelector(rule), options_(options) {
    options_.validate();
  }
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings) {
    return std::make_unique<EntropySelector>(ScoreOptions::from(settings, ScoreOptions{}),
                                             PickRule::from(settings));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  /// The conventions in use.
  [[nodiscard]] const ScoreOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::optional<ScoreRecipe> recipe() const override {
    return ScoreRecipe{ScoreKind::entropy, options_};
  }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::entropy(chunk, options_, out);
  }

 private:
  ScoreOptions options_;
};

}  // namespace aift
