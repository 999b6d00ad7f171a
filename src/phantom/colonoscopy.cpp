// SPDX-License-Identifier: Apache-2.0
#include <aift/phantom/colonoscopy.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/phantom/colon_camera.hpp"
#include "src/phantom/folder.hpp"

namespace aift::phantom {

namespace {

constexpr float kLabelled = 0.01F;  // share of the field that makes a frame a polyp's
constexpr float kTurn = 6.2831853F;
constexpr index_t kMost = 10'000;  // videos, and frames of one

/// Random numbers of one thing, taken one after another.
class Draws {
 public:
  explicit Draws(const KeyedRandom& random) : random_(random) {}
  float in(float low, float high) {
    return static_cast<float>(random_.uniform(next_++, low, high));
  }
  float normal() { return static_cast<float>(random_.normal(1'000'000 + next_++)); }
  std::uint32_t bits() { return static_cast<std::uint32_t>(random_.bits(next_++)); }
  bool chance(double p) { return random_.uniform(next_++) < p; }

 private:
  KeyedRandom random_;
  index_t next_ = 0;
};

/// What a patient's pictures look like as a whole, each in [0, 1).
enum Look { kPale, kBlue, kBright, kGloss, kLight, kTintRed, kTintBlue, kLooks };
using Looks = std::array<double, kLooks>;

/// Looks of all videos. Among those with a polyp and among those without each number is spread evenly
/// over its range, so that the colour of a patient does not tell by chance.
std::vector<Looks> draw_looks(std::uint64_t seed, const std::vector<bool>& has_polyp) {
  std::vector<Looks> looks(has_polyp.size());
  for (const bool polyp : {false, true}) {
    std::vector<std::size_t> videos;
    for (std::size_t v = 0; v < has_polyp.size(); ++v)
      if (has_polyp[v] == polyp) videos.push_back(v);
    for (std::size_t look = 0; look < kLooks; ++look) {
      const KeyedRandom random(seed, Purpose::split, 1, look);
      const auto key = [&](std::size_t v) {
        return std::pair(random.bits(static_cast<index_t>(2 * v)), v);
      };
      std::sort(videos.begin(), videos.end(),
                [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
      for (std::size_t k = 0; k < videos.size(); ++k) {
        const double within = random.uniform(static_cast<index_t>(2 * videos[k] + 1));
        looks[videos[k]][look] =
            (static_cast<double>(k) + within) / static_cast<double>(videos.size());
      }
    }
  }
  return looks;
}

Colon draw_colon(Draws& draw, const Looks& looks) {
  const auto look = [&](Look which, float low, float high) {
    return low + (high - low) * static_cast<float>(looks[which]);
  };
  Colon c;
  c.seed = draw.bits();
  for (int k = 0; k < 2; ++k) {
    c.bend_rate[k] = k == 0 ? draw.in(0.35F, 0.6F) : draw.in(0.8F, 1.2F);
    const float most = k == 0 ? 0.8F : 0.18F;
    c.bend_x[k] = draw.in(-most, most);
    c.bend_y[k] = draw.in(-most, most);
    c.bend_phase[k] = draw.in(0, kTurn);
    c.bend_phase[k + 2] = draw.in(0, kTurn);
  }
  c.corners = draw.in(0.03F, 0.12F);
  c.fold_distance = draw.in(0.75F, 1.3F);
  c.fold_height = draw.in(0.18F, 0.42F);
  c.fold_width = draw.in(0.09F, 0.15F);
  const float pale = look(kPale, 0.22F, 0.42F);  // green over red; blue follows it
  c.wall = look(kBright, 0.8F, 1.05F) * Vec{0.85F, pale, pale * look(kBlue, 0.62F, 0.95F)};
  c.blood = {0.5F * c.wall.x, 0.28F * c.wall.y, 0.3F * c.wall.z};
  c.vessels = draw.in(0.25F, 0.9F);
  c.mottling = draw.in(0.1F, 0.3F);
  c.gloss = look(kGloss, 0.8F, 1.6F);
  c.light = look(kLight, 0.8F, 1.2F);
  c.sensor_noise = draw.in(0.006F, 0.025F);
  c.dark_corners = draw.in(0.1F, 0.6F);
  c.tint = {look(kTintRed, 0.92F, 1.08F), 1, look(kTintBlue, 0.88F, 1.15F)};
  return c;
}

Polyp draw_polyp(Draws& draw, const Colon& colon, float z) {
  Polyp p;
  p.there = true;
  const float kind = draw.in(0, 1);
  p.kind = kind < 0.45F   ? PolypKind::sessile
           : kind < 0.75F ? PolypKind::flat
                          : PolypKind::pedunculated;
  p.z = z;
  p.angle = draw.in(0, kTurn);
  p.size = draw.in(0.22F, 0.5F);
  // Redder, paler or like the wall: colour alone does not tell.
  p.colour = colon.wall *
             Vec{1 + 0.06F * draw.normal(), 1 + 0.11F * draw.normal(), 1 + 0.11F * draw.normal()};
  p.colour = {std::clamp(p.colour.x, 0.5F, 1.1F), std::clamp(p.colour.y, 0.15F, 0.65F),
              std::clamp(p.colour.z, 0.1F, 0.6F)};
  p.pits = draw.in(0.04F, 0.2F);
  p.seed = draw.bits();
  return p;
}

/// A smooth wandering number: two slow sines.
class Wander {
 public:
  explicit Wander(Draws& draw, float size)
      : size_(size), a_(draw.in(0, kTurn)), b_(draw.in(0, kTurn)), rate_(draw.in(0.05F, 0.14F)) {}
  [[nodiscard]] float at(float frame) const {
    return size_ *
           (0.7F * std::sin(a_ + rate_ * frame) + 0.3F * std::sin(b_ + 2.3F * rate_ * frame));
  }

 private:
  float size_, a_, b_, rate_;
};

/// How the camera goes through one sequence.
struct Flight {
  float z = 0, step = 0;
  Wander x, y, yaw, pitch, roll;
  float aim_z = 0, aim_angle = 0;  // a place on the wall; the polyp's, where there is one
  float towards = 0;               // how far it is looked at
  explicit Flight(Draws& draw)
      : x(draw, 0.28F), y(draw, 0.28F), yaw(draw, 0.3F), pitch(draw, 0.3F), roll(draw, 0.5F) {}
};

Camera camera_at(const ColonScene& scene, const Flight& flight, float frame, float to_wall) {
  const float z = flight.z + flight.step * frame;
  const Vec tangent = scene.along(z);
  Vec right = unit(cross({0, 1, 0}, tangent));
  Vec down = cross(tangent, right);
  Camera camera;
  camera.position = scene.centre(z) + flight.x.at(frame) * right + flight.y.at(frame) * down;
  Vec aim = unit(tangent + flight.yaw.at(frame) * right + flight.pitch.at(frame) * down);
  const Vec place = scene.wall_point(flight.aim_z, flight.aim_angle);
  aim = unit(mix(aim, unit(place - camera.position), flight.towards));
  if (to_wall > 0) {
    const float angle = flight.roll.at(frame) * 3;
    const Vec wall = std::cos(angle) * right + std::sin(angle) * down;
    camera.position = camera.position + (0.55F * to_wall) * wall;
    aim = unit(mix(aim, wall, to_wall));
  }
  // The lens does not enter the tissue.
  for (int k = 0; k < 8; ++k) {
    bool unused = false;
    if (scene.distance(camera.position, &unused) > 0.12F) break;
    camera.position = mix(camera.position, scene.centre(camera.position.z), 0.35F);
  }
  const float roll = flight.roll.at(frame);
  right = unit(cross(down, aim));
  down = cross(aim, right);
  camera.forward = aim;
  camera.right = std::cos(roll) * right + std::sin(roll) * down;
  camera.down = std::cos(roll) * down - std::sin(roll) * right;
  return camera;
}

enum class Quality : std::uint8_t { clear, blurred, wall, residue };

const char* to_text(Quality quality) {
  constexpr std::array<const char*, 4> kNames = {"clear", "blurred", "wall", "residue"};
  return kNames[static_cast<std::size_t>(quality)];
}

struct Frame {
  bool positive = false;
  Quality quality = Quality::clear;
};

void check(const ColonoscopyOptions& o) {
  AIFT_EXPECT(o.videos >= 1 && o.videos <= kMost, ValueError, "videos must be in [1, {}]; got {}.",
              kMost, o.videos);
  AIFT_EXPECT(o.frames >= 1 && o.frames <= kMost, ValueError, "frames must be in [1, {}]; got {}.",
              kMost, o.frames);
  AIFT_EXPECT(o.sequence >= 1, ValueError, "sequence must be at least 1; got {}.", o.sequence);
  AIFT_EXPECT(o.size >= 32 && o.size <= 1024, ValueError, "size must be in [32, 1024]; got {}.",
              o.size);
  AIFT_EXPECT(o.positives >= 0 && o.positives <= 1, ValueError,
              "positives must be in [0, 1]; got {}.", o.positives);
  AIFT_EXPECT(o.uninformative >= 0 && o.uninformative <= 1, ValueError,
              "uninformative must be in [0, 1]; got {}.", o.uninformative);
}

/// Everything about one sequence, before a pixel is made.
struct Sequence {
  Colon colon;
  Polyp polyp;
  Flight flight;
  index_t frames = 0;
  Quality bad = Quality::clear;  // of the frames [bad_first, bad_last)
  index_t bad_first = 0, bad_last = 0;
  float residue = 0;
  Vec smear{};
  float gain = 1;  // what the automatic exposure is off by
};

Sequence draw_sequence(const ColonoscopyOptions& options, const Looks& looks, index_t video,
                       index_t number, index_t frames, bool with_polyp) {
  Draws patient(KeyedRandom(options.seed, Purpose::scoring, 0, static_cast<std::uint64_t>(video)));
  const Colon colon = draw_colon(patient, looks);
  const auto id = static_cast<std::uint64_t>(video * 100'000 + number + 1);
  Sequence best{colon, {}, Flight(patient), frames};
  float most = -1;
  // With a polyp: the first of some draws in which it is to be seen for most of the time.
  for (index_t attempt = 0; attempt < 12; ++attempt) {
    Draws draw(KeyedRandom(options.seed, Purpose::training, attempt, id));
    Sequence s{colon, {}, Flight(draw), frames};
    s.flight.z = draw.in(0, 400);
    s.flight.step = draw.in(0.02F, 0.06F);
    // The camera looks at a place on the wall, polyp or not: brightness must not give it away.
    const float reach = s.flight.step * static_cast<float>(frames);
    s.polyp = draw_polyp(draw, colon, s.flight.z + reach + draw.in(0.35F, 1.3F));
    s.polyp.there = with_polyp;
    s.flight.aim_z = s.polyp.z;
    s.flight.aim_angle = s.polyp.angle;
    s.flight.towards = draw.in(0.15F, 0.75F);
    s.gain = draw.in(0.75F, 1.35F);
    if (draw.chance(options.uninformative)) {
      const float kind = draw.in(0, 1);
      s.bad = kind < 0.4F ? Quality::blurred : kind < 0.65F ? Quality::wall : Quality::residue;
      const auto length = std::min<index_t>(frames, 2 + static_cast<index_t>(draw.in(0, 4)));
      s.bad_first = static_cast<index_t>(draw.in(0, static_cast<float>(frames - length + 1)));
      s.bad_last = s.bad_first + length;
      s.residue = draw.in(0.55F, 0.9F);
      const float angle = draw.in(0, kTurn);
      const float far = static_cast<float>(options.size) * draw.in(0.08F, 0.16F);
      s.smear = {far * std::cos(angle), far * std::sin(angle), 0};
    }
    if (!with_polyp) return s;
    const ColonScene scene(colon, s.polyp);
    float least = 1;
    for (const float where : {0.25F, 0.5F, 0.9F}) {
      const float frame = where * static_cast<float>(frames - 1);
      least = std::min(least, polyp_share(scene, camera_at(scene, s.flight, frame, 0), 40));
    }
    if (least > most) {
      most = least;
      best = s;
    }
    if (most >= 2 * kLabelled) break;
  }
  return best;
}

const char* const kReadme =
    "SYNTHETIC colonoscopy, written by `aift phantom colonoscopy`.\n\n"
    "A ray-marched tube with folds and made-up polyps. No patient, no endoscope; a network "
    "trained\n"
    "on these pictures says nothing about patients. Columns of manifest.csv: label (polyp where "
    "one\n"
    "is to be seen, else mucosa), group (patient), quality (clear, blurred, wall, residue), "
    "video,\n"
    "frame. Not for diagnosis.\n";

const char* const kSentence =
    "Synthetic colonoscopy: a computed tube with made-up polyps, not recorded from patients.";

}  // namespace

ColonoscopyResult write_colonoscopy(const std::filesystem::path& out,
                                    const ColonoscopyOptions& options, Executor* executor,
                                    Progress* progress) {
  check(options);
  const Folder folder(out);
  const index_t length = std::min(options.sequence, options.frames);
  const index_t per_video = (options.frames + length - 1) / length;
  const index_t sequences = options.videos * per_video;

  // Which sequences pass a polyp: exactly the share of them, drawn over all videos.
  std::vector<index_t> order(static_cast<std::size_t>(sequences));
  std::iota(order.begin(), order.end(), index_t{0});
  const KeyedRandom shuffle(options.seed, Purpose::split);
  std::sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return std::pair(shuffle.bits(a), a) < std::pair(shuffle.bits(b), b);
  });
  std::vector<std::uint8_t> with_polyp(order.size(), 0);
  const auto chosen =
      static_cast<std::size_t>(std::llround(options.positives * static_cast<double>(sequences)));
  for (std::size_t k = 0; k < chosen; ++k)
    with_polyp[static_cast<std::size_t>(order[k])] = 1;
  std::vector<bool> has_polyp(static_cast<std::size_t>(options.videos));
  for (std::size_t k = 0; k < chosen; ++k)
    has_polyp[static_cast<std::size_t>(order[k] / per_video)] = true;
  const std::vector<Looks> looks = draw_looks(options.seed, has_polyp);

  std::vector<Frame> frames(static_cast<std::size_t>(options.videos * options.frames));
  const auto path_of = [](index_t video, index_t frame) {
    return fmt::format("videos/v{:04}/{:05}.jpg", video, frame);
  };
  const auto make = [&](index_t sequence) {
    const index_t video = sequence / per_video, number = sequence % per_video;
    const index_t first = number * length;
    const index_t count = std::min(length, options.frames - first);
    const Sequence s = draw_sequence(options, looks[static_cast<std::size_t>(video)], video, number,
                                     count, with_polyp[static_cast<std::size_t>(sequence)] != 0);
    const ColonScene scene(s.colon, s.polyp);
    for (index_t k = 0; k < count; ++k) {
      const bool bad = k >= s.bad_first && k < s.bad_last;
      const auto frame = static_cast<float>(k);
      const Camera camera =
          camera_at(scene, s.flight, frame, bad && s.bad == Quality::wall ? 1.0F : 0.0F);
      Exposure exposure;
      exposure.size = options.size;
      exposure.gain = s.gain;
      exposure.noise = s.colon.sensor_noise;
      exposure.seed = hash(static_cast<std::int32_t>(video), static_cast<std::int32_t>(first + k),
                           0, s.colon.seed);
      if (bad && s.bad == Quality::blurred) {
        exposure.smear = s.smear;
        exposure.blur = static_cast<float>(options.size) / 110;
      }
      if (bad && s.bad == Quality::residue) {
        exposure.veil = {s.residue, 25, s.colon.seed + static_cast<std::uint32_t>(number)};
      }
      Frame& record = frames[static_cast<std::size_t>(video * options.frames + first + k)];
      record.positive = polyp_share(scene, camera, 64) >= kLabelled;
      record.quality = bad ? s.bad : Quality::clear;
      folder.write(path_of(video, first + k), take(scene, camera, exposure).view());
    }
  };

  InlineExecutor inline_executor;
  Executor& runner = executor != nullptr ? *executor : inline_executor;
  const index_t step = std::max<index_t>(8, 2 * runner.workers());
  for (index_t begin = 0; begin < sequences; begin += step) {
    const index_t count = std::min(step, sequences - begin);
    runner.run(count, [&](index_t k, int) { make(begin + k); });
    if (progress != nullptr) {
      progress->report("phantom", begin + count, sequences);
      throw_if_cancelled(*progress);
    }
  }

  ColonoscopyResult result;
  std::vector<std::vector<std::string>> manifest = {
      {"path", "label", "group", "quality", "video", "frame"}};
  for (index_t v = 0; v < options.videos; ++v) {
    for (index_t k = 0; k < options.frames; ++k) {
      const Frame& frame = frames[static_cast<std::size_t>(v * options.frames + k)];
      ++result.frames;
      result.positives += frame.positive;
      result.uninformative += frame.quality != Quality::clear;
      manifest.push_back({path_of(v, k), frame.positive ? "polyp" : "mucosa",
                          fmt::format("patient{:04}", v), to_text(frame.quality),
                          fmt::format("v{:04}", v), std::to_string(k)});
    }
  }
  folder.finish(kReadme, kSentence, manifest);
  return result;
}

}  // namespace aift::phantom
