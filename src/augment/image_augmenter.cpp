// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/image_augmenter.hpp>

#include <cmath>
#include <string>

#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>

#include "src/augment/patch_renderer.hpp"

namespace aift {
namespace {

/// Numbers of a view's draws; part of every past run, so they never change.
enum Slot : index_t {
  kFlipHorizontal,
  kFlipVertical,
  kRotation,
  kScale,
  kTranslationX,
  kTranslationY,
  kCrop,
  kCropX,
  kCropY,
  kBrightness,
  kContrast,
  kSaturation,
  kGain,           // and the two after it
  kSlotCount = 16  // spare numbers for later
};

struct SinCos {
  double sin = 0;
  double cos = 1;
};

/// Of an angle in degrees: exact at quarter turns and the same bits on every machine, which the C
/// library does not promise. Taylor series on [-45, 45] degrees, error below 1e-16.
SinCos sin_cos_degrees(double degrees) {
  const double quarter = std::floor(degrees / 90 + 0.5);
  const double x = (degrees - 90 * quarter) * (3.14159265358979323846 / 180);
  const double x2 = x * x;
  double s = 0;
  double c = 0;
  for (int k = 16; k >= 2; k -= 2) {
    s = (1 - s) * x2 / (k * (k + 1.0));
    c = (1 - c) * x2 / ((k - 1.0) * k);
  }
  s = x * (1 - s);
  c = 1 - c;
  switch (static_cast<index_t>(quarter) & 3) {
    case 1:
      return {c, -s};
    case 2:
      return {-s, -c};
    case 3:
      return {-c, s};
    default:
      return {s, c};
  }
}

void check_ranges(const ViewRanges& r, const char* family) {
  const auto share = [&](double x, const char* what) {
    AIFT_EXPECT(x >= 0 && x <= 1, ValueError, "{} of the {} views must lie in [0, 1]; got {}.",
                what, family, x);
  };
  share(r.flip_horizontal, "flip_horizontal");
  share(r.flip_vertical, "flip_vertical");
  share(r.translation, "translation");
  share(r.brightness, "brightness");
  share(r.contrast, "contrast");
  share(r.saturation, "saturation");
  share(r.gain, "gain");
  AIFT_EXPECT(r.rotation_deg >= 0 && r.rotation_deg <= 180, ValueError,
              "rotation_deg of the {} views must lie in [0, 180]; got {}.", family, r.rotation_deg);
  AIFT_EXPECT(r.scale_min > 0 && r.scale_min <= r.scale_max && std::isfinite(r.scale_max),
              ValueError,
              "scale_min and scale_max of the {} views must be positive and in order; got {} and "
              "{}.",
              family, r.scale_min, r.scale_max);
  AIFT_EXPECT(r.crop_min > 0 && r.crop_min <= 1, ValueError,
              "crop_min of the {} views must lie in (0, 1]; got {}.", family, r.crop_min);
}

}  // namespace

ImageAugmenter::ImageAugmenter(const ImageAugmentOptions& options) : options_(options) {
  const PatchFormat& format = options.format;
  AIFT_EXPECT(format.channels == 1 || format.channels == 3, ValueError,
              "The format must have 1 or 3 channels; got {}.", format.channels);
  AIFT_EXPECT(format.height >= 1 && format.width >= 1, ValueError,
              "The format must have a height and a width of at least 1; got {} x {}.",
              format.height, format.width);
  AIFT_EXPECT(options.scoring_views >= 1 && options.probe_views >= 1 && options.test_views >= 1,
              ValueError,
              "scoring_views, probe_views and test_views must be at least 1; got {}, {} and {}.",
              options.scoring_views, options.probe_views, options.test_views);
  check_ranges(options.scoring, "scoring");
  check_ranges(options.training, "training");
}

index_t ImageAugmenter::patches(Purpose purpose) const {
  switch (purpose) {
    case Purpose::scoring:
      return options_.scoring_views;
    case Purpose::probe:
      return options_.probe_views;
    case Purpose::test:
      return options_.test_views;
    case Purpose::training:
      return 1;
    default:
      throw ValueError(fmt::format(
          "Views exist for the purposes scoring, training, probe and test; got purpose {}.",
          static_cast<std::uint32_t>(purpose)));
  }
}

PatchPlan ImageAugmenter::plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                               index_t index) const {
  static_cast<void>(patches(purpose));  // refuses other purposes
  AIFT_EXPECT(round >= 0 && index >= 0, ValueError,
              "round and index of a view must not be negative; got {} and {}.", round, index);
  PatchPlan plan;
  plan.candidate = candidate;
  plan.purpose = purpose;
  plan.round = round;
  plan.index = index;
  plan.border = options_.border;
  plan.border_value = options_.border_value;
  const bool fixed = purpose != Purpose::training;
  if (fixed && index == 0) return plan;

  const ViewRanges& range = fixed ? options_.scoring : options_.training;
  const KeyedRandom random(options_.seed, purpose, fixed ? 0 : round, candidate.id);
  const auto uniform = [&](index_t slot) { return random.uniform(kSlotCount * index + slot); };
  const auto between = [&](index_t slot, double low, double high) {
    return low + (high - low) * uniform(slot);
  };
  const auto around = [&](index_t slot, double reach) { return between(slot, -reach, reach); };

  const double flip_x = uniform(kFlipHorizontal) < range.flip_horizontal ? -1 : 1;
  const double flip_y = uniform(kFlipVertical) < range.flip_vertical ? -1 : 1;
  const SinCos turn = sin_cos_degrees(around(kRotation, range.rotation_deg));
  const double crop = between(kCrop, range.crop_min, 1);
  const double zoom = crop / between(kScale, range.scale_min, range.scale_max);
  plan.matrix = {zoom * turn.cos * flip_x,
                 -zoom * turn.sin * flip_y,
                 2 * around(kTranslationX, range.translation) + around(kCropX, 1 - crop),
                 zoom * turn.sin * flip_x,
                 zoom * turn.cos * flip_y,
                 2 * around(kTranslationY, range.translation) + around(kCropY, 1 - crop)};
  plan.brightness = around(kBrightness, range.brightness);
  plan.contrast = 1 + around(kContrast, range.contrast);
  plan.saturation = 1 + around(kSaturation, range.saturation);
  for (index_t c = 0; c < 3; ++c)
    plan.gain[c] = 1 + around(kGain + c, range.gain);
  return plan;
}

void ImageAugmenter::render(std::span<const PatchPlan> plans, const Source& source,
                            const PatchBuffer& out) const {
  const auto* images = dynamic_cast<const ImageSource*>(&source);
  AIFT_EXPECT(images != nullptr, ShapeError,
              "An ImageAugmenter renders images; the source must be an ImageSource.");
  AIFT_EXPECT(out.format == options_.format, ShapeError,
              "The buffer's format must be that of the augmenter, {} x {} x {} with its mean and "
              "std; got {} x {} x {}.",
              options_.format.channels, options_.format.height, options_.format.width,
              out.format.channels, out.format.height, out.format.width);
  AIFT_EXPECT(static_cast<index_t>(plans.size()) <= out.capacity, ShapeError,
              "The buffer must have room for {} patches; it has room for {}.", plans.size(),
              out.capacity);
  AIFT_EXPECT(plans.empty() || out.data != nullptr, ShapeError,
              "The buffer for {} patches must not be null.", plans.size());
  render::PatchRenderer renderer;
  float* to = out.data;
  for (std::size_t first = 0; first < plans.size();) {
    const CandidateRef& candidate = plans[first].candidate;
    std::size_t last = first + 1;
    while (last < plans.size() && plans[last].candidate.index == candidate.index &&
           plans[last].candidate.id == candidate.id) {
      ++last;
    }
    const Image image = read_image(*images, candidate);
    renderer.render(image.view(), plans.subspan(first, last - first), options_.format, to);
    to += static_cast<index_t>(last - first) * options_.format.elements();
    first = last;
  }
}

const ImageSource* ImageAugmenter::images(const Source& source,
                                          const PatchFormat& format) const noexcept {
  return format == options_.format ? dynamic_cast<const ImageSource*>(&source) : nullptr;
}

Image read_image(const ImageSource& source, const CandidateRef& candidate) {
  Image image = source.read(candidate);
  const ImageView view = image.view();
  AIFT_EXPECT(static_cast<index_t>(image.pixels.size()) == view.stride * view.height, ShapeError,
              "An image of {} x {} with {} channels has {} bytes; candidate {} has {}.", view.width,
              view.height, view.channels(), view.stride * view.height, candidate.index,
              image.pixels.size());
  return image;
}

}  // namespace aift
