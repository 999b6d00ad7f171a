// SPDX-License-Identifier: Apache-2.0
// Planes through a volume of one's own, and candidates in it: there are none in a ramp.
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include <aift/core/version.hpp>
#include <aift/ct/generator.hpp>
#include <aift/ct/planes.hpp>

int main() {
  aift::ct::Volume volume;
  volume.geometry.size = {16, 16, 16};
  for (int i = 0; i < 16 * 16 * 16; ++i)
    volume.voxels.push_back(static_cast<std::int16_t>(10 * (i % 16)));  // 10 HU a millimetre
  const aift::ct::Plane plane = {.centre = {8, 8, 8}, .side_mm = 4};
  std::vector<float> pixels(16);
  aift::ct::render_planes(aift::ct::whole(volume), std::vector{plane},
                          {.height = 4, .width = 4, .window = {100, 200}}, pixels);
  const aift::ct::GeneratorResult found = aift::ct::find_candidates(volume);
  std::printf("AIFT %s: %.4f, %zu candidates: %s\n", std::string(aift::version()).c_str(),
              static_cast<double>(pixels[0]), found.candidates.size(), found.note.c_str());
  return std::abs(pixels[0] - 65.0F / 200) < 1e-5F && found.candidates.empty() ? 0 : 1;
}
