// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <aift/augment/image.hpp>

#include "src/phantom/colon_scene.hpp"

namespace aift::phantom {

/// How one frame is taken.
struct Exposure {
  index_t size = 192;
  float blur = 0;      // standard deviation in pixels, beside that of the optics
  Vec smear{0, 0, 0};  // motion in the picture during the exposure, pixels (x, y)
  float gain = 1;      // beside that of the automatic exposure
  float noise = 0.01F;
  std::uint32_t seed = 0;
  Veil veil;
};

/// Share of the visible field that shows the polyp, seen at `size` x `size` pixels.
float polyp_share(const ColonScene& scene, const Camera& camera, index_t size);

/// The picture that the camera takes.
Image take(const ColonScene& scene, const Camera& camera, const Exposure& exposure);

}  // namespace aift::phantom
