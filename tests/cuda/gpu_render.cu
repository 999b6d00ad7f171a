// SPDX-License-Identifier: Apache-2.0
// Rendering on the device: the bits of BatchRenderer, for every type, layout, order and border.
#include "gpu_test.hpp"

#include <cmath>
#include <memory>
#include <stdexcept>

#include <aift/augment/batch_renderer.hpp>
#include <aift/core/rng.hpp>
#include <aift/cuda/render.hpp>

namespace {

using namespace aift;

struct Sample {
  std::vector<std::vector<std::uint8_t>> pixels;
  std::vector<std::unique_ptr<test::DeviceArray<std::uint8_t>>> on_device;
  std::vector<ImageView> views;
  std::vector<ImageView> device_views;
  std::vector<PatchPlan> plans;
  std::vector<index_t> offsets = {0};

  Sample(std::uint64_t seed, index_t images, index_t most_side, index_t most_plans) {
    const KeyedRandom random(seed, Purpose::order);
    index_t drawn = 0;
    for (index_t i = 0; i < images; ++i) {
      ImageView view;
      view.width = 1 + random.below(drawn++, most_side);
      view.height = 1 + random.below(drawn++, most_side);
      view.order = static_cast<ChannelOrder>(random.below(drawn++, 3));
      view.stride = view.width * view.channels() + random.below(drawn++, 9);
      if (seed % 2 == 0) view.stride = (view.stride + 3) / 4 * 4;  // read in words
      pixels.emplace_back(static_cast<std::size_t>(view.stride * view.height));
      for (std::uint8_t& x : pixels.back())
        x = static_cast<std::uint8_t>(random.below(drawn++, 256));
      on_device.push_back(std::make_unique<test::DeviceArray<std::uint8_t>>(pixels.back()));
      view.data = pixels.back().data();
      views.push_back(view);
      view.data = on_device.back()->data();
      device_views.push_back(view);
      for (index_t p = random.below(drawn++, most_plans + 1); p > 0; --p) {
        PatchPlan plan;
        const double angle = random.uniform(drawn++, -3.2, 3.2);
        const double zoom = std::exp(random.uniform(drawn++, -2, 2));
        plan.matrix = {zoom * std::cos(angle),         -zoom * std::sin(angle),
                       random.uniform(drawn++, -1, 1), zoom * std::sin(angle),
                       zoom * std::cos(angle),         random.uniform(drawn++, -1, 1)};
        plan.border = random.uniform(drawn++) < 0.5 ? Border::reflect : Border::constant;
        plan.border_value = static_cast<std::uint8_t>(random.below(drawn++, 256));
        if (random.uniform(drawn++) < 0.5) {
          plan.contrast = random.uniform(drawn++, 0.5, 1.5);
          plan.saturation = random.uniform(drawn++, 0, 2);
        } else if (seed % 7 == 0) {  // values of -0
          plan.gain = {-0.0, -0.0, -0.0};
          plan.brightness = -1e-60;
        }
        plans.push_back(plan);
      }
      offsets.push_back(static_cast<index_t>(plans.size()));
    }
  }
  [[nodiscard]] RenderBatch host() const { return {views, plans, offsets}; }
  [[nodiscard]] RenderBatch device() const { return {device_views, plans, offsets}; }
};

void compare(test::Checks& checks, std::uint64_t seed, cudaStream_t stream) {
  const Sample sample(seed, 1 + static_cast<index_t>(seed % 20), seed % 10 == 0 ? 400 : 90, 6);
  const KeyedRandom random(seed, Purpose::split);
  PatchOutput out;
  out.format.width = 1 + random.below(0, 40);
  if (seed % 3 == 0) out.format.width = 4 * (1 + random.below(0, 16));
  out.format.height = 1 + random.below(1, 40);
  out.format.channels = random.below(2, 4) == 0 ? 1 : 3;
  if (seed % 8 == 0) out.format.width = 64 + random.below(5, 100);  // several tiles
  if (seed % 9 == 0) out.format.height = 128 + random.below(6, 200);
  out.format.mean = {100, 120, 140};
  if (seed % 7 == 0) out.format.mean = {0, 0, 0};
  out.format.std = {50, 60, 70};
  out.layout = static_cast<PatchLayout>(random.below(3, 2));
  out.capacity = static_cast<index_t>(sample.plans.size());
  cuda::RenderTable table(static_cast<std::size_t>(random.below(4, 100000)));
  table.prepare(sample.device(), out.format);
  const std::vector<std::byte> bytes(table.bytes().begin(), table.bytes().end());
  const test::DeviceArray<std::byte> device_table(bytes);
  const test::DeviceArray<std::byte> workspace(cuda::render_workspace_bytes(table));
  const auto size = static_cast<std::size_t>(out.capacity * out.format.elements());
  BatchRenderer renderer;
  for (const DType type : {DType::f32, DType::f16, DType::bf16}) {
    out.type = type;
    const std::size_t words = (size * (type == DType::f32 ? 4 : 2) + 3) / 4;
    std::vector<std::uint32_t> expected(words, 0xA5A5A5A5U);
    out.data = expected.data();
    renderer.render(sample.host(), out);
    const test::DeviceArray<std::uint32_t> result(words);
    out.data = result.data();
    cuda::render_async(table, device_table.const_view(), out, workspace.view(), stream);
    test::must(cudaStreamSynchronize(stream), "rendering");
    checks.expect(test::same_bits(result.fetch(), expected),
                  test::text("seed ", seed, " type ", static_cast<int>(type), " layout ",
                             static_cast<int>(out.layout), " width ", out.format.width));
  }
}

void refuse(test::Checks& checks) {
  const Sample sample(3, 2, 200, 5);
  PatchOutput out;
  out.format.width = out.format.height = 16;
  out.capacity = static_cast<index_t>(sample.plans.size());
  cuda::RenderTable table;
  table.prepare(sample.device(), out.format);
  const test::DeviceArray<std::byte> device_table(
      std::vector<std::byte>(table.bytes().begin(), table.bytes().end()));
  const test::DeviceArray<std::byte> workspace(cuda::render_workspace_bytes(table) + 256);
  const test::DeviceArray<float> result(
      static_cast<std::size_t>(out.capacity * out.format.elements()));
  out.data = result.data();
  const auto call = [&](const PatchOutput& to, cuda::DeviceView<const std::byte> bytes) {
    cuda::render_async(table, bytes, to, workspace.view(), nullptr);
  };
  PatchOutput wrong = out;
  wrong.capacity -= 1;
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); }, "room",
                                          "capacity");
  wrong = out;
  wrong.data = nullptr;
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); }, "null",
                                          "null");
  wrong = out;
  wrong.type = DType::f64;
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); }, "f64",
                                          "type");
  wrong = out;
  wrong.format.width = 8;
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); }, "format",
                                          "format");
  std::vector<float> host(result.size());
  wrong = out;
  wrong.data = host.data();
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); },
                                          "host memory", "host memory");
  wrong = out;
  wrong.data = reinterpret_cast<std::byte*>(result.data()) + 1;
  checks.expect_throw<std::runtime_error>([&] { call(wrong, device_table.const_view()); },
                                          "aligned", "alignment");
  checks.expect_throw<std::runtime_error>(
      [&] {
        call(out, {device_table.data(), 8});
      },
      "bytes", "table");
  checks.expect_throw<std::runtime_error>(
      [&] { cuda::render_async(table, device_table.const_view(), out, {}, nullptr); }, "workspace",
      "workspace");
  cuda::RenderTable empty;
  empty.prepare({}, out.format);
  cuda::render_async(empty, {}, {}, {}, nullptr);  // nothing to do, nothing to refuse
  checks.expect(cudaGetLastError() == cudaSuccess, "no error is left behind");
}

}  // namespace

int main() {
  if (const int code = test::no_device(); code != 0) return code;
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::must(cudaStreamCreate(&stream), "a stream");
  const char* cases = std::getenv("AIFT_GPU_CASES");  // fewer, for slow tools
  const std::uint64_t last = cases != nullptr ? std::strtoull(cases, nullptr, 10) : 80;
  for (std::uint64_t seed = 1; seed <= last; ++seed)
    compare(checks, seed, stream);
  refuse(checks);
  test::must(cudaStreamDestroy(stream), "the stream");
  return checks.finish("gpu_render");
}
