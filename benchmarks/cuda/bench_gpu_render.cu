// SPDX-License-Identifier: Apache-2.0
// Rendering on the device beside a fill of the same number of bytes in the same run. The copy of the
// images and of the table is not included. One JSON line per case.
//
//   bench_gpu_render [repetitions = 20] [images = 2000]
#include <algorithm>
#include <sstream>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/cuda/render.hpp>

#include "gpu_bench.cuh"

namespace {

using namespace aift;
using bench::Array;
using bench::Timing;

struct Case {
  index_t width, height, side, views;
  DType type;
  PatchLayout layout;
};

void run(const Case& c, index_t images, int repetitions, cudaStream_t stream) {
  ImageAugmentOptions options;
  options.format.height = options.format.width = c.side;
  const ImageAugmenter augmenter(options);
  const auto image_bytes = static_cast<std::size_t>(3 * c.width * c.height);
  const Array<std::uint8_t> pixels(static_cast<index_t>(image_bytes) * images);
  std::vector<std::uint8_t> noise(image_bytes);
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 13);
  std::vector<ImageView> views;
  std::vector<PatchPlan> plans;
  for (index_t i = 0; i < images; ++i) {
    std::uint8_t* const at = pixels.data() + static_cast<std::size_t>(i) * image_bytes;
    bench::must(cudaMemcpy(at, noise.data(), image_bytes, cudaMemcpyHostToDevice), "copy");
    views.push_back({at, c.width, c.height, 3 * c.width, ChannelOrder::rgb});
    for (index_t v = 0; v < c.views; ++v) {
      plans.push_back(
          augmenter.plan({i, static_cast<std::uint64_t>(i)}, Purpose::scoring, 0, v + 1));
    }
  }
  cuda::RenderTable table;
  table.prepare({views, plans, {}}, options.format);
  const Array<std::byte> device_table(static_cast<index_t>(table.bytes().size()));
  bench::must(cudaMemcpy(device_table.data(), table.bytes().data(), table.bytes().size(),
                         cudaMemcpyHostToDevice),
              "copy");
  const Array<std::byte> workspace(static_cast<index_t>(cuda::render_workspace_bytes(table)));
  const auto patches = static_cast<index_t>(plans.size());
  const std::size_t bytes = static_cast<std::size_t>(patches * options.format.elements()) *
                            (c.type == DType::f32 ? 4 : 2);
  const Array<std::byte> out(static_cast<index_t>(bytes));

  const Timing render = bench::time(stream, repetitions, [&] {
    cuda::render_async(table, {device_table.data(), device_table.size()},
                       {out.data(), patches, c.type, c.layout, options.format},
                       {workspace.data(), workspace.size()}, stream);
  });
  std::ostringstream name;
  name << "render " << images << " images " << c.width << 'x' << c.height << ", " << c.views
       << " patches of " << c.side << ' ' << (c.type == DType::f32 ? "f32" : "bf16") << ' '
       << (c.layout == PatchLayout::nchw ? "nchw" : "nhwc");
  bench::print(name.str(), render, "write",
               bench::write_limit(stream, repetitions, out.data(), bytes),
               static_cast<double>(bytes));
}

}  // namespace

int main(int argc, char** argv) {
  bench::require_device();
  const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 20;
  const index_t images = argc > 2 ? std::max(1, std::atoi(argv[2])) : 2000;
  cudaStream_t stream = nullptr;
  bench::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  bench::print_device("bench_gpu_render", repetitions);
  try {
    for (const DType type : {DType::f32, DType::bf16}) {
      for (const PatchLayout layout : {PatchLayout::nchw, PatchLayout::nhwc}) {
        run({256, 256, 96, 8, type, layout}, images, repetitions, stream);
        run({128, 128, 96, 8, type, layout}, images, repetitions, stream);
      }
      run({640, 512, 224, 4, type, PatchLayout::nchw}, images / 8 + 1, repetitions, stream);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  cudaStreamDestroy(stream);
  return 0;
}
