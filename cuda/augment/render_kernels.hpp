// SPDX-License-Identifier: Apache-2.0
#pragma once

// Launches of the rendering kernels; everything has been checked. No fmt in here.

#include <aift/core/predictions.hpp>
#include <aift/cuda/stream.hpp>

#include "src/augment/device_table.hpp"

namespace aift::cuda::detail {

/// Averages canvases [first, first + count); `largest` tiles in the largest.
void launch_averages(const render::Tables& tables, index_t first, index_t count, index_t largest,
                     render::CanvasPixel* workspace, cudaStream_t stream);

/// Renders patches [first, first + count) to `out`, where patch 0 begins.
void launch_patches(const render::Tables& tables, const render::Shape& shape, index_t first,
                    index_t count, const render::CanvasPixel* workspace, void* out, DType type,
                    cudaStream_t stream);

}  // namespace aift::cuda::detail
