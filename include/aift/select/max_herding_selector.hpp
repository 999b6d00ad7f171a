// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// Covers the pool most densely: greedy facility location with a Gaussian kernel.
///
///   k(x, y) = exp(-|x - y|^2 / sigma^2); always the candidate that adds most to
///   sum over the unlabelled candidates x of max over the labelled and picked y of k(x, y)
/// Source: Bae et al., ECCV 2024 (MaxHerding, generalized coverage).
///
/// needs  features and labels (all -1 when nothing is labelled)
/// score  what the pick added, divided by the number of candidates; in [0, 1]
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   O(N^2 d) for the gains of the first step, then O(N d) for every candidate that a pick
///        covers better (N / t of them at the t-th pick where nothing stands out), which bounds the
///        gains, and for the few gains that come to the top (exact lazy greedy); memory O(N) beside
///        the features (twice when normalised)
/// wins   with few labels: it takes what is typical and leaves outliers alone
/// loses  with many labels, when only the boundary between the classes is in question; sigma sets
///        the scale, and 1 suits features of length 1
class MaxHerdingSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "max_herding";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "Covers the pool most densely: facility location with a Gaussian kernel";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, sigma";

  /// normalise: brings feature rows to length 1; sigma: scale of the kernel, positive
  explicit MaxHerdingSelector(bool normalise = true, double sigma = 1);
  /// From text options, kOptions.
  [[nodiscard]] static std::unique_ptr<Selector> make(const Settings& settings);
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] Needs needs() const override { return {.features = true, .labels = true}; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& context,
            Selection& out) const override;

 private:
  bool normalise_;
  double sigma_;
};

}  // namespace aift
