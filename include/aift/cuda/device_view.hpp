// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/types.hpp>

namespace aift::cuda {

/// `size` elements of T that lie one after another in device (or managed) memory; owns nothing, and
/// the host never looks behind `data`. An empty view means "not wanted" for an output.
template <class T>
struct DeviceView {
  T* data = nullptr;  ///< device memory
  index_t size = 0;   ///< elements

  constexpr DeviceView() = default;
  /// `count` elements from `first` on.
  constexpr DeviceView(T* first, index_t count) : data(first), size(count) {}

  /// Whether it is the view of nothing: no memory and no elements.
  [[nodiscard]] constexpr bool empty() const noexcept { return data == nullptr && size == 0; }
  /// Size in bytes.
  [[nodiscard]] constexpr std::size_t bytes() const noexcept {
    return static_cast<std::size_t>(size) * sizeof(T);
  }
};

/// Scratch memory of an operator: any device memory, aligned to kWorkspaceAlignment, that the
/// operator's workspace function says is enough. Its content before and after means nothing.
using Workspace = DeviceView<std::byte>;

/// Alignment of a workspace, in bytes (what cudaMalloc gives).
inline constexpr std::size_t kWorkspaceAlignment = 256;

}  // namespace aift::cuda
