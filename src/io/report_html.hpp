// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace aift::io::report {

/// Text as it may stand between tags and in quoted attributes: & < > " ' become entities, bytes
/// that are not UTF-8 and control characters (terminal escapes, changes of writing direction)
/// become U+FFFD, so that a file name can neither break out of its place nor disguise itself.
[[nodiscard]] std::string escape(std::string_view text);

/// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);

/// A number for people: four significant digits, "n/a" when it is not finite.
[[nodiscard]] std::string figure(double value);

/// Three digits behind the point, "n/a" when not finite: for AUC, accuracy and probabilities.
[[nodiscard]] std::string share(double value);

/// Seconds as "8.2 s", "3 min 05 s", "42 min", "2 h 11 min".
[[nodiscard]] std::string duration(double seconds);

}  // namespace aift::io::report
