// SPDX-License-Identifier: Apache-2.0
#include "distances.hpp"

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <vector>

#include <aift/math/exp.hpp>

#include "distances_list.hpp"
#include "src/score/engine.hpp"

namespace aift::select::detail {
namespace {

#include "distances_body.hpp"

/// The engines, parallel to those of the scores.
std::vector<const DistanceEngine*> runnable() {
  std::vector<const DistanceEngine*> list;
  for (const score::detail::Engine* engine : score::detail::engines()) {
    const std::string_view name = engine->name;
    if (name == kBaselineDistances.name) list.push_back(&kBaselineDistances);
#if defined(AIFT_X86_DISTANCES)
    if (name == kAvx2Distances.name) list.push_back(&kAvx2Distances);
    if (name == kAvx512Distances.name) list.push_back(&kAvx512Distances);
#endif
  }
  return list;
}

}  // namespace

extern const DistanceEngine kBaselineDistances = {"baseline", tile<math::Lane<float>, 1, 1, false>,
                                                  tile<math::Lane<float>, 1, 1, true>,
                                                  gaussian<math::Lane<float>, 1>};

std::span<const DistanceEngine* const> distance_engines() noexcept {
  static const std::vector<const DistanceEngine*> list = runnable();
  return list;
}

const DistanceEngine& distances() {
  const std::string_view wanted = score::detail::best_engine().name;
  for (const DistanceEngine* engine : distance_engines()) {
    if (wanted == engine->name) return *engine;
  }
  return kBaselineDistances;
}

}  // namespace aift::select::detail
