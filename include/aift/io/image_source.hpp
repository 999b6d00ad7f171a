// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/augment/image.hpp>
#include <aift/io/dataset.hpp>

namespace aift::io {

/// Decodes a JPEG, PNG, BMP or TIFF file to 8-bit RGB.
///
/// grey      becomes three equal channels
/// alpha     is dropped: the colour behind it counts, nothing is blended
/// 16 bit    v becomes round(v / 257), so 0 and 65535 become 0 and 255 whatever the image's own
///           range
/// EXIF      the orientation a camera wrote is applied: the image is as a viewer shows it
/// throws    IoError naming the file: missing, empty, damaged or cut short (a JPEG without its end
///           marker too), of another format, without pixels, floating-point pixels
[[nodiscard]] Image decode_image(const std::filesystem::path& file);
/// The same for bytes in memory; `name` is what messages call them.
[[nodiscard]] Image decode_image(std::span<const std::byte> bytes, const std::string& name);

/// The images of a data set, decoded when asked for. `dataset` must outlive it. Frames of videos
/// need a FrameSource (video.hpp).
///
/// thread safe: reads share nothing
class FileImageSource final : public ImageSource {
 public:
  /// Keeps a reference.
  explicit FileImageSource(const Dataset& dataset) : dataset_(&dataset) {}
  /// decode_image of the candidate's file; ValueError for an index outside the data set.
  [[nodiscard]] Image read(const CandidateRef& candidate) const override;

 private:
  const Dataset* dataset_;
};

/// A candidate whose image cannot be decoded.
struct BadImage {
  index_t index = 0;   ///< of the candidate in the data set
  std::string reason;  ///< one sentence, with the path
};

/// Decodes every image and every frame of a video once and gives back those that cannot be decoded,
/// in order of index. The frames that a video lacks have one reason.
///
/// threads   worker threads, at least 1; the result does not depend on it
/// progress  called with (done, total) now and then, from the calling thread; may throw to stop
/// cost      one decoding per image; memory of one image per thread
[[nodiscard]] std::vector<BadImage> check_images(
    const Dataset& dataset, index_t threads = 2,
    const std::function<void(index_t done, index_t total)>& progress = {});

/// Shrinks or enlarges to exactly width x height: mean over the area when shrinking, bilinear
/// otherwise. throws ShapeError for an empty image or size
[[nodiscard]] Image resize_image(const ImageView& image, index_t width, index_t height);

/// The largest image of the same proportions within side x side; never enlarges.
[[nodiscard]] Image thumbnail(const ImageView& image, index_t side);

/// A JPEG file in memory; quality 1 to 100. throws ShapeError, ValueError, IoError
[[nodiscard]] std::vector<std::byte> encode_jpeg(const ImageView& image, int quality = 85);

/// A PNG file in memory (lossless). throws ShapeError, IoError
[[nodiscard]] std::vector<std::byte> encode_png(const ImageView& image);

/// Writes a PNG file atomically. throws ShapeError, IoError
void write_png(const std::filesystem::path& file, const ImageView& image);

}  // namespace aift::io
