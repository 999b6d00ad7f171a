// SPDX-License-Identifier: Apache-2.0
// Distances, farthest-first and k-means on the GPU: the bits and the picks of the CPU.
#include <algorithm>
#include <limits>

#include <aift/core/error.hpp>
#include <aift/cuda/features.hpp>
#include <aift/select/k_center_selector.hpp>

#include "gpu_test.hpp"
#include "src/select/k_means.hpp"
#include "tests/support/feature_cases.hpp"

namespace {

using namespace aift;
using select::detail::at;

/// Rows on both sides.
struct Features {
  std::vector<float> values;
  test::DeviceArray<float> device;
  cuda::DeviceRows rows;

  Features(std::vector<float> of, index_t count, index_t columns)
      : values(std::move(of)), device(values), rows{device.const_view(), count, columns} {}
  Features(std::uint64_t seed, index_t count, index_t columns)
      : Features(test::feature_rows(seed, count, columns), count, columns) {}
};

std::vector<const float*> pointers(const Features& features) {
  std::vector<const float*> out;
  for (index_t p = 0; p < features.rows.rows; ++p)
    out.push_back(features.values.data() + p * features.rows.columns);
  return out;
}

struct Suite {
  test::Checks checks;
  cudaStream_t stream = nullptr;
  test::DeviceArray<cuda::Status> status{1};

  void distances(std::uint64_t seed, index_t n, index_t k, index_t d) {
    const Features x(seed, n, d);
    const Features y(seed + 1, k, d);
    std::vector<float> expected(at(n * k));
    select::detail::distances().squared(pointers(x).data(), n, pointers(y).data(), k, d,
                                        expected.data());
    const test::DeviceArray<float> out(expected.size());
    cuda::reset_async(status.data(), stream);
    cuda::squared_distances_async(x.rows, y.rows, out.view(), status.data(), stream);
    cuda::check(status.data(), stream);
    checks.expect(test::same_bits(out.fetch(), expected),
                  test::text("distances, ", n, " x ", k, " x ", d, ", seed ", seed));
  }

  void k_center(std::uint64_t seed, index_t n, index_t labelled, index_t d, index_t budget) {
    const Features pool(seed, n, d);
    const Features known(seed + 100, labelled, d);
    const test::LabelledFeatures all(pool.values, known.values, d);
    const Selection expected = KCenterSelector().select(all.view, budget);
    const test::DeviceArray<index_t> picks(at(budget));
    const test::DeviceArray<double> away(at(budget));
    const test::DeviceArray<std::byte> workspace(cuda::k_center_workspace_bytes(n, d, budget));
    cuda::reset_async(status.data(), stream);
    cuda::k_center_async(pool.rows, known.rows, budget, picks.view(), away.view(), status.data(),
                         workspace.view(), stream);
    cuda::check(status.data(), stream);
    const std::string name =
        test::text("k-center, ", n, " x ", d, ", ", labelled, " labelled, seed ", seed);
    std::vector<index_t> indices = picks.fetch();
    std::vector<double> distances = away.fetch();
    const bool rest_is_empty = std::all_of(indices.begin() + std::min(n, budget), indices.end(),
                                           [](index_t i) { return i == -1; });
    checks.expect(rest_is_empty, name + " behind the last candidate");
    indices.resize(at(std::min(n, budget)));
    distances.resize(indices.size());
    checks.expect(indices == expected.indices, name + " picks");
    checks.expect(test::same_bits(distances, expected.score), name + " distances");
  }

  void k_means(const std::vector<float>& values, index_t d, index_t k, const KeyedRandom& random,
               index_t iterations, const std::string& name) {
    const auto n = static_cast<index_t>(values.size()) / d;
    const Features features(values, n, d);
    const test::LabelledFeatures pool(values, {}, d);
    const select::detail::Rows rows(pool.view, select::detail::canonical(pool.view, false), false);
    const auto expected = select::detail::k_means(rows, k, random, iterations, nullptr);
    const test::DeviceArray<std::int32_t> cluster(at(n));
    const test::DeviceArray<float> squared(at(n));
    const test::DeviceArray<float> centres(at(k * d));
    const test::DeviceArray<index_t> sizes(at(k));
    const test::DeviceArray<std::byte> workspace(
        cuda::k_means_workspace_bytes(n, d, k, iterations));
    cuda::reset_async(status.data(), stream);
    cuda::k_means_async(features.rows, k, random, iterations,
                        {cluster.view(), squared.view(), centres.view(), sizes.view()},
                        status.data(), workspace.view(), stream);
    cuda::check(status.data(), stream);
    checks.expect(test::same_bits(squared.fetch(), expected.squared), name + " distances");
    const std::vector<std::int32_t> of = cluster.fetch();
    const std::vector<float> means = centres.fetch();
    const std::vector<index_t> members = sizes.fetch();
    std::vector<index_t> number(at(k), -1);  // of the CPU
    std::vector<float> kept;
    index_t next = 0;
    for (index_t c = 0; c < k; ++c) {
      if (members[at(c)] == 0) continue;
      number[at(c)] = next++;
      kept.insert(kept.end(), means.begin() + c * d, means.begin() + (c + 1) * d);
    }
    std::vector<index_t> got;
    std::vector<index_t> counted(at(k), 0);
    for (const std::int32_t c : of) {
      got.push_back(number[at(c)]);
      ++counted[at(c)];
    }
    checks.expect(next == expected.count && got == expected.of, name + " clusters");
    checks.expect(counted == members, name + " sizes");
    checks.expect(test::same_bits(kept, expected.centres), name + " centres");
  }

  void bad_input() {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> values = test::feature_rows(1, 5000, 9);
      values[at(4321 * 9 + 8)] = bad;
      values[at(4400 * 9)] = bad;
      const Features wrong(values, 5000, 9);
      const Features fine(2, 40, 9);
      const test::DeviceArray<float> out(5000 * 40);
      const auto refuses = [&](const std::string& row, const std::string& what, const auto& queue) {
        cuda::reset_async(status.data(), stream);
        queue();
        checks.expect_throw<ValueError>([&] { cuda::check(status.data(), stream); },
                                        "those of row " + row + " are not", what);
      };
      refuses("4321", "distances of bad rows", [&] {
        cuda::squared_distances_async(wrong.rows, fine.rows, out.view(), status.data(), stream);
      });
      refuses("4361", "distances to bad centres", [&] {
        cuda::squared_distances_async(fine.rows, wrong.rows, out.view(), status.data(), stream);
      });
      const test::DeviceArray<index_t> picks(20);
      const test::DeviceArray<std::byte> memory(cuda::k_center_workspace_bytes(5000, 9, 20));
      for (const bool labelled : {false, true}) {
        refuses("4321", "k-center", [&] {
          cuda::k_center_async(wrong.rows, labelled ? fine.rows : cuda::DeviceRows{}, 20,
                               picks.view(), {}, status.data(), memory.view(), stream);
        });
      }
      const test::DeviceArray<std::int32_t> cluster(5000);
      const test::DeviceArray<float> squared(5000);
      const test::DeviceArray<float> centres(7 * 9);
      const test::DeviceArray<index_t> sizes(7);
      const test::DeviceArray<std::byte> room(cuda::k_means_workspace_bytes(5000, 9, 7, 10));
      refuses("4321", "k-means", [&] {
        cuda::k_means_async(wrong.rows, 7, KeyedRandom(1, Purpose::selection), 10,
                            {cluster.view(), squared.view(), centres.view(), sizes.view()},
                            status.data(), room.view(), stream);
      });
    }
    const Features fine(2, 40, 9);
    const test::DeviceArray<index_t> picks(20);
    const test::DeviceArray<std::byte> memory(cuda::k_center_workspace_bytes(40, 9, 20));
    checks.expect_throw<ShapeError>(
        [&] {
          cuda::k_center_async(fine.rows, {}, 20, picks.view(), {}, status.data(),
                               {memory.data(), 1024}, stream);
        },
        "workspace needs", "a small workspace");
    std::vector<index_t> on_host(20);
    checks.expect_throw<ShapeError>(
        [&] {
          cuda::k_center_async(fine.rows, {}, 20, {on_host.data(), 20}, {}, status.data(),
                               memory.view(), stream);
        },
        "Indices", "host memory");
    cuda::k_center_async({}, {}, 3, picks.view(), {}, status.data(), memory.view(), stream);
    test::must(cudaStreamSynchronize(stream), "no candidates");
    checks.expect(picks.fetch()[2] == -1, "no candidates");
  }
};

}  // namespace

int main() {
  if (const int code = test::no_device()) return code;
  Suite suite;
  test::must(cudaStreamCreateWithFlags(&suite.stream, cudaStreamNonBlocking), "stream");
  // AIFT_GPU_CASES: smaller, for tools that make everything slow.
  const bool small = std::getenv("AIFT_GPU_CASES") != nullptr;
  std::vector<index_t> sizes = {1, 33, 700, 5000};
  if (!small) sizes.push_back(60000);
  for (const index_t n : sizes) {
    for (const std::uint64_t seed : {1, 3, 5, 7}) {
      for (const index_t d : {1, 17, 128}) {
        suite.distances(seed, n, 65, d);
        for (const index_t labelled : {0, 1, 300})
          suite.k_center(seed, n, labelled, d, n < 100 ? n + 2 : 50);
        for (const index_t k : {1, 7, 150}) {
          const std::string name = test::text("k-means, ", n, " x ", d, ", ", k, ", seed ", seed);
          const KeyedRandom random(seed, Purpose::selection, 3);
          suite.k_means(test::feature_rows(seed, n, d), d, k, random, small ? 5 : 30, name);
        }
      }
    }
  }
  suite.bad_input();
  return suite.checks.finish("gpu_features");
}
