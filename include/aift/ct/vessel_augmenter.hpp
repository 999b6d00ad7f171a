// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/ct/planes.hpp>
#include <aift/ct/vessel_axis.hpp>

namespace aift::ct {

/// All that decides what the patches of a VesselAugmenter are.
struct VesselAugmentOptions {
  PatchFormat format;           ///< channels 2 or 3, and the size
  std::uint64_t seed = 0;       ///< of the experiment
  index_t scoring_patches = 6;  ///< per candidate when the pool is scored, at least 1
  index_t probe_patches = 4;    ///< whose features a linear probe is fitted on, at least 1
  index_t test_patches = 4;     ///< per test candidate, at least 1
  index_t rotations = 6;  ///< k: fixed patches turn by multiples of 360 / k degrees, at least 1
  std::array<double, 3> sides_mm = {10, 15, 20};  ///< rising; patch 0 has the middle one
  double shift_mm = 1.5;                          ///< drawn in [-shift, shift] along each axis
  HuWindow window;                                ///< level 100, width 700
};

/// Vessel-aligned patches: planes along the vessel and across it, so that an embolus is seen as a
/// filling of the same shape whichever way its vessel runs.
///
/// channels  2: the longitudinal plane (columns run along the vessel) and the cross-section.
///           3: two longitudinal planes at right angles and the cross-section, for networks that take
///           three channels
/// turn      both kinds of planes rotate about the vessel's axis
/// fixed     scoring, probe and test: patch 0 is canonical (no turn, middle side, no shift); patch i
///           is turned by i 360 / k degrees, has side i mod 3 counted from the middle, and shifts
///           that are drawn once per candidate
/// training  turn uniform in [0, 360), side one of the three, shifts drawn: any index is a fresh patch
/// values    HU in the window as [0, 255], then (x - mean) / std of the format
/// key       KeyedRandom(seed, purpose, round or 0, candidate.id), number 8 index + slot: slots 0 to 2
///           shifts, 3 turn, 4 side
/// Source: Tajbakhsh, Gotway and Liang, "Computer-aided pulmonary embolism detection using a novel
/// vessel-aligned multi-planar image representation and convolutional neural networks", MICCAI 2015
///
/// thread safe: immutable after construction
class VesselAugmenter final : public Augmenter {
 public:
  /// throws ValueError: channels, size, counts, sides or window that are none
  explicit VesselAugmenter(const VesselAugmentOptions& options);

  [[nodiscard]] std::string_view name() const noexcept override { return "vessel"; }
  /// What it was made with.
  [[nodiscard]] const VesselAugmentOptions& options() const noexcept { return options_; }
  [[nodiscard]] index_t patches(Purpose purpose) const override;
  /// The cut of the plan holds everything. throws ValueError: another purpose, round or index
  /// negative
  [[nodiscard]] PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                               index_t index) const override;
  /// throws ShapeError: source is no VolumeSource, its reach is too short, out.format is not
  /// options().format, capacity too small; IoError of the source
  void render(std::span<const PatchPlan> plans, const Source& source,
              const PatchBuffer& out) const override;
  /// How far from a candidate a voxel can be that some patch needs, mm.
  [[nodiscard]] double reach_mm() const noexcept;

 private:
  VesselAugmentOptions options_;
};

/// The planes of a patch, one per channel (2 or 3, see VesselAugmenter).
[[nodiscard]] std::vector<Plane> planes_of(const VolumeCut& cut, const Point& centre,
                                           const VesselFrame& frame, index_t channels);

}  // namespace aift::ct
