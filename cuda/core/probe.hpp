// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

namespace aift::cuda::detail {

/// Whether this build has code that runs on the current device: looks for one kernel's.
[[nodiscard]] cudaError_t probe_code() noexcept;

}  // namespace aift::cuda::detail
