// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <aift/core/settings.hpp>
#include <aift/select/selector.hpp>

namespace aift {

/// MaxHerding in which a candidate counts as much as the network doubts it.
///
///   always the candidate that adds most to sum over the unlabelled candidates x of
///   u(x) max over the labelled and picked y of exp(-|x - y|^2 / sigma^2),
///   u(x) = 1 - (largest - second largest mean probability of x)
/// Source: Bae et al., 2025 (Uncertainty Herding). Not done here: the paper's scaling of the
/// probabilities by a temperature and of sigma by the labelled set; both are the caller's to choose.
///
/// needs  features, mean probabilities and labels (all -1 when nothing is labelled)
/// score  what the pick added, divided by the number of candidates; in [0, 1]
/// ties   the smaller id first (the smaller index when the pool has none)
/// cost   as MaxHerdingSelector
/// wins   between few labels (coverage) and many (uncertainty), as it holds both
/// loses  where the uncertainty is that of wrong labels or of ambiguous images
class UherdingSelector final : public Selector {
 public:
  static constexpr std::string_view kName = "uherding";  ///< in the registry
  /// One line for people.
  static constexpr std::string_view kSummary =
      "MaxHerding in which a candidate counts as much as the network doubts it";
  /// Keys that `make` reads.
  static constexpr std::string_view kOptions = "normalise, sigma";

  /// normalise: brings feature rows to length 1; sigma: scale of the kernel, positive
  explicit UherdingSelector(bool normalise = true, double sigma = 1);
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
  double sigma_;
};

}  // namespace aift
