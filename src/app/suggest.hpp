// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace aift::app {

/// Number of insertions, deletions, replacements and swaps of neighbours between two words
/// (restricted Damerau-Levenshtein distance). cost O(|a| |b|)
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word a typing error most likely stands for, the first of equals, or "" when none is
/// near: the distance must be below half the length of the word typed and at most 3, or the word
/// typed must be the beginning of a known one (3 letters or more).
[[nodiscard]] std::string closest(std::string_view typed, std::span<const std::string> known);

}  // namespace aift::app
