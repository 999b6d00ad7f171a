// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/score_selector.hpp>

namespace aift {

/// Entropy drawn with noise, a part of the batch evenly over the predicted classes.
///
///   key(i) = beta ln(entropy(i)) + a standard Gumbel number keyed by (seed, round, id)
///   floor(share b + 0.5) of the batch: always from the predicted class with fewest picks so far the
///   candidate of the largest key; the rest: the largest keys of all
/// alpha is 1 unless given: over all patches.
/// Source: the idea of class-stratified, power-noised predictive entropy (ClaSP PE, Lüth et al.,
///   2025) with the noise of Kirsch et al., TMLR 2023. Share and beta are defaults of this library,
///   not those of the paper; a schedule of the noise over the rounds is the caller's.
///
/// needs  scores
/// score  entropy in nats, in [0, q ln K]
/// ties   the smaller index first
/// throws ShapeError, ValueError (NaN, negative, bad row sum), naming candidate and patch
/// cost   O(q K) per candidate, O(N log N) for the draw; memory O(N)
/// wins   over plain entropy with rare classes and large batches of lookalikes; loses where the
///        predicted classes mean nothing yet
class StratifiedEntropySelector final : public ScoreSelector {
 public:
  static constexpr std::string_view kName = "stratified_entropy";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Entropy with noise, two thirds of the batch evenly over the predicted classes";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "alpha, eps, entropy, precision, beta, share";

  /// beta: of the keys, finite and at least 0 (0: at random); share: in [0, 1]
  explicit StratifiedEntropySelector(const ScoreOptions& options = ScoreOptions{.alpha = 1},
                                     double beta = 1, double share = 0.66);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] std::optional<ScoreRecipe> recipe() const override {
    return ScoreRecipe{ScoreKind::entropy, options_};
  }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::entropy(chunk, options_, out);
  }
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  ScoreOptions options_;
  double beta_;
  double share_;
};

}  // namespace aift
