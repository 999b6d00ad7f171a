// SPDX-License-Identifier: Apache-2.0
#include "workspace.hpp"

#include <aift/core/error.hpp>

#include "try.hpp"

namespace aift::cuda::detail {

void expect_workspace(const Workspace& workspace, std::size_t needed, const char* function) {
  AIFT_EXPECT(workspace.bytes() >= needed, ShapeError, "The workspace needs {} bytes ({}); got {}.",
              needed, function, workspace.bytes());
  expect_device_memory(workspace.data, kWorkspaceAlignment, "The workspace");
}

std::uint64_t* status_word(Status* status) {
  expect_device_memory(status, alignof(Status), "The status");
  return &status->word;
}

}  // namespace aift::cuda::detail
