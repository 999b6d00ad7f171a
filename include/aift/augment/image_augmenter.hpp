// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>

namespace aift {

/// From what ranges a family of views is drawn; every draw is uniform.
struct ViewRanges {
  double flip_horizontal = 0.5;  ///< chance of a left-right flip, in [0, 1]
  double flip_vertical = 0.5;    ///< chance of a top-bottom flip, in [0, 1]
  double rotation_deg = 180;     ///< rotation in [-r, r] degrees, r in [0, 180]
  double scale_min = 0.85;       ///< enlargement in [scale_min, scale_max], both positive
  double scale_max = 1.15;       ///< the upper end of the range
  double translation = 0.08;     ///< shift in [-t, t] of the image's side, each axis, t in [0, 1]
  double crop_min = 1;           ///< side of a window placed at random, share in [crop_min, 1]
  double brightness = 0.12;      ///< added, in [-b, b] of the full range, b in [0, 1]
  double contrast = 0.2;         ///< factor in [1 - c, 1 + c], c in [0, 1]
  double saturation = 0.1;       ///< factor in [1 - s, 1 + s], s in [0, 1]
  double gain = 0.06;            ///< factor per colour channel in [1 - g, 1 + g], g in [0, 1]

  /// Images without an up: endoscopy, microscopy, skin. The default.
  [[nodiscard]] static ViewRanges any_orientation() { return {}; }
  /// Images with an up and a left: radiographs, digits. No flips, rotation up to 10 degrees.
  [[nodiscard]] static ViewRanges upright() {
    ViewRanges ranges;
    ranges.flip_horizontal = ranges.flip_vertical = 0;
    ranges.rotation_deg = 10;
    return ranges;
  }
};

/// All that decides what the views of an ImageAugmenter are.
struct ImageAugmentOptions {
  PatchFormat format;               ///< what the model wants
  std::uint64_t seed = 0;           ///< of the experiment
  index_t scoring_views = 4;        ///< views of a candidate when the pool is scored, at least 1
  index_t probe_views = 4;          ///< views whose features a linear probe is fitted on
  index_t test_views = 1;           ///< views of a test candidate
  Border border = Border::reflect;  ///< what lies beyond an image's edge
  std::uint8_t border_value = 0;    ///< grey value beyond the edge when border is constant
  ViewRanges scoring;               ///< of Purpose::scoring, probe and test
  ViewRanges training;              ///< of Purpose::training
};

/// Views of 2-D images: flip, rotation, enlargement, shift, crop, brightness, contrast, colour.
///
/// Fixed views  scoring, probe and test: patch 0 is the identity, every further one is drawn once
///              per candidate and is the same in every round (the round is not in its key).
/// Training     every (round, index) is a fresh view; none is the identity by rule.
/// Aspect       the identity stretches the whole image onto the model's input, whatever its shape.
///              Rotations are true rotations in the pixels of the source, before that stretch.
/// Key          KeyedRandom(seed, purpose, round or 0, candidate.id), number 16 * index + slot,
///              slot 0 flip_horizontal, 1 flip_vertical, 2 rotation, 3 scale, 4 and 5 translation x
///              and y, 6 crop side, 7 and 8 its place, 9 brightness, 10 contrast, 11 saturation,
///              12 to 14 gain of red, green, blue. An option set to nothing changes no other draw.
/// Geometry     output to source: shift(crop(rotate(flip(p) / scale))). A positive rotation turns
///              the picture anticlockwise; crop and shift are shares of the source's sides.
///
/// thread safe: immutable after construction
class ImageAugmenter final : public Augmenter {
 public:
  /// throws ValueError: format without size, counts below 1, ranges outside
  explicit ImageAugmenter(const ImageAugmentOptions& options);

  [[nodiscard]] std::string_view name() const noexcept override { return "image"; }
  /// What it was made with.
  [[nodiscard]] const ImageAugmentOptions& options() const noexcept { return options_; }
  /// scoring_views, probe_views, test_views; 1 for training (ask for as many indices as needed).
  [[nodiscard]] index_t patches(Purpose purpose) const override;
  /// Any index >= 0 is a view, also of the fixed families. The plan carries `round` for the record.
  /// throws ValueError: another purpose, round or index negative
  [[nodiscard]] PatchPlan plan(const CandidateRef& candidate, Purpose purpose, index_t round,
                               index_t index) const override;
  /// See render_patches. throws ShapeError: source is no ImageSource, out.format is not
  /// options().format, capacity too small; IoError of the source
  void render(std::span<const PatchPlan> plans, const Source& source,
              const PatchBuffer& out) const override;
  /// The source itself, for the format of the options.
  [[nodiscard]] const ImageSource* images(const Source& source,
                                          const PatchFormat& format) const noexcept override;

 private:
  ImageAugmentOptions options_;
};

/// Decoded image of a candidate. throws IoError of the source, ShapeError: its pixels do not fit its
/// size
[[nodiscard]] Image read_image(const ImageSource& source, const CandidateRef& candidate);

}  // namespace aift
