// SPDX-License-Identifier: Apache-2.0
#pragma once

// Launches of the rendering kernels; everything has been checked. No fmt in here.

#include <aift/core/predictions.hpp>
#include <aift/cuda/stream.hpp>

#include "src/augment/device_table.hpp"

namespace aift::cuda::detail {

/// How the kernels are cut: numbers that benchmarks may sweep.
struct RenderPolicy {
  int threads = 256;          ///< per block, of both kernels
  int blocks_per_entry = 64;  ///< at most, for one canvas
};

/// Averages canvases [first, first + count); `largest` pixels in the largest.
void launch_averages(const render::Tables& tables, index_t first, index_t count, index_t largest,
                     render::CanvasPixel* workspace, const RenderPolicy& policy,
                     cudaStream_t stream);

/// Renders patches [first, first + count) to `out`, where patch 0 begins.
void launch_patches(const render::Tables& tables, const render::Shape& shape, index_t first,
                    index_t count, const render::CanvasPixel* workspace, void* out, DType type,
                    const RenderPolicy& policy, cudaStream_t stream);

}  // namespace aift::cuda::detail
