// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/settings.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// How the entropies of the kept patches become one number.
enum class EntropyAggregation : std::uint8_t {
  sum,   ///< as published: reproduces the authors' figures
  mean,  ///< divided by the number of kept patches
};

/// Which cells of R off the diagonal are added.
enum class PairCounting : std::uint8_t {
  ordered,    ///< all cells: every pair counts twice, as published
  unordered,  ///< the upper triangle: every pair once
};

/// Arithmetic of scores; inputs of any type are converted to it exactly once.
enum class Precision : std::uint8_t { double_, single };

/// Every convention of the score, by name (DESIGN section 5). Recorded with every result.
struct ScoreOptions {
  double alpha = 0.25;   ///< share of patches kept on the dominant side, in (0, 1]
  double lambda1 = 1;    ///< weight of the entropies (diagonal of R), finite, >= 0
  double lambda2 = 1;    ///< weight of the diversities (off the diagonal), finite, >= 0
  double eps = 0x1p-52;  ///< added inside the logarithm, finite, >= 0; not used from logits
  /// How the patches' entropies are put together.
  EntropyAggregation entropy = EntropyAggregation::sum;
  PairCounting pairs = PairCounting::ordered;  ///< how pairs of patches are counted
  Precision precision = Precision::double_;    ///< of the arithmetic

  /// Options from text; what `settings` does not name stays as in `defaults`.
  ///
  /// keys   alpha, lambda1, lambda2, eps, entropy=sum|mean, pairs=ordered|unordered,
  ///        precision=double|single
  /// throws ValueError (as `validate`, or an unknown word); an unknown key is the caller's business
  ///        (`Settings::expect_all_used`)
  [[nodiscard]] static ScoreOptions from(const Settings& settings, const ScoreOptions& defaults);
  /// The same on top of the default options.
  [[nodiscard]] static ScoreOptions from(const Settings& settings);

  /// ValueError naming the option that is outside its range.
  void validate() const;

  friend bool operator==(const ScoreOptions&, const ScoreOptions&) = default;  ///< of every field
};

/// "sum" or "mean".
[[nodiscard]] std::string_view to_string(EntropyAggregation value) noexcept;
/// "ordered" or "unordered".
[[nodiscard]] std::string_view to_string(PairCounting value) noexcept;
/// "double" or "single".
[[nodiscard]] std::string_view to_string(Precision value) noexcept;

}  // namespace aift
