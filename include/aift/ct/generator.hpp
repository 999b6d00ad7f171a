// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/types.hpp>
#include <aift/ct/candidates.hpp>
#include <aift/ct/volume.hpp>

namespace aift::ct {

/// What the generator takes for what. HU unless said otherwise.
struct GeneratorOptions {
  double hu_lung = -500;      ///< below: air and lung (the usual threshold; Hu et al., 2001)
  double min_lung_ml = 100;   ///< smaller air pockets are no lung
  double close_lung_mm = 12;  ///< vessels this wide count as inside the lung
  double hu_air = -200;       ///< below: not soft tissue; between lung and fat
  /// Least threshold of contrast-filled blood. The one that is used is halfway between blood without
  /// contrast (50) and the scan's own level, where that is more.
  double hu_lumen_min = 130;
  double hu_clot_low = 0;       ///< basins with a darker bottom are fat or something else
  double dark_share = 0.75;     ///< a basin's bottom is at most this share of the scan's level
  double ray_mm = 12;           ///< how far from a basin vessel or lung must be met
  double min_enclosure = 0.45;  ///< least share of 26 rays that meet contrast or lung
  index_t min_lumen_rays = 2;   ///< at least so many meet contrast
  double min_volume_mm3 = 4;    ///< smaller basins are noise
  double apart_mm = 6;          ///< of two nearer candidates the better stays
  index_t max_candidates = 40;  ///< per scan, the best; at least 1
};

/// What was found, and by what.
struct GeneratorResult {
  std::vector<Candidate> candidates;  ///< best first; volume and group are empty
  std::string note;                   ///< why there are none, where that has a reason
  double contrast_hu = 0;             ///< the scan's level of contrast
  double lumen_hu = 0;                ///< threshold of the lumen
  index_t basins = 0;                 ///< local minima that touch contrast
};

/// Finds candidates for emboli by tobogganing: every voxel slides to its darkest neighbour, and all
/// that end in one place are a basin. Basins darker than the contrast, in or beside a vessel, are
/// candidates.
///
/// lungs     voxels below hu_lung that do not reach the sides of a slice, at least min_lung_ml in one
///           piece; closed by close_lung_mm. Looked for is between and in them: what has lung on both
///           sides of it in its row or column of a slice
/// lumen     voxels at least lumen_hu, in connected pieces that reach into the closed lungs (which the
///           aorta and the bones do not)
/// slide     over soft tissue that does not touch air, smoothed by 1 2 1 along each axis within it;
///           26 neighbours, the smaller voxel number on a tie
/// basins    with a bottom from hu_clot_low to dark_share times the scan's level that some voxel of
///           the lumen slides into
/// score     share of 26 rays from the basin's centre that meet the lumen, or air, before ray_mm; times
///           the depth of the bottom below the level. Rays that meet neither see soft tissue, as beside
///           a vessel
/// position  centroid of the basin's dark voxels
/// Sources: tobogganing: Fairfield, 1990; for emboli Liang and Bi, Information Processing in Medical
/// Imaging 2007; lungs by threshold and components: Hu, Hoffman and Reinhardt, IEEE TMI 20, 2001
/// memory    12 bytes per voxel between the lungs, besides the volume
/// result    does not depend on the executor. No vessel, no lungs, one grey value: no candidates, and
///           `note` says why
/// throws    ValueError (options), ShapeError (a volume that is none)
[[nodiscard]] GeneratorResult find_candidates(const Volume& volume,
                                              const GeneratorOptions& options = {},
                                              Executor* executor = nullptr);

}  // namespace aift::ct
