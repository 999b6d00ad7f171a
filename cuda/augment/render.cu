// SPDX-License-Identifier: Apache-2.0
#include "cuda/augment/render_kernels.hpp"
#include "cuda/core/try.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kMostThreads = 256;
constexpr int kPatchBlocks = 3;  // a processor at a time: enough registers for a group of pixels
constexpr index_t kMostBlocksY = 65535;  // of a grid's second extent

__global__ void __launch_bounds__(kMostThreads)
    averages_kernel(render::Tables tables, index_t first, index_t count,
                    render::CanvasPixel* __restrict__ workspace) {
  for (index_t c = blockIdx.y; c < count; c += gridDim.y) {
    const render::CanvasEntry canvas = tables.canvases[first + c];
    const render::ImageEntry image = tables.images[canvas.image];
    const index_t pixels = static_cast<index_t>(canvas.width) * canvas.height;
    const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
    for (index_t p = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; p < pixels;
         p += step) {
      workspace[canvas.first + p] = render::average_pixel(image, canvas, p);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kMostThreads, kPatchBlocks)
    patches_kernel(render::Tables tables, render::Shape shape, index_t first, index_t count,
                   const render::CanvasPixel* __restrict__ workspace, T* __restrict__ out) {
  const index_t groups = static_cast<index_t>(shape.height) * shape.groups;
  const index_t elements = static_cast<index_t>(shape.channels) * shape.height * shape.width;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t p = blockIdx.y; p < count; p += gridDim.y) {
    const index_t patch = first + p;
    for (index_t g = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; g < groups;
         g += step) {
      render::render_group(tables, shape, patch, static_cast<std::int32_t>(g), workspace,
                           out + patch * elements);
    }
  }
}

template <class T>
void launch(const render::Tables& tables, const render::Shape& shape, index_t first, index_t count,
            const render::CanvasPixel* workspace, void* out, const dim3& grid, int threads,
            cudaStream_t stream) {
  patches_kernel<T><<<grid, static_cast<unsigned>(threads), 0, stream>>>(
      tables, shape, first, count, workspace, static_cast<T*>(out));
  AIFT_CUDA_CHECK_LAUNCH();
}

dim3 grid_of(index_t items, index_t most_x, index_t entries, int threads) {
  const index_t x = (items + threads - 1) / threads;
  return dim3(static_cast<unsigned>(x < most_x ? x : most_x),
              static_cast<unsigned>(entries < kMostBlocksY ? entries : kMostBlocksY));
}

int threads_of(const RenderPolicy& policy) {
  return policy.threads < kMostThreads ? policy.threads : kMostThreads;
}

}  // namespace

void launch_averages(const render::Tables& tables, index_t first, index_t count, index_t largest,
                     render::CanvasPixel* workspace, const RenderPolicy& policy,
                     cudaStream_t stream) {
  const int threads = threads_of(policy);
  const dim3 grid = grid_of(largest, policy.blocks_per_entry, count, threads);
  averages_kernel<<<grid, static_cast<unsigned>(threads), 0, stream>>>(tables, first, count,
                                                                       workspace);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_patches(const render::Tables& tables, const render::Shape& shape, index_t first,
                    index_t count, const render::CanvasPixel* workspace, void* out, DType type,
                    const RenderPolicy& policy, cudaStream_t stream) {
  const int threads = threads_of(policy);
  const dim3 grid =
      grid_of(static_cast<index_t>(shape.height) * shape.groups, index_t{1} << 20, count, threads);
  switch (type) {
    case DType::f16:
      launch<half_t>(tables, shape, first, count, workspace, out, grid, threads, stream);
      break;
    case DType::bf16:
      launch<bfloat16_t>(tables, shape, first, count, workspace, out, grid, threads, stream);
      break;
    default:
      launch<float>(tables, shape, first, count, workspace, out, grid, threads, stream);
  }
}

}  // namespace aift::cuda::detail
