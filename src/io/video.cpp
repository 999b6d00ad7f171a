// SPDX-License-Identifier: Apache-2.0
#include <aift/io/video.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/io/check_tasks.hpp"

namespace aift::io {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 11> kExtensions = {
    ".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".wmv"};
/// Frames that are looked at to find what does not change.
constexpr index_t kSamples = 24;
/// Frames read last: several workers ask for neighbouring frames in nearly ascending order.
constexpr std::size_t kRecent = 8;
/// Videos whose files are open at a time.
constexpr std::size_t kOpenVideos = 4;

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

/// Of the pixels, eight bytes at a time; not for enemies.
std::uint64_t checksum(const cv::Mat& frame) {
  std::uint64_t hash = splitmix64(static_cast<std::uint64_t>(frame.cols) << 32 |
                                  static_cast<std::uint64_t>(frame.rows));
  const std::size_t bytes = static_cast<std::size_t>(frame.cols) * frame.elemSize();
  for (int y = 0; y < frame.rows; ++y) {
    const std::uint8_t* row = frame.ptr(y);
    std::size_t x = 0;
    for (; x + 8 <= bytes; x += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, row + x, 8);
      hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
      hash ^= hash >> 29;
    }
    for (; x < bytes; ++x)
      hash = (hash ^ row[x]) * 0x100000001B3U;
  }
  return splitmix64(hash);
}

Image rgb_of(const cv::Mat& frame) {
  Image image;
  image.width = frame.cols;
  image.height = frame.rows;
  image.order = ChannelOrder::rgb;
  image.pixels.resize(at(image.width * image.height * 3));
  cv::Mat target(frame.rows, frame.cols, CV_8UC3, image.pixels.data());
  cv::cvtColor(frame, target, cv::COLOR_BGR2RGB);
  return image;
}

/// The brightest channel of every pixel.
cv::Mat brightest(const Image& image) {
  cv::Mat out(static_cast<int>(image.height), static_cast<int>(image.width), CV_8U);
  const std::uint8_t* in = image.pixels.data();
  for (int y = 0; y < out.rows; ++y) {
    auto* row = out.ptr<std::uint8_t>(y);
    for (int x = 0; x < out.cols; ++x, in += 3)
      row[x] = std::max({in[0], in[1], in[2]});
  }
  return out;
}

void expect_rgb(const Image& frame) {
  AIFT_EXPECT(frame.order == ChannelOrder::rgb && frame.width > 0 && frame.height > 0 &&
                  frame.pixels.size() == at(frame.width * frame.height * 3),
              ShapeError, "Expected an RGB frame with its pixels; got {} x {} with {} bytes.",
              frame.width, frame.height, frame.pixels.size());
}

/// Bounding box of the largest bright part, or the whole frame.
cv::Rect bright_field(const cv::Mat& mean) {
  const cv::Rect whole(0, 0, mean.cols, mean.rows);
  std::array<index_t, 256> histogram{};
  for (int y = 0; y < mean.rows; ++y) {
    for (int x = 0; x < mean.cols; ++x)
      ++histogram[mean.at<std::uint8_t>(y, x)];
  }
  int percentile = 255;
  for (index_t above = 0; percentile > 0; --percentile) {
    above += histogram[static_cast<std::size_t>(percentile)];
    if (above * 100 >= index_t{mean.cols} * mean.rows) break;
  }
  cv::Mat bright = mean > std::max(20, percentile / 4);
  const int side = std::max(3, std::min(mean.cols, mean.rows) / 40) | 1;
  const cv::Mat kernel = cv::Mat::ones(side, side, CV_8U);
  // What lies beyond the frame does not wear off a field that reaches its edge.
  cv::morphologyEx(bright, bright, cv::MORPH_OPEN, kernel, {-1, -1}, 1, cv::BORDER_CONSTANT,
                   cv::morphologyDefaultBorderValue());
  cv::Mat labels;
  cv::Mat stats;
  cv::Mat centres;
  const int parts = cv::connectedComponentsWithStats(bright, labels, stats, centres);
  int largest = 0;
  for (int part = 1; part < parts; ++part) {
    if (largest == 0 ||
        stats.at<int>(part, cv::CC_STAT_AREA) > stats.at<int>(largest, cv::CC_STAT_AREA)) {
      largest = part;
    }
  }
  if (largest == 0) return whole;
  const cv::Rect box(
      stats.at<int>(largest, cv::CC_STAT_LEFT), stats.at<int>(largest, cv::CC_STAT_TOP),
      stats.at<int>(largest, cv::CC_STAT_WIDTH), stats.at<int>(largest, cv::CC_STAT_HEIGHT));
  return box.area() * 10 < whole.area() ? whole : box;
}

/// What stays the same within the field; empty when there is nothing or everything does.
std::vector<std::uint8_t> still_pixels(const std::vector<cv::Mat>& samples, const cv::Mat& mean,
                                       const cv::Rect& field) {
  constexpr std::size_t kFewest = 8;
  constexpr int kStill = 16;
  constexpr int kBright = 40;
  if (samples.size() < kFewest) return {};
  cv::Mat still = cv::Mat::zeros(mean.size(), CV_8U);
  index_t bright = 0;
  std::vector<std::uint8_t> values(samples.size());
  for (int y = field.y; y < field.y + field.height; ++y) {
    for (int x = field.x; x < field.x + field.width; ++x) {
      for (std::size_t s = 0; s < samples.size(); ++s)
        values[s] = samples[s].at<std::uint8_t>(y, x);
      std::sort(values.begin(), values.end());
      if (values[values.size() - 2] - values[1] > kStill) continue;
      still.at<std::uint8_t>(y, x) = 1;
      bright += mean.at<std::uint8_t>(y, x) > kBright ? 1 : 0;
    }
  }
  if (bright == 0 || bright * 4 > index_t{field.width} * field.height) return {};
  cv::dilate(still, still, cv::Mat::ones(5, 5, CV_8U));
  std::vector<std::uint8_t> out;
  for (int y = 0; y < still.rows; ++y)
    out.insert(out.end(), still.ptr(y), still.ptr(y) + still.cols);
  return out;
}

/// Opens a video with the decoders that OpenCV has for files.
bool open(cv::VideoCapture& capture, const fs::path& file) {
  for (const int backend : {cv::CAP_FFMPEG, cv::CAP_OPENCV_MJPEG}) {
    try {
      if (capture.open(file.string(), backend)) return true;
    } catch (const cv::Exception&) {
      // the next one
    }
  }
  return false;
}

}  // namespace

bool has_video_extension(const fs::path& file) {
  std::string extension = file.extension().string();
  for (char& c : extension)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

std::string FramePreparation::text() const {
  std::string out;
  const auto add = [&](bool applies, std::string_view what) {
    if (applies) out += fmt::format("{}{}", out.empty() ? "" : ", ", what);
  };
  add(deinterlace, "deinterlace");
  add(mask_overlay, "mask overlay");
  add(crop, "crop");
  return out;
}

FrameLayout find_layout(std::span<const Image> samples) {
  AIFT_EXPECT(!samples.empty(), ShapeError, "A layout is found from at least 1 frame; got none.");
  const Image& first = samples.front();
  std::vector<cv::Mat> bright;
  cv::Mat sum =
      cv::Mat::zeros(static_cast<int>(first.height), static_cast<int>(first.width), CV_32S);
  for (const Image& sample : samples) {
    expect_rgb(sample);
    AIFT_EXPECT(sample.width == first.width && sample.height == first.height, ShapeError,
                "The frames of a video must have one size; got {} x {} and {} x {}.", first.width,
                first.height, sample.width, sample.height);
    bright.push_back(brightest(sample));
    cv::add(sum, bright.back(), sum, cv::noArray(), CV_32S);
  }
  cv::Mat mean;
  sum.convertTo(mean, CV_8U, 1.0 / static_cast<double>(samples.size()));
  const cv::Rect field = bright_field(mean);
  FrameLayout layout;
  layout.width = first.width;
  layout.height = first.height;
  layout.field_x = field.x;
  layout.field_y = field.y;
  layout.field_width = field.width;
  layout.field_height = field.height;
  layout.overlay = still_pixels(bright, mean, field);
  return layout;
}

Image deinterlace(const Image& frame) {
  expect_rgb(frame);
  Image out = frame;
  const index_t row = frame.width * 3;
  for (index_t y = 1; y < frame.height; y += 2) {
    const std::uint8_t* above = frame.pixels.data() + (y - 1) * row;
    const std::uint8_t* below = y + 1 < frame.height ? above + 2 * row : above;
    std::uint8_t* here = out.pixels.data() + y * row;
    for (index_t x = 0; x < row; ++x)
      here[x] = static_cast<std::uint8_t>((above[x] + below[x] + 1) / 2);
  }
  return out;
}

Image prepare_frame(Image frame, const FrameLayout& layout, const FramePreparation& preparation) {
  expect_rgb(frame);
  AIFT_EXPECT(frame.width == layout.width && frame.height == layout.height, ShapeError,
              "A frame must have the size of its video, {} x {}; got {} x {}.", layout.width,
              layout.height, frame.width, frame.height);
  if (preparation.deinterlace) frame = deinterlace(frame);
  if (preparation.mask_overlay) {
    for (std::size_t p = 0; p < layout.overlay.size(); ++p) {
      if (layout.overlay[p] != 0)
        std::fill_n(frame.pixels.begin() + static_cast<std::ptrdiff_t>(3 * p), 3, std::uint8_t{0});
    }
  }
  if (!preparation.crop) return frame;
  Image out;
  out.width = layout.field_width;
  out.height = layout.field_height;
  out.order = frame.order;
  out.pixels.reserve(at(out.width * out.height * 3));
  for (index_t y = 0; y < out.height; ++y) {
    const auto row =
        frame.pixels.begin() + ((layout.field_y + y) * frame.width + layout.field_x) * 3;
    out.pixels.insert(out.pixels.end(), row, row + out.width * 3);
  }
  return out;
}

// -------------------------------------------------------------------------------- VideoReader

struct VideoReader::State {
  fs::path file;
  index_t frames = 0;
  cv::VideoCapture onwards;  // read front to back, counted
  index_t next = 0;          // the frame that `onwards` gives next
  cv::VideoCapture search;   // sent to and fro; its positions are not trusted
  bool searchable = true;
  std::list<std::pair<index_t, Image>> recent;  // latest first
  std::unordered_map<index_t, std::uint64_t> sums;
  std::vector<index_t> watched;  // ascending
  index_t end = -1;              // number of frames there are, once that is known
  Counts counts;

  /// One sentence for all frames that are missing.
  [[noreturn]] void fail() {
    end = end < 0 ? next : end;
    throw IoError(
        fmt::format("{} ends after {} of its {} frames: it is cut short, damaged or counts wrong; "
                    "the others are left out.",
                    file.string(), end, frames));
  }

  void rewind() {
    AIFT_EXPECT(open(onwards, file), IoError, "{} cannot be opened again; is it still there?",
                file.string());
    next = 0;
  }

  /// The frame that comes next; false: the video has ended.
  bool step(cv::Mat& frame, bool wanted) {
    try {
      if (!onwards.grab()) return false;
      ++counts.decoded;
      const bool noted = !wanted && !sums.contains(next) &&
                         std::binary_search(watched.begin(), watched.end(), next);
      if (wanted || noted) {
        if (!onwards.retrieve(frame) || frame.empty() || frame.type() != CV_8UC3) return false;
        sums.emplace(next, checksum(frame));
      }
    } catch (const cv::Exception&) {
      return false;
    }
    ++next;
    return true;
  }

  void remember(index_t number, const Image& image) {
    recent.emplace_front(number, image);
    if (recent.size() > kRecent) recent.pop_back();
  }

  std::optional<Image> searched(index_t number) {
    const auto sum = sums.find(number);
    if (!searchable || sum == sums.end()) return std::nullopt;
    try {
      if (!search.isOpened() && !open(search, file)) return std::nullopt;
      cv::Mat frame;
      if (search.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(number)) && search.read(frame) &&
          frame.type() == CV_8UC3 && checksum(frame) == sum->second) {
        ++counts.found;
        return rgb_of(frame);
      }
    } catch (const cv::Exception&) {
      // as a wrong frame
    }
    searchable = false;
    search.release();
    return std::nullopt;
  }
};

VideoReader::VideoReader(fs::path file) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.file = std::move(file);
  std::error_code error;
  const bool there = fs::is_regular_file(s.file, error);
  AIFT_EXPECT(there, IoError, "{} is not there; expected a video.", s.file.string());
  AIFT_EXPECT(fs::file_size(s.file, error) > 0, IoError, "{} is empty; expected a video.",
              s.file.string());
  cv::Mat frame;
  AIFT_EXPECT(open(s.onwards, s.file) && s.step(frame, true), IoError,
              "{} cannot be decoded as a video: it is damaged, cut short or of an unknown kind; "
              "replace or remove it.",
              s.file.string());
  s.remember(0, rgb_of(frame));
  const double claimed = s.onwards.get(cv::CAP_PROP_FRAME_COUNT);
  if (claimed >= 1 && claimed < 16777216) {
    s.frames = static_cast<index_t>(claimed);
    return;
  }
  while (s.step(frame, false)) {
  }
  s.frames = s.next;
  s.rewind();
}

VideoReader::~VideoReader() = default;
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;

index_t VideoReader::frames() const noexcept { return state_->frames; }
const VideoReader::Counts& VideoReader::counts() const noexcept { return state_->counts; }

void VideoReader::watch(std::vector<index_t> numbers) {
  state_->watched = std::move(numbers);
  std::sort(state_->watched.begin(), state_->watched.end());
}

void VideoReader::close() {
  state_->onwards.release();
  state_->search.release();
  state_->recent.clear();
}

Image VideoReader::read(index_t number) {
  State& s = *state_;
  AIFT_EXPECT(number >= 0, ValueError, "Frames are counted from 0; got {}.", number);
  for (const auto& [recent, image] : s.recent) {
    if (recent == number) return image;
  }
  if (s.end >= 0 && number >= s.end) s.fail();
  if (number < s.next || !s.onwards.isOpened()) {
    if (std::optional<Image> found = s.searched(number)) {
      s.remember(number, *found);
      return std::move(*found);
    }
    s.rewind();
    ++s.counts.rewound;
  }
  cv::Mat frame;
  while (s.next < number) {
    if (!s.step(frame, false)) s.fail();
  }
  if (!s.step(frame, true)) s.fail();
  Image image = rgb_of(frame);
  s.remember(number, image);
  return image;
}

// -------------------------------------------------------------------------------- FrameSource

struct FrameSource::State {
  /// A video of the data set; `reader` and `layout` are made when first needed.
  struct Video {
    fs::path file;
    std::vector<index_t> candidates;  // ascending by frame
    std::mutex mutex;                 // guards what follows
    std::unique_ptr<VideoReader> reader;
    std::optional<FrameLayout> layout;
  };

  /// With the video's mutex held: its reader is in use now, and another one may have to be closed.
  void use(Video& video) {
    const std::lock_guard lock(open_mutex);
    std::erase(open_videos, &video);
    open_videos.push_back(&video);
    while (open_videos.size() > kOpenVideos) {
      Video& oldest = *open_videos.front();
      const std::unique_lock other(oldest.mutex, std::try_to_lock);
      if (!other) return;  // it is being read; later
      oldest.reader->close();
      open_videos.erase(open_videos.begin());
    }
  }

  const Dataset& data;
  FramePreparation preparation;
  fs::path folder;
  std::vector<std::unique_ptr<Video>> videos;
  std::unordered_map<index_t, Video*> video_of;  // by candidate
  std::mutex open_mutex;
  std::vector<Video*> open_videos;  // latest last

  State(const Dataset& dataset, const FramePreparation& how, fs::path where)
      : data(dataset), preparation(how), folder(std::move(where)) {
    std::map<std::string, Video*> by_file;
    for (index_t i = 0; i < data.size(); ++i) {
      if (!data.is_frame(i)) continue;
      const fs::path file = data.file(i);
      Video*& video = by_file[file.string()];
      if (video == nullptr) {
        video = videos.emplace_back(std::make_unique<Video>()).get();
        video->file = file;
      }
      video->candidates.push_back(i);
      video_of.emplace(i, video);
    }
    for (const auto& video : videos) {
      std::sort(video->candidates.begin(), video->candidates.end(),
                [&](index_t a, index_t b) { return data.frames[at(a)] < data.frames[at(b)]; });
    }
  }

  fs::path kept(index_t i) const { return folder / kept_frame_name(data.ids[at(i)]); }

  /// With the video's mutex held.
  VideoReader& reader(Video& video) {
    if (!video.reader) {
      video.reader = std::make_unique<VideoReader>(video.file);
      std::vector<index_t> numbers;
      for (const index_t i : video.candidates)
        numbers.push_back(data.frames[at(i)]);
      video.reader->watch(std::move(numbers));
    }
    use(video);
    return *video.reader;
  }

  /// With the video's mutex held.
  const FrameLayout& layout_of(Video& video) {
    if (video.layout) return *video.layout;
    VideoReader own(video.file);  // the other one stays where it is
    const index_t frames = own.frames();
    const index_t count = std::min(kSamples, frames);
    std::vector<Image> samples;
    for (index_t s = 0; s < count; ++s) {
      try {
        Image sample = own.read((2 * s + 1) * frames / (2 * count));
        samples.push_back(preparation.deinterlace ? deinterlace(sample) : std::move(sample));
      } catch (const IoError&) {  // cut short: from what there is
        break;
      }
    }
    if (samples.empty()) samples.push_back(own.read(0));
    video.layout = find_layout(samples);
    return *video.layout;
  }

  Image frame(Video& video, index_t i) {
    const std::lock_guard lock(video.mutex);
    Image image = reader(video).read(data.frames[at(i)]);
    if (preparation == FramePreparation{}) return image;
    if (!preparation.crop && !preparation.mask_overlay) return deinterlace(image);
    const FrameLayout& layout = layout_of(video);
    AIFT_EXPECT(image.width == layout.width && image.height == layout.height, IoError,
                "{} changes the size of its frames at frame {}; split or convert it.",
                video.file.string(), data.frames[at(i)]);
    return prepare_frame(std::move(image), layout, preparation);
  }
};

FrameSource::FrameSource(const Dataset& dataset, const FramePreparation& preparation,
                         fs::path folder)
    : state_(std::make_unique<State>(dataset, preparation, std::move(folder))) {}
FrameSource::~FrameSource() = default;

Image FrameSource::read(const CandidateRef& candidate) const {
  State& s = *state_;
  AIFT_EXPECT(candidate.index >= 0 && candidate.index < s.data.size(), ValueError,
              "Candidate {} is not in the data set; it has {}.", candidate.index, s.data.size());
  const auto video = s.video_of.find(candidate.index);
  if (video == s.video_of.end()) return decode_image(s.data.file(candidate.index));
  if (!s.folder.empty()) {
    std::error_code error;
    if (fs::is_regular_file(s.kept(candidate.index), error)) {
      return decode_image(s.kept(candidate.index));
    }
  }
  return s.frame(*video->second, candidate.index);
}

void FrameSource::keep(std::span<const CandidateRef> candidates) const {
  State& s = *state_;
  if (s.folder.empty()) return;
  std::vector<CandidateRef> order(candidates.begin(), candidates.end());
  std::sort(order.begin(), order.end(),
            [](const CandidateRef& a, const CandidateRef& b) { return a.id < b.id; });
  for (const CandidateRef& candidate : order) {
    if (!s.video_of.contains(candidate.index)) continue;
    std::error_code error;
    if (fs::is_regular_file(s.kept(candidate.index), error)) continue;
    std::optional<Image> image;
    try {
      image = read(candidate);
    } catch (const IoError&) {
      continue;
    }
    fs::create_directories(s.folder);
    write_png(s.kept(candidate.index), image->view());
  }
}

const FrameLayout* FrameSource::layout(index_t candidate) const {
  const auto video = state_->video_of.find(candidate);
  if (video == state_->video_of.end()) return nullptr;
  const std::lock_guard lock(video->second->mutex);
  return &state_->layout_of(*video->second);
}

std::vector<BadImage> FrameSource::check(
    index_t threads, const std::function<void(index_t, index_t)>& progress) const {
  State& s = *state_;
  std::vector<detail::CheckTask> tasks;
  for (index_t i = 0; i < s.data.size(); ++i) {
    if (s.video_of.contains(i)) continue;
    tasks.push_back([&s, i](const detail::CheckReport& report) {
      report(i, [&] { (void)decode_image(s.data.file(i)); });
    });
  }
  for (const auto& video : s.videos) {
    tasks.push_back([this, &s, &video](const detail::CheckReport& report) {
      for (const index_t i : video->candidates)
        report(i, [&] { (void)s.frame(*video, i); });
    });
  }
  return detail::run_checks(tasks, s.data.size(), threads, progress);
}

std::string kept_frame_name(std::uint64_t id) { return fmt::format("{:016x}.png", id); }

}  // namespace aift::io
