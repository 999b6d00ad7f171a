// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/planes.hpp>

#include <limits>

#include <aift/core/error.hpp>

#include "cuda/ct/planes_kernel.hpp"

namespace aift::cuda {

void render_planes_async(DeviceView<const PlaneJob> jobs, index_t height, index_t width,
                         DeviceView<float> out, cudaStream_t stream) {
  AIFT_EXPECT(height >= 1 && width >= 1 &&
                  height <= std::numeric_limits<std::int32_t>::max() / width,
              ShapeError, "A plane must have 1 to 2^31 - 1 pixels; got {} x {}.", height, width);
  AIFT_EXPECT(jobs.size >= 0 && out.size >= jobs.size * height * width, ShapeError,
              "The output must have room for {} planes of {} x {}; it has {} values.", jobs.size,
              height, width, out.size);
  if (jobs.size == 0) return;
  AIFT_EXPECT(jobs.data != nullptr && out.data != nullptr, ShapeError,
              "Jobs and output must be in device memory; one of them is null.");
  detail::launch_planes(jobs.data, jobs.size, height, width, out.data, stream);
}

}  // namespace aift::cuda
