// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <aift/core/types.hpp>

namespace aift::io {

/// Shortest text that reads back to exactly this number, whatever the locale: "0.1", "1e-07",
/// "inf", "nan", "-0".
[[nodiscard]] std::string shortest(double value);
/// Shortest text that reads back to this float.
[[nodiscard]] std::string shortest(float value);

/// The number that is the whole text, in the form that `shortest` writes (decimal or scientific, a
/// point, also inf and nan). Nothing for anything else: spaces, a leading '+', trailing letters,
/// hexadecimal, a value outside the range of double.
[[nodiscard]] std::optional<double> parse_number(std::string_view text) noexcept;

/// The decimal integer that is the whole text; nothing for anything else.
[[nodiscard]] std::optional<index_t> parse_integer(std::string_view text) noexcept;

}  // namespace aift::io
