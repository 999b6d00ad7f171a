// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine.hpp"

namespace aift::score::detail {

extern const Engine kBaselineEngine;
#if defined(__x86_64__) && defined(__GNUC__)
#define AIFT_X86_ENGINES 1
extern const Engine kAvx2Engine;
extern const Engine kAvx512Engine;
#endif

}  // namespace aift::score::detail
