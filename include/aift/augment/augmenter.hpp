// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include <aift/augment/image.hpp>
#include <aift/core/rng.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// A candidate as the parts hand it to each other.
struct CandidateRef {
  index_t index = 0;     ///< position in the data set
  std::uint64_t id = 0;  ///< stable number (hash of its name): the key of its randomness
};

/// What happens beyond the edge of an image.
enum class Border : std::uint8_t {
  reflect,   ///< mirrored at the centre of the edge pixel, which is not repeated: c b | a b c
  constant,  ///< a constant grey value, before the plan's colour changes
};

/// How a patch is cut from a volume, relative to the candidate's own directions (aift::ct).
struct VolumeCut {
  double side_mm = 0;   ///< edge of the patch; 0: the patch is of an image, not of a volume
  double turn_deg = 0;  ///< rotation of the planes about the vessel's axis
  std::array<double, 3> shift_mm = {0, 0, 0};  ///< along the axis, across it, across both
};

/// How one patch is made from its source; everything is in here, nothing is drawn while rendering.
struct PatchPlan {
  CandidateRef candidate;              ///< whose view it is
  Purpose purpose = Purpose::scoring;  ///< what it is rendered for
  index_t round = 0;                   ///< in which it was made; for the record
  index_t index = 0;  ///< patch number within the candidate; scoring patch 0 is the identity

  /// Output to source. Output coordinates u, v are normalised: (-1,-1) is the outer corner of the
  /// top left pixel, (1,1) that of the bottom right. The linear part acts on *pixels* of the
  /// source, measured from its centre, so that a rotation is a true one whatever the image's shape:
  ///   dx = m[0] (u W/2) + m[1] (v H/2) + m[2] W/2
  ///   dy = m[3] (u W/2) + m[4] (v H/2) + m[5] H/2     (W, H: size of the source)
  /// The identity stretches the whole source onto the output. For W = H this is source = m (u,v,1)
  /// in normalised coordinates.
  std::array<double, 6> matrix = {1, 0, 0, 0, 1, 0};
  Border border = Border::reflect;  ///< what lies beyond the source's edge
  std::uint8_t border_value = 0;    ///< grey value there when `border` is constant

  /// Colour, applied to values in [0, 255] in this order, then clipped to [0, 255]:
  /// x *= gain[c]; x = mean + contrast (x - mean) with mean = 127.5; x += 255 brightness;
  /// x = grey + saturation (x - grey), grey = 0.299 R + 0.587 G + 0.114 B.
  std::array<double, 3> gain = {1, 1, 1};
  double contrast = 1;    ///< about 127.5
  double brightness = 0;  ///< share of the full range that is added
  double saturation = 1;  ///< 0: grey
  VolumeCut cut;          ///< of a volume; matrix and border then count for nothing
};

/// Text of a plan, one line, for people: `candidate 12 scoring round 0 patch 3: rotate 37.2 deg,
/// enlarge 1.08, shift +3.1 % -2.0 %, contrast 1.12`. What is not changed is not named; a linear
/// part that is no rotation with a flip and a scale is printed as a matrix.
[[nodiscard]] std::string to_string(const PatchPlan& plan);

/// What the model wants: NCHW float32, (x - mean) / std per channel with x in [0, 255].
struct PatchFormat {
  index_t channels = 3;                                  ///< C: 3 (R, G, B) or 1 (grey)
  index_t height = 0;                                    ///< H, pixels
  index_t width = 0;                                     ///< W, pixels
  std::array<float, 3> mean = {127.0F, 127.0F, 127.0F};  ///< per channel, in [0, 255]
  std::array<float, 3> std = {128.0F, 128.0F, 128.0F};   ///< per channel, in units of [0, 255]
  /// Values of one patch: C H W.
  [[nodiscard]] index_t elements() const noexcept { return channels * height * width; }
  [[nodiscard]] bool operator==(const PatchFormat&) const = default;  ///< of every field
};

/// Where rendered patches go: [count, channels, height, width] float32, contiguous.
struct PatchBuffer {
  float* data = nullptr;  ///< room for capacity format.elements() values
  index_t capacity = 0;   ///< patches
  PatchFormat format;     ///< of each patch
};

/// Pixels (or voxels) of candidates. Thread rule: reads may come from several threads.
class Source {
 public:
  virtual ~Source() = default;
};

/// A source of 8-bit images.
class ImageSource : public Source {
 public:
  /// Decoded image of a candidate. throws IoError naming the file
  [[nodiscard]] virtual Image read(const CandidateRef& candidate) const = 0;
};

/// Candidate to patches; the same (seed, id, purpose, round, index) gives the same patch anywhere.
class Augmenter {
 public:
  virtual ~Augmenter() = default;
  /// Name for records, snake_case.
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  /// Patches per candidate for a purpose (scoring, training, probe, test), at least 1.
  [[nodiscard]] virtual index_t patches(Purpose purpose) const = 0;
  /// Plan of patch `index`; for Purpose::training any index >= 0 is a fresh view.
  [[nodiscard]] virtual PatchPlan plan(const CandidateRef& candidate, Purpose purpose,
                                       index_t round, index_t index) const = 0;
  /// Renders plans one after another into out; consecutive plans of one candidate share its
  /// decoding.
  /// throws ShapeError (capacity, format), IoError (source)
  virtual void render(std::span<const PatchPlan> plans, const Source& source,
                      const PatchBuffer& out) const = 0;
  /// The images that `render` makes patches of this format from, when it does so exactly as
  /// BatchRenderer does: then whoever has many to render may do it himself, on a GPU as well. Null:
  /// patches are made otherwise, `render` has to be called.
  [[nodiscard]] virtual const ImageSource* images(const Source& source,
                                                  const PatchFormat& format) const noexcept {
    static_cast<void>(source), static_cast<void>(format);
    return nullptr;
  }
};

}  // namespace aift
