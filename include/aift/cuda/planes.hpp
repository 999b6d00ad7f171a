// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/augment/plane_sample.hpp>
#include <aift/core/types.hpp>
#include <aift/cuda/device_view.hpp>
#include <aift/cuda/stream.hpp>

namespace aift::cuda {

/// Queues the rendering of planes through volumes: the bits of aift::ct::render_planes. One launch for
/// all candidates and patches.
///
/// jobs     in device memory, made by aift::ct::make_plane_job with `voxels` set to the address of the
///          candidate's voxels on the device; complete when the stream gets here
/// height, width  of every plane, pixels, at least 1
/// out      [jobs, height, width] in device memory
/// throws   ShapeError (extents, out too small, null), DeviceError (a failed launch). Nothing
///          synchronises or allocates; what the jobs hold is not looked at
/// cost     one trilinear sample per pixel; neighbouring pixels share cache lines of the voxels
void render_planes_async(DeviceView<const PlaneJob> jobs, index_t height, index_t width,
                         DeviceView<float> out, cudaStream_t stream);

}  // namespace aift::cuda
