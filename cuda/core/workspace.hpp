// SPDX-License-Identifier: Apache-2.0
#pragma once

// What operators ask of the caller's memory.

#include <aift/cuda/device_view.hpp>
#include <aift/cuda/status.hpp>

namespace aift::cuda::detail {

/// The next multiple of kWorkspaceAlignment.
constexpr std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + kWorkspaceAlignment - 1) / kWorkspaceAlignment * kWorkspaceAlignment;
}

/// Throws ShapeError or ValueError unless the workspace has the bytes that `function` tells.
void expect_workspace(const Workspace& workspace, std::size_t needed, const char* function);

/// The word of a status; throws ShapeError or ValueError unless it is in device memory.
[[nodiscard]] std::uint64_t* status_word(Status* status);

}  // namespace aift::cuda::detail
