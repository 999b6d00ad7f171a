// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>

namespace aift::io {

/// Whether a name ends like a video's: avi, mp4, m4v, mov, mkv, webm, mpg, mpeg, ts, mts, wmv.
[[nodiscard]] bool has_video_extension(const std::filesystem::path& file);

/// What is done to the frames of a video before anything else sees them, in this order.
///
/// deinterlace   every second line, the lower field, is replaced by the mean of the lines above and
///               below it (the last line by the one above it): combs go, half of the height's detail
///               with them
/// mask_overlay  pixels that do not change over the video (text, logos, borders) become black
/// crop          to the box around the bright field of view: black borders and text beside it go
///
/// A network has to be given frames that are prepared as those it was trained on: `text` is recorded
/// with it.
struct FramePreparation {
  bool deinterlace = false;   ///< see above
  bool mask_overlay = false;  ///< see above
  bool crop = false;          ///< see above
  /// Member by member.
  [[nodiscard]] bool operator==(const FramePreparation&) const = default;
  /// "deinterlace, mask overlay, crop", what applies of it; empty: the frames are as they are.
  [[nodiscard]] std::string text() const;
};

/// What all frames of a video have in common.
struct FrameLayout {
  index_t width = 0;                  ///< of the frames as they are
  index_t height = 0;                 ///< of the frames as they are
  index_t field_x = 0;                ///< left edge of the field of view, pixels
  index_t field_y = 0;                ///< upper edge
  index_t field_width = 0;            ///< pixels
  index_t field_height = 0;           ///< pixels
  std::vector<std::uint8_t> overlay;  ///< [height, width], 1: does not change; empty: none found
  /// Member by member.
  [[nodiscard]] bool operator==(const FrameLayout&) const = default;
};

/// Finds field of view and overlay from frames taken all over a video.
///
/// field    pixels whose brightest channel, on average over the samples, exceeds a quarter of the
///          99th percentile (and 20); of the parts that are left when everything thinner than a
///          40th of the shorter side has been removed (writing has), the largest; its bounding box.
///          The whole frame when that is smaller than a tenth of it.
/// overlay  pixels of the field whose brightest channel stays within 16 over all samples but the
///          two extreme ones, with a border of 2 pixels; only when the samples differ: with fewer
///          than 8 of them, or when more than a quarter of the field is bright and does not change,
///          the video stands still and nothing is taken for an overlay
/// samples  of one size, RGB, deinterlaced already if they shall be; at least 1
/// throws   ShapeError: no sample, sizes or channels that differ
[[nodiscard]] FrameLayout find_layout(std::span<const Image> samples);

/// Deinterlaces alone. throws ShapeError for an image that is not RGB
[[nodiscard]] Image deinterlace(const Image& frame);

/// The frame as networks see it. throws ShapeError for a frame of another size than the layout's
[[nodiscard]] Image prepare_frame(Image frame, const FrameLayout& layout,
                                  const FramePreparation& preparation);

/// Frames of one video by number, which is counted from the start of the file by decoding: what a
/// container says about positions is not relied on.
///
/// Reading on in ascending order decodes each frame once. Going back is answered from the few frames
/// read last; then by the container's own search, whose result counts only when it is equal to what
/// was there when the frame was passed before (a 64-bit checksum); else by decoding from the start.
///
/// memory       8 frames, and 8 bytes per frame seen
/// thread rule  one call at a time per object
class VideoReader {
 public:
  /// throws IoError naming the file: missing, empty, no video, no frame that can be decoded
  explicit VideoReader(std::filesystem::path file);
  ~VideoReader();
  /// A reader that was moved from can only be destroyed or assigned to.
  VideoReader(VideoReader&&) noexcept;
  /// The same.
  VideoReader& operator=(VideoReader&&) noexcept;

  /// What the file says, or what was counted where it says nothing. A file that is cut short holds
  /// fewer.
  [[nodiscard]] index_t frames() const noexcept;
  /// Frame `number` from 0, RGB. throws IoError naming the file and where the video ends, in the
  /// same words for all frames that are missing; ValueError: number < 0
  [[nodiscard]] Image read(index_t number);
  /// Closes the file until the next read. What is known about the frames stays.
  void close();
  /// Frames to remember the checksum of when they are passed, ascending.
  void watch(std::vector<index_t> numbers);

  /// How often frames were decoded, searched for, and found again from the start: for tests.
  struct Counts {
    index_t decoded = 0;  ///< frames decoded
    index_t found = 0;    ///< searches that led to the frame
    index_t rewound = 0;  ///< times that the file was read from its start again
  };
  /// Since the reader was made.
  [[nodiscard]] const Counts& counts() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Pixels of a data set of images and frames of videos; images are decoded as FileImageSource does,
/// frames are prepared. `dataset` must outlive it.
///
/// Cheap when candidates are read in the order of their ids, as the loop walks its pool: frames of a
/// video have neighbouring ids. `keep` writes frames that will be read in any order, those that are
/// labelled, as PNG.
///
/// memory       one VideoReader per video that is in use, 4 at most at a time
/// thread safe: reads of one video wait for each other
class FrameSource final : public ImageSource {
 public:
  /// folder  where `keep` writes; empty: nothing is kept
  FrameSource(const Dataset& dataset, const FramePreparation& preparation,
              std::filesystem::path folder = {});
  ~FrameSource() override;

  /// throws IoError naming the file (and the frame); ValueError for an index outside the data set
  [[nodiscard]] Image read(const CandidateRef& candidate) const override;
  /// Writes the frames among the candidates to the folder, each once; unreadable ones are left out.
  void keep(std::span<const CandidateRef> candidates) const;
  /// check_images, through this source: what it learns about the videos stays here.
  [[nodiscard]] std::vector<BadImage> check(
      index_t threads, const std::function<void(index_t done, index_t total)>& progress = {}) const;
  /// Layout of the video of a candidate; null for an image. Found from 24 frames all over the video
  /// when first asked for: one pass of decoding. throws IoError
  [[nodiscard]] const FrameLayout* layout(index_t candidate) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Name of the file in which FrameSource::keep leaves a frame: its id in hexadecimal, ".png".
[[nodiscard]] std::string kept_frame_name(std::uint64_t id);

}  // namespace aift::io
