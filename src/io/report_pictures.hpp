// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <aift/augment/augmenter.hpp>
#include <aift/io/report.hpp>

#include "src/io/report_record.hpp"

namespace aift::io::report {

/// A small picture as it stands in the file.
struct Picture {
  index_t width = 0, height = 0;
  std::string uri;   ///< data:image/jpeg;base64,...
  std::string hint;  ///< what was done to it
};

/// What two images are compared by: 16 x 16 RGB means of areas, less the mean of each channel, of
/// length 1 (a zero vector for an image of one colour). The product of two is their likeness in
/// [-1, 1]: 1 = the same but for brightness and contrast.
using Signature = std::vector<float>;
[[nodiscard]] Signature signature_of(const ImageView& image);
[[nodiscard]] double likeness(const Signature& a, const Signature& b);

/// Makes the pictures of a report: the candidate, and its scoring views rendered again from their
/// plans (a plan holds normalised coordinates, so it can be rendered at any size).
class Pictures {
 public:
  explicit Pictures(const ReportOptions& options);
  ~Pictures();

  /// What is shown of one pick; `missing` says why there is nothing.
  struct Set {
    Picture whole;
    std::vector<Picture> views;
    std::string missing;
  };

  /// So many candidates will be shown: views leave room for their pictures.
  void reserve(index_t candidates) noexcept { reserved_ = candidates; }
  /// The pictures that follow are of this run.
  void open(const RunRecord& run);
  /// Why views of this run cannot be rendered; empty when they can.
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }
  [[nodiscard]] Set of(const RunRecord& run, const RunRecord::Pick& pick);
  /// The candidate alone, not counted against `reserve`.
  [[nodiscard]] Set whole(const RunRecord& run, const std::string& path);
  /// For what a batch is compared by; empty when the image is gone. Remembers every image.
  [[nodiscard]] const Signature& signature(const RunRecord& run, const std::string& path);

  /// Candidates that went without views because there were enough pictures.
  [[nodiscard]] index_t left_out() const noexcept { return left_out_; }
  [[nodiscard]] index_t made() const noexcept { return made_; }
  [[nodiscard]] index_t shown() const noexcept { return shown_; }  ///< candidates with a picture
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }  ///< of all data URIs

 private:
  /// Empty, with a word in `missing`, when it cannot be decoded.
  Image decode(const RunRecord& run, const std::string& path, std::string& missing);
  /// Where the picture lies: a frame of a video that was asked for in the folder of the run, prepared
  /// as the network saw it.
  std::filesystem::path file_of(const RunRecord& run, const std::string& path);
  Picture picture(const ImageView& image, std::string hint);
  /// Longer side of the picture of a candidate, pixels.
  [[nodiscard]] index_t side(const RunRecord& run) const noexcept;

  const ReportOptions& options_;
  std::unique_ptr<Augmenter> augmenter_;
  std::string problem_;
  std::map<std::filesystem::path, Signature> signatures_;
  const RunRecord* frames_of_ = nullptr;  ///< whose frames are in the next
  std::map<std::string, std::filesystem::path> frames_;
  index_t reserved_ = 0;
  index_t made_ = 0;
  index_t shown_ = 0;
  index_t left_out_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace aift::io::report
