// SPDX-License-Identifier: Apache-2.0
#pragma once

// Memory and streams of the operators that own some.

#include <cuda_runtime_api.h>

#include <cstddef>
#include <utility>

#include "try.hpp"

namespace aift::cuda::detail {

/// Device memory that grows and is never smaller than what was asked for.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() { cudaFree(data_); }

  /// The old content is lost when it grows; nothing may be using it then.
  std::byte* at_least(std::size_t bytes) {
    if (bytes > bytes_) {
      cudaFree(std::exchange(data_, nullptr));
      bytes_ = 0;
      AIFT_CUDA_TRY(cudaMalloc(&data_, bytes));
      bytes_ = bytes;
    }
    return static_cast<std::byte*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// The same in host memory that a device can copy from and to while the host goes on.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  ~PinnedMemory() { cudaFreeHost(data_); }

  std::byte* at_least(std::size_t bytes) {
    if (bytes > bytes_) {
      cudaFreeHost(std::exchange(data_, nullptr));
      bytes_ = 0;
      AIFT_CUDA_TRY(cudaMallocHost(&data_, bytes));
      bytes_ = bytes;
    }
    return static_cast<std::byte*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/// A stream that does not wait for the default one. Ends when all that is queued has ended.
class OwnStream {
 public:
  OwnStream() { AIFT_CUDA_TRY(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  OwnStream(const OwnStream&) = delete;
  OwnStream& operator=(const OwnStream&) = delete;
  ~OwnStream() {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }
  [[nodiscard]] cudaStream_t get() const noexcept { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace aift::cuda::detail
