// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// The candidate nearest to each of b k-means centres.
///
///   k-means with b centres over the unlabelled candidates; from the largest cluster to the
///   smallest its member nearest to the centre, then the second nearest of each, and so on where
///   there are fewer distinct rows than b
///
/// needs  features
/// score  minus the distance to the centre
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(iterations N b d); memory O(N + b d)
/// wins   as a first batch; loses later, since it does not look at what is labelled
class KMedoidsSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "k_medoids";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary = "The candidate nearest to each of b k-means centres";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "";

  /// Has no options.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.features = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;
};

}  // namespace aift
