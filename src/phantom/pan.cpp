// SPDX-License-Identifier: Apache-2.0
#include <aift/phantom/pan.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/dataset.hpp>
#include <aift/io/image_source.hpp>

#include "src/phantom/folder.hpp"

namespace aift::phantom {

namespace {

constexpr double kPi = 3.14159265358979323846;

/// Lesion of a source frame, in pixels.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  [[nodiscard]] double area() const { return (right - left) * (bottom - top); }
};

/// Where the window is at one moment, in pixels of the source and radians.
struct Pose {
  double x = 0, y = 0, side = 0, angle = 0;
};

/// A smooth path: from one pose to another, starting and ending gently.
struct Path {
  Pose from, to;
  [[nodiscard]] Pose at(double t) const {
    t = std::clamp(t, 0.0, 1.0);
    const double s = t * t * (3 - 2 * t);
    const auto mix = [s](double a, double b) { return a + s * (b - a); };
    return {mix(from.x, to.x), mix(from.y, to.y), mix(from.side, to.side),
            mix(from.angle, to.angle)};
  }
};

/// What one draw of a path is about; part of the numbers of the draws.
enum Slot : index_t { kX, kY, kSide, kAngle, kTurn, kZoom, kHeading, kLength, kSlots = 16 };

/// Share of the window that the box covers, and share of the box that lies within the window, by a
/// grid of 24 x 24 points.
struct Coverage {
  double of_window = 0, of_box = 0;
};

Coverage coverage(const Pose& pose, const Box& box) {
  constexpr int kPoints = 24;
  int inside = 0;
  const double c = std::cos(pose.angle), s = std::sin(pose.angle);
  for (int i = 0; i < kPoints; ++i) {
    for (int j = 0; j < kPoints; ++j) {
      const double u = ((j + 0.5) / kPoints - 0.5) * pose.side;
      const double v = ((i + 0.5) / kPoints - 0.5) * pose.side;
      const double x = pose.x + c * u - s * v, y = pose.y + s * u + c * v;
      inside += x >= box.left && x < box.right && y >= box.top && y < box.bottom;
    }
  }
  Coverage result;
  result.of_window = static_cast<double>(inside) / (kPoints * kPoints);
  result.of_box = box.area() > 0 ? result.of_window * pose.side * pose.side / box.area() : 0;
  return result;
}

bool shows(const Pose& pose, const Box& box) {
  const Coverage c = coverage(pose, box);
  return c.of_window >= 0.25 || c.of_box > 0.5;
}

bool hides(const Pose& pose, const Box& box) { return coverage(pose, box).of_window < 0.01; }

bool inside(const Pose& pose, double width, double height) {
  const double reach =
      pose.side / 2 * (std::abs(std::cos(pose.angle)) + std::abs(std::sin(pose.angle)));
  return pose.x >= reach && pose.x <= width - reach && pose.y >= reach && pose.y <= height - reach;
}

/// A path over the frame whose windows all pass the test, or nothing after 400 draws.
template <class Test>
std::optional<Path> draw_path(const PanOptions& options, std::uint64_t id, index_t number,
                              double width, double height, index_t frames, Test&& passes) {
  const KeyedRandom random(options.seed, Purpose::scoring, number, id);
  for (index_t attempt = 0; attempt < 400; ++attempt) {
    const auto draw = [&](Slot slot, double low, double high) {
      return random.uniform(attempt * kSlots + slot, low, high);
    };
    const double shorter = std::min(width, height);
    Path path;
    path.from.side = shorter * draw(kSide, options.window_min, options.window_max);
    path.from.x = draw(kX, 0, width);
    path.from.y = draw(kY, 0, height);
    path.from.angle = draw(kAngle, -kPi, kPi);
    const double heading = draw(kHeading, -kPi, kPi);
    const double length = path.from.side * draw(kLength, 0.1, 0.35);
    path.to.x = path.from.x + length * std::cos(heading);
    path.to.y = path.from.y + length * std::sin(heading);
    path.to.side = path.from.side * draw(kZoom, 0.85, 1.15);
    path.to.angle = path.from.angle + draw(kTurn, -kPi / 9, kPi / 9);
    bool good = true;
    for (index_t k = 0; k < frames && good; ++k) {
      const Pose pose =
          path.at(frames > 1 ? static_cast<double>(k) / static_cast<double>(frames - 1) : 0);
      good = inside(pose, width, height) && passes(pose);
    }
    if (good) return path;
  }
  return std::nullopt;
}

/// Where a window can move over a source.
struct Room {
  std::optional<Path> lesion;  // over the lesion
  std::optional<Path> rest;    // beside it, for the other frames of a group with the lesion
  std::optional<Path> clear;   // beside it, or anywhere where there is none, for all frames
};

/// Which groups show their lesion: of those that can, the first ones, so many that the share of
/// positive frames comes as near as it can to what is asked for.
std::vector<bool> choose_lesions(const PanOptions& options, index_t lesion_frames,
                                 const std::vector<Room>& rooms) {
  index_t frames = 0;
  for (const Room& room : rooms)
    frames += room.clear ? options.frames : 0;
  index_t positives = 0;
  const auto distance = [&] {
    return frames == 0 ? 1.0
                       : std::abs(static_cast<double>(positives) / static_cast<double>(frames) -
                                  options.positives);
  };
  std::vector<bool> chosen(rooms.size());
  double nearest = distance();
  std::size_t best = 0;
  std::vector<std::size_t> able;
  for (std::size_t g = 0; g < rooms.size(); ++g) {
    const Room& room = rooms[g];
    if (!room.lesion) continue;
    able.push_back(g);
    positives += lesion_frames;
    frames += lesion_frames + (room.rest ? options.frames - lesion_frames : 0) -
              (room.clear ? options.frames : 0);
    if (distance() < nearest) {
      nearest = distance();
      best = able.size();
    }
  }
  for (std::size_t n = 0; n < best; ++n)
    chosen[able[n]] = true;
  return chosen;
}

PatchPlan plan_of(const Pose& pose, double width, double height, double brightness) {
  PatchPlan plan;
  const double c = std::cos(pose.angle) * pose.side, s = std::sin(pose.angle) * pose.side;
  plan.matrix = {c / width, -s / height, 2 * pose.x / width - 1,
                 s / width, c / height,  2 * pose.y / height - 1};
  plan.brightness = brightness;
  return plan;
}

/// One picture: the mean of two moments around its own, which is the motion blur.
Image render(const ImageView& source, const Path& path, double t, double blur, double brightness,
             index_t size) {
  PatchFormat format;
  format.height = format.width = size;
  format.mean = {0, 0, 0};
  format.std = {1, 1, 1};
  const auto width = static_cast<double>(source.width);
  const auto height = static_cast<double>(source.height);
  const std::array<PatchPlan, 2> plans = {plan_of(path.at(t - blur), width, height, brightness),
                                          plan_of(path.at(t + blur), width, height, brightness)};
  std::vector<float> pixels(static_cast<std::size_t>(2 * format.elements()));
  render_patches(source, plans, {pixels.data(), 2, format});
  const std::size_t half = pixels.size() / 2;
  for (std::size_t i = 0; i < half; ++i)
    pixels[i] = (pixels[i] + pixels[half + i]) / 2;
  return to_image(std::span<const float>(pixels).first(half), format);
}

/// The boxes of a data set; empty when it has no such columns.
std::vector<std::optional<Box>> read_boxes(const io::Dataset& data) {
  std::array<std::size_t, 4> columns{};
  const std::array<const char*, 4> names = {"box_l", "box_t", "box_r", "box_b"};
  for (std::size_t k = 0; k < 4; ++k) {
    const auto found = std::find(data.extra_columns.begin(), data.extra_columns.end(), names[k]);
    if (found == data.extra_columns.end()) return {};
    columns[k] = static_cast<std::size_t>(found - data.extra_columns.begin());
  }
  std::vector<std::optional<Box>> boxes(data.paths.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    std::array<double, 4> values{};
    bool empty = false;
    for (std::size_t k = 0; k < 4; ++k) {
      const std::string& text = data.extra[i][columns[k]];
      empty = empty || text.empty();
      if (text.empty()) continue;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), values[k]);
      AIFT_EXPECT(error == std::errc{} && end == text.data() + text.size(), IoError,
                  "{} of {} must be a number; got \"{}\".", names[k], data.paths[i], text);
    }
    if (empty) continue;
    AIFT_EXPECT(
        std::isfinite(values[0]) && std::isfinite(values[1]) && values[0] < values[2] &&
            values[1] < values[3] && std::isfinite(values[2] + values[3]),
        IoError,
        "The box of {} must be left < right and top < bottom, in pixels; got {}, {}, {}, {}.",
        data.paths[i], values[0], values[1], values[2], values[3]);
    boxes[i] = Box{values[0], values[1], values[2], values[3]};
  }
  return boxes;
}

void check(const PanOptions& o) {
  AIFT_EXPECT(o.frames >= 1 && o.frames <= 10'000, ValueError,
              "frames must be in [1, 10000]; got {}.", o.frames);
  AIFT_EXPECT(o.size >= 16 && o.size <= 4096, ValueError, "size must be in [16, 4096]; got {}.",
              o.size);
  AIFT_EXPECT(o.sources >= 0, ValueError, "sources must be at least 0 (0: all); got {}.",
              o.sources);
  AIFT_EXPECT(o.positives >= 0 && o.positives <= 1, ValueError,
              "positives must be in [0, 1]; got {}.", o.positives);
  AIFT_EXPECT(o.window_min > 0 && o.window_min <= o.window_max && o.window_max <= 1, ValueError,
              "window_min and window_max must be in (0, 1] and in order; got {} and {}.",
              o.window_min, o.window_max);
}

const char* const kReadme =
    "Simulated camera motion over real frames, written by `aift phantom pan`.\n\n"
    "Each group is one real frame over which a window was moved; consecutive pictures are crops "
    "of\n"
    "it and nearly identical. No video was recorded. The licence of the source frames holds for\n"
    "these pictures too. Not for diagnosis.\n";

const char* const kSentence =
    "Simulated camera motion over real frames: neighbouring pictures are crops of one frame, not "
    "video.";

}  // namespace

PanResult write_pan(const std::filesystem::path& from, const std::filesystem::path& out,
                    const PanOptions& options, Executor* executor, Progress* progress) {
  check(options);
  const io::Dataset data = io::read_dataset(from, {.require_trainable = false});
  const std::vector<std::optional<Box>> boxes = read_boxes(data);
  const Folder folder(out);

  // The sources, by keyed draws: their order in the manifest does not matter.
  std::vector<index_t> sources(data.paths.size());
  std::iota(sources.begin(), sources.end(), index_t{0});
  const auto key = [&](index_t i) {
    const KeyedRandom random(options.seed, Purpose::selection, 0,
                             data.ids[static_cast<std::size_t>(i)]);
    return std::pair(random.bits(0), data.ids[static_cast<std::size_t>(i)]);
  };
  std::sort(sources.begin(), sources.end(), [&](index_t a, index_t b) { return key(a) < key(b); });
  if (options.sources > 0 && options.sources < data.size()) {
    sources.resize(static_cast<std::size_t>(options.sources));
  }

  const index_t lesion_frames =
      options.positives >= 0.5
          ? std::llround(options.positives * static_cast<double>(options.frames))
          : (options.frames + 1) / 2;
  InlineExecutor inline_executor;
  Executor& runner = executor != nullptr ? *executor : inline_executor;
  constexpr std::size_t kStep = 16;
  const auto total = static_cast<index_t>(2 * sources.size());
  const auto for_sources = [&](index_t before, auto&& body) {
    for (std::size_t first = 0; first < sources.size(); first += kStep) {
      const std::size_t count = std::min(kStep, sources.size() - first);
      runner.run(static_cast<index_t>(count),
                 [&](index_t k, int) { body(first + static_cast<std::size_t>(k)); });
      if (progress != nullptr) {
        progress->report("pan", before + static_cast<index_t>(first + count), total);
        throw_if_cancelled(*progress);
      }
    }
  };

  // Where a window can move, before it is decided which groups show their lesion.
  std::vector<Room> rooms(sources.size());
  for_sources(0, [&](std::size_t g) {
    const auto i = static_cast<std::size_t>(sources[g]);
    const Image source = io::decode_image(data.file(sources[g]));
    const auto path = [&](index_t number, index_t frames, auto&& passes) {
      return frames == 0
                 ? std::nullopt
                 : draw_path(options, data.ids[i], number, static_cast<double>(source.width),
                             static_cast<double>(source.height), frames, passes);
    };
    if (boxes.empty() || !boxes[i]) {
      rooms[g].clear = path(0, options.frames, [](const Pose&) { return true; });
      return;
    }
    const auto beside = [&](const Pose& pose) { return hides(pose, *boxes[i]); };
    rooms[g].lesion =
        path(1, lesion_frames, [&](const Pose& pose) { return shows(pose, *boxes[i]); });
    rooms[g].rest = path(2, options.frames - lesion_frames, beside);
    rooms[g].clear = path(2, options.frames, beside);
  });
  const std::vector<bool> with_lesion = choose_lesions(options, lesion_frames, rooms);

  struct Group {
    std::vector<bool> positive;  // per frame
  };
  std::vector<Group> groups(sources.size());
  const auto path_of = [&](std::size_t g, index_t k) {
    return fmt::format("frames/s{:05}/{:04}.jpg", g, k);
  };
  for_sources(total / 2, [&](std::size_t g) {
    const auto i = static_cast<std::size_t>(sources[g]);
    const Room& room = rooms[g];
    if (!room.lesion && !room.clear) return;
    const Image source = io::decode_image(data.file(sources[g]));
    const KeyedRandom look(options.seed, Purpose::scoring, 7, data.ids[i]);
    const double blur = look.uniform(0, 0, 0.5 / static_cast<double>(options.frames));
    const double light = look.uniform(1, -0.03, 0.03), drift = look.uniform(2, -0.03, 0.03);

    index_t written = 0;
    const auto sequence = [&](const std::optional<Path>& path, index_t frames, bool positive) {
      if (!path) return;
      for (index_t k = 0; k < frames; ++k, ++written) {
        const double t = frames > 1 ? static_cast<double>(k) / static_cast<double>(frames - 1) : 0;
        const double brightness =
            light + drift * static_cast<double>(written) / static_cast<double>(options.frames);
        const Image picture = render(source.view(), *path, t, blur, brightness, options.size);
        folder.write(path_of(g, written), picture.view());
        groups[g].positive.push_back(positive);
      }
    };
    if (!with_lesion[g]) {
      sequence(room.clear, options.frames, false);
      return;
    }
    const bool lesion_first = look.uniform(3) < 0.5;
    for (int part = 0; part < 2; ++part) {
      if ((part == 0) == lesion_first) {
        sequence(room.lesion, lesion_frames, true);
      } else {
        sequence(room.rest, options.frames - lesion_frames, false);
      }
    }
  });

  PanResult result;
  std::vector<std::vector<std::string>> manifest = {{"path", "label", "group", "frame"}};
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto i = static_cast<std::size_t>(sources[g]);
    const label_t own = data.labels[i];
    const std::string source_label =
        own == kUnlabelled ? "" : data.class_names[static_cast<std::size_t>(own)];
    const bool boxed = !boxes.empty() && boxes[i].has_value();
    result.groups += !groups[g].positive.empty();
    result.left_out += groups[g].positive.empty();
    for (std::size_t k = 0; k < groups[g].positive.size(); ++k) {
      const bool positive = groups[g].positive[k];
      ++result.frames;
      result.positives += positive;
      manifest.push_back({path_of(g, static_cast<index_t>(k)),
                          boxed && !positive ? kPanNegative : source_label,
                          fmt::format("g{:05}", data.groups[i]), std::to_string(k)});
    }
  }
  AIFT_EXPECT(result.frames > 0, IoError,
              "None of the {} source frames of {} has room for a window; make --window-min and "
              "--window-max smaller.",
              sources.size(), from.string());
  folder.finish(kReadme, kSentence, manifest);
  return result;
}

}  // namespace aift::phantom
