// SPDX-License-Identifier: Apache-2.0
// The body of the device's kernels, run on the host thread by thread: the bits of BatchRenderer.
#include <cmath>
#include <cstring>
#include <vector>

#include <aift/augment/batch_renderer.hpp>
#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>

#include "src/augment/table_builder.hpp"
#include "tests/support/catch.hpp"

using namespace aift;

namespace {

struct Sample {
  std::vector<std::vector<std::uint8_t>> pixels;
  std::vector<ImageView> views;
  std::vector<PatchPlan> plans;
  std::vector<index_t> offsets = {0};

  explicit Sample(std::uint64_t seed) {
    const KeyedRandom random(seed, Purpose::order);
    index_t drawn = 0;
    const index_t images = 1 + random.below(drawn++, 8);
    for (index_t i = 0; i < images; ++i) {
      ImageView view;
      view.width = 1 + random.below(drawn++, 70);
      view.height = 1 + random.below(drawn++, 70);
      view.order = static_cast<ChannelOrder>(random.below(drawn++, 3));
      view.stride = view.width * view.channels() + random.below(drawn++, 9);
      if (seed % 2 == 0) view.stride = (view.stride + 3) / 4 * 4;  // read in words
      pixels.emplace_back(static_cast<std::size_t>(view.stride * view.height));
      for (std::uint8_t& x : pixels.back())
        x = static_cast<std::uint8_t>(random.below(drawn++, 256));
      view.data = pixels.back().data();
      views.push_back(view);
      for (index_t p = random.below(drawn++, 6); p > 0; --p) {
        PatchPlan plan;
        const double angle = random.uniform(drawn++, -3.2, 3.2);
        const double zoom = std::exp(random.uniform(drawn++, -2, 2));
        plan.matrix = {zoom * std::cos(angle),         -zoom * std::sin(angle),
                       random.uniform(drawn++, -1, 1), zoom * std::sin(angle),
                       zoom * std::cos(angle),         random.uniform(drawn++, -1, 1)};
        plan.border = random.uniform(drawn++) < 0.5 ? Border::reflect : Border::constant;
        plan.border_value = static_cast<std::uint8_t>(random.below(drawn++, 256));
        if (random.uniform(drawn++) < 0.5) plan.contrast = random.uniform(drawn++, 0.5, 1.5);
        plans.push_back(plan);
      }
      offsets.push_back(static_cast<index_t>(plans.size()));
    }
  }
};

/// What the device does, one thread after another.
template <class T>
void run(const render::TableBuilder& builder, const PatchOutput& out, index_t& chunks) {
  const std::vector<std::byte> table(builder.bytes().begin(), builder.bytes().end());
  const render::Tables tables = builder.tables(table.data());
  const render::Shape shape = builder.shape(out);
  std::vector<render::CanvasPixel> workspace(builder.workspace_bytes() /
                                             sizeof(render::CanvasPixel));
  index_t next = 0;
  for (const render::Chunk& chunk : builder.chunks()) {
    REQUIRE(chunk.first_patch == next);
    next += chunk.patches;
    for (index_t c = chunk.first_canvas; c < chunk.first_canvas + chunk.canvases; ++c) {
      const render::CanvasEntry& canvas = tables.canvases[c];
      const index_t pixels = static_cast<index_t>(canvas.width) * canvas.height;
      REQUIRE(canvas.first + pixels <= static_cast<index_t>(workspace.size()));
      const std::int32_t tiles = render::canvas_tiles(canvas);
      REQUIRE(tiles <= chunk.largest_canvas);
      for (std::int32_t tile = 0; tile < tiles; ++tile) {
        for (std::int32_t thread = 0; thread < render::kTileThreads; ++thread) {
          render::average_tile(tables.images[canvas.image], canvas, tile, thread,
                               workspace.data() + canvas.first);
        }
      }
    }
    for (index_t p = chunk.first_patch; p < next; ++p) {
      for (std::int32_t tile = 0; tile < shape.tiles_x * shape.tiles_y; ++tile) {
        for (std::int32_t thread = 0; thread < render::kTileThreads; ++thread) {
          render::render_tile(tables, shape, p, tile, thread, workspace.data(),
                              static_cast<T*>(out.data) + p * out.format.elements());
        }
      }
    }
    ++chunks;
  }
  REQUIRE(next == builder.patches());
}

}  // namespace

TEST_CASE("the body of the device's kernels gives the bits of the CPU's renderer") {
  BatchRenderer renderer;
  render::TableBuilder builder;
  index_t chunks = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Sample sample(seed);
    const KeyedRandom random(seed, Purpose::split);
    PatchOutput out;
    out.format.width = 1 + random.below(0, 30);
    if (seed % 3 == 0) out.format.width = 4 * (1 + random.below(0, 8));
    out.format.height = 1 + random.below(1, 30);
    out.format.channels = random.below(2, 4) == 0 ? 1 : 3;
    if (seed % 8 == 0) out.format.width = 64 + random.below(5, 40);  // several tiles
    if (seed % 9 == 0) out.format.height = 128 + random.below(6, 150);
    out.format.mean = {100, 120, 140};
    out.format.std = {50, 60, 70};
    out.capacity = static_cast<index_t>(sample.plans.size());
    out.layout = static_cast<PatchLayout>(random.below(3, 2));
    const RenderBatch batch{sample.views, sample.plans, sample.offsets};
    // Small enough for several chunks.
    builder.build(batch, out.format, static_cast<std::size_t>(random.below(4, 4000)));
    const auto size = static_cast<std::size_t>(out.capacity * out.format.elements());
    for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
      std::vector<std::uint32_t> expected(size + 4, 0xA5A5A5A5U);
      std::vector<std::uint32_t> got = expected;
      out.type = type;
      out.data = expected.data();
      renderer.render(batch, out);
      out.data = got.data();
      if (type == DType::f32) run<float>(builder, out, chunks);
      if (type == DType::f16) run<half_t>(builder, out, chunks);
      if (type == DType::bf16) run<bfloat16_t>(builder, out, chunks);
      CAPTURE(seed, static_cast<int>(type), static_cast<int>(out.layout), out.format.width);
      REQUIRE(expected == got);
    }
  }
  CHECK(chunks > 3 * 60 + 30);
}

TEST_CASE("the workspace of a batch does not grow with it") {
  const std::vector<std::uint8_t> pixels(3 * 64 * 64);
  const std::vector<ImageView> views(100, ImageView{pixels.data(), 64, 64, 192, ChannelOrder::rgb});
  const std::vector<PatchPlan> plans(200);
  PatchFormat format;
  format.width = format.height = 16;  // boxes of 4: 16 x 16 averages of 8 bytes
  render::TableBuilder builder;
  builder.build({views, plans, {}}, format, 10 * 16 * 16 * 8);
  CHECK(builder.workspace_bytes() == 10 * 16 * 16 * 8);
  CHECK(builder.chunks().size() == 10);
  builder.build({views, plans, {}}, format, 0);  // one image always has room
  CHECK(builder.workspace_bytes() == 16 * 16 * 8);
  CHECK(builder.chunks().size() == 100);
  format.width = format.height = 64;
  builder.build({views, plans, {}}, format, 0);  // nothing to average
  CHECK(builder.workspace_bytes() == 0);
  CHECK(builder.chunks().size() == 1);
}
