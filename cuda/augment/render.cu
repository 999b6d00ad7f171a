// SPDX-License-Identifier: Apache-2.0
#include "cuda/augment/render_kernels.hpp"
#include "cuda/core/try.hpp"

namespace aift::cuda::detail {

namespace {

constexpr int kThreads = render::kTileThreads;
constexpr int kAverageBlocks = 4;  // a processor at a time
constexpr int kPatchBlocks = 4;
constexpr index_t kMostBlocksX = 64;     // of one canvas
constexpr index_t kMostBlocksY = 65535;  // of a grid's second extent

__global__ void __launch_bounds__(kThreads, kAverageBlocks)
    averages_kernel(render::Tables tables, index_t first, index_t count,
                    render::CanvasPixel* __restrict__ workspace) {
  for (index_t c = blockIdx.y; c < count; c += gridDim.y) {
    const render::CanvasEntry canvas = tables.canvases[first + c];
    const render::ImageEntry image = tables.images[canvas.image];
    const std::int32_t tiles = render::canvas_tiles(canvas);
    for (std::int32_t tile = static_cast<std::int32_t>(blockIdx.x); tile < tiles;
         tile += static_cast<std::int32_t>(gridDim.x)) {
      render::average_tile(image, canvas, tile, static_cast<std::int32_t>(threadIdx.x),
                           workspace + canvas.first);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads, kPatchBlocks)
    patches_kernel(const __grid_constant__ render::Tables tables,
                   const __grid_constant__ render::Shape shape, index_t first, index_t count,
                   const render::CanvasPixel* __restrict__ workspace, T* __restrict__ out) {
  const index_t elements = static_cast<index_t>(shape.channels) * shape.height * shape.width;
  for (index_t p = blockIdx.y; p < count; p += gridDim.y) {
    const index_t patch = first + p;
    render::render_tile(tables, shape, patch, static_cast<std::int32_t>(blockIdx.x),
                        static_cast<std::int32_t>(threadIdx.x), workspace, out + patch * elements);
  }
}

unsigned most(index_t count, index_t limit) {
  return static_cast<unsigned>(count < limit ? count : limit);
}

template <class T>
void launch(const render::Tables& tables, const render::Shape& shape, index_t first, index_t count,
            const render::CanvasPixel* workspace, void* out, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>(shape.tiles_x) * static_cast<unsigned>(shape.tiles_y),
                  most(count, kMostBlocksY));
  patches_kernel<T>
      <<<grid, kThreads, 0, stream>>>(tables, shape, first, count, workspace, static_cast<T*>(out));
  AIFT_CUDA_CHECK_LAUNCH();
}

}  // namespace

void launch_averages(const render::Tables& tables, index_t first, index_t count, index_t largest,
                     render::CanvasPixel* workspace, cudaStream_t stream) {
  const dim3 grid(most(largest, kMostBlocksX), most(count, kMostBlocksY));
  averages_kernel<<<grid, kThreads, 0, stream>>>(tables, first, count, workspace);
  AIFT_CUDA_CHECK_LAUNCH();
}

void launch_patches(const render::Tables& tables, const render::Shape& shape, index_t first,
                    index_t count, const render::CanvasPixel* workspace, void* out, DType type,
                    cudaStream_t stream) {
  switch (type) {
    case DType::f16:
      launch<half_t>(tables, shape, first, count, workspace, out, stream);
      break;
    case DType::bf16:
      launch<bfloat16_t>(tables, shape, first, count, workspace, out, stream);
      break;
    default:
      launch<float>(tables, shape, first, count, workspace, out, stream);
  }
}

}  // namespace aift::cuda::detail
