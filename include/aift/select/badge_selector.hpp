// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Picks candidates whose gradients of the last layer are large and differ.
///
///   g = (p - onehot(argmax p)) x features; the first pick has the largest |g|, every further one is
///   drawn with a chance proportional to its squared distance from the nearest pick (k-means++)
/// Source: Ash et al., ICLR 2020 (BADGE). The gradients [N, K d] are never formed:
///   |g_i - g_j|^2 = |a_i|^2 |x_i|^2 + |a_j|^2 |x_j|^2 - 2 (a_i.a_j)(x_i.x_j).
///
/// needs  features and mean probabilities
/// score  squared distance to the nearest pick when drawn (the squared length for the first)
/// ties   the smaller id first (the smaller index when the pool has none); drawn by (seed, round)
/// cost   O(b N (d + K)) at most: a product of features is left out where lengths alone show that
///        the distance cannot fall; memory O(N K)
/// wins   as margin does, with larger batches; loses where the network's doubts are noise
class BadgeSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "badge";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Large and different gradients of the last layer (k-means++ on them)";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "";

  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override {
    return {.mean_probabilities = true, .features = true};
  }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;
};

}  // namespace aift
