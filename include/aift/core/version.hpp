// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace aift {

/// Version of the headers that a source file was compiled with (semantic versioning).
/// CMake reads these three lines; they are the only place where the version is written.
inline constexpr int kVersionMajor = 0;
inline constexpr int kVersionMinor = 1;  ///< see kVersionMajor
inline constexpr int kVersionPatch = 0;  ///< see kVersionMajor

/// Version of the library that is linked, as "major.minor.patch". Never throws; static storage.
/// A program that mixes headers and library of two releases sees it differ from the constants.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace aift
