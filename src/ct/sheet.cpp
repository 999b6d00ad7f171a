// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/sheet.hpp>

#include <cmath>
#include <vector>

#include <aift/core/error.hpp>

namespace aift::ct {

Image patch_sheet(const VolumeSource& source, const VesselAugmentOptions& options,
                  std::span<const CandidateRef> candidates, index_t patches, index_t pixels) {
  AIFT_EXPECT(!candidates.empty() && patches >= 1 && pixels >= 8 && pixels <= 1024, ValueError,
              "A sheet needs candidates, at least one patch of each, and planes of 8 to 1024 "
              "pixels; got {}, {} and {}.",
              candidates.size(), patches, pixels);
  constexpr index_t kGap = 2;       // pixels between planes of a patch
  constexpr index_t kPatchGap = 8;  // and between patches and rows
  VesselAugmentOptions how = options;
  how.format.height = how.format.width = pixels;
  how.format.mean = {0, 0, 0};
  how.format.std = {1, 1, 1};
  const VesselAugmenter augmenter(how);
  const index_t planes = how.format.channels;
  const index_t patch_width = planes * pixels + (planes - 1) * kGap;
  Image sheet;
  sheet.width = patches * patch_width + (patches - 1) * kPatchGap;
  sheet.height = static_cast<index_t>(candidates.size()) * (pixels + kPatchGap) - kPatchGap;
  sheet.pixels.assign(static_cast<std::size_t>(3 * sheet.width * sheet.height), 96);
  std::vector<float> values(static_cast<std::size_t>(patches * how.format.elements()));
  std::vector<PatchPlan> plans;
  for (std::size_t row = 0; row < candidates.size(); ++row) {
    plans.clear();
    for (index_t p = 0; p < patches; ++p)
      plans.push_back(augmenter.plan(candidates[row], Purpose::scoring, 0, p));
    augmenter.render(plans, source, {values.data(), patches, how.format});
    const index_t top = static_cast<index_t>(row) * (pixels + kPatchGap);
    const float* from = values.data();
    for (index_t p = 0; p < patches; ++p) {
      for (index_t c = 0; c < planes; ++c) {
        const index_t left = p * (patch_width + kPatchGap) + c * (pixels + kGap);
        for (index_t y = 0; y < pixels; ++y) {
          for (index_t x = 0; x < pixels; ++x) {
            const auto grey = static_cast<std::uint8_t>(std::lround(*from++));
            const auto at = static_cast<std::size_t>(3 * ((top + y) * sheet.width + left + x));
            sheet.pixels[at] = sheet.pixels[at + 1] = sheet.pixels[at + 2] = grey;
          }
        }
      }
    }
  }
  return sheet;
}

}  // namespace aift::ct
