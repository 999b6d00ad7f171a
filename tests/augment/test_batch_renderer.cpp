// SPDX-License-Identifier: Apache-2.0
#include <aift/augment/batch_renderer.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <vector>

#include <aift/augment/render.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/augment/patch_renderer.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

Image noise(index_t width, index_t height, ChannelOrder order, std::uint64_t seed) {
  const KeyedRandom random(seed, Purpose::order);
  Image image;
  image.width = width;
  image.height = height;
  image.order = order;
  image.pixels.resize(static_cast<std::size_t>(image.view().stride * height));
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(random.below(static_cast<index_t>(i), 256));
  return image;
}

/// Turns, flips, zooms from far out to far in, shifts beyond the edge, both borders.
PatchPlan random_plan(std::uint64_t seed) {
  const KeyedRandom random(seed, Purpose::training);
  PatchPlan plan;
  const double angle = random.uniform(0, -3.2, 3.2);
  const double zoom = std::exp(random.uniform(1, -2, 1.5));
  const double flip = random.uniform(2) < 0.5 ? -1 : 1;
  const double reach = random.uniform(8) < 0.1 ? 8 : 0.6;
  plan.matrix = {zoom * std::cos(angle) * flip,    -zoom * std::sin(angle),
                 random.uniform(3, -reach, reach), zoom * std::sin(angle) * flip,
                 zoom * std::cos(angle),           random.uniform(4, -reach, reach)};
  plan.border = random.uniform(5) < 0.5 ? Border::reflect : Border::constant;
  plan.border_value = static_cast<std::uint8_t>(random.below(6, 256));
  if (random.uniform(7) < 0.7) {
    plan.gain = {random.uniform(11, 0.8, 1.2), random.uniform(12, 0.8, 1.2),
                 random.uniform(13, 0.8, 1.2)};
    plan.contrast = random.uniform(14, 0.5, 1.5);
    plan.brightness = random.uniform(15, -0.3, 0.3);
    plan.saturation = random.uniform(16, 0, 2);
  }
  return plan;
}

PatchFormat format_of(index_t width, index_t height, index_t channels) {
  PatchFormat format;
  format.width = width;
  format.height = height;
  format.channels = channels;
  format.mean = {120, 110.5F, 99};
  format.std = {60, 51, 70};
  return format;
}

/// The documented arithmetic, pixel by pixel, with the functions that devices share and the boxes
/// summed the long way.
std::vector<float> pixel_by_pixel(const ImageView& image, const PatchPlan& plan,
                                  const PatchFormat& format) {
  const render::Command command = render::prepare(plan, image.width, image.height, format);
  const render::Normal normal = render::normal_of(format);
  const auto source = [&](index_t x, index_t y, index_t c) {
    const std::uint8_t* p = image.data + y * image.stride + x * image.channels();
    if (image.order == ChannelOrder::grey) return p[0];
    return p[image.order == ChannelOrder::bgr ? 2 - c : c];
  };
  const auto read = [&](std::int32_t column, std::int32_t row) {
    const index_t x0 = static_cast<index_t>(column) * command.box_x;
    const index_t y0 = static_cast<index_t>(row) * command.box_y;
    const index_t x1 = std::min<index_t>(x0 + command.box_x, image.width);
    const index_t y1 = std::min<index_t>(y0 + command.box_y, image.height);
    const float scale = render::box_scale((x1 - x0) * (y1 - y0));
    float values[3];
    for (index_t c = 0; c < 3; ++c) {
      std::uint64_t sum = 0;
      for (index_t y = y0; y < y1; ++y) {
        for (index_t x = x0; x < x1; ++x)
          sum += source(x, y, c);
      }
      values[c] = static_cast<float>(render::box_average(sum, scale));
    }
    return render::Rgb{values[0], values[1], values[2]};
  };
  std::vector<float> out;
  for (int c = 0; c < format.channels; ++c) {
    for (std::int32_t i = 0; i < format.height; ++i) {
      for (std::int32_t j = 0; j < format.width; ++j) {
        const render::Rgb x = render::sample(command, i, j, render::kStepsPerGrey, read);
        out.push_back(render::normalised(normal, render::coloured(command, x, c), c));
      }
    }
  }
  return out;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::vector<render::Engine> engines() {
  std::vector<render::Engine> all = {render::baseline_engine()};
#if defined(AIFT_HAS_AVX2_RENDER)
  if (render::avx2_supported()) all.push_back(render::avx2_engine());
#endif
  return all;
}

/// Images of different sizes and orders with different numbers of plans.
struct Sample {
  std::vector<Image> images;
  std::vector<ImageView> views;
  std::vector<PatchPlan> plans;
  std::vector<index_t> offsets = {0};
  explicit Sample(std::uint64_t seed, index_t count = 7) {
    const KeyedRandom random(seed, Purpose::order);
    for (index_t i = 0; i < count; ++i) {
      images.push_back(noise(1 + random.below(4 * i, 90), 1 + random.below(4 * i + 1, 90),
                             static_cast<ChannelOrder>(random.below(4 * i + 2, 3)),
                             seed + static_cast<std::uint64_t>(i)));
      for (index_t p = random.below(4 * i + 3, 5); p > 0; --p)
        plans.push_back(random_plan(1000 * seed + plans.size()));
      offsets.push_back(static_cast<index_t>(plans.size()));
    }
    for (const Image& image : images)
      views.push_back(image.view());
  }
  [[nodiscard]] RenderBatch batch() const { return {views, plans, offsets}; }
};

}  // namespace

TEST_CASE("every instruction set renders the bits of the pixel-by-pixel form") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const KeyedRandom random(seed, Purpose::order);
    const auto order = static_cast<ChannelOrder>(random.below(0, 3));
    const Image image = noise(1 + random.below(1, 70), 1 + random.below(2, 70), order, seed);
    const PatchFormat format = format_of(1 + random.below(3, 40), 1 + random.below(4, 40),
                                         random.below(5, 4) == 0 ? 1 : 3);
    const PatchPlan plan = random_plan(seed);
    const std::vector<float> expected = pixel_by_pixel(image.view(), plan, format);
    CAPTURE(seed, image.width, image.height, format.width, format.height, format.channels);
    for (const render::Engine& engine : engines()) {
      std::vector<float> out(expected.size(), -1.0F);
      render::PatchRenderer(engine).render(image.view(), std::span(&plan, 1), format, out.data());
      REQUIRE(same_bits(out, expected));
    }
  }
}

TEST_CASE("boxes of every width and height average alike in every instruction set") {
  // Sums beyond 16 bits, cut-off boxes, rows longer than a vector.
  const Image image = noise(601, 523, ChannelOrder::bgr, 5);
  for (const auto& [w, h] : {std::pair<index_t, index_t>{300, 261},
                             {200, 174},
                             {149, 130},
                             {37, 2},
                             {2, 30},
                             {1, 1},
                             {600, 2},
                             {2, 500},
                             {3, 1}}) {
    const PatchFormat format = format_of(w, h, 3);
    const PatchPlan plan;
    const std::vector<float> expected = pixel_by_pixel(image.view(), plan, format);
    CAPTURE(w, h);
    for (const render::Engine& engine : engines()) {
      std::vector<float> out(expected.size());
      render::PatchRenderer(engine).render(image.view(), std::span(&plan, 1), format, out.data());
      REQUIRE(same_bits(out, expected));
    }
  }
}

TEST_CASE("a batch is its patches one by one, for any number of threads") {
  ThreadExecutor three(3);
  BatchRenderer renderer;  // kept: its memory is of other sizes every time
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const Sample sample(seed, static_cast<index_t>(1 + seed % 9));
    const PatchFormat format = format_of(3 + static_cast<index_t>(seed % 30), 17, 3);
    const auto patches = static_cast<index_t>(sample.plans.size());
    const auto size = static_cast<std::size_t>(patches * format.elements());
    std::vector<float> expected(size);
    for (std::size_t i = 0; i < sample.images.size(); ++i) {
      const index_t first = sample.offsets[i];
      const index_t count = sample.offsets[i + 1] - first;
      if (count == 0) continue;
      render_patches(sample.views[i],
                     std::span(sample.plans)
                         .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)),
                     {expected.data() + first * format.elements(), count, format});
    }
    for (Executor* executor : {static_cast<Executor*>(nullptr), static_cast<Executor*>(&three)}) {
      std::vector<float> out(size, -1.0F);
      renderer.render(sample.batch(), {out.data(), patches, DType::f32, PatchLayout::nchw, format},
                      executor);
      CAPTURE(seed);
      REQUIRE(same_bits(out, expected));
    }
  }
}

TEST_CASE("output types round to nearest and layouts move values") {
  const Sample sample(4);
  BatchRenderer renderer;
  const auto patches = static_cast<index_t>(sample.plans.size());
  REQUIRE(patches > 0);
  for (const index_t channels : {1, 3}) {
    PatchFormat format = format_of(19, 11, channels);
    format.std[0] = 1e-3F;  // beyond f16: infinity
    const auto size = static_cast<std::size_t>(patches * format.elements());
    std::vector<float> planes(size);
    renderer.render(sample.batch(), {planes.data(), patches, DType::f32, {}, format});
    for (const PatchLayout layout : {PatchLayout::nchw, PatchLayout::nhwc}) {
      std::vector<float> f32(size);
      std::vector<half_t> f16(size);
      std::vector<bfloat16_t> bf16(size);
      renderer.render(sample.batch(), {f32.data(), patches, DType::f32, layout, format});
      renderer.render(sample.batch(), {f16.data(), patches, DType::f16, layout, format});
      renderer.render(sample.batch(), {bf16.data(), patches, DType::bf16, layout, format});
      const index_t plane = format.width * format.height;
      bool moved = true;
      bool rounded = true;
      for (index_t p = 0; p < patches; ++p) {
        for (index_t c = 0; c < channels; ++c) {
          for (index_t i = 0; i < plane; ++i) {
            const float x = planes[static_cast<std::size_t>((p * channels + c) * plane + i)];
            const auto at = static_cast<std::size_t>(layout == PatchLayout::nchw
                                                         ? (p * channels + c) * plane + i
                                                         : (p * plane + i) * channels + c);
            moved = moved && f32[at] == x;
            rounded = rounded && f16[at] == to_half(x) && bf16[at] == to_bfloat16(x);
          }
        }
      }
      CHECK(moved);
      CHECK(rounded);
    }
  }
}

TEST_CASE("a batch without images or plans writes nothing") {
  BatchRenderer renderer;
  const PatchFormat format = format_of(4, 4, 3);
  CHECK_NOTHROW(renderer.render({}, {nullptr, 0, DType::f32, PatchLayout::nchw, format}));
  const Image image = noise(4, 4, ChannelOrder::rgb, 1);
  const ImageView view = image.view();
  CHECK_NOTHROW(renderer.render({std::span(&view, 1), {}, {}},
                                {nullptr, 0, DType::f32, PatchLayout::nchw, format}));
}

TEST_CASE("a batch that does not fit together is refused before anything is written") {
  const Image image = noise(4, 4, ChannelOrder::rgb, 1);
  const std::vector<ImageView> views = {image.view(), image.view()};
  std::vector<PatchPlan> plans(4);
  const PatchFormat format = format_of(4, 4, 3);
  std::vector<float> out(4 * 48, -7.0F);
  BatchRenderer renderer;
  const auto call = [&](const std::vector<index_t>& offsets, index_t capacity = 4,
                        DType type = DType::f32) {
    renderer.render({views, plans, offsets},
                    {out.data(), capacity, type, PatchLayout::nchw, format});
  };
  CHECK_THROWS_WITH(call({0, 4}), ContainsSubstring("entries"));
  CHECK_THROWS_WITH(call({0, 5, 4}), ContainsSubstring("image 1"));
  CHECK_THROWS_WITH(call({0, 2, 3}), ContainsSubstring("0 to 3"));
  CHECK_THROWS_AS(call({1, 2, 4}), ShapeError);
  CHECK_THROWS_WITH(call({0, 2, 4}, 3), ContainsSubstring("room"));
  CHECK_THROWS_WITH(call({0, 2, 4}, 4, DType::f64), ContainsSubstring("f64"));
  CHECK_THROWS_AS(renderer.render({views, plans, {}}, {nullptr, 4, DType::f32, {}, format}),
                  ShapeError);
  CHECK_THROWS_AS(renderer.render({views, std::span(plans).first(3), {}},
                                  {out.data(), 4, DType::f32, {}, format}),
                  ShapeError);
  plans[3].gain[0] = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(call({0, 2, 4}), ValueError);
  ImageView huge = image.view();
  huge.width = index_t{1} << 25;
  huge.stride = 3 * huge.width;
  CHECK_THROWS_WITH(renderer.render({std::span(&huge, 1), std::span(plans).first(1), {}},
                                    {out.data(), 4, DType::f32, {}, format}),
                    ContainsSubstring("2^24"));
  CHECK(std::all_of(out.begin(), out.end(), [](float x) { return x == -7.0F; }));
}
