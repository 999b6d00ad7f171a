// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// The candidates of smallest margin, spread evenly over their clusters.
///
///   the c b candidates with the smallest difference of the two largest mean probabilities are
///   clustered (average linkage, Euclidean), as many clusters as make `cluster_size` candidates each
///   on average; from the smallest cluster to the largest one candidate of each, drawn at random,
///   again and again, until there are b
/// Source: Citovsky et al., NeurIPS 2021 (Cluster-Margin), with c = 10 as there. Other than there,
///   the margin's candidates alone are clustered, in every round, and not the whole pool once; and
///   the number of clusters is given in the place of a distance, which would depend on the features.
///
/// needs  features and mean probabilities
/// score  1 - margin
/// ties   the smaller id first (the smaller index when the pool has none); drawn by (seed, round)
/// cost   O(N (K + log(c b)) + (c b)^2 d); memory O(N) and 2 (c b)^2 bytes
/// wins   as margin does, with larger batches; loses where the smallest clusters are outliers
class ClusterMarginSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "cluster_margin";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Small margins, spread evenly over clusters of their features";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, candidates, cluster_size";

  /// normalise: rows to length 1; candidates: c, in batches, at least 1; cluster_size: mean number
  /// of candidates per cluster, at least 1
  explicit ClusterMarginSelector(bool normalise = false, double candidates = 10,
                                 double cluster_size = 10);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override {
    return {.mean_probabilities = true, .features = true};
  }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  double candidates_;
  double cluster_size_;
};

}  // namespace aift
