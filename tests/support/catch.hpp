// SPDX-License-Identifier: Apache-2.0
#pragma once

// The only place that includes Catch2: version 2.13 (Debian) and version 3 both work. Tests use
// Catch::Approx, Catch::Matchers::ContainsSubstring, WithinAbs and WithinRel under these names.

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

namespace Catch {
using Detail::Approx;
namespace Matchers {
/// Version 3's name of the substring matcher.
inline auto ContainsSubstring(const std::string& text) { return Contains(text); }
}  // namespace Matchers
}  // namespace Catch
#endif

#include "tests/support/shared_data.hpp"
#include "tests/support/temp_dir.hpp"
