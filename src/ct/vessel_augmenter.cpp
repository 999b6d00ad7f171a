// SPDX-License-Identifier: Apache-2.0
#include <aift/ct/vessel_augmenter.hpp>

#include <cmath>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/ct/volume_source.hpp>

namespace aift::ct {
namespace {

/// Numbers of a patch's draws; part of every past run, so they never change.
enum Slot : index_t { kShift = 0, kTurn = 3, kSide = 4, kSlotCount = 8 };

constexpr double kPi = 3.14159265358979323846;

/// Cosine and sine of an angle in degrees; exact at quarter turns, and a whole turn is none.
std::array<double, 2> turn_of(double degrees) {
  double d = std::fmod(degrees, 360);
  if (d < 0) d += 360;
  const double quarter = std::floor(d / 90 + 0.5);
  const double rest = (d - 90 * quarter) * (kPi / 180);
  const double c = std::cos(rest);
  const double s = std::sin(rest);
  switch (static_cast<int>(quarter) & 3) {
    case 1:
      return {-s, c};
    case 2:
      return {-c, -s};
    case 3:
      return {s, -c};
    default:
      return {c, s};
  }
}

}  // namespace

std::vector<Plane> planes_of(const VolumeCut& cut, const Point& centre, const VesselFrame& frame,
                             index_t channels) {
  const Point third = cross(frame.axis, frame.side);
  const auto [c, s] = turn_of(cut.turn_deg);
  const Point e = c * frame.side + s * third;
  const Point f = c * third - s * frame.side;
  const Point middle =
      centre + cut.shift_mm[0] * frame.axis + cut.shift_mm[1] * e + cut.shift_mm[2] * f;
  const Plane along = {middle, frame.axis, e, cut.side_mm};
  const Plane other = {middle, frame.axis, f, cut.side_mm};
  const Plane section = {middle, e, f, cut.side_mm};
  if (channels == 2) return {along, section};
  return {along, other, section};
}

VesselAugmenter::VesselAugmenter(const VesselAugmentOptions& options) : options_(options) {
  const PatchFormat& format = options.format;
  AIFT_EXPECT(format.channels == 2 || format.channels == 3, ValueError,
              "Vessel-aligned patches have 2 or 3 channels; the format has {}.", format.channels);
  AIFT_EXPECT(format.height >= 1 && format.width >= 1, ValueError,
              "The format must have a height and a width of at least 1; got {} x {}.",
              format.height, format.width);
  AIFT_EXPECT(
      options.scoring_patches >= 1 && options.probe_patches >= 1 && options.test_patches >= 1 &&
          options.rotations >= 1,
      ValueError,
      "scoring, probe and test patches and rotations must be at least 1; got {}, {}, {} and {}.",
      options.scoring_patches, options.probe_patches, options.test_patches, options.rotations);
  const auto& sides = options.sides_mm;
  AIFT_EXPECT(sides[0] > 0 && sides[0] <= sides[1] && sides[1] <= sides[2] && sides[2] <= 200,
              ValueError,
              "The sides of patches must rise from above 0 to at most 200 mm; got {}, {} and {}.",
              sides[0], sides[1], sides[2]);
  AIFT_EXPECT(options.shift_mm >= 0 && options.shift_mm <= 100, ValueError,
              "The shift of patches must lie in [0, 100] mm; got {}.", options.shift_mm);
  AIFT_EXPECT(options.window.width > 0 && std::isfinite(options.window.width) &&
                  std::isfinite(options.window.level),
              ValueError, "A window must have a finite level and a positive width; got {} and {}.",
              options.window.level, options.window.width);
  for (std::size_t c = 0; c < static_cast<std::size_t>(format.channels); ++c) {
    AIFT_EXPECT(format.std[c] > 0 && std::isfinite(format.mean[c]), ValueError,
                "The format must have finite means and positive scales; channel {} has {} and {}.",
                c, format.mean[c], format.std[c]);
  }
}

index_t VesselAugmenter::patches(Purpose purpose) const {
  switch (purpose) {
    case Purpose::scoring:
      return options_.scoring_patches;
    case Purpose::probe:
      return options_.probe_patches;
    case Purpose::test:
      return options_.test_patches;
    case Purpose::training:
      return 1;
    default:
      throw ValueError(fmt::format(
          "Patches exist for the purposes scoring, training, probe and test; got purpose {}.",
          static_cast<std::uint32_t>(purpose)));
  }
}

PatchPlan VesselAugmenter::plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                                index_t index) const {
  static_cast<void>(patches(purpose));  // refuses other purposes
  AIFT_EXPECT(round >= 0 && index >= 0, ValueError,
              "round and index of a patch must not be negative; got {} and {}.", round, index);
  PatchPlan plan;
  plan.candidate = candidate;
  plan.purpose = purpose;
  plan.round = round;
  plan.index = index;
  plan.cut.side_mm = options_.sides_mm[1];
  const bool fixed = purpose != Purpose::training;
  if (fixed && index == 0) return plan;
  const KeyedRandom random(options_.seed, purpose, fixed ? 0 : round, candidate.id);
  for (index_t a = 0; a < 3; ++a) {
    plan.cut.shift_mm[a] =
        random.uniform(kSlotCount * index + kShift + a, -options_.shift_mm, options_.shift_mm);
  }
  if (fixed) {
    plan.cut.turn_deg = 360.0 * static_cast<double>(index % options_.rotations) /
                        static_cast<double>(options_.rotations);
    plan.cut.side_mm = options_.sides_mm[(1 + index) % 3];
  } else {
    plan.cut.turn_deg = random.uniform(kSlotCount * index + kTurn, 0, 360);
    plan.cut.side_mm = options_.sides_mm[random.below(kSlotCount * index + kSide, 3)];
  }
  return plan;
}

double VesselAugmenter::reach_mm() const noexcept {
  return options_.sides_mm[2] * std::sqrt(0.5) + std::sqrt(3.0) * options_.shift_mm;
}

void VesselAugmenter::render(std::span<const PatchPlan> plans, const Source& source,
                             const PatchBuffer& out) const {
  const auto* volumes = dynamic_cast<const VolumeSource*>(&source);
  AIFT_EXPECT(volumes != nullptr, ShapeError,
              "A VesselAugmenter renders volumes; the source must be a VolumeSource.");
  AIFT_EXPECT(volumes->options().reach_mm >= reach_mm(), ShapeError,
              "The source must reach {} mm around a candidate for these patches; it reaches {} mm.",
              reach_mm(), volumes->options().reach_mm);
  const PatchFormat& format = options_.format;
  AIFT_EXPECT(out.format == format, ShapeError,
              "The buffer's format must be that of the augmenter, {} x {} x {} with its mean and "
              "std; got {} x {} x {}.",
              format.channels, format.height, format.width, out.format.channels, out.format.height,
              out.format.width);
  AIFT_EXPECT(static_cast<index_t>(plans.size()) <= out.capacity, ShapeError,
              "The buffer must have room for {} patches; it has room for {}.", plans.size(),
              out.capacity);
  AIFT_EXPECT(plans.empty() || out.data != nullptr, ShapeError,
              "The buffer for {} patches must not be null.", plans.size());
  std::shared_ptr<const CandidateView> view;
  index_t shown = -1;
  float* to = out.data;
  const index_t pixels = format.height * format.width;
  for (const PatchPlan& plan : plans) {
    if (view == nullptr || plan.candidate.index != shown) {
      view = volumes->read(plan.candidate);
      shown = plan.candidate.index;
    }
    const auto planes = planes_of(plan.cut, view->centre, view->frame, format.channels);
    for (std::size_t c = 0; c < planes.size(); ++c) {
      const PlaneFormat one = {format.height, format.width, options_.window, format.mean[c],
                               format.std[c]};
      render_planes(view->crop.view(), std::span(planes).subspan(c, 1), one,
                    std::span(to, static_cast<std::size_t>(pixels)));
      to += pixels;
    }
  }
}

}  // namespace aift::ct
