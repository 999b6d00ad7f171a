// SPDX-License-Identifier: Apache-2.0
// No include guard: included once per instruction set, between the pragmas that choose it. What
// stands here is inlined always or has internal linkage, so that no code of this instruction set
// leaks into the rest of the program.
#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>

namespace aift::score::detail {
namespace {

#include "engine_body.hpp"

#include "simd_lane.hpp"

#include "engine_border.hpp"

#include "engine_lanes.hpp"

}  // namespace
}  // namespace aift::score::detail
