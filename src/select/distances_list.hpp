// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "distances.hpp"

namespace aift::select::detail {

extern const DistanceEngine kBaselineDistances;
#if defined(__x86_64__) && defined(__GNUC__)
#define AIFT_X86_DISTANCES 1
extern const DistanceEngine kAvx2Distances;
extern const DistanceEngine kAvx512Distances;
#endif

}  // namespace aift::select::detail
