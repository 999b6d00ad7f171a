// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/render.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

Image noise(index_t width, index_t height, ChannelOrder order = ChannelOrder::rgb,
            std::uint64_t seed = 1) {
  const KeyedRandom random(seed, Purpose::order);
  Image image;
  image.width = width;
  image.height = height;
  image.order = order;
  image.pixels.resize(static_cast<std::size_t>(image.view().stride * height));
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.below(static_cast<index_t>(i), 256));
  }
  return image;
}

Image flat(index_t width, index_t height, std::uint8_t value) {
  Image image = noise(width, height);
  std::fill(image.pixels.begin(), image.pixels.end(), value);
  return image;
}

/// Values as they are: mean 0, std 1.
PatchFormat raw(index_t width, index_t height, index_t channels = 3) {
  PatchFormat format;
  format.channels = channels;
  format.width = width;
  format.height = height;
  format.mean = {0, 0, 0};
  format.std = {1, 1, 1};
  return format;
}

std::vector<float> render(const ImageView& image, const PatchPlan& plan,
                          const PatchFormat& format) {
  std::vector<float> out(static_cast<std::size_t>(format.elements()), -1.0F);
  render_patches(image, std::span(&plan, 1), {out.data(), 1, format});
  return out;
}
std::vector<float> render(const Image& image, const PatchPlan& plan, const PatchFormat& format) {
  return render(image.view(), plan, format);
}

double pixel(const Image& image, index_t x, index_t y, index_t channel, const PatchPlan& plan) {
  const bool outside = x < 0 || y < 0 || x >= image.width || y >= image.height;
  if (outside && plan.border == Border::constant) return plan.border_value;
  while (x < 0 || x >= image.width) {
    x = image.width == 1 ? 0 : x < 0 ? -x : 2 * (image.width - 1) - x;
  }
  while (y < 0 || y >= image.height) {
    y = image.height == 1 ? 0 : y < 0 ? -y : 2 * (image.height - 1) - y;
  }
  if (image.order == ChannelOrder::grey) return image.pixels[y * image.width + x];
  const index_t c = image.order == ChannelOrder::bgr ? 2 - channel : channel;
  return image.pixels[(y * image.width + x) * 3 + c];
}

/// The documented arithmetic, written the long way, in double; sources less than twice the output.
std::vector<double> slow(const Image& image, const PatchPlan& plan, const PatchFormat& format) {
  std::vector<double> out;
  const auto& m = plan.matrix;
  const auto w = static_cast<double>(image.width);
  const auto h = static_cast<double>(image.height);
  for (index_t c = 0; c < format.channels; ++c) {
    for (index_t i = 0; i < format.height; ++i) {
      for (index_t j = 0; j < format.width; ++j) {
        const double u = (2 * static_cast<double>(j) + 1) / static_cast<double>(format.width) - 1;
        const double v = (2 * static_cast<double>(i) + 1) / static_cast<double>(format.height) - 1;
        const double dx = m[0] * (u * w / 2) + m[1] * (v * h / 2) + m[2] * w / 2;
        const double dy = m[3] * (u * w / 2) + m[4] * (v * h / 2) + m[5] * h / 2;
        const double x = w / 2 + dx - 0.5;
        const double y = h / 2 + dy - 0.5;
        const double fx = x - std::floor(x);
        const double fy = y - std::floor(y);
        const auto x0 = static_cast<index_t>(std::floor(x));
        const auto y0 = static_cast<index_t>(std::floor(y));
        double rgb[3];
        for (index_t k = 0; k < 3; ++k) {
          double value = (1 - fy) * ((1 - fx) * pixel(image, x0, y0, k, plan) +
                                     fx * pixel(image, x0 + 1, y0, k, plan)) +
                         fy * ((1 - fx) * pixel(image, x0, y0 + 1, k, plan) +
                               fx * pixel(image, x0 + 1, y0 + 1, k, plan));
          value *= plan.gain[k];
          value = 127.5 + plan.contrast * (value - 127.5);
          rgb[k] = value + 255 * plan.brightness;
        }
        const double grey = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
        const double own = format.channels == 1 ? grey : rgb[c];
        const double value = std::clamp(grey + plan.saturation * (own - grey), 0.0, 255.0);
        out.push_back((value - format.mean[c]) / format.std[c]);
      }
    }
  }
  return out;
}

PatchPlan random_plan(std::uint64_t seed) {
  const KeyedRandom random(seed, Purpose::training);
  PatchPlan plan;
  const double angle = random.uniform(0, -3.2, 3.2);
  const double zoom = random.uniform(1, 0.5, 1.2);
  const double flip = random.uniform(2) < 0.5 ? -1 : 1;
  plan.matrix = {zoom * std::cos(angle) * flip, -zoom * std::sin(angle),
                 random.uniform(3, -0.5, 0.5),  zoom * std::sin(angle) * flip,
                 zoom * std::cos(angle),        random.uniform(4, -0.5, 0.5)};
  plan.border = random.uniform(5) < 0.5 ? Border::reflect : Border::constant;
  plan.border_value = static_cast<std::uint8_t>(random.below(6, 256));
  plan.gain = {random.uniform(7, 0.8, 1.2), random.uniform(8, 0.8, 1.2),
               random.uniform(9, 0.8, 1.2)};
  plan.contrast = random.uniform(10, 0.5, 1.5);
  plan.brightness = random.uniform(11, -0.3, 0.3);
  plan.saturation = random.uniform(12, 0, 2);
  return plan;
}

}  // namespace

TEST_CASE("Rendering agrees with the same arithmetic written the long way") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const KeyedRandom random(seed, Purpose::order);
    const auto order = static_cast<ChannelOrder>(random.below(0, 3));
    const Image image = noise(1 + random.below(1, 40), 1 + random.below(2, 40), order, seed);
    // Large enough that no box is averaged.
    const index_t side = 1 + std::max(image.width, image.height) * 3 / 2;
    PatchFormat format = raw(side, side + random.below(3, 9), random.below(4, 2) == 0 ? 1 : 3);
    format.mean = {120, 110, 100};
    format.std = {60, 50, 70};
    const PatchPlan plan = random_plan(seed);
    const auto fast = render(image, plan, format);
    const auto expected = slow(image, plan, format);
    double largest = 0;
    for (std::size_t i = 0; i < fast.size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(fast[i]) - expected[i]));
    }
    CAPTURE(seed, image.width, image.height, format.width, format.height, format.channels);
    CHECK(largest < 2e-5);  // of values up to 3
  }
}

TEST_CASE("The identity at equal size gives every value exactly") {
  const auto [width, height] =
      GENERATE(std::pair<index_t, index_t>{96, 96}, std::pair<index_t, index_t>{31, 17},
               std::pair<index_t, index_t>{1, 1}, std::pair<index_t, index_t>{7, 1});
  const Image image = noise(width, height);
  PatchFormat format = raw(width, height);
  format.mean = {127, 127, 127};
  format.std = {128, 128, 128};
  const auto out = render(image, PatchPlan{}, format);
  for (index_t c = 0; c < 3; ++c) {
    for (index_t i = 0; i < width * height; ++i) {
      REQUIRE(out[c * width * height + i] ==
              (static_cast<float>(image.pixels[i * 3 + c]) - 127.0F) / 128.0F);
    }
  }
  const Image back = to_image(out, format);
  CHECK(back.pixels == image.pixels);
  CHECK(back.order == ChannelOrder::rgb);
}

TEST_CASE("Flips and quarter turns move pixels exactly") {
  const index_t n = GENERATE(8, 9);
  const Image image = noise(n, n);
  const PatchFormat format = raw(n, n);
  const auto at = [&](index_t x, index_t y) {
    return static_cast<float>(image.pixels[(y * n + x) * 3 + 1]);
  };
  const auto plan_of = [](double a, double b, double c, double d) {
    PatchPlan plan;
    plan.matrix = {a, b, 0, c, d, 0};
    return plan;
  };
  const auto left_right = render(image, plan_of(-1, 0, 0, 1), format);
  const auto upside_down = render(image, plan_of(1, 0, 0, -1), format);
  const auto quarter = render(image, plan_of(0, -1, 1, 0), format);
  for (index_t y = 0; y < n; ++y) {
    for (index_t x = 0; x < n; ++x) {
      const index_t i = n * n + y * n + x;  // green
      REQUIRE(left_right[i] == at(n - 1 - x, y));
      REQUIRE(upside_down[i] == at(x, n - 1 - y));
      REQUIRE(quarter[i] == at(n - 1 - y, x));  // the right edge comes to the top: anticlockwise
    }
  }
}

TEST_CASE("Four quarter turns bring the picture back") {
  const Image image = noise(12, 12);
  const PatchFormat format = raw(12, 12);
  PatchPlan plan;
  plan.matrix = {0, -1, 0, 1, 0, 0};
  Image turned = image;
  for (int i = 0; i < 4; ++i) {
    turned = to_image(render(turned, plan, format), format);
    CHECK((turned.pixels == image.pixels) == (i == 3));
  }
}

TEST_CASE("A rotation is a true one in an image that is not square") {
  // 40 x 20 source with one bright pixel 8 right of the centre; a quarter turn of the content moves
  // it 8 pixels up, which the stretch to a square output shows as 8 / 20 of the height.
  Image image = flat(40, 20, 0);
  for (index_t y = 9; y <= 10; ++y) {
    for (index_t x = 27; x <= 28; ++x) {
      for (index_t c = 0; c < 3; ++c)
        image.pixels[(y * 40 + x) * 3 + c] = 255;
    }
  }
  PatchPlan plan;
  plan.matrix = {0, -1, 0, 1, 0, 0};
  const PatchFormat format = raw(40, 40);
  const auto out = render(image, plan, format);
  double mass = 0;
  double x_mean = 0;
  double y_mean = 0;
  for (index_t y = 0; y < 40; ++y) {
    for (index_t x = 0; x < 40; ++x) {
      const double value = y >= 20 ? 0.0 : static_cast<double>(out[y * 40 + x]);
      mass += value;
      x_mean += value * (static_cast<double>(x) + 0.5);
      y_mean += value * (static_cast<double>(y) + 0.5);
    }
  }
  REQUIRE(mass > 0);
  CHECK(x_mean / mass == Catch::Approx(20).margin(0.1));
  CHECK(y_mean / mass == Catch::Approx(20 - 8.0 / 20 * 40).margin(0.1));
}

TEST_CASE("Colour on a constant picture is exact") {
  const PatchFormat format = raw(5, 4);
  const auto value_of = [&](std::uint8_t grey, const PatchPlan& plan) {
    const auto out = render(flat(6, 3, grey), plan, format);
    for (const float x : out)
      REQUIRE(x == out[0]);
    return out[0];
  };
  PatchPlan plan;
  plan.brightness = 0.2;
  CHECK(value_of(100, plan) == 151.0F);
  CHECK(value_of(220, plan) == 255.0F);
  plan.brightness = -0.2;
  CHECK(value_of(20, plan) == 0.0F);
  plan = {};
  plan.contrast = 1.5;
  CHECK(value_of(100, plan) == 86.25F);
  plan.contrast = 0;
  CHECK(value_of(3, plan) == 127.5F);
  plan = {};
  plan.gain = {0.5, 0.5, 0.5};
  CHECK(value_of(90, plan) == 45.0F);
}

TEST_CASE("Gain acts on red, green and blue whatever the order of the source") {
  Image image = flat(2, 2, 0);
  for (index_t i = 0; i < 4; ++i) {
    image.pixels[i * 3] = 40;
    image.pixels[i * 3 + 1] = 80;
    image.pixels[i * 3 + 2] = 120;
  }
  PatchPlan plan;
  plan.gain = {2, 1, 0.5};
  const auto rgb = render(image, plan, raw(2, 2));
  CHECK(rgb[0] == 80.0F);
  CHECK(rgb[4] == 80.0F);
  CHECK(rgb[8] == 60.0F);
  image.order = ChannelOrder::bgr;
  const auto bgr = render(image, plan, raw(2, 2));
  CHECK(bgr[0] == 240.0F);
  CHECK(bgr[4] == 80.0F);
  CHECK(bgr[8] == 20.0F);
}

TEST_CASE("Saturation 0 leaves grey, and one channel is the grey value") {
  const Image image = noise(9, 7);
  PatchPlan plan;
  plan.saturation = 0;
  const auto out = render(image, plan, raw(9, 7));
  const auto grey = render(image, PatchPlan{}, raw(9, 7, 1));
  for (index_t i = 0; i < 63; ++i) {
    const double expected = 0.299 * image.pixels[i * 3] + 0.587 * image.pixels[i * 3 + 1] +
                            0.114 * image.pixels[i * 3 + 2];
    for (index_t c = 0; c < 3; ++c) {
      CHECK(out[c * 63 + i] == Catch::Approx(expected).epsilon(1e-5));
    }
    CHECK(grey[i] == Catch::Approx(expected).epsilon(1e-5));
  }
}

TEST_CASE("A grey source fills three channels alike") {
  const Image image = noise(11, 6, ChannelOrder::grey);
  const auto out = render(image, PatchPlan{}, raw(11, 6));
  for (index_t i = 0; i < 66; ++i) {
    for (index_t c = 0; c < 3; ++c)
      CHECK(out[c * 66 + i] == static_cast<float>(image.pixels[i]));
  }
  const auto one = render(image, PatchPlan{}, raw(11, 6, 1));
  for (index_t i = 0; i < 66; ++i) {
    CHECK(one[i] == Catch::Approx(image.pixels[i]).epsilon(1e-5));
  }
}

TEST_CASE("Beyond the edge: mirrored without repeating it, or constant") {
  const Image image = noise(4, 1);
  const auto p = [&](index_t x) { return static_cast<float>(image.pixels[x * 3]); };
  PatchPlan plan;
  plan.matrix = {3, 0, 0, 0, 1, 0};  // three widths: 4 pixels on either side
  const auto mirrored = render(image, plan, raw(12, 1));
  const std::vector<float> expected = {p(2), p(3), p(2), p(1), p(0), p(1),
                                       p(2), p(3), p(2), p(1), p(0), p(1)};
  CHECK(std::vector<float>(mirrored.begin(), mirrored.begin() + 12) == expected);

  plan.border = Border::constant;
  plan.border_value = 77;
  const auto constant = render(image, plan, raw(12, 1));
  for (index_t i = 0; i < 12; ++i) {
    CHECK(constant[i] == (i < 4 || i >= 8 ? 77.0F : p(i - 4)));
  }
  // Another value on the same picture within one call.
  std::vector<PatchPlan> plans = {plan, plan, plan};
  plans[1].border_value = 5;
  plans[2].border = Border::reflect;
  std::vector<float> out(3 * 36);
  render_patches(image.view(), plans, {out.data(), 3, raw(12, 1)});
  CHECK(out[0] == 77.0F);
  CHECK(out[36] == 5.0F);
  CHECK(std::vector<float>(out.begin() + 72, out.begin() + 84) == expected);
}

TEST_CASE("A picture of one pixel fills any patch") {
  const Image image = flat(1, 1, 201);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    PatchPlan plan = random_plan(seed);
    plan.border = Border::reflect;
    plan.gain = {1, 1, 1};
    plan.contrast = plan.saturation = 1;
    plan.brightness = 0;
    for (const float x : render(image, plan, raw(13, 9)))
      CHECK(x == 201.0F);
  }
}

TEST_CASE("Strong reduction averages boxes") {
  const Image image = noise(12, 8);
  const auto out = render(image, PatchPlan{}, raw(4, 4));  // boxes of 3 x 2
  for (index_t y = 0; y < 4; ++y) {
    for (index_t x = 0; x < 4; ++x) {
      for (index_t c = 0; c < 3; ++c) {
        double sum = 0;
        for (index_t j = 0; j < 2; ++j) {
          for (index_t i = 0; i < 3; ++i) {
            sum += image.pixels[((2 * y + j) * 12 + 3 * x + i) * 3 + c];
          }
        }
        // Kept in steps of 1/256 grey.
        CHECK(std::abs(static_cast<double>(out[c * 16 + y * 4 + x]) - sum / 6) <= 1.0 / 512 + 1e-4);
      }
    }
  }
}

TEST_CASE("Stripes finer than the output come out grey, not as moire") {
  Image image = flat(400, 300, 0);
  for (index_t i = 0; i < 400 * 300; ++i) {
    if (i % 2 == 0) std::fill_n(image.pixels.begin() + i * 3, 3, std::uint8_t{200});
  }
  PatchPlan plan;
  plan.matrix = {0.9, 0.1, 0.02, -0.1, 0.9, 0.01};
  // Boxes of 4 and 3 pixels: an odd one keeps a ripple of a third.
  for (const float x : render(image, plan, raw(80, 80)))
    CHECK(std::abs(x - 100.0F) < 34.0F);
  for (const float x : render(image, PatchPlan{}, raw(50, 50)))
    CHECK(x == 100.0F);
}

TEST_CASE("Reduction of a constant picture is exact, also where boxes are cut off") {
  for (const float x : render(flat(101, 57, 93), PatchPlan{}, raw(10, 10)))
    CHECK(x == 93.0F);
}

TEST_CASE("Padding between the rows of the source does not matter") {
  const Image image = noise(10, 6);
  std::vector<std::uint8_t> padded(6 * 47, 255);
  for (index_t y = 0; y < 6; ++y) {
    std::copy_n(image.pixels.begin() + y * 30, 30, padded.begin() + y * 47);
  }
  ImageView view = image.view();
  view.data = padded.data();
  view.stride = 47;
  const PatchPlan plan = random_plan(3);
  CHECK(render(view, plan, raw(9, 9)) == render(image, plan, raw(9, 9)));
  CHECK(render(view, PatchPlan{}, raw(3, 3)) == render(image, PatchPlan{}, raw(3, 3)));
}

TEST_CASE("A patch is the same alone and among others") {
  const Image image = noise(50, 40);
  std::vector<PatchPlan> plans;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    plans.push_back(random_plan(seed));
    plans.back().matrix[0] *= 1.0 + static_cast<double>(seed);  // other boxes
  }
  const PatchFormat format = raw(20, 20);
  std::vector<float> out(static_cast<std::size_t>(8 * format.elements()));
  render_patches(image.view(), plans, {out.data(), 8, format});
  for (index_t i = 0; i < 8; ++i) {
    const auto alone = render(image, plans[i], format);
    CHECK(std::equal(alone.begin(), alone.end(), out.begin() + i * format.elements()));
  }
}

TEST_CASE("to_image rounds and clips") {
  PatchFormat format = raw(3, 1, 1);
  format.mean = {100, 0, 0};
  format.std = {10, 1, 1};
  const Image image = to_image(std::vector<float>{-20, 0.05F, 99}, format);
  CHECK(image.order == ChannelOrder::grey);
  CHECK(image.pixels == std::vector<std::uint8_t>{0, 101, 255});
  CHECK_THROWS_AS(to_image(std::vector<float>{1, 2}, format), ShapeError);
}

TEST_CASE("Rendering refuses what cannot be rendered") {
  const Image image = noise(4, 4);
  const PatchPlan plan;
  std::vector<float> out(3 * 16);
  const auto call = [&](const ImageView& view, const PatchPlan& p, const PatchBuffer& buffer) {
    render_patches(view, std::span(&p, 1), buffer);
  };
  const PatchFormat format = raw(4, 4);
  CHECK_THROWS_WITH(call(image.view(), plan, {out.data(), 0, format}), ContainsSubstring("room"));
  CHECK_THROWS_AS(call(image.view(), plan, {nullptr, 1, format}), ShapeError);
  CHECK_THROWS_AS(call(image.view(), plan, {out.data(), 1, raw(4, 4, 2)}), ShapeError);
  CHECK_THROWS_AS(call(image.view(), plan, {out.data(), 1, raw(0, 4)}), ShapeError);
  PatchFormat bad = format;
  bad.std[1] = 0;
  CHECK_THROWS_AS(call(image.view(), plan, {out.data(), 1, bad}), ValueError);
  ImageView view = image.view();
  view.stride = 11;
  CHECK_THROWS_AS(call(view, plan, {out.data(), 1, format}), ShapeError);
  view = image.view();
  view.width = 0;
  CHECK_THROWS_AS(call(view, plan, {out.data(), 1, format}), ShapeError);
  PatchPlan broken;
  broken.matrix[2] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(call(image.view(), broken, {out.data(), 1, format}), ValueError);
  broken = {};
  broken.gain[1] = std::numeric_limits<double>::infinity();
  CHECK_THROWS_AS(call(image.view(), broken, {out.data(), 1, format}), ValueError);
  broken = {};
  broken.matrix[2] = 1e9;
  CHECK_THROWS_WITH(call(image.view(), broken, {out.data(), 1, format}), ContainsSubstring("2^24"));
}
