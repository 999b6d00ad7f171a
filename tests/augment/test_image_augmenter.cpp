// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/image_augmenter.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Pictures made from the candidate's number; counts how often it is read.
class NoiseSource final : public ImageSource {
 public:
  [[nodiscard]] Image read(const CandidateRef& candidate) const override {
    ++reads;
    const KeyedRandom random(9, Purpose::order, 0, candidate.id);
    Image image;
    image.width = 20 + static_cast<index_t>(candidate.id % 7);
    image.height = 16;
    image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      image.pixels[i] = static_cast<std::uint8_t>(random.below(static_cast<index_t>(i), 256));
    }
    if (candidate.index == broken) image.pixels.pop_back();
    return image;
  }
  mutable std::atomic<int> reads = 0;
  index_t broken = -1;
};

class NoImages final : public Source {};

ImageAugmentOptions small() {
  ImageAugmentOptions options;
  options.format.height = options.format.width = 12;
  options.seed = 4;
  options.training.crop_min = 0.5;
  return options;
}

auto geometry(const PatchPlan& p) {
  return std::tuple(p.matrix, p.gain, p.contrast, p.brightness, p.saturation);
}
const auto kIdentity = geometry(PatchPlan{});

}  // namespace

TEST_CASE("Fixed views: the first is the identity, the others are the same in every round") {
  const ImageAugmenter augmenter(small());
  for (const Purpose purpose : {Purpose::scoring, Purpose::probe, Purpose::test}) {
    std::set<std::array<double, 6>> seen;
    for (index_t i = 0; i < 6; ++i) {
      const PatchPlan plan = augmenter.plan({3, 77}, purpose, 0, i);
      CHECK((geometry(plan) == kIdentity) == (i == 0));
      CHECK(geometry(plan) == geometry(augmenter.plan({3, 77}, purpose, 5, i)));
      CHECK(plan.index == i);
      CHECK(plan.candidate.index == 3);
      seen.insert(plan.matrix);
    }
    CHECK(seen.size() == 6);
  }
}

TEST_CASE("A view depends on seed, purpose, candidate and index, not on the position") {
  const ImageAugmenter augmenter(small());
  ImageAugmentOptions other = small();
  other.seed = 5;
  const auto view = geometry(augmenter.plan({3, 77}, Purpose::scoring, 0, 1));
  CHECK(view == geometry(augmenter.plan({8, 77}, Purpose::scoring, 0, 1)));
  CHECK(view != geometry(augmenter.plan({3, 78}, Purpose::scoring, 0, 1)));
  CHECK(view != geometry(augmenter.plan({3, 77}, Purpose::test, 0, 1)));
  CHECK(view != geometry(ImageAugmenter(other).plan({3, 77}, Purpose::scoring, 0, 1)));
}

TEST_CASE("Training views are fresh for every round and index") {
  const ImageAugmenter augmenter(small());
  std::set<std::array<double, 6>> seen;
  for (index_t round = 0; round < 3; ++round) {
    for (index_t i = 0; i < 20; ++i) {
      const PatchPlan plan = augmenter.plan({3, 77}, Purpose::training, round, i);
      CHECK(geometry(plan) != kIdentity);
      seen.insert(plan.matrix);
    }
  }
  CHECK(seen.size() == 60);
}

TEST_CASE("Draws stay within their ranges, and an option of nothing changes no other draw") {
  ImageAugmentOptions options = small();
  ViewRanges& range = options.training;
  range.rotation_deg = 30;
  range.scale_min = 0.8;
  range.scale_max = 1.25;
  range.translation = 0.1;
  range.crop_min = 0.6;
  const ImageAugmenter augmenter(options);
  ImageAugmentOptions still = options;
  still.training.rotation_deg = 0;
  still.training.flip_horizontal = still.training.flip_vertical = 0;
  still.training.contrast = 0;
  const ImageAugmenter upright(still);
  int flips = 0;
  double least = 9;
  double most = 0;
  for (index_t i = 0; i < 400; ++i) {
    const PatchPlan p = augmenter.plan({0, 1}, Purpose::training, 0, i);
    const auto& m = p.matrix;
    const double determinant = m[0] * m[4] - m[1] * m[3];
    const double zoom = std::sqrt(std::abs(determinant));
    least = std::min(least, zoom);
    most = std::max(most, zoom);
    CHECK(zoom >= 0.6 / 1.25);
    CHECK(zoom <= 1 / 0.8);
    flips += determinant < 0 ? 1 : 0;
    CHECK(std::abs(m[3] / m[0]) <= std::tan(30 * 3.141592653589793 / 180) + 1e-12);
    CHECK(std::abs(m[2]) <= 0.2 + 0.4);
    CHECK(std::abs(m[5]) <= 0.2 + 0.4);
    CHECK(std::abs(p.brightness) <= range.brightness);
    CHECK(std::abs(p.contrast - 1) <= range.contrast);
    CHECK(std::abs(p.saturation - 1) <= range.saturation);
    for (const double g : p.gain)
      CHECK(std::abs(g - 1) <= range.gain);

    const PatchPlan q = upright.plan({0, 1}, Purpose::training, 0, i);
    CHECK(q.matrix[0] == Catch::Approx(zoom));
    CHECK(q.matrix[1] == 0);
    CHECK(q.matrix[2] == m[2]);
    CHECK(q.contrast == 1);
    CHECK(q.brightness == p.brightness);
    CHECK(q.gain == p.gain);
  }
  CHECK(flips > 150);  // one of the two flips: half of the views
  CHECK(flips < 250);
  CHECK(least < 0.55);
  CHECK(most > 1.0);
}

TEST_CASE("A full turn covers all directions") {
  const ImageAugmenter augmenter(small());
  int quadrant[4] = {};
  for (index_t i = 0; i < 200; ++i) {
    const auto m = augmenter.plan({0, 1}, Purpose::training, 0, i).matrix;
    ++quadrant[(m[0] > 0 ? 0 : 1) + (m[3] > 0 ? 0 : 2)];
    CHECK(m[0] * m[1] + m[3] * m[4] == Catch::Approx(0).margin(1e-12));
    CHECK(std::hypot(m[0], m[3]) == Catch::Approx(std::hypot(m[1], m[4])));
  }
  for (const int count : quadrant)
    CHECK(count > 20);
}

TEST_CASE("Draws of the first views, which must never change") {
  // The numbers follow from the documented layout of the keys; a change here breaks every past run.
  const ImageAugmenter augmenter(small());
  const PatchPlan plan = augmenter.plan({0, 123}, Purpose::scoring, 9, 2);
  const KeyedRandom random(4, Purpose::scoring, 0, 123);
  const double angle = random.uniform(16 * 2 + 2, -180, 180) * 3.14159265358979323846 / 180;
  const double scale = random.uniform(16 * 2 + 3, 0.85, 1.15);
  const double flip_x = random.uniform(16 * 2 + 0) < 0.5 ? -1 : 1;
  const double flip_y = random.uniform(16 * 2 + 1) < 0.5 ? -1 : 1;
  CHECK(plan.matrix[0] == Catch::Approx(flip_x * std::cos(angle) / scale).epsilon(1e-13));
  CHECK(plan.matrix[1] == Catch::Approx(flip_y * -std::sin(angle) / scale).epsilon(1e-13));
  CHECK(plan.matrix[2] == Catch::Approx(2 * random.uniform(16 * 2 + 4, -0.08, 0.08)));
  CHECK(plan.matrix[3] == Catch::Approx(flip_x * std::sin(angle) / scale).epsilon(1e-13));
  CHECK(plan.matrix[4] == Catch::Approx(flip_y * std::cos(angle) / scale).epsilon(1e-13));
  CHECK(plan.matrix[5] == Catch::Approx(2 * random.uniform(16 * 2 + 5, -0.08, 0.08)));
  CHECK(plan.brightness == random.uniform(16 * 2 + 9, -0.12, 0.12));
  CHECK(plan.contrast == 1 + random.uniform(16 * 2 + 10, -0.2, 0.2));
  CHECK(plan.saturation == 1 + random.uniform(16 * 2 + 11, -0.1, 0.1));
  CHECK(plan.gain[2] == 1 + random.uniform(16 * 2 + 14, -0.06, 0.06));
}

TEST_CASE("Consecutive plans of a candidate share its decoding; any order gives the same patches") {
  const ImageAugmenter augmenter(small());
  const NoiseSource source;
  std::vector<PatchPlan> plans;
  for (index_t c = 0; c < 5; ++c) {
    for (index_t v = 0; v < 4; ++v) {
      plans.push_back(
          augmenter.plan({c, static_cast<std::uint64_t>(40 + c)}, Purpose::scoring, 0, v));
    }
  }
  const index_t size = small().format.elements();
  std::vector<float> out(static_cast<std::size_t>(20 * size));
  augmenter.render(plans, source, {out.data(), 20, small().format});
  CHECK(source.reads == 5);
  std::vector<PatchPlan> reversed(plans.rbegin(), plans.rend());
  std::vector<float> back(out.size());
  std::thread other([&] {
    augmenter.render(std::span(reversed).first(10), source, {back.data(), 10, small().format});
  });
  augmenter.render(std::span(reversed).subspan(10), source,
                   {back.data() + 10 * size, 10, small().format});
  other.join();
  for (index_t i = 0; i < 20; ++i) {
    CHECK(std::equal(out.begin() + i * size, out.begin() + (i + 1) * size,
                     back.begin() + (19 - i) * size));
  }
  // And the same as rendering the image by hand.
  std::vector<float> alone(static_cast<std::size_t>(size));
  render_patches(source.read(plans[6].candidate).view(), std::span(plans).subspan(6, 1),
                 {alone.data(), 1, small().format});
  CHECK(std::equal(alone.begin(), alone.end(), out.begin() + 6 * size));
}

TEST_CASE("Counts of views") {
  ImageAugmentOptions options = small();
  options.scoring_views = 9;
  options.probe_views = 5;
  options.test_views = 3;
  const ImageAugmenter augmenter(options);
  CHECK(augmenter.patches(Purpose::scoring) == 9);
  CHECK(augmenter.patches(Purpose::probe) == 5);
  CHECK(augmenter.patches(Purpose::test) == 3);
  CHECK(augmenter.patches(Purpose::training) == 1);
  CHECK_THROWS_AS(augmenter.patches(Purpose::split), ValueError);
  CHECK_THROWS_AS(augmenter.plan({0, 0}, Purpose::dropout, 0, 0), ValueError);
  CHECK_THROWS_AS(augmenter.plan({0, 0}, Purpose::scoring, 0, -1), ValueError);
  CHECK_THROWS_AS(augmenter.plan({0, 0}, Purpose::training, -1, 0), ValueError);
}

TEST_CASE("Rendering refuses other sources, formats, small buffers and broken images") {
  const ImageAugmenter augmenter(small());
  NoiseSource source;
  const std::vector<PatchPlan> plans = {augmenter.plan({1, 1}, Purpose::test, 0, 0)};
  std::vector<float> out(static_cast<std::size_t>(small().format.elements()));
  PatchBuffer buffer{out.data(), 1, small().format};
  CHECK_THROWS_WITH(augmenter.render(plans, NoImages{}, buffer), ContainsSubstring("ImageSource"));
  buffer.capacity = 0;
  CHECK_THROWS_WITH(augmenter.render(plans, source, buffer), ContainsSubstring("room"));
  buffer.capacity = 1;
  buffer.format.mean[0] = 1;
  CHECK_THROWS_AS(augmenter.render(plans, source, buffer), ShapeError);
  buffer.format = small().format;
  buffer.data = nullptr;
  CHECK_THROWS_AS(augmenter.render(plans, source, buffer), ShapeError);
  buffer.data = out.data();
  source.broken = 1;
  CHECK_THROWS_WITH(augmenter.render(plans, source, buffer), ContainsSubstring("candidate 1"));
  source.broken = -1;
  augmenter.render({}, source, {nullptr, 0, small().format});
}

TEST_CASE("Options outside their ranges are refused by name") {
  const auto refused = [](auto&& change, const char* name) {
    ImageAugmentOptions options = small();
    change(options);
    CHECK_THROWS_AS(ImageAugmenter(options), ValueError);
    CHECK_THROWS_WITH(ImageAugmenter(options), ContainsSubstring(name));
  };
  using O = ImageAugmentOptions;
  refused([](O& o) { o.format.height = 0; }, "height");
  refused([](O& o) { o.format.channels = 4; }, "channels");
  refused([](O& o) { o.scoring_views = 0; }, "scoring_views");
  refused([](O& o) { o.probe_views = 0; }, "probe_views");
  refused([](O& o) { o.test_views = -1; }, "test_views");
  refused([](O& o) { o.scoring.flip_horizontal = 1.5; }, "flip_horizontal of the scoring");
  refused([](O& o) { o.training.flip_vertical = -0.1; }, "flip_vertical of the training");
  refused([](O& o) { o.training.rotation_deg = 181; }, "rotation_deg");
  refused([](O& o) { o.training.scale_min = 0; }, "scale_min");
  refused([](O& o) { o.training.scale_max = 0.5; }, "scale_max");
  refused([](O& o) { o.training.translation = std::nan(""); }, "translation");
  refused([](O& o) { o.training.crop_min = 0; }, "crop_min");
  refused([](O& o) { o.training.brightness = 2; }, "brightness");
  refused([](O& o) { o.training.contrast = 2; }, "contrast");
  refused([](O& o) { o.training.saturation = -1; }, "saturation");
  refused([](O& o) { o.training.gain = 1.01; }, "gain");
}

TEST_CASE("The text of a plan says what it does") {
  PatchPlan plan;
  plan.candidate = {12, 0};
  plan.index = 3;
  CHECK(to_string(plan) == "candidate 12 scoring round 0 patch 3: identity");
  plan.matrix = {0, -0.5, 0.1, 0.5, 0, -0.02};
  plan.contrast = 1.25;
  plan.purpose = Purpose::training;
  plan.round = 2;
  CHECK(to_string(plan) ==
        "candidate 12 training round 2 patch 3: rotate 90.0 deg, enlarge 2.000, "
        "shift +5.0 % -1.0 %, contrast 1.250");
  plan = {};
  plan.matrix = {-1, 0, 0, 0, 1, 0};
  plan.brightness = -0.05;
  plan.saturation = 0.5;
  plan.gain = {1, 1, 1.1};
  plan.border = Border::constant;
  plan.border_value = 9;
  CHECK(to_string(plan) ==
        "candidate 0 scoring round 0 patch 0: flip left-right, gain 1.000 1.000 1.100, "
        "brightness -0.050, saturation 0.500, border 9");
  plan = {};
  plan.matrix = {1, 0.5, 0, 0, 1, 0};
  CHECK_THAT(to_string(plan), ContainsSubstring("matrix [1 0.5; 0 1]"));
}
