// SPDX-License-Identifier: Apache-2.0
// Distances, farthest-first and k-means on features of standard normal numbers (synthetic), beside
// the time that reading the features takes as often as the algorithm looks at them. One JSON line
// per case.
//
//   bench_gpu_features [repetitions = 20] [rows = 1000000] [columns = 128]
#include <algorithm>
#include <sstream>
#include <vector>

#include <aift/cuda/features.hpp>

#include "gpu_bench.cuh"

namespace {

using namespace aift;
using bench::Array;
using bench::Timing;

Timing times(Timing one, index_t count) {
  const auto factor = static_cast<double>(count);
  return {one.median * factor, one.low * factor, one.high * factor};
}

}  // namespace

int main(int argc, char** argv) {
  bench::require_device();
  const int repetitions = argc > 1 ? std::max(1, std::atoi(argv[1])) : 20;
  const index_t n = argc > 2 ? std::max(1000, std::atoi(argv[2])) : 1000000;
  const index_t d = argc > 3 ? std::max(1, std::atoi(argv[3])) : 128;
  cudaStream_t stream = nullptr;
  bench::must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  bench::print_device("bench_gpu_features", repetitions);

  // A few numbers over and over, in rows that differ: drawing all of them takes minutes.
  const KeyedRandom random(1, Purpose::order);
  std::vector<float> drawn;
  for (index_t i = 0; i < 1000003; ++i)  // a prime: no row begins where another one did
    drawn.push_back(static_cast<float>(random.normal(i)));
  std::vector<float> values;
  for (index_t i = 0; i < n * d; ++i)
    values.push_back(drawn[static_cast<std::size_t>(i) % drawn.size()]);
  const Array<float> features(n * d);
  bench::must(cudaMemcpy(features.data(), values.data(), values.size() * sizeof(float),
                         cudaMemcpyHostToDevice),
              "copy");
  const cuda::DeviceRows rows{{features.data(), n * d}, n, d};
  const Array<cuda::Status> status(1);
  cuda::reset_async(status.data(), stream);
  const auto bytes = static_cast<double>(values.size() * sizeof(float));
  const Timing read =
      bench::read_limit(stream, repetitions, features.data(), values.size() * sizeof(float));
  const auto name = [&](const char* what) {
    std::ostringstream out;
    out << what << ", " << n << " x " << d;
    return out.str();
  };

  constexpr index_t kCentres = 64;
  const Array<float> distances(n * kCentres);
  const Timing all = bench::time(stream, repetitions, [&] {
    cuda::squared_distances_async(rows, {{features.data(), kCentres * d}, kCentres, d},
                                  {distances.data(), distances.size()}, status.data(), stream);
  });
  bench::print(name("distances to 64 rows"), all, "read", read, bytes);

  constexpr index_t kBudget = 100;
  const Array<index_t> picks(kBudget);
  const Array<std::byte> room(static_cast<index_t>(cuda::k_center_workspace_bytes(n, d, kBudget)));
  const Timing k_center = bench::time(stream, std::min(repetitions, 5), [&] {
    cuda::k_center_async(rows, {}, kBudget, {picks.data(), kBudget}, {}, status.data(),
                         {room.data(), room.size()}, stream);
  });
  bench::print(name("k-center, 100 picks"), k_center, "100 reads", times(read, kBudget),
               bytes * static_cast<double>(kBudget));

  constexpr index_t kClusters = 100;
  constexpr index_t kIterations = 20;
  const Array<std::int32_t> cluster(n);
  const Array<float> squared(n);
  const Array<float> centres(kClusters * d);
  const Array<index_t> sizes(kClusters);
  const Array<std::byte> memory(
      static_cast<index_t>(cuda::k_means_workspace_bytes(n, d, kClusters, kIterations)));
  const Timing k_means = bench::time(stream, std::min(repetitions, 5), [&] {
    cuda::k_means_async(rows, kClusters, KeyedRandom(1, Purpose::selection), kIterations,
                        {{cluster.data(), n},
                         {squared.data(), n},
                         {centres.data(), kClusters * d},
                         {sizes.data(), kClusters}},
                        status.data(), {memory.data(), memory.size()}, stream);
  });
  bench::print(name("k-means, 100 clusters, at most 20 iterations"), k_means, "120 reads",
               times(read, kClusters + kIterations),
               bytes * static_cast<double>(kClusters + kIterations));
  cuda::check(status.data(), stream);
  return 0;
}
