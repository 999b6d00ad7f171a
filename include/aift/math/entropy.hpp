// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/math/log.hpp>

namespace aift::math {

/// -p ln(p + eps), in nats; eps is added, not clamped (DESIGN section 5).
///
/// p      in [0, 1]; eps >= 0, p + eps > 0
/// range  [-eps, 1/e + eps]: slightly negative at p = 1
AIFT_MATH double neg_plogp(double p, double eps) noexcept { return -p * log(p + eps); }
/// The same for float.
AIFT_MATH float neg_plogp(float p, float eps) noexcept { return -p * log(p + eps); }

}  // namespace aift::math
