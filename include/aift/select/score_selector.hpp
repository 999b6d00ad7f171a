// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include <aift/core/settings.hpp>
#include <aift/score/scores.hpp>
#include <aift/select/selector.hpp>
#include <aift/select/top_b.hpp>

namespace aift {

/// How a batch is drawn from scores.
struct PickRule {
  /// How picks follow from scores.
  enum class Kind : std::uint8_t {
    top,   ///< the b largest, lowest index on a tie
    acft,  ///< ACFT's draw: weights (a_i - a_last)/(a_first - a_last) over the omega b best
    // Stochastic batch acquisition (Kirsch et al., TMLR 2023): the b largest of a key to which a
    // standard Gumbel number is added, which draws without replacement with chances exp(key).
    softmax,   ///< key beta score
    power,     ///< key beta ln(score); scores are at least 0
    softrank,  ///< key -beta ln(rank), ranks from 1
  };
  Kind kind = Kind::top;  ///< which of them
  double omega = 5;       ///< acft: size of the drawing pool in batches, >= 1
  double beta = 1;        ///< softmax, power, softrank: 0 draws evenly, large values approach `top`

  /// keys: pick=top|acft|softmax|power|softrank, omega=5, beta=1
  [[nodiscard]] static PickRule from(const Settings& settings);
};

/// The candidates that ACFT's draw can reach, best first, and their chances in the first draw.
struct AcftPool {
  std::vector<index_t> indices;     ///< the min(omega b, N) best, lowest index on a tie
  std::vector<double> probability;  ///< sums to 1
};

/// Weights (a_i - a_last)/(a_first - a_last) over the pool, divided by their sum; equal scores give
/// equal weights.
/// throws ValueError: omega below 1 or not finite, budget < 0, a score that is not finite
[[nodiscard]] AcftPool acft_pool(std::span<const double> scores, index_t budget, double omega);

/// b indices drawn without replacement from the min(omega b, N) best (ACFT, Medical Image Analysis
/// 2021; conventions of DESIGN section 7 and 5.8). uniform(t) in [0,1) decides draw t. Zero weights
/// are filled in rank order when nothing else remains; equal scores give equal weights.
/// returns min(b, N) indices in the order in which they were drawn
/// throws ValueError as acft_pool
[[nodiscard]] std::vector<index_t> acft_draw(std::span<const double> scores, index_t budget,
                                             double omega,
                                             const std::function<double(index_t)>& uniform);

/// The keys of a noised rule before the noise.
/// throws ValueError: a rule without noise, beta negative or not finite, a score that is not finite
/// or, for power, below -1e-9 (what rounding leaves below 0 counts as 0)
[[nodiscard]] std::vector<double> noised_keys(std::span<const double> scores, const PickRule& rule);

/// A score of the library and its conventions: what can be computed wherever predictions are.
struct ScoreRecipe {
  ScoreKind kind = ScoreKind::aift;  ///< which score
  ScoreOptions options;              ///< its conventions
  /// Member by member.
  friend bool operator==(const ScoreRecipe&, const ScoreRecipe&) = default;
};

/// One number per candidate from its patches, chunk by chunk; then a PickRule.
class ScoreSelector : public Selector {
 public:
  /// rule  how the batch follows from the scores
  explicit ScoreSelector(const PickRule& rule = {}) : rule_(rule) {}
  /// Scores alone.
  [[nodiscard]] Needs needs() const override { return {.scores = true}; }

  /// Validated scores of one chunk, appended to `out`: how a pool larger than memory is scored.
  /// throws ShapeError, ValueError naming candidate (counted over all chunks) and patch; `out` is
  /// then as it was
  void score(const PatchPredictions& chunk, ScoreTable& out) const;

  /// What score_into computes, when that is one of the library's scores and nothing else: a model on
  /// a GPU then scores where its predictions are, with the same bits, instead of copying them to
  /// the host for score_into.
  [[nodiscard]] virtual std::optional<ScoreRecipe> recipe() const { return std::nullopt; }

 protected:
  /// Writes the rows of `chunk` into `out`, which has no rows yet; `out.request` says what to keep,
  /// `out.first_candidate` where the chunk stands in the pool. Fill at least `score`; `entropy`,
  /// `diversity` and `dominant` may stay empty.
  virtual void score_into(const PatchPredictions& chunk, ScoreTable& out) const = 0;
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  PickRule rule_;
};

}  // namespace aift
