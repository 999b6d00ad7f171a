// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/features.hpp>

#include <limits>
#include <vector>

#include <aift/core/error.hpp>

#include "cuda/core/try.hpp"
#include "cuda/core/workspace.hpp"
#include "features_launch.hpp"

namespace aift::cuda {

namespace {

using detail::FeatureRows;

constexpr index_t kMostRows = std::numeric_limits<std::int32_t>::max();
constexpr index_t kMostColumns = index_t{1} << 20;
constexpr index_t kMostClusters = index_t{1} << 20;

void check_sizes(const char* what, index_t rows, index_t columns) {
  AIFT_EXPECT(rows >= 0 && rows <= kMostRows, ShapeError, "{} must be 0 to {} rows; got {}.", what,
              kMostRows, rows);
  AIFT_EXPECT(columns >= 0 && columns <= kMostColumns, ShapeError,
              "{} must have at most {} columns; got {}.", what, kMostColumns, columns);
  AIFT_EXPECT(rows == 0 || columns >= 1, ShapeError, "{} must have at least one column.", what);
}

FeatureRows checked(const char* what, const DeviceRows& rows) {
  check_sizes(what, rows.rows, rows.columns);
  if (rows.rows == 0) return {nullptr, 0, rows.columns};
  AIFT_EXPECT(rows.values.size >= rows.rows * rows.columns, ShapeError,
              "{} of {} x {} values need as many elements; got {}.", what, rows.rows, rows.columns,
              rows.values.size);
  detail::expect_device_memory(rows.values.data, alignof(float), what);
  return {rows.values.data, rows.rows, rows.columns};
}

void check_same_columns(const FeatureRows& a, const FeatureRows& b) {
  AIFT_EXPECT(a.count == 0 || b.count == 0 || a.columns == b.columns, ShapeError,
              "All rows need the same number of columns; got {} and {}.", a.columns, b.columns);
}

template <class T>
void check_output(const char* what, const DeviceView<T>& out, index_t needed) {
  AIFT_EXPECT(out.size >= needed, ShapeError, "{} need room for {} elements; got {}.", what, needed,
              out.size);
  detail::expect_device_memory(out.data, alignof(T), what);
}

/// Cuts a workspace into arrays, each aligned; with no workspace it only counts.
class Cutter {
 public:
  explicit Cutter(std::byte* memory = nullptr) : memory_(memory) {}
  template <class T>
  void take(T*& out, index_t count) {
    if (memory_ != nullptr) out = reinterpret_cast<T*>(memory_ + bytes_);
    bytes_ += detail::padded(static_cast<std::size_t>(count) * sizeof(T));
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  std::byte* memory_;
  std::size_t bytes_ = 0;
};

detail::KCenterMemory cut_k_center(Cutter& cutter, index_t candidates, index_t columns,
                                   index_t budget) {
  detail::KCenterMemory memory;
  cutter.take(memory.nearest, candidates);
  cutter.take(memory.words, budget);
  cutter.take(memory.sums, detail::sum_parts(candidates) * columns);
  cutter.take(memory.centre, columns);
  return memory;
}

void check_budget(index_t budget) {
  AIFT_EXPECT(budget >= 0 && budget <= kMostRows, ShapeError, "The budget must be 0 to {}; got {}.",
              kMostRows, budget);
}

void check_k_means(index_t clusters, index_t iterations) {
  AIFT_EXPECT(clusters >= 1 && clusters <= kMostClusters, ShapeError,
              "There must be 1 to {} clusters; got {}.", kMostClusters, clusters);
  AIFT_EXPECT(iterations >= 1 && iterations <= kMostRows, ShapeError,
              "There must be 1 to {} iterations; got {}.", kMostRows, iterations);
}

/// Sets what a k-means has of its own; rows and clusters are there.
void cut_k_means(Cutter& cutter, detail::KMeans& task, index_t iterations) {
  cutter.take(task.seeds, task.clusters);
  cutter.take(task.running, task.parts());
  cutter.take(task.count, task.parts() * task.clusters);
  cutter.take(task.start, task.clusters + 1);
  cutter.take(task.members, task.rows.count);
  cutter.take(task.sums, task.slots() * task.rows.columns);
  cutter.take(task.changed, iterations + 1);
}

}  // namespace

void squared_distances_async(const DeviceRows& rows, const DeviceRows& centres,
                             DeviceView<float> out, Status* status, cudaStream_t stream) {
  const FeatureRows x = checked("Rows", rows);
  const FeatureRows y = checked("Centres", centres);
  check_same_columns(x, y);
  if (x.count == 0 || y.count == 0) return;
  constexpr index_t kMostTiles = kMostRows;
  const index_t tiles = ((x.count + detail::kTileSide - 1) / detail::kTileSide) *
                        ((y.count + detail::kTileSide - 1) / detail::kTileSide);
  AIFT_EXPECT(tiles <= kMostTiles, ShapeError,
              "{} x {} distances are too many for one call; give fewer rows at a time.", x.count,
              y.count);
  check_output("Distances", out, x.count * y.count);
  std::uint64_t* const word = detail::status_word(status);
  detail::launch_refuse(x, 0, word, stream);
  detail::launch_refuse(y, x.count, word, stream);
  detail::launch_distances(x, y, out.data, stream);
}

std::size_t k_center_workspace_bytes(index_t candidates, index_t columns, index_t budget) {
  check_sizes("Candidates", candidates, columns);
  check_budget(budget);
  Cutter cutter;
  cut_k_center(cutter, candidates, columns, budget);
  return cutter.bytes();
}

void k_center_async(const DeviceRows& candidates, const DeviceRows& labelled, index_t budget,
                    DeviceView<index_t> indices, DeviceView<double> distances, Status* status,
                    Workspace workspace, cudaStream_t stream) {
  check_budget(budget);
  const FeatureRows pool = checked("Candidates", candidates);
  const FeatureRows known = checked("Labelled rows", labelled);
  check_same_columns(pool, known);
  if (budget == 0) return;
  check_output("Indices", indices, budget);
  if (!distances.empty()) check_output("Distances", distances, budget);
  std::uint64_t* const word = detail::status_word(status);
  detail::expect_workspace(workspace, k_center_workspace_bytes(pool.count, pool.columns, budget),
                           "k_center_workspace_bytes");
  Cutter cutter(workspace.data);
  const detail::KCenterMemory memory = cut_k_center(cutter, pool.count, pool.columns, budget);
  if (pool.count > 0) detail::launch_refuse(pool, 0, word, stream);
  if (known.count > 0) detail::launch_refuse(known, pool.count, word, stream);
  detail::launch_k_center(pool, known, budget, memory, indices.data,
                          distances.empty() ? nullptr : distances.data,
                          detail::device_limits().processors, stream);
}

std::size_t k_means_workspace_bytes(index_t rows, index_t columns, index_t clusters,
                                    index_t iterations) {
  check_sizes("Rows", rows, columns);
  check_k_means(clusters, iterations);
  detail::KMeans task;
  task.rows = {nullptr, rows, columns};
  task.clusters = clusters;
  Cutter cutter;
  cut_k_means(cutter, task, iterations);
  return cutter.bytes();
}

void k_means_async(const DeviceRows& rows, index_t clusters, const KeyedRandom& random,
                   index_t iterations, const KMeansOutput& out, Status* status, Workspace workspace,
                   cudaStream_t stream) {
  check_k_means(clusters, iterations);
  detail::KMeans task;
  task.rows = checked("Rows", rows);
  task.clusters = clusters;
  if (task.rows.count == 0) return;
  check_output("Clusters", out.cluster, task.rows.count);
  check_output("Squared distances", out.squared, task.rows.count);
  check_output("Centres", out.centres, clusters * task.rows.columns);
  check_output("Sizes", out.sizes, clusters);
  std::uint64_t* const word = detail::status_word(status);
  detail::expect_workspace(
      workspace, k_means_workspace_bytes(task.rows.count, task.rows.columns, clusters, iterations),
      "k_means_workspace_bytes");
  Cutter cutter(workspace.data);
  cut_k_means(cutter, task, iterations);
  task.of = out.cluster.data;
  task.squared = out.squared.data;
  task.centres = out.centres.data;
  task.size = out.sizes.data;
  std::vector<double> shares;
  for (index_t number = 0; number < clusters; ++number)
    shares.push_back(random.uniform(number));
  detail::launch_refuse(task.rows, 0, word, stream);
  detail::launch_k_means(task, random.below(0, task.rows.count), shares.data(), iterations, stream);
}

}  // namespace aift::cuda
