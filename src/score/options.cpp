// SPDX-License-Identifier: Apache-2.0
#include <aift/score/options.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <aift/core/error.hpp>

namespace aift {

namespace {

/// The value whose word is the setting; ValueError lists the two words.
template <class T>
T word(const Settings& settings, const std::string& key, T fallback,
       const std::array<T, 2>& values) {
  const std::string text = settings.text(key, std::string(to_string(fallback)));
  for (const T value : values) {
    if (text == to_string(value)) return value;
  }
  throw ValueError(fmt::format("{} must be {} or {}; got \"{}\".", key, to_string(values[0]),
                               to_string(values[1]), text));
}

}  // namespace

std::string_view to_string(EntropyAggregation value) noexcept {
  return value == EntropyAggregation::sum ? "sum" : "mean";
}

std::string_view to_string(PairCounting value) noexcept {
  return value == PairCounting::ordered ? "ordered" : "unordered";
}

std::string_view to_string(Precision value) noexcept {
  return value == Precision::double_ ? "double" : "single";
}

ScoreOptions ScoreOptions::from(const Settings& settings, const ScoreOptions& defaults) {
  ScoreOptions options;
  options.alpha = settings.number("alpha", defaults.alpha);
  options.lambda1 = settings.number("lambda1", defaults.lambda1);
  options.lambda2 = settings.number("lambda2", defaults.lambda2);
  options.eps = settings.number("eps", defaults.eps);
  options.entropy = word<EntropyAggregation>(settings, "entropy", defaults.entropy,
                                             {EntropyAggregation::sum, EntropyAggregation::mean});
  options.pairs = word<PairCounting>(settings, "pairs", defaults.pairs,
                                     {PairCounting::ordered, PairCounting::unordered});
  options.precision = word<Precision>(settings, "precision", defaults.precision,
                                      {Precision::double_, Precision::single});
  options.validate();
  return options;
}

ScoreOptions ScoreOptions::from(const Settings& settings) { return from(settings, ScoreOptions{}); }

void ScoreOptions::validate() const {
  AIFT_EXPECT(alpha > 0 && alpha <= 1, ValueError,
              "alpha, the share of patches kept, must be above 0 and at most 1; got {}.", alpha);
  const double largest = precision == Precision::single
                             ? static_cast<double>(std::numeric_limits<float>::max())
                             : std::numeric_limits<double>::max();
  const auto check = [&](std::string_view name, double value) {
    AIFT_EXPECT(value >= 0 && value <= largest, ValueError,
                "{} must be finite and at least 0; got {}.", name, value);
  };
  check("lambda1, the weight of the entropies,", lambda1);
  check("lambda2, the weight of the diversities,", lambda2);
  check("eps, added inside the logarithm,", eps);
}

}  // namespace aift
