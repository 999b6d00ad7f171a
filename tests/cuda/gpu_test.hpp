// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the executables with label `gpu` share: a device or exit code 77, checks that count, and
// memory on the device.

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/cuda/device_view.hpp>

namespace aift::test {

/// 0 when there is a device; else prints why not and gives the exit code.
inline int no_device() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaSuccess && count > 0) return 0;
  const char* name = code == cudaSuccess ? "none found" : cudaGetErrorName(code);
  const char* required = std::getenv("AIFT_REQUIRE_GPU");
  if (required != nullptr && std::strcmp(required, "1") == 0) {
    std::printf("FAILED: no CUDA device (%s), and AIFT_REQUIRE_GPU=1 asks for one\n", name);
    return 1;
  }
  std::printf("SKIPPED: no CUDA device (%s)\n", name);
  return 77;
}

/// The arguments one after another.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  out.precision(17);
  (out << ... << parts);
  return out.str();
}

/// Counts checks; the executable ends with `finish`.
struct Checks {
  int done = 0;
  int failed = 0;

  void expect(bool good, const std::string& what) {
    ++done;
    if (good) return;
    ++failed;
    if (failed <= 20) std::printf("FAILED: %s\n", what.c_str());
  }
  /// Whether `f` throws an E whose message contains `part`.
  template <class E, class F>
  void expect_throw(const F& f, const std::string& part, const std::string& what) {
    try {
      f();
      expect(false, what + ": nothing was thrown");
    } catch (const E& error) {
      const std::string message = error.what();
      expect(message.find(part) != std::string::npos, what + ": \"" + message + '"');
    } catch (const std::exception& error) {
      expect(false, what + ": another exception: " + error.what());
    }
  }
  [[nodiscard]] int finish(const char* name) const {
    std::printf("%s: %d checks, %d failed\n", name, done, failed);
    return failed == 0 && done > 0 ? 0 : 1;
  }
};

/// Ends the test program when a CUDA call fails.
inline void must(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  std::printf("FAILED: %s: %s\n", what, cudaGetErrorString(code));
  std::exit(1);
}

/// An array in device memory that owns itself.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t count) : size_(count) {
    void* memory = nullptr;
    must(cudaMalloc(&memory, count * sizeof(T) + 256), "cudaMalloc");
    data_ = static_cast<T*>(memory);
    must(cudaMemset(data_, 0xA5, count * sizeof(T) + 256), "cudaMemset");  // nothing useful
    // Streams of tests do not wait for the default stream.
    must(cudaStreamSynchronize(nullptr), "cudaMemset");
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    if (!values.empty()) {
      must(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
           "copy to the device");
    }
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] cuda::DeviceView<T> view() const { return {data_, static_cast<index_t>(size_)}; }
  [[nodiscard]] cuda::DeviceView<const T> const_view() const {
    return {data_, static_cast<index_t>(size_)};
  }
  [[nodiscard]] std::vector<T> fetch() const {
    std::vector<T> values(size_);
    if (size_ > 0) {
      must(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost),
           "copy to the host");
    }
    return values;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

}  // namespace aift::test
