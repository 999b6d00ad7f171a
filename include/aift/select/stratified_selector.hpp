// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// At random, evenly over the groups (patients, videos).
///
///   always from the group with fewest labelled and picked candidates, the one of the largest
///   uniform number keyed by (seed, round, id); groups with equally many come by such a number too
///
/// needs  groups and labels (all -1 when nothing is labelled)
/// score  the candidate's uniform number, in [0, 1)
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(N log N + b G); memory O(N)
/// wins   over random where groups differ in size and resemble themselves; loses where the large
///        groups are what the test consists of
class StratifiedSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "stratified";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "At random, evenly over the groups (patients, videos)";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "";

  /// Has no options.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.labels = true, .groups = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;
};

}  // namespace aift
