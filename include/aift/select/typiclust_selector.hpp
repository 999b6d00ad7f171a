// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Picks one typical candidate from each of the clusters that are least labelled.
///
///   clusters: k-means with min(labelled + b, max_clusters) centres over labelled and unlabelled
///   typicality(x) = 1 / mean distance of x to its nearest neighbours in its cluster
///   of the clusters with fewest labelled and picked members the largest gives its most typical one
/// Source: Hacohen et al., ICML 2022 (TypiClust): clusters below 5 members come last.
///
/// needs  features and labels (all -1 when nothing is labelled)
/// score  typicality; infinite where all neighbours are equal is written as the largest double
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(iterations N k d) for the clusters and O(sum of n_c^2 d) for the neighbours; memory
///        O(N) beside the features (twice when normalised)
/// wins   with very few labels; loses with many, when uncertainty knows more
class TypiclustSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "typiclust";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "One typical candidate from each cluster that has no label yet";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, neighbours, max_clusters";

  /// normalise: rows to length 1; neighbours: at most so many; max_clusters: of k-means
  explicit TypiclustSelector(bool normalise = true, index_t neighbours = 20,
                             index_t max_clusters = 500);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.features = true, .labels = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  index_t neighbours_;
  index_t max_clusters_;
};

}  // namespace aift
