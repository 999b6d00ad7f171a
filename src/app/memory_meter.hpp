// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/bench/memory_meter.hpp>

namespace aift::app {

/// The meter of the program `aift`, which replaces `operator new` and `operator delete`.
[[nodiscard]] bench::MemoryMeter& memory_meter();

}  // namespace aift::app
