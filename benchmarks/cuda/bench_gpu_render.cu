// SPDX-License-Identifier: Apache-2.0
// Rendering on the device beside the write bandwidth measured in the same run (a kernel that only
// writes the same number of bytes). Events on the stream; the copy of the table is not included.
//
//   bench_gpu_render [images = 2000] [repetitions = 20]
//
// One JSON line per case: milliseconds as [least, median, most], bytes written per second, and the
// share of the write bandwidth.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/cuda/render.hpp>

namespace {

using namespace aift;

void must(cudaError_t code) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "bench_gpu_render: %s\n", cudaGetErrorString(code));
  std::exit(1);
}

template <class T>
T* allocate(std::size_t count) {
  void* memory = nullptr;
  must(cudaMalloc(&memory, std::max<std::size_t>(count, 1) * sizeof(T)));
  return static_cast<T*>(memory);
}

__global__ void write_kernel(uint4* out, std::size_t count) {
  const std::size_t step = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    out[i] = make_uint4(static_cast<unsigned>(i), 1, 2, 3);
  }
}

template <class F>
std::vector<float> time(int repetitions, cudaStream_t stream, const F& f) {
  cudaEvent_t before = nullptr;
  cudaEvent_t after = nullptr;
  must(cudaEventCreate(&before));
  must(cudaEventCreate(&after));
  std::vector<float> ms;
  for (int r = -2; r < repetitions; ++r) {
    must(cudaEventRecord(before, stream));
    f();
    must(cudaEventRecord(after, stream));
    must(cudaEventSynchronize(after));
    float taken = 0;
    must(cudaEventElapsedTime(&taken, before, after));
    if (r >= 0) ms.push_back(taken);
  }
  must(cudaEventDestroy(before));
  must(cudaEventDestroy(after));
  std::sort(ms.begin(), ms.end());
  return ms;
}

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
  auto* const pixels = allocate<std::uint8_t>(image_bytes * static_cast<std::size_t>(images));
  std::vector<std::uint8_t> noise(image_bytes);
  for (std::size_t i = 0; i < noise.size(); ++i)
    noise[i] = static_cast<std::uint8_t>((i * 2654435761u) >> 13);
  std::vector<ImageView> views;
  std::vector<PatchPlan> plans;
  for (index_t i = 0; i < images; ++i) {
    std::uint8_t* const at = pixels + static_cast<std::size_t>(i) * image_bytes;
    must(cudaMemcpy(at, noise.data(), image_bytes, cudaMemcpyHostToDevice));
    views.push_back({at, c.width, c.height, 3 * c.width, ChannelOrder::rgb});
    for (index_t v = 0; v < c.views; ++v) {
      plans.push_back(
          augmenter.plan({i, static_cast<std::uint64_t>(i)}, Purpose::scoring, 0, v + 1));
    }
  }
  cuda::RenderTable table;
  table.prepare({views, plans, {}}, options.format);
  auto* const device_table = allocate<std::byte>(table.bytes().size());
  must(
      cudaMemcpy(device_table, table.bytes().data(), table.bytes().size(), cudaMemcpyHostToDevice));
  const std::size_t workspace_bytes = cuda::render_workspace_bytes(table);
  auto* const workspace = allocate<std::byte>(workspace_bytes);
  const auto patches = static_cast<index_t>(plans.size());
  const std::size_t bytes = static_cast<std::size_t>(patches * options.format.elements()) *
                            (c.type == DType::f32 ? 4 : 2);
  auto* const out = allocate<std::byte>(bytes);

  const std::vector<float> write = time(repetitions, stream, [&] {
    write_kernel<<<4096, 256, 0, stream>>>(reinterpret_cast<uint4*>(out), bytes / 16);
    must(cudaGetLastError());
  });
  const std::vector<float> render = time(repetitions, stream, [&] {
    cuda::render_async(table, {device_table, static_cast<index_t>(table.bytes().size())},
                       {out, patches, c.type, c.layout, options.format},
                       {workspace, static_cast<index_t>(workspace_bytes)}, stream);
  });
  const float write_ms = write[write.size() / 2];
  const float render_ms = render[render.size() / 2];
  const char* type = c.type == DType::f32 ? "f32" : c.type == DType::f16 ? "f16" : "bf16";
  std::printf(
      "{\"source\": \"%ldx%ld\", \"patch\": %ld, \"views\": %ld, \"images\": %ld, \"type\": "
      "\"%s\", \"layout\": \"%s\", \"render_ms\": [%.4f, %.4f, %.4f], \"write_ms\": [%.4f, %.4f, "
      "%.4f], \"gb_per_s\": %.1f, \"share_of_write_bandwidth\": %.3f, \"workspace_bytes\": %zu}\n",
      static_cast<long>(c.width), static_cast<long>(c.height), static_cast<long>(c.side),
      static_cast<long>(c.views), static_cast<long>(images), type,
      c.layout == PatchLayout::nchw ? "nchw" : "nhwc", static_cast<double>(render.front()),
      static_cast<double>(render_ms), static_cast<double>(render.back()),
      static_cast<double>(write.front()), static_cast<double>(write_ms),
      static_cast<double>(write.back()),
      static_cast<double>(bytes) / static_cast<double>(render_ms) / 1e6,
      static_cast<double>(write_ms / render_ms), workspace_bytes);
  std::fflush(stdout);
  for (void* memory : {static_cast<void*>(pixels), static_cast<void*>(device_table),
                       static_cast<void*>(workspace), static_cast<void*>(out)}) {
    must(cudaFree(memory));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const index_t images = argc > 1 ? std::atoll(argv[1]) : 2000;
  const int repetitions = argc > 2 ? std::atoi(argv[2]) : 20;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("SKIPPED: no CUDA device\n");
    return 77;
  }
  cudaStream_t stream = nullptr;
  must(cudaStreamCreate(&stream));
  for (const DType type : {DType::f32, DType::bf16}) {
    for (const PatchLayout layout : {PatchLayout::nchw, PatchLayout::nhwc}) {
      run({256, 256, 96, 8, type, layout}, images, repetitions, stream);
      run({128, 128, 96, 8, type, layout}, images, repetitions, stream);
    }
    run({640, 512, 224, 4, type, PatchLayout::nchw}, images / 8 + 1, repetitions, stream);
  }
  must(cudaStreamDestroy(stream));
}
