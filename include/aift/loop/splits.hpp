// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <aift/core/types.hpp>

namespace aift {

/// Folds for cross-validation that never split a group, with the classes spread evenly.
///
/// Groups are taken largest first (sizes compared by their power of two, in an order drawn with
/// Purpose::folds inside) and each goes to the fold where it adds least to
/// sum over folds and classes of (share of the class in the fold)^2. If all groups of a class have
/// ended in one fold although there are several, one of them is moved where that is possible, so
/// that the class is not missing from what that fold is tested against.
///
/// groups   [n] any numbers; equal number = same patient, video, image
/// labels   [n] in [0, classes), or kUnlabelled, which is balanced like a class of its own
/// folds    at least 2
/// returns  [n] the fold of each sample in [0, min(folds, number of groups)); depends on the set
///          of (group, label) pairs, not on their order
/// throws   ShapeError (sizes), ValueError (folds < 2, label outside)
/// cost     O(n log n + groups * folds * classes)
[[nodiscard]] std::vector<index_t> grouped_folds(std::span<const index_t> groups,
                                                 std::span<const label_t> labels, index_t classes,
                                                 index_t folds, std::uint64_t seed,
                                                 index_t round = 0);

/// Splits a data set into pool (0) and test (1) without splitting a group; drawn with
/// Purpose::split, by the same rule as grouped_folds with two unequal sides.
///
/// test_share  share of the samples meant for the test, in (0, 1); groups are whole, so what comes
///             out is near it, not equal to it
/// returns     [n] 1 = test; every class that occurs lies on both sides
/// throws      ShapeError (sizes), ValueError (share, label outside, one group only; a class that
///             cannot be on both sides, which is named)
[[nodiscard]] std::vector<std::uint8_t> grouped_test_split(std::span<const index_t> groups,
                                                           std::span<const label_t> labels,
                                                           index_t classes, double test_share,
                                                           std::uint64_t seed);

}  // namespace aift
