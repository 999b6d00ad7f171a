// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/score/scores.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// Prefers candidates on whose patches the network contradicts itself.
///
///   score(i) = sum over pairs (j, l) of kept patches of
///              sum_k (p[j,k] - p[l,k]) (ln(p[j,k] + eps) - ln(p[l,k] + eps))
/// Source: Zhou et al., CVPR 2017 (Kullback-Leibler divergence made symmetric).
///
/// chunk  ragged or dense patch predictions, probabilities or logits (DESIGN sections 4 and 5)
/// out    score in nats, at least 0; larger = label first
/// ties   smaller candidate index first, so equal input gives equal output
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate, no allocation per candidate
class DiversitySelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "diversity";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Patches on which the network contradicts itself (divergence of all pairs)";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions =
      "alpha, eps, entropy, pairs, precision, pick, omega, beta";

  /// throws ValueError: an option out of range
  explicit DiversitySelector(const ScoreOptions& options = ScoreOptions{},
                             const PickRule& rule = {})
      : ScoreSelector(rule), options_(options) {
    options_.validate();
  }
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings) {
    return std::make_unique<DiversitySelector>(ScoreOptions::from(settings, ScoreOptions{}),
                                               PickRule::from(settings));
  }
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  /// The conventions in use.
  [[nodiscard]] const ScoreOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::optional<ScoreRecipe> recipe() const override {
    return ScoreRecipe{ScoreKind::diversity, options_};
  }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::diversity(chunk, options_, out);
  }

 private:
  ScoreOptions options_;
};

}  // namespace aift
