// SPDX-License-Identifier: Apache-2.0
#pragma once

// Timing on a stream with events, the machine's own limits measured in the same run, and lines of
// JSON. Transfers are never part of a time.

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <aift/core/types.hpp>

namespace aift::bench {

inline void must(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return;
  std::fprintf(stderr, "%s failed: %s\n", what, cudaGetErrorString(code));
  std::exit(1);
}

/// Ends with 77 when there is no device.
inline void require_device() {
  int count = 0;
  const cudaError_t code = cudaGetDeviceCount(&count);
  if (code == cudaSuccess && count > 0) return;
  std::printf("SKIPPED: no CUDA device (%s)\n",
              code == cudaSuccess ? "none found" : cudaGetErrorName(code));
  std::exit(77);
}

struct Timing {
  double median = 0;  ///< seconds
  double low = 0;     ///< 10th percentile
  double high = 0;    ///< 90th percentile
};

/// Seconds of f, which queues work on `stream`: event to event, after a warm-up unless it runs once
/// (for a profiler).
inline Timing time(cudaStream_t stream, int repetitions, const std::function<void()>& f) {
  cudaEvent_t start = nullptr;
  cudaEvent_t stop = nullptr;
  must(cudaEventCreate(&start), "event");
  must(cudaEventCreate(&stop), "event");
  for (int r = 0; r < 3 && repetitions > 1; ++r)
    f();
  std::vector<double> seconds;
  for (int r = 0; r < repetitions; ++r) {
    must(cudaEventRecord(start, stream), "record");
    f();
    must(cudaEventRecord(stop, stream), "record");
    must(cudaEventSynchronize(stop), "run");
    float milliseconds = 0;
    must(cudaEventElapsedTime(&milliseconds, start, stop), "elapsed");
    seconds.push_back(static_cast<double>(milliseconds) * 1e-3);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  std::sort(seconds.begin(), seconds.end());
  const auto at = [&](double share) {
    return seconds[static_cast<std::size_t>(share * static_cast<double>(seconds.size() - 1))];
  };
  return {at(0.5), at(0.1), at(0.9)};
}

/// Memory that lives as long as the program's case.
template <class T>
class Array {
 public:
  explicit Array(index_t count) : size_(count) {
    void* memory = nullptr;
    must(cudaMalloc(&memory, static_cast<std::size_t>(count) * sizeof(T) + 256), "cudaMalloc");
    data_ = static_cast<T*>(memory);
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { cudaFree(data_); }
  [[nodiscard]] T* data() const { return data_; }
  [[nodiscard]] index_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  index_t size_ = 0;
};

/// Multiprocessors of the current device.
inline int processors() {
  int device = 0;
  int count = 0;
  must(cudaGetDevice(&device), "device");
  must(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device), "attribute");
  return count;
}

namespace detail {

/// Adds up 16 bytes per thread and step: as fast as memory can be read.
__global__ __launch_bounds__(512) inline void read_kernel(const uint4* data, index_t count,
                                                          unsigned* out) {
  unsigned sum = 0;
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  for (; i + 3 * step < count; i += 4 * step) {
    const uint4 a = data[i];
    const uint4 b = data[i + step];
    const uint4 c = data[i + 2 * step];
    const uint4 d = data[i + 3 * step];
    sum += a.x ^ a.y ^ a.z ^ a.w ^ b.x ^ b.y ^ b.z ^ b.w;
    sum += c.x ^ c.y ^ c.z ^ c.w ^ d.x ^ d.y ^ d.z ^ d.w;
  }
  for (; i < count; i += step)
    sum += data[i].x ^ data[i].y ^ data[i].z ^ data[i].w;
  if (sum == 0x12345678U) *out = sum;  // so that nothing is left out
}

__global__ __launch_bounds__(512) inline void write_kernel(uint4* data, index_t count,
                                                           unsigned value) {
  const index_t step = static_cast<index_t>(gridDim.x) * blockDim.x;
  for (index_t i = static_cast<index_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step) {
    data[i] = {value, value, value, value};
  }
}

}  // namespace detail

/// Bytes per second of a plain reduction over `bytes` at `data`.
inline Timing read_limit(cudaStream_t stream, int repetitions, const void* data,
                         std::size_t bytes) {
  static Array<unsigned> out(1);
  const auto count = static_cast<index_t>(bytes / 16);
  return time(stream, repetitions, [&] {
    detail::read_kernel<<<processors() * 4, 512, 0, stream>>>(static_cast<const uint4*>(data),
                                                              count, out.data());
  });
}

/// Seconds of filling `bytes` at `data`.
inline Timing write_limit(cudaStream_t stream, int repetitions, void* data, std::size_t bytes) {
  const auto count = static_cast<index_t>(bytes / 16);
  return time(stream, repetitions, [&] {
    detail::write_kernel<<<processors() * 8, 512, 0, stream>>>(static_cast<uint4*>(data), count,
                                                               0U);
  });
}

/// The first line: what it ran on.
inline void print_device(const char* program, int repetitions) {
  int device = 0;
  must(cudaGetDevice(&device), "device");
  cudaDeviceProp properties{};
  must(cudaGetDeviceProperties(&properties, device), "properties");
  int driver = 0;
  int runtime = 0;
  int clock = 0;
  int memory_clock = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  cudaDeviceGetAttribute(&clock, cudaDevAttrClockRate, device);
  cudaDeviceGetAttribute(&memory_clock, cudaDevAttrMemoryClockRate, device);
  const char* commit = std::getenv("AIFT_COMMIT");
  std::printf(
      "{\"program\": \"%s\", \"device\": \"%s\", \"compute_capability\": \"%d.%d\", "
      "\"multiprocessors\": %d, \"clock_khz\": %d, \"memory_clock_khz\": %d, \"cuda_driver\": %d, "
      "\"cuda_runtime\": %d, \"commit\": \"%s\", \"repetitions\": %d}\n",
      program, properties.name, properties.major, properties.minor, properties.multiProcessorCount,
      clock, memory_clock, driver, runtime, commit != nullptr ? commit : "", repetitions);
}

/// One result: `what` against `limit`, which did the same bytes or logarithms.
inline void print(const std::string& what, const Timing& t, const char* limit_name,
                  const Timing& limit, double bytes) {
  std::printf(
      "{\"case\": \"%s\", \"seconds_median\": %.9f, \"seconds_p10\": %.9f, \"seconds_p90\": %.9f, "
      "\"gb_per_s\": %.1f, \"limit\": \"%s\", \"limit_seconds_median\": %.9f, "
      "\"share_of_limit\": %.3f}\n",
      what.c_str(), t.median, t.low, t.high, bytes / t.median * 1e-9, limit_name, limit.median,
      limit.median / t.median);
  std::fflush(stdout);
}

}  // namespace aift::bench
