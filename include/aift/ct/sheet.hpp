// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <aift/augment/image.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/vessel_augmenter.hpp>
#include <aift/ct/volume_source.hpp>

namespace aift::ct {

/// Patches of candidates as one picture for people: a row per candidate, and in it one patch after
/// another, the planes of a patch side by side; grey, 0 and 255 are the ends of the window.
///
/// candidates  at least one
/// patches     of each, the scoring patches 0, 1, ...; at least 1
/// pixels      edge of a plane, in [8, 1024]
/// throws      ValueError (numbers), IoError of the source
[[nodiscard]] Image patch_sheet(const VolumeSource& source, const VesselAugmentOptions& options,
                                std::span<const CandidateRef> candidates, index_t patches,
                                index_t pixels);

}  // namespace aift::ct
