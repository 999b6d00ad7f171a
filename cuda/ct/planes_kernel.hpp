// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/augment/plane_sample.hpp>
#include <aift/core/types.hpp>
#include <aift/cuda/stream.hpp>

namespace aift::cuda::detail {

/// count >= 1, height width < 2^31
void launch_planes(const PlaneJob* jobs, index_t count, index_t height, index_t width, float* out,
                   cudaStream_t stream);

}  // namespace aift::cuda::detail
