// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <aift/select/selector.hpp>

namespace aift {

/// What a batch must keep to, whatever selector fills it: neighbouring frames of a video look alike
/// and score alike, and would fill a batch with one lesion.
///
/// A rule is never relaxed: where the pool does not allow a full batch, the batch is shorter and
/// Selection::shortfall says why. The defaults are no rules.
struct BatchRules {
  /// g: at most so many of a group (patient, video) in one batch; 0: no rule. Needs groups.
  index_t max_per_group = 0;
  /// d: frames of one sequence in a batch are at least so far apart, |t_i - t_j| >= d, in the unit
  /// of PoolView::times; 0: no rule. Needs times, and sequences or groups. A candidate whose time is
  /// NaN is near to nobody.
  double min_gap = 0;
  /// t: no two of a batch have a cosine similarity of their features above t, in [0, 1]; 1: no rule.
  /// Needs features. Features of length 0 are similar to nothing.
  double veto_similarity = 1;
  /// The gap and the similarity also count towards candidates that are labelled already. Needs
  /// labels.
  bool against_labelled = false;
  /// Costs of a batch add up to at most this; 0: no rule. Needs costs, finite and at least 0. A
  /// candidate that costs more than what is left is passed over, and cheaper ones follow.
  double max_cost = 0;
  /// s: floor(s b + 0.5) of a batch of b are drawn at random, before the selector picks, and marked:
  /// a sample of the pool to audit labels and model with, in [0, 1]. They keep to the other rules,
  /// so the sample is uniform as far as these allow.
  double audit_share = 0;

  /// Whether any of the rules is in force.
  [[nodiscard]] bool any() const noexcept;
  /// What the rules read besides the times and the costs.
  [[nodiscard]] Needs needs() const noexcept;
  /// throws ValueError naming the rule that is out of range
  void validate() const;
  /// Text of the rules in force, one line: "at most 2 of a group; at least 25 apart"; empty without.
  [[nodiscard]] std::string text() const;
};

/// A batch of at most `budget` that keeps to the rules; without rules `selector.select` itself.
///
/// The audit sample is drawn first. Then the selector is asked for what is missing, its picks are
/// taken in its order, and each pick bars (Standing::barred) the candidates that the rules exclude
/// beside it; those the selector had proposed as well are passed over. It is asked again, with the
/// batch so far marked Standing::chosen, until the batch is full or nobody is open.
///
/// ranking    for a ScoreSelector that picks the best: going down its ranking and skipping whatever
///            a rule excludes. Selectors that look at the set see the batch so far as labelled.
/// out        the selector's picks, then the audit sample, in the order they were taken;
///            `vetoed`, `shortfall`, `audit`, and reasons that say whom a pick stands for
/// depends    on (pool, budget, context) alone; as the selector, on the order of the pool only where
///            it has ties
/// throws     as Selector::select; ValueError for rules out of range, an input that a rule needs and
///            the pool does not give, a cost that is negative or not finite, features that are not
///            finite, and a selector that picks whom it may not
/// cost       at most b queries of the selector, as a rule two or three; per pick O(N d) for the
///            similarity and O(size of its sequence or group) for the others; memory O(N)
[[nodiscard]] Selection select_batch(const Selector& selector, const BatchRules& rules,
                                     const PoolView& pool, index_t budget,
                                     const SelectContext& context = {});

}  // namespace aift
