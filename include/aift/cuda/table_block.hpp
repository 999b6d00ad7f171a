// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <aift/cuda/predictions.hpp>
#include <aift/cuda/score.hpp>
#include <aift/cuda/status.hpp>
#include <aift/score/score_table.hpp>
#include <aift/score/scores.hpp>

namespace aift::cuda {

/// The results of one chunk as one block of memory, so that a single copy brings them to the host:
/// laid out here, filled on the device, read into a ScoreTable. Host arithmetic only.
///
///   const TableBlock block(kind, predictions, options, {.kept = true});
///   reset_async(block.status(device), stream);
///   score_async(kind, predictions, options, block.outputs(device), block.status(device),
///               workspace, stream, first);
///   cudaMemcpyAsync(host, device, block.bytes(), cudaMemcpyDeviceToHost, stream);
///   ... once the stream is past the copy:
///   if (block.offense(host)) check(block.status(device), predictions, options, first, stream);
///   block.read(host, table);
///
/// layout  the status word, then score, entropy, diversity [N], mean probabilities [N, K], dominant
///         [N] and kept patches, each aligned to its type
class TableBlock {
 public:
  /// predictions   the chunk; its values are not looked at
  /// kept_offsets  ragged chunks with request.kept: [N + 1] running numbers of kept patches
  ///               (score::kept_count), in host memory. They are copied
  /// throws        ShapeError: ragged, kept asked for, and no offsets or a wrong number
  TableBlock(ScoreKind kind, const DevicePredictions& predictions, const ScoreOptions& options,
             const ScoreRequest& request, std::span<const index_t> kept_offsets = {});

  /// Size of the block.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  /// Where the operators write; `block` is device memory, aligned to 8 bytes.
  /// device_kept_offsets  a copy of the kept offsets in device memory (ragged, with request.kept)
  [[nodiscard]] ScoreOutputs outputs(
      std::byte* block, DeviceView<const index_t> device_kept_offsets = {}) const noexcept;
  /// The status word of the block.
  [[nodiscard]] Status* status(std::byte* block) const noexcept {
    return reinterpret_cast<Status*>(block);
  }

  /// Whom the operators refused, in a block that was copied to the host.
  [[nodiscard]] std::optional<Offense> offense(const std::byte* host) const noexcept;
  /// Appends the rows of a block without an offender to `out`, whose request must be that of the
  /// block. patches: of every candidate of a ragged chunk, [N], with request.kept.
  /// throws ShapeError as ScoreTable::append
  void read(const std::byte* host, ScoreTable& out,
            std::span<const std::int32_t> patches = {}) const;

 private:
  ScoreKind kind_;
  PredictionKind form_;
  ScoreOptions options_;
  ScoreRequest request_;
  index_t candidates_;
  index_t classes_;
  index_t patches_;
  std::vector<index_t> kept_offsets_;  ///< [N + 1] with request.kept
  bool dense_;
  std::size_t score_ = 0, entropy_ = 0, diversity_ = 0, mean_ = 0, dominant_ = 0, kept_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace aift::cuda
