// SPDX-License-Identifier: Apache-2.0
#include "src/io/report_pictures.hpp"

#include <algorithm>
#include <cmath>

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

constexpr index_t kSignatureSide = 16;

}  // namespace

Signature signature_of(const ImageView& image) {
  const Image small = resize_image(image, kSignatureSide, kSignatureSide);
  const std::size_t channels = small.pixels.size() / (kSignatureSide * kSignatureSide);
  Signature out(small.pixels.begin(), small.pixels.end());
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (std::size_t i = c; i < out.size(); i += channels)
      sum += static_cast<double>(out[i]);
    const double mean = sum * static_cast<double>(channels) / static_cast<double>(out.size());
    for (std::size_t i = c; i < out.size(); i += channels)
      out[i] -= static_cast<float>(mean);
  }
  double squares = 0;
  for (const float v : out)
    squares += static_cast<double>(v) * static_cast<double>(v);
  if (squares < 1e-3) {
    out.assign(out.size(), 0.0F);
  } else {
    for (float& v : out)
      v = static_cast<float>(static_cast<double>(v) / std::sqrt(squares));
  }
  return out;
}

double likeness(const Signature& a, const Signature& b) {
  double sum = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

Pictures::Pictures(const ReportOptions& options) : options_(options) {}
Pictures::~Pictures() = default;

void Pictures::open(const RunRecord& run) {
  augmenter_.reset();
  problem_.clear();
  if (run.volumes) {
    problem_ =
        "The pictures show the planes along the vessel and across it of the first two patches, at "
        "their window; the others are not shown.";
    return;
  }
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

Picture Pictures::picture(const ImageView& image, std::string hint) {
  const std::vector<std::byte> jpeg = encode_jpeg(image, kQuality);
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(jpeg.data()),
                                            jpeg.size());
  Picture out{image.width, image.height, "data:image/jpeg;base64," + base64(bytes),
              std::move(hint)};
  ++made_;
  bytes_ += out.uri.size();
  return out;
}

std::filesystem::path Pictures::file_of(const RunRecord& run, const std::string& path) {
  if (frames_of_ != &run) {
    frames_of_ = &run;
    frames_.clear();
    std::error_code error;
    if (std::filesystem::is_directory(run.folder / "frames", error)) {
      for (const RunRecord::Round& round : run.rounds) {
        for (const RunRecord::Pick& pick : round.picks)
          frames_.emplace(pick.path, run.folder / "frames" / kept_frame_name(pick.id));
      }
    }
  }
  const auto frame = frames_.find(path);
  std::error_code error;
  if (frame != frames_.end() && std::filesystem::is_regular_file(frame->second, error)) {
    return frame->second;
  }
  return run.data_root / path;
}

Image Pictures::decode(const RunRecord& run, const std::string& path, std::string& missing) {
  try {
    Image image = decode_image(file_of(run, path));
    signatures_.try_emplace(run.data_root / path, signature_of(image.view()));
    return image;
  } catch (const IoError&) {
    signatures_.try_emplace(run.data_root / path);
    // Frames of videos lie in the folder of the run only where they were asked for.
    missing = path.find('#') == std::string::npos ? "image not found" : "frame not kept";
    return {};
  }
}

const Signature& Pictures::signature(const RunRecord& run, const std::string& path) {
  const auto at = signatures_.find(run.data_root / path);
  if (at != signatures_.end()) return at->second;
  std::string missing;
  decode(run, path, missing);
  return signatures_.at(run.data_root / path);
}

index_t Pictures::side(const RunRecord& run) const noexcept {
  return run.volumes ? 4 * options_.thumbnail + 16
                     : options_.thumbnail;  // four planes beside each other
}

Pictures::Set Pictures::whole(const RunRecord& run, const std::string& path) {
  Set set;
  if (made_ + 1 + reserved_ > options_.max_pictures) {
    set.missing = "picture left out";
    return set;
  }
  const Image image = decode(run, path, set.missing);
  if (!set.missing.empty()) return set;
  set.whole = picture(thumbnail(image.view(), side(run)).view(), {});
  ++shown_;
  return set;
}

Pictures::Set Pictures::of(const RunRecord& run, const RunRecord::Pick& pick) {
  reserved_ = std::max<index_t>(0, reserved_ - 1);
  Set set;
  if (made_ + 1 > options_.max_pictures) {
    ++left_out_;
    set.missing = "picture left out";
    return set;
  }
  const Image image = decode(run, pick.path, set.missing);
  if (!set.missing.empty()) return set;
  set.whole = picture(thumbnail(image.view(), side(run)).view(), {});
  ++shown_;
  const index_t views = augmenter_ != nullptr ? pick.views : 0;
  if (views == 0) return set;
  if (made_ + views + reserved_ > options_.max_pictures) {
    ++left_out_;
    return set;
  }

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
  }
  return set;
}

}  // namespace aift::io::report
