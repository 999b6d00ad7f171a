// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>

#include <aift/core/rng.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// Standard error of a statistic over the choice of groups: the standard deviation of its values on
/// samples of as many groups as there are, drawn with replacement. Samples of one patient or video
/// are drawn together, so their likeness does not pass for certainty.
///
/// groups      [n] group of every sample
/// random      the draws; replicate r uses the numbers [r G, (r + 1) G) of G groups
/// replicates  how many samples are drawn, at least 0
/// statistic   of the drawn samples, positions in [0, n) with repetitions; a value that is not finite
///             (a sample that lacks a class, say) is left out
/// returns     0 when fewer than two values are finite
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; by group as for clusters.
/// throws      ValueError (replicates negative), and what `statistic` throws
/// cost        `replicates` calls of `statistic`, O(n) each besides
[[nodiscard]] double grouped_bootstrap_error(
    std::span<const index_t> groups, const KeyedRandom& random, index_t replicates,
    const std::function<double(std::span<const index_t> samples)>& statistic);

}  // namespace aift
