// SPDX-License-Identifier: Apache-2.0
#include <aift/store/gate.hpp>

#include <cmath>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/loop/bootstrap.hpp>
#include <aift/loop/metrics.hpp>

namespace aift::store {

namespace {

constexpr index_t kDraws = 1000;
constexpr std::uint64_t kGate = 0x676174650A;  // draws of its own, apart from those of the split

double gain(MetricKind kind, double value, double reference) {
  return kind == MetricKind::log_loss ? reference - value : value - reference;
}

}  // namespace

GateDecision pass_gate(const GateSettings& settings,
                       std::span<const double> reference_probabilities,
                       std::span<const double> probabilities, std::span<const label_t> labels,
                       std::span<const index_t> groups, index_t classes, std::uint64_t seed) {
  AIFT_EXPECT(reference_probabilities.size() == probabilities.size() &&
                  groups.size() == labels.size(),
              ShapeError,
              "Both models must have predicted the same {} samples, each with its group; got {} and "
              "{} probabilities and {} groups.",
              labels.size(), reference_probabilities.size(), probabilities.size(), groups.size());
  GateDecision decision;
  decision.samples = static_cast<index_t>(labels.size());
  const auto value = [&](std::span<const double> of, std::span<const label_t> truth) {
    return metric_value(evaluate(of, truth, classes), settings.metric);
  };
  decision.value = value(probabilities, labels);
  decision.reference_value = value(reference_probabilities, labels);
  decision.difference = gain(settings.metric, decision.value, decision.reference_value);
  if (std::isnan(decision.difference)) {
    decision.reason = fmt::format("{} is not defined on these {} samples, so nothing was compared.",
                                  to_string(settings.metric), labels.size());
    return decision;
  }

  const auto k = static_cast<std::size_t>(classes);
  std::vector<double> drawn;
  std::vector<double> drawn_reference;
  std::vector<label_t> drawn_labels;
  decision.error = grouped_bootstrap_error(
      groups, KeyedRandom(splitmix64(seed ^ kGate), Purpose::split), settings.tolerance > 0 ? kDraws : 0,
      [&](std::span<const index_t> samples) {
        drawn.clear();
        drawn_reference.clear();
        drawn_labels.clear();
        for (const index_t i : samples) {
          const auto first = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(i) * k);
          const auto last = first + static_cast<std::ptrdiff_t>(k);
          drawn.insert(drawn.end(), probabilities.begin() + first, probabilities.begin() + last);
          drawn_reference.insert(drawn_reference.end(), reference_probabilities.begin() + first,
                                 reference_probabilities.begin() + last);
          drawn_labels.push_back(labels[static_cast<std::size_t>(i)]);
        }
        return gain(settings.metric, value(drawn, drawn_labels),
                    value(drawn_reference, drawn_labels));
      });
  decision.accepted = decision.difference >= -settings.tolerance * decision.error;
  decision.reason = fmt::format(
      "{} {:.4f} against {:.4f}, a difference of {:+.4f} with a standard error of {:.4f} over groups: "
      "{} {} standard errors below.",
      to_string(settings.metric), decision.value, decision.reference_value,
      decision.difference, decision.error, decision.accepted ? "not more than" : "more than",
      settings.tolerance);
  return decision;
}

}  // namespace aift::store
