// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Covers the features: picks the candidate that is farthest from everything labelled or picked.
///
///   score = distance to the nearest labelled or picked candidate when picked; with no label at all
///           the first pick is the candidate nearest to the mean of the features
/// Source: Gonzalez, 1985 (farthest first); Sener and Savarese, ICLR 2018 (core-set).
///
/// needs  features and labels (all -1 when nothing is labelled)
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   at most O(N (L + b) d), far less as a rule: distances are brought up to date only where
///        they may still be the largest, with the same picks; memory O(N)
/// wins   where the pool is redundant and each label must cover new ground
/// loses  where there are outliers, which are what is farthest, and with features that were not
///        learnt; normalise helps where their length says nothing
class KCenterSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "k_center";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Covers the features: always the candidate farthest from all so far";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise";

  /// normalise: brings feature rows to length 1
  explicit KCenterSelector(bool normalise = false) : normalise_(normalise) {}
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.features = true, .labels = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
};

}  // namespace aift
