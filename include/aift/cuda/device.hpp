// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace aift::cuda {

/// A GPU, for messages and records.
struct DeviceInfo {
  int number = 0;              ///< as the CUDA runtime counts
  std::string name;            ///< "NVIDIA H100 80GB HBM3"
  int capability = 0;          ///< 10 major + minor: 90
  std::size_t memory_bytes{};  ///< in all
};

/// The current GPU of the calling thread.
/// throws DeviceError: there is none, its driver is too old, or this build has no code for it
[[nodiscard]] DeviceInfo current_device();

}  // namespace aift::cuda
