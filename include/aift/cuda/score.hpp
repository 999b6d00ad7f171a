// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>

#include <aift/cuda/device_view.hpp>
#include <aift/cuda/predictions.hpp>
#include <aift/cuda/status.hpp>
#include <aift/cuda/stream.hpp>
#include <aift/score/options.hpp>
#include <aift/score/scores.hpp>

/// GPU operators; bit for bit the results of the CPU path (DESIGN section 5).
///
/// What they share:
///   stream     the caller's; nothing synchronises, allocates, prints or uses another stream
///   workspace  the caller's, of the size that the matching function says; may be used again by the
///              next call on the same stream
///   status     one word in device memory, set to clean by `reset_async`; the first offending
///              candidate is written there and what was computed is then of no use: `check` throws
///   N = 0      returns at once, and nothing is looked at
///   checked    at the call, what the host can see: null, alignment, host memory where device memory
///              is needed, sizes, K < 2, q < 1, options. ShapeError, ValueError, DeviceError
///   limits     q up to 2^20 patches, K up to 10,000 in practice (any that memory holds)
///   thread     safe: no state
namespace aift::cuda {

/// Who works on a candidate, and where its predictions are meanwhile.
enum class ScoreForm : std::uint8_t {
  lane,      ///< one thread per candidate, predictions in shared memory: two classes, q <= 128
  resident,  ///< a block for one or a few candidates, predictions in shared memory
  direct,    ///< a block per candidate, predictions read where they lie
};

/// How a fused score is cut into work. Data, so that benchmarks can sweep it.
struct ScorePolicy {
  /// Per block, a multiple of 32: 32 is a warp per tile. At most 256 (resident, up to 16 classes),
  /// 1024 (resident, more classes, single precision) or 512 (all others).
  int threads = 128;
  int candidates = 1;  ///< per tile (a block takes one tile after another); direct: 1
  ScoreForm form = ScoreForm::resident;  ///< which kernel

  friend bool operator==(const ScorePolicy&, const ScorePolicy&) = default;  ///< of every field
};

/// One row of the table of policies: for chunks of at most this many classes and values (q K) per
/// candidate.
struct ScorePolicyRow {
  index_t most_classes;  ///< K up to which the row holds
  index_t most_values;   ///< values of a candidate up to which the row holds
  ScorePolicy policy;    ///< `candidates` is lowered until a tile fits the share of shared memory
};

/// The rows, first match first; the last one matches everything.
[[nodiscard]] std::span<const ScorePolicyRow> score_policy_table() noexcept;

/// The policy for a chunk on the current device: the table's row, with as many candidates per tile
/// as fit into its shared memory; direct when one does not. Matrices: resident for lane.
/// throws DeviceError
[[nodiscard]] ScorePolicy score_policy(const DevicePredictions& predictions,
                                       const ScoreOptions& options);

/// Where `score_async` writes; device memory, empty = not wanted.
struct ScoreOutputs {
  DeviceView<double> score;      ///< [N], always wanted
  DeviceView<double> entropy;    ///< [N]
  DeviceView<double> diversity;  ///< [N]
  DeviceView<label_t> dominant;  ///< [N]
  /// Kept patches, most confident first: packed as `kept_offsets` says; dense chunks may leave
  /// those empty, candidate i then starts at i m.
  DeviceView<std::int32_t> kept;
  DeviceView<const index_t> kept_offsets;  ///< [N + 1], from `kept_offsets_async`
  DeviceView<double> mean_probabilities;   ///< [N, K], mean prediction of the kept patches
};

/// Bytes of workspace for score_async, matrix_async and majority_async on the current device: 0 for
/// candidates that fit into shared memory.
/// throws DeviceError, and ShapeError as the operators
[[nodiscard]] std::size_t score_workspace_bytes(
    const DevicePredictions& predictions, const ScoreOptions& options,
    const std::optional<ScorePolicy>& policy = std::nullopt);

/// The score named by `kind`, entropy, diversity, dominant class, kept patches and mean prediction
/// of every candidate in one pass: what score::compute gives. See the namespace for what is
/// checked.
///
/// first_candidate  number of candidate 0 in the pool, for the status
/// policy           another one than score_policy's, for benchmarks
/// cost             every prediction is read from memory once (direct, and logits: kept patches
///                  again, from the cache); O(q K) per candidate, and O(q^2) comparisons up to 128
///                  patches where more than 16 are kept
void score_async(ScoreKind kind, const DevicePredictions& predictions, const ScoreOptions& options,
                 const ScoreOutputs& out, Status* status, Workspace workspace, cudaStream_t stream,
                 index_t first_candidate = 0,
                 const std::optional<ScorePolicy>& policy = std::nullopt);

/// Where `majority_async` writes: see ScoreOutputs.
struct MajorityOutputs {
  DeviceView<label_t> dominant;            ///< [N]
  DeviceView<std::int32_t> kept;           ///< packed, most confident first
  DeviceView<const index_t> kept_offsets;  ///< [N + 1]
};

/// Dominant class and kept patches of every candidate: what score::majority gives.
void majority_async(const DevicePredictions& predictions, const ScoreOptions& options,
                    const MajorityOutputs& out, Status* status, Workspace workspace,
                    cudaStream_t stream, index_t first_candidate = 0);

/// Where `matrix_async` writes.
struct MatrixOutputs {
  /// m_i x m_i each, row-major: packed as `cell_offsets` says; a dense chunk may leave those empty
  /// and gets [N, m, m].
  DeviceView<double> cells;
  DeviceView<const index_t> cell_offsets;  ///< [N + 1], from `cell_offsets_async`
  DeviceView<std::int32_t> kept;           ///< patch number of every row, ascending; may be empty
  DeviceView<const index_t> kept_offsets;  ///< [N + 1]
};

/// R over the kept patches of every candidate: what score::matrix gives.
/// cost  O(m^2 K) per candidate; written once
void matrix_async(const DevicePredictions& predictions, const ScoreOptions& options,
                  const MatrixOutputs& out, Status* status, Workspace workspace,
                  cudaStream_t stream, index_t first_candidate = 0);

/// e_j of every patch in row order, nats; alpha is not used: what score::patch_entropies gives.
/// out  [rows] (of a ragged slice: from its first row on). Needs no workspace.
void patch_entropies_async(const DevicePredictions& predictions, const ScoreOptions& options,
                           DeviceView<double> out, Status* status, cudaStream_t stream,
                           index_t first_candidate = 0);

/// Bytes of workspace for kept_offsets_async and cell_offsets_async.
/// throws DeviceError
[[nodiscard]] std::size_t offsets_workspace_bytes(index_t candidates);

/// Running number of kept patches, first 0: out [N + 1]; patch counts are taken from the chunk as
/// they stand (a chunk with bad offsets is refused by the operator that follows).
void kept_offsets_async(const DevicePredictions& predictions, double alpha, DeviceView<index_t> out,
                        Workspace workspace, cudaStream_t stream);
/// Running number of cells m_i^2, first 0: out [N + 1].
void cell_offsets_async(const DevicePredictions& predictions, double alpha, DeviceView<index_t> out,
                        Workspace workspace, cudaStream_t stream);

}  // namespace aift::cuda
