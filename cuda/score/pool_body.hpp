// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a pool in host memory is cut, copied, scored and collected. What is done on a device is the
// Lane's business, so that tests run all of this without one.

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include <aift/core/error.hpp>
#include <aift/cuda/table_block.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/pool.hpp>

#include "cuda/core/workspace.hpp"

namespace aift::cuda::detail {

/// A chunk on its way: where its parts lie in a lane's input block.
struct PoolChunk {
  PatchPredictions host;  ///< a slice of the pool
  DevicePredictions device;
  index_t first = 0;
  std::vector<index_t> kept_offsets;
  std::vector<std::int32_t> patches;
  std::size_t kept_offsets_at = 0;
  std::size_t values_at = 0;
  std::size_t values_bytes = 0;
  std::size_t input_bytes = 0;
};

/// Bytes of a prediction.
inline std::size_t element_bytes(DType dtype) {
  if (dtype == DType::f64) return 8;
  return dtype == DType::f32 ? 4 : 2;
}

/// Places a slice: running row numbers from 0, those of the kept patches, then the values.
inline PoolChunk plan_chunk(const PatchPredictions& slice, index_t first,
                            const ScoreOptions& options) {
  PoolChunk chunk;
  chunk.host = slice;
  chunk.first = first;
  const index_t n = slice.candidates;
  const index_t rows = slice.row_begin(n) - slice.row_begin(0);
  DevicePredictions& device = chunk.device;
  device.dtype = slice.dtype;
  device.kind = slice.kind;
  device.candidates = n;
  device.classes = slice.classes;
  device.patches = slice.patches;
  device.rows = rows;
  device.most_patches = slice.patches;
  std::size_t at = 0;
  if (slice.offsets != nullptr) {
    device.patches = 0;
    device.most_patches = 0;
    chunk.kept_offsets.push_back(0);
    for (index_t i = 0; i < n; ++i) {
      const index_t q = slice.patch_count(i);
      device.most_patches = std::max(device.most_patches, q);
      chunk.patches.push_back(static_cast<std::int32_t>(q));
      chunk.kept_offsets.push_back(chunk.kept_offsets.back() + score::kept_count(q, options.alpha));
    }
    const std::size_t numbers = static_cast<std::size_t>(n + 1) * sizeof(index_t);
    chunk.kept_offsets_at = numbers;
    at = padded(2 * numbers);
  }
  chunk.values_at = at;
  chunk.values_bytes = static_cast<std::size_t>(rows * slice.classes) * element_bytes(slice.dtype);
  chunk.input_bytes = at + chunk.values_bytes;
  return chunk;
}

/// Fills the input block of a chunk in host memory.
inline void fill_input(const PoolChunk& chunk, std::byte* host) {
  const PatchPredictions& slice = chunk.host;
  if (slice.offsets != nullptr) {
    auto* const rows = reinterpret_cast<index_t*>(host);
    for (index_t i = 0; i <= slice.candidates; ++i)
      rows[i] = slice.offsets[i] - slice.offsets[0];
    std::memcpy(host + chunk.kept_offsets_at, chunk.kept_offsets.data(),
                chunk.kept_offsets.size() * sizeof(index_t));
  }
  const std::size_t row_bytes =
      static_cast<std::size_t>(slice.classes) * element_bytes(slice.dtype);
  std::memcpy(host + chunk.values_at,
              static_cast<const std::byte*>(slice.values) +
                  static_cast<std::size_t>(slice.row_begin(0)) * row_bytes,
              chunk.values_bytes);
}

/// Points a chunk to its copy on the device.
inline void place_on_device(PoolChunk& chunk, std::byte* device) {
  chunk.device.values = device + chunk.values_at;
  if (chunk.host.offsets != nullptr)
    chunk.device.offsets = reinterpret_cast<const index_t*>(device);
}

/// score_pool over two lanes. A Lane has
///   std::byte* host_input(bytes), device_input(bytes), device_output(bytes)   memory, kept
///   void queue(kind, chunk, options, block)     upload, score, download: returns at once
///   const std::byte* wait()                     the downloaded block, once it is complete
///   void refuse(chunk, options, block)          throws what the CPU says about the offender
template <class Lane>
ScoreTable score_pool(Lane (&lanes)[2], const PatchPredictions& all, const score::PoolScoring& how,
                      index_t chunk_bytes, const std::function<void(index_t, index_t)>& scored) {
  AIFT_EXPECT(chunk_bytes > 0, ValueError, "A chunk needs a positive number of bytes; got {}.",
              chunk_bytes);
  how.options.validate();
  ScoreTable table;
  table.request = how.request;
  // The CPU's look at place and shape, with its words.
  PatchPredictions none = all;
  none.candidates = std::min<index_t>(all.candidates, 0);
  score::compute(how.kind, none, how.options, table);
  if (all.candidates == 0) return table;
  AIFT_EXPECT(all.row_begin(all.candidates) == all.rows, ShapeError,
              "The patches of all candidates must be the {} rows there are; they end at row {}.",
              all.rows, all.row_begin(all.candidates));
  AIFT_EXPECT(all.offsets != nullptr || all.patches >= 1, ShapeError,
              "Every candidate needs at least one patch; got q = {}. One prediction per image? Use "
              "q = 1.",
              all.patches);
  for (index_t i = 0; all.offsets != nullptr && i < all.candidates; ++i) {
    AIFT_EXPECT(
        all.offsets[i] >= 0 && all.patch_count(i) >= 1 && all.offsets[i + 1] <= all.rows,
        ShapeError,
        "Offsets must increase and stay within the {} rows; those of candidate {} go from {} to "
        "{}.",
        all.rows, i, all.offsets[i], all.offsets[i + 1]);
  }
  Progress silent;
  Progress& progress = how.progress != nullptr ? *how.progress : silent;

  struct Flight {
    PoolChunk chunk;
    std::optional<TableBlock> block;
  } flights[2];
  index_t queued = 0;     // chunks
  index_t collected = 0;  // chunks
  const auto collect = [&] {
    const int l = static_cast<int>(collected++ % 2);
    Flight& flight = flights[l];
    const std::byte* const host = lanes[l].wait();
    if (flight.block->offense(host)) lanes[l].refuse(flight.chunk, how.options, *flight.block);
    flight.block->read(host, table, flight.chunk.patches);
    progress.report("score", table.size(), all.candidates);
    if (scored) scored(flight.chunk.first, flight.chunk.host.candidates);
    throw_if_cancelled(progress);
  };

  const index_t row_bytes =
      std::max<index_t>(1, all.classes * static_cast<index_t>(element_bytes(all.dtype)));
  const index_t rows = chunk_bytes / row_bytes;
  throw_if_cancelled(progress);
  for (index_t first = 0; first < all.candidates;) {
    index_t count = 1;
    while (first + count < all.candidates &&
           all.row_begin(first + count + 1) - all.row_begin(first) <= rows) {
      ++count;
    }
    if (queued - collected == 2) collect();
    const int l = static_cast<int>(queued % 2);
    Flight& flight = flights[l];
    flight.chunk = plan_chunk(all.slice(first, count), first, how.options);
    fill_input(flight.chunk, lanes[l].host_input(flight.chunk.input_bytes));
    place_on_device(flight.chunk, lanes[l].device_input(flight.chunk.input_bytes));
    flight.block.emplace(how.kind, flight.chunk.device, how.options, how.request,
                         flight.chunk.kept_offsets);
    lanes[l].queue(how.kind, flight.chunk, how.options, *flight.block);
    ++queued;
    first += count;
  }
  while (collected < queued)
    collect();
  return table;
}

}  // namespace aift::cuda::detail
