// SPDX-License-Identifier: Apache-2.0
#include "src/app/torch/run_data.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/numbers.hpp>
#include <aift/io/video.hpp>

#include "src/app/torch/network.hpp"

#if AIFT_WITH_CT
#include <aift/ct/sheet.hpp>
#include <aift/ct/vessel_augmenter.hpp>
#include <aift/ct/volume_source.hpp>
#endif

namespace aift::app {
namespace {

namespace fs = std::filesystem;

/// Answers from the data set, and hands on what was asked for before.
class KeepingOracle final : public Oracle {
 public:
  KeepingOracle(std::vector<label_t> labels,
                std::function<void(std::span<const CandidateRef>)> keep)
      : answers_(std::move(labels)), keep_(std::move(keep)) {}
  [[nodiscard]] std::string_view name() const noexcept override { return answers_.name(); }
  [[nodiscard]] std::vector<label_t> label(std::span<const CandidateRef> candidates, index_t round,
                                           Progress& progress) override {
    keep_(candidates);
    return answers_.label(candidates, round, progress);
  }
  [[nodiscard]] bool can_label(const CandidateRef& candidate) const override {
    return answers_.can_label(candidate);
  }

 private:
  SimulatedOracle answers_;
  std::function<void(std::span<const CandidateRef>)> keep_;
};

/// videos.csv: what was found out about the videos.
void write_video_table(const fs::path& file, const io::Dataset& data, const io::FrameSource& source,
                       std::span<const io::BadImage> bad) {
  std::string text = "path,width,height,field_x,field_y,field_width,field_height,overlay_share\n";
  std::set<std::string> seen;
  for (index_t i = 0; i < data.size(); ++i) {
    if (!data.is_frame(i) || !seen.insert(data.file(i).string()).second) continue;
    if (std::any_of(bad.begin(), bad.end(), [i](const auto& one) { return one.index == i; })) {
      continue;
    }
    const io::FrameLayout& layout = *source.layout(i);
    const auto still = std::count(layout.overlay.begin(), layout.overlay.end(), 1);
    const std::string& path = data.paths[static_cast<std::size_t>(i)];
    text += fmt::format(
        "{},{},{},{},{},{},{},{:.4f}\n", io::csv_field(path.substr(0, path.rfind('#'))),
        layout.width, layout.height, layout.field_x, layout.field_y, layout.field_width,
        layout.field_height,
        static_cast<double>(still) / static_cast<double>(layout.field_width * layout.field_height));
  }
  io::write_file_atomically(file, text);
}

class ImageData final : public RunData {
 public:
  /// Frames that were asked for are kept in the run's folder: training reads them in any order, which
  /// in a video is slow.
  ImageData(const io::Dataset& data, const RunConfig& config, const fs::path& out)
      : data_(data),
        config_(config),
        source_(data, config.preparation(), data.frames.empty() ? fs::path() : out / "frames"),
        oracle_(data.labels, [this](std::span<const CandidateRef> asked) { source_.keep(asked); }) {
  }

  [[nodiscard]] std::unique_ptr<Augmenter> augmenter(const PatchFormat& format) const override {
    return std::make_unique<ImageAugmenter>(config_.augment_options(format));
  }
  [[nodiscard]] const Source& source() const override { return source_; }
  [[nodiscard]] Oracle& oracle() override { return oracle_; }
  [[nodiscard]] std::vector<io::BadImage> check(
      index_t threads, const std::function<void(index_t, index_t)>& progress) const override {
    return source_.check(threads, progress);
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> facts() const override {
    if (data_.frames.empty()) return {};
    return {{"frames",
             fmt::format("every {}, preparation {}", config_.every, preparation_word(config_))}};
  }
  void write_tables(const fs::path& out, std::span<const io::BadImage> bad) const override {
    if (config_.crop_field || config_.mask_overlay)
      write_video_table(out / "videos.csv", data_, source_, bad);
  }

 private:
  const io::Dataset& data_;
  const RunConfig& config_;
  io::FrameSource source_;
  KeepingOracle oracle_;
};

#if AIFT_WITH_CT

/// Edge of a plane in the report, and patches of a candidate shown there.
constexpr index_t kShownPixels = 96;
constexpr index_t kShownPatches = 2;

class VolumeData final : public RunData {
 public:
  VolumeData(const io::Dataset& data, const RunConfig& config, const fs::path& out)
      : data_(data),
        config_(config),
        source_(
            data,
            {.reach_mm =
                 ct::VesselAugmenter(options({.channels = 3, .height = 1, .width = 1})).reach_mm(),
             .cache_bytes = static_cast<std::uint64_t>(config.volume_cache_mb) << 20}),
        oracle_(data.labels, [this, folder = out / "frames"](std::span<const CandidateRef> asked) {
          keep(asked, folder);
        }) {}

  [[nodiscard]] std::unique_ptr<Augmenter> augmenter(const PatchFormat& format) const override {
    return std::make_unique<ct::VesselAugmenter>(options(format));
  }
  [[nodiscard]] const Source& source() const override { return source_; }
  [[nodiscard]] Oracle& oracle() override { return oracle_; }
  [[nodiscard]] std::vector<io::BadImage> check(
      index_t, const std::function<void(index_t, index_t)>& progress) const override {
    return source_.check(progress);
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> facts() const override {
    const ct::VesselAugmentOptions o = options({.channels = 3, .height = 1, .width = 1});
    return {{"patches",
             fmt::format("vessel-aligned, sides {} {} {} mm, shift {} mm, {} rotations, window {} "
                         "{}",
                         io::shortest(o.sides_mm[0]), io::shortest(o.sides_mm[1]),
                         io::shortest(o.sides_mm[2]), io::shortest(o.shift_mm), o.rotations,
                         io::shortest(o.window.level), io::shortest(o.window.width))}};
  }

 private:
  [[nodiscard]] ct::VesselAugmentOptions options(const PatchFormat& format) const {
    ct::VesselAugmentOptions o;
    o.format = format;
    o.seed = config_.seed;
    o.scoring_patches = config_.scoring_views;
    o.test_patches = config_.test_views;
    o.sides_mm = {config_.side_small_mm, config_.side_mm, config_.side_large_mm};
    o.shift_mm = config_.shift_mm;
    o.rotations = config_.rotations;
    o.window = {config_.window_level, config_.window_width};
    return o;
  }

  /// Pictures for the report: planes along and across, at their window.
  void keep(std::span<const CandidateRef> asked, const fs::path& folder) const {
    std::error_code error;
    fs::create_directories(folder, error);
    const ct::VesselAugmentOptions how = options({.channels = 2, .height = 1, .width = 1});
    for (const CandidateRef& candidate : asked) {
      const fs::path file = folder / io::kept_frame_name(candidate.id);
      if (fs::exists(file, error)) continue;
      io::write_png(
          file, ct::patch_sheet(source_, how, std::span(&candidate, 1), kShownPatches, kShownPixels)
                    .view());
    }
  }

  const io::Dataset& data_;
  const RunConfig& config_;
  ct::VolumeSource source_;
  KeepingOracle oracle_;
};

#endif

}  // namespace

std::unique_ptr<RunData> make_run_data(const io::Dataset& data, const RunConfig& config,
                                       const fs::path& out) {
  if (data.volumes.empty()) return std::make_unique<ImageData>(data, config, out);
#if AIFT_WITH_CT
  return std::make_unique<VolumeData>(data, config, out);
#else
  throw ValueError(
      "The data lists candidates in volumes, and this aift was built without CT; configure with "
      "-DAIFT_BUILD_CT=ON where ITK is.");
#endif
}

}  // namespace aift::app
