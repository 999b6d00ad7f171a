// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_pictures.hpp"

#include <fmt/format.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>
#include <aift/io/image_source.hpp>
#include <aift/io/video.hpp>

#include "src/io/report_html.hpp"

namespace aift::io::report {
namespace {

constexpr int kQuality = 82;

/// An image that is decoded already.
class OneImage final : public ImageSource {
 public:
  explicit OneImage(const Image& image) : image_(&image) {}
  [[nodiscard]] Image read(const CandidateRef&) const override { return *image_; }

 private:
  const Image* image_;
};

Picture picture(const ImageView& image, std::string hint = {}) {
  const std::vector<std::byte> jpeg = encode_jpeg(image, kQuality);
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(jpeg.data()),
                                            jpeg.size());
  return {image.width, image.height, "data:image/jpeg;base64," + base64(bytes), std::move(hint)};
}

/// A frame of a video lies in the folder of the run, prepared as the network saw it.
std::filesystem::path picture_file(const RunRecord& run, const RunRecord::Pick& pick) {
  const std::filesystem::path kept = run.folder / "frames" / kept_frame_name(pick.id);
  std::error_code error;
  return std::filesystem::is_regular_file(kept, error) ? kept : run.data_root / pick.path;
}

}  // namespace

Pictures::Pictures(const ReportOptions& options) : options_(options) {}
Pictures::~Pictures() = default;

void Pictures::open(const RunRecord& run) {
  augmenter_.reset();
  problem_.clear();
  if (!run.views) {
    problem_ = "The augmented views are not shown: config.toml does not say how they were made.";
    return;
  }
  ImageAugmentOptions options = *run.views;
  options.format.channels = 3;
  options.format.width = options.format.height = options_.view;
  options.format.mean = {0, 0, 0};
  options.format.std = {1, 1, 1};
  try {
    augmenter_ = std::make_unique<ImageAugmenter>(options);
  } catch (const Error& error) {
    problem_ = fmt::format("The augmented views are not shown: {}", error.what());
  }
}

Pictures::Set Pictures::of(const RunRecord& run, const RunRecord::Pick& pick) {
  Set set;
  const index_t views = augmenter_ != nullptr ? pick.views : 0;
  if (made_ + 1 + views > options_.max_pictures) {
    ++left_out_;
    set.missing = "picture left out";
    return set;
  }
  Image image;
  try {
    image = decode_image(picture_file(run, pick));
  } catch (const IoError&) {
    set.missing = "image not found";
    return set;
  }
  set.whole = picture(thumbnail(image.view(), options_.thumbnail).view());
  ++made_;
  if (views == 0) return set;

  const CandidateRef candidate{pick.candidate, pick.id};
  std::vector<PatchPlan> plans;
  for (index_t view = 0; view < views; ++view) {
    plans.push_back(augmenter_->plan(candidate, Purpose::scoring, 0, view));
  }
  const auto& format = static_cast<const ImageAugmenter&>(*augmenter_).options().format;
  std::vector<float> values(static_cast<std::size_t>(views * format.elements()));
  augmenter_->render(plans, OneImage(image), {values.data(), views, format});
  for (index_t view = 0; view < views; ++view) {
    const std::span<const float> patch(values.data() + view * format.elements(),
                                       static_cast<std::size_t>(format.elements()));
    set.views.push_back(picture(to_image(patch, format).view(), to_string(plans[view])));
    ++made_;
  }
  return set;
}

}  // namespace aift::io::report
