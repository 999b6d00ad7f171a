// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// At random, evenly over the classes that the network predicts.
///
///   always from the predicted class with fewest picks, the candidate of the largest uniform number
///   keyed by (seed, round, id); equal classes come by such a number too. Predicted class: the
///   largest mean probability, the lowest class on a tie
///
/// needs  mean probabilities
/// score  the candidate's uniform number, in [0, 1)
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(N (K + log N) + b K); memory O(N)
/// wins   over random where classes are rare; loses while the predictions mean nothing
class ClassBalancedSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "class_balanced";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary = "At random, evenly over the predicted classes";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "";

  /// Has no options.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.mean_probabilities = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;
};

}  // namespace aift
