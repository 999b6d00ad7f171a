// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// TypiClust while there are few labels, margin from then on.
///
///   typical candidates (TypiclustSelector) while fewer than switch_at labels per class are there,
///   then the smallest difference of the two largest mean probabilities
/// Source: Doucet et al., 2024 (TCM: coverage first, uncertainty later).
///
/// needs  features, mean probabilities and labels (all -1 when nothing is labelled)
/// score  typicality, or 1 - margin
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   that of TypiclustSelector, or O(N (K + log b))
/// wins   over a whole curve that begins without labels; loses where margin does
class TcmSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "tcm";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Typical candidates first, small margins once there are labels";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, neighbours, max_clusters, switch_at";

  /// The first three as TypiclustSelector's; switch_at: labels per class from which margin picks
  explicit TcmSelector(bool normalise = true, index_t neighbours = 20, index_t max_clusters = 500,
                       double switch_at = 10);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override {
    return {.mean_probabilities = true, .features = true, .labels = true};
  }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  index_t neighbours_;
  index_t max_clusters_;
  double switch_at_;
};

}  // namespace aift
