// SPDX-License-Identifier: Apache-2.0
#include <aift/cuda/score.hpp>

#include <algorithm>
#include <array>
#include <limits>

#include <aift/core/error.hpp>

#include "cuda/core/try.hpp"
#include "cuda/core/workspace.hpp"
#include "launch.hpp"

namespace aift::cuda {

namespace {

using detail::DeviceLimits;
using detail::ScorePlan;
using detail::ScoreTask;

constexpr index_t kAny = std::numeric_limits<index_t>::max();

// Small candidates many at a time, so that every phase has work for all lanes; large ones with a
// block each.
constexpr std::array<ScorePolicyRow, 5> kPolicies = {{
    {2, 256, {128, 128, ScoreForm::lane}},
    {16, 2048, {128, 16, ScoreForm::resident}},
    {64, 4096, {256, 8, ScoreForm::resident}},
    {kAny, 16384, {256, 1, ScoreForm::resident}},
    {kAny, kAny, {1024, 1, ScoreForm::resident}},
}};

/// Blocks that a multiprocessor should have room for, so that some read while others count.
constexpr int kBlocksWanted = 4;
/// Workspace that direct blocks take together, unless one alone needs more.
constexpr std::size_t kDirectBytes = std::size_t{256} << 20;
constexpr int kDirectBlocksPerProcessor = 4;

std::size_t bytes_of(DType dtype) {
  if (dtype == DType::f64) return 8;
  return dtype == DType::f32 ? 4 : 2;
}

/// What the host can see of a chunk, without its place.
void check_shape(const DevicePredictions& chunk, index_t first_candidate) {
  AIFT_EXPECT(
      chunk.classes >= 2, ShapeError,
      "Predictions need at least 2 classes; got {}. For one sigmoid output pass the columns "
      "1 - p and p.",
      chunk.classes);
  AIFT_EXPECT(chunk.classes <= index_t{1} << 24, ShapeError,
              "Predictions on a GPU may have at most {} classes; got {}.", index_t{1} << 24,
              chunk.classes);
  AIFT_EXPECT(chunk.candidates >= 0, ShapeError,
              "The number of candidates must not be negative; got {}.", chunk.candidates);
  AIFT_EXPECT(first_candidate >= 0 && first_candidate <= kMaxStatusCandidate &&
                  chunk.candidates <= kMaxStatusCandidate - first_candidate,
              ShapeError, "A pool may have at most {} candidates; got {} from candidate {} on.",
              kMaxStatusCandidate, chunk.candidates, first_candidate);
  if (chunk.candidates == 0) return;
  AIFT_EXPECT(chunk.most_patches >= 1, ShapeError,
              "Every candidate needs at least one patch; got q = {}. One prediction per image? Use "
              "q = 1.",
              chunk.most_patches);
  AIFT_EXPECT(chunk.most_patches <= kMaxStatusPatches, ShapeError,
              "A candidate on a GPU may have at most {} patches; got {}.", kMaxStatusPatches,
              chunk.most_patches);
  AIFT_EXPECT(chunk.rows >= 0 && chunk.rows <= DevicePredictions::kMaxRows / chunk.classes,
              ShapeError, "{} rows of {} classes are more than memory can hold.", chunk.rows,
              chunk.classes);
  AIFT_EXPECT(chunk.most_patches <= (index_t{1} << 30) / chunk.classes, ShapeError,
              "A candidate on a GPU may have at most {} values; got {} patches of {} classes.",
              index_t{1} << 30, chunk.most_patches, chunk.classes);
  if (chunk.offsets == nullptr) {
    AIFT_EXPECT(chunk.patches == chunk.most_patches &&
                    chunk.patches <= DevicePredictions::kMaxRows / chunk.candidates &&
                    chunk.rows == chunk.candidates * chunk.patches,
                ShapeError, "{} candidates of {} patches need as many rows; got {}.",
                chunk.candidates, chunk.patches, chunk.rows);
  } else {
    AIFT_EXPECT(chunk.patches == 0, ShapeError,
                "Predictions are either dense (q, no offsets) or ragged (offsets, q = 0); got "
                "offsets and q = {}.",
                chunk.patches);
    AIFT_EXPECT(chunk.rows >= chunk.candidates, ShapeError,
                "{} candidates need at least as many rows; got {}.", chunk.candidates, chunk.rows);
  }
}

/// And where it lies.
void check_place(const DevicePredictions& chunk) {
  detail::expect_device_memory(chunk.values, bytes_of(chunk.dtype), "Predictions");
  if (chunk.offsets != nullptr) {
    detail::expect_device_memory(chunk.offsets, alignof(index_t), "Offsets of device predictions");
  }
}

template <class T>
T* output(const DeviceView<T>& view, index_t least, const char* what) {
  if (view.empty()) return nullptr;
  AIFT_EXPECT(view.size >= least, ShapeError, "{} needs room for {} elements; got {}.", what, least,
              view.size);
  detail::expect_device_memory(view.data, alignof(T), what);
  return view.data;
}

ScoreTask task_of(const DevicePredictions& chunk, const ScoreOptions& options,
                  index_t first_candidate) {
  ScoreTask task;
  task.values = chunk.values;
  task.dtype = chunk.dtype;
  task.logits = chunk.kind == PredictionKind::logits;
  task.candidates = chunk.candidates;
  task.classes = static_cast<int>(chunk.classes);
  task.patches = chunk.offsets == nullptr ? chunk.patches : 0;
  task.offsets = chunk.offsets;
  task.rows = chunk.rows;
  task.most_patches = static_cast<int>(chunk.most_patches);
  task.most_kept = static_cast<int>(detail::kept_patches(chunk.most_patches, options.alpha));
  task.alpha = options.alpha;
  task.lambda1 = options.lambda1;
  task.lambda2 = options.lambda2;
  task.eps = options.eps;
  task.mean_of_entropies = options.entropy == EntropyAggregation::mean;
  task.ordered_pairs = options.pairs == PairCounting::ordered;
  task.first_candidate = first_candidate;
  return task;
}

template <detail::Form kForm, class T, class S = T>
std::size_t bytes_as(const ScoreTask& task) {
  detail::Tile<T, S> tile;
  return detail::carve<kForm>(nullptr, task, tile);
}

/// Bytes of a tile of `candidates` in a form.
std::size_t tile_bytes(ScoreTask task, int candidates, bool single, ScoreForm form) {
  detail::lay_out(task, candidates);
  if (form == ScoreForm::lane) {
    return single ? bytes_as<detail::Form::lane, float>(task)
                  : bytes_as<detail::Form::lane, double>(task);
  }
  if (form == ScoreForm::resident) {
    if (single) return bytes_as<detail::Form::resident, float>(task);
    return task.narrow_store() ? bytes_as<detail::Form::resident, double, float>(task)
                               : bytes_as<detail::Form::resident, double>(task);
  }
  const std::size_t bytes = single ? bytes_as<detail::Form::direct, float>(task)
                                   : bytes_as<detail::Form::direct, double>(task);
  return detail::padded(bytes);
}

/// The same of the most that a score, or a matrix too, may want; a score can do without room for
/// logarithms.
std::size_t most_bytes(ScoreTask task, bool single, ScoreForm form, bool matrix) {
  double any = 0;  // a pointer that is not null is all that counts
  task.score = &any;
  task.matrix = matrix ? &any : nullptr;
  task.keep_logs = matrix;
  return tile_bytes(task, 1, single, form);
}

/// Matrices have no form for lanes.
ScoreForm form_for(const ScoreTask& task, ScoreForm form) {
  return form == ScoreForm::lane && task.matrix != nullptr ? ScoreForm::resident : form;
}

ScorePolicy policy_for(const ScoreTask& task, bool single, const DeviceLimits& limits) {
  const index_t values = static_cast<index_t>(task.most_patches) * task.classes;
  const auto row = std::find_if(kPolicies.begin(), kPolicies.end(), [&](const ScorePolicyRow& r) {
    return task.classes <= r.most_classes && values <= r.most_values;
  });
  ScorePolicy policy = row->policy;
  policy.form = form_for(task, policy.form);
  const auto share = static_cast<std::size_t>(limits.shared_per_processor / kBlocksWanted);
  const std::size_t one = tile_bytes(task, 1, single, policy.form);
  if (most_bytes(task, single, policy.form, task.matrix != nullptr) >
      static_cast<std::size_t>(limits.shared_per_block)) {
    policy.form = ScoreForm::direct;
  }
  policy.candidates = static_cast<int>(
      std::clamp<std::size_t>(share / one, 1, static_cast<std::size_t>(policy.candidates)));
  // Tiles that begin at a multiple of 16 bytes.
  if (policy.candidates > 8) policy.candidates -= policy.candidates % 8;
  if (policy.form == ScoreForm::direct) policy.candidates = 1;
  policy.threads = std::min(policy.threads, detail::most_threads(policy.form, single, task.wide()));
  return policy;
}

ScorePlan plan_for(const ScoreTask& task, bool single, const ScorePolicy& policy,
                   const DeviceLimits& limits) {
  ScorePlan plan;
  plan.threads = policy.threads;
  plan.form = form_for(task, policy.form);
  const int most = detail::most_threads(plan.form, single, task.wide());
  AIFT_EXPECT(policy.threads >= 32 && policy.threads <= most && policy.threads % 32 == 0,
              ValueError, "A score policy needs 32 to {} threads in whole warps; got {}.", most,
              policy.threads);
  AIFT_EXPECT(
      policy.candidates >= 1 && policy.candidates <= 4096 &&
          (policy.form != ScoreForm::direct || policy.candidates == 1),
      ValueError,
      "A score policy needs 1 to 4096 candidates per tile, and exactly one when direct; got {}.",
      policy.candidates);
  AIFT_EXPECT(policy.form != ScoreForm::lane ||
                  (task.classes == 2 && task.most_patches <= detail::kCountedPatches),
              ValueError,
              "A lane per candidate is for 2 classes and at most {} patches; got {} classes and {} "
              "patches.",
              detail::kCountedPatches, task.classes, task.most_patches);
  const index_t tiles = (task.candidates + policy.candidates - 1) / policy.candidates;
  if (plan.form != ScoreForm::direct) {
    const auto room = static_cast<std::size_t>(limits.shared_per_block);
    plan.tile_bytes = tile_bytes(task, policy.candidates, single, plan.form);
    if (plan.tile_bytes > room && plan.form == ScoreForm::resident && task.matrix == nullptr) {
      ScoreTask without = task;
      without.keep_logs = plan.keep_logs = false;
      plan.tile_bytes = tile_bytes(without, policy.candidates, single, plan.form);
    }
    AIFT_EXPECT(plan.tile_bytes <= room, ValueError,
                "{} candidates of {} patches and {} classes need {} bytes of shared memory; a "
                "block of this device has {}: use fewer candidates per tile, or a direct policy.",
                policy.candidates, task.most_patches, task.classes, plan.tile_bytes, room);
    // Blocks of large candidates stay: each asks for its next one while it works.
    const auto at_once = static_cast<index_t>(
        static_cast<std::size_t>(limits.shared_per_processor) / (plan.tile_bytes + 1024));
    const index_t most_blocks =
        task.wide() ? limits.processors * std::max<index_t>(1, at_once) : index_t{1} << 30;
    plan.blocks = static_cast<int>(std::min<index_t>(tiles, most_blocks));
    return plan;
  }
  plan.tile_bytes = most_bytes(task, single, plan.form, true);
  const index_t room = static_cast<index_t>(kDirectBytes / plan.tile_bytes);
  const index_t wanted =
      std::min<index_t>(tiles, static_cast<index_t>(limits.processors) * kDirectBlocksPerProcessor);
  plan.blocks = static_cast<int>(std::max<index_t>(1, std::min(wanted, room)));
  return plan;
}

std::size_t workspace_of(const ScorePlan& plan) {
  return plan.form != ScoreForm::direct ? 0
                                        : plan.tile_bytes * static_cast<std::size_t>(plan.blocks);
}

/// Where packed outputs of every candidate begin.
const index_t* packed(const DevicePredictions& chunk, const DeviceView<const index_t>& offsets,
                      const char* what) {
  const index_t* const data = output(offsets, chunk.candidates + 1, what);
  AIFT_EXPECT(data != nullptr || chunk.offsets == nullptr, ShapeError,
              "{} are needed for ragged predictions; got none.", what);
  return data;
}

/// Room for kept patches, null when they are not wanted; their offsets go into the task.
std::int32_t* kept_output(const DevicePredictions& predictions, DeviceView<std::int32_t> kept,
                          DeviceView<const index_t> offsets, ScoreTask& task) {
  if (kept.empty()) return nullptr;
  task.kept_offsets = packed(predictions, offsets, "Offsets of kept patches");
  return output(kept, task.kept_offsets == nullptr ? predictions.candidates * task.most_kept : 1,
                "The list of kept patches");
}

/// Queues a task whose outputs are set.
void queue(ScoreTask& task, const ScoreOptions& options, Status* status, Workspace workspace,
           cudaStream_t stream, const std::optional<ScorePolicy>& policy) {
  const bool single = options.precision == Precision::single;
  const DeviceLimits limits = detail::device_limits();
  const ScorePolicy chosen = policy ? *policy : policy_for(task, single, limits);
  const ScorePlan plan = plan_for(task, single, chosen, limits);
  const std::size_t needed = workspace_of(plan);
  if (needed > 0) detail::expect_workspace(workspace, needed, "score_workspace_bytes");
  task.status = detail::status_word(status);
  task.keep_logs = plan.keep_logs;
  detail::lay_out(task, chosen.candidates);
  detail::launch_score(task, single, plan, workspace.data, stream);
}

}  // namespace

std::span<const ScorePolicyRow> score_policy_table() noexcept { return kPolicies; }

ScorePolicy score_policy(const DevicePredictions& predictions, const ScoreOptions& options) {
  options.validate();
  check_shape(predictions, 0);
  AIFT_EXPECT(predictions.candidates > 0, ShapeError, "There is no policy for 0 candidates.");
  return policy_for(task_of(predictions, options, 0), options.precision == Precision::single,
                    detail::device_limits());
}

std::size_t score_workspace_bytes(const DevicePredictions& predictions, const ScoreOptions& options,
                                  const std::optional<ScorePolicy>& policy) {
  options.validate();
  check_shape(predictions, 0);
  if (predictions.candidates == 0) return 0;
  ScoreTask task = task_of(predictions, options, 0);
  const bool single = options.precision == Precision::single;
  const DeviceLimits limits = detail::device_limits();
  double any = 0;
  task.matrix = &any;  // which needs the most
  return workspace_of(
      plan_for(task, single, policy ? *policy : policy_for(task, single, limits), limits));
}

void score_async(ScoreKind kind, const DevicePredictions& predictions, const ScoreOptions& options,
                 const ScoreOutputs& out, Status* status, Workspace workspace, cudaStream_t stream,
                 index_t first_candidate, const std::optional<ScorePolicy>& policy) {
  options.validate();
  check_shape(predictions, first_candidate);
  if (predictions.candidates == 0) return;
  check_place(predictions);
  const index_t n = predictions.candidates;
  ScoreTask task = task_of(predictions, options, first_candidate);
  task.rank = static_cast<detail::Rank>(kind);
  AIFT_EXPECT(!out.score.empty(), ShapeError, "The score needs room for {} elements; got none.", n);
  task.score = output(out.score, n, "The score");
  task.entropy = output(out.entropy, n, "The entropy");
  task.diversity = output(out.diversity, n, "The diversity");
  task.dominant = output(out.dominant, n, "The dominant class");
  task.mean_probabilities =
      output(out.mean_probabilities, n * predictions.classes, "The mean prediction");
  task.kept = kept_output(predictions, out.kept, out.kept_offsets, task);
  queue(task, options, status, workspace, stream, policy);
}

void majority_async(const DevicePredictions& predictions, const ScoreOptions& options,
                    const MajorityOutputs& out, Status* status, Workspace workspace,
                    cudaStream_t stream, index_t first_candidate) {
  options.validate();
  check_shape(predictions, first_candidate);
  if (predictions.candidates == 0) return;
  check_place(predictions);
  const index_t n = predictions.candidates;
  ScoreTask task = task_of(predictions, options, first_candidate);
  task.dominant = output(out.dominant, n, "The dominant class");
  task.kept = kept_output(predictions, out.kept, out.kept_offsets, task);
  queue(task, options, status, workspace, stream, std::nullopt);
}

void matrix_async(const DevicePredictions& predictions, const ScoreOptions& options,
                  const MatrixOutputs& out, Status* status, Workspace workspace,
                  cudaStream_t stream, index_t first_candidate) {
  options.validate();
  check_shape(predictions, first_candidate);
  if (predictions.candidates == 0) return;
  check_place(predictions);
  const index_t n = predictions.candidates;
  ScoreTask task = task_of(predictions, options, first_candidate);
  constexpr int kMostRows = 32768;
  AIFT_EXPECT(task.most_kept <= kMostRows, ShapeError,
              "A matrix may have at most {} rows; {} patches would be kept.", kMostRows,
              task.most_kept);
  const index_t cells = static_cast<index_t>(task.most_kept) * task.most_kept;
  AIFT_EXPECT(!out.cells.empty(), ShapeError, "The cells of the matrices need room; got none.");
  AIFT_EXPECT(n <= DevicePredictions::kMaxRows / cells, ShapeError,
              "{} matrices of {} cells are more than memory can hold.", n, cells);
  task.matrix_offsets = packed(predictions, out.cell_offsets, "Offsets of cells");
  task.matrix = output(out.cells, task.matrix_offsets == nullptr ? n * cells : 1,
                       "The cells of the matrices");
  task.kept_ascending = kept_output(predictions, out.kept, out.kept_offsets, task);
  queue(task, options, status, workspace, stream, std::nullopt);
}

void patch_entropies_async(const DevicePredictions& predictions, const ScoreOptions& options,
                           DeviceView<double> out, Status* status, cudaStream_t stream,
                           index_t first_candidate) {
  options.validate();
  check_shape(predictions, first_candidate);
  if (predictions.candidates == 0) return;
  check_place(predictions);
  ScoreTask task = task_of(predictions, options, first_candidate);
  AIFT_EXPECT(!out.empty(), ShapeError, "The entropies need room for {} elements; got none.",
              predictions.rows);
  task.patch_entropy = output(out, predictions.rows, "The list of entropies");
  task.status = detail::status_word(status);
  const DeviceLimits limits = detail::device_limits();
  detail::launch_patch_entropies(task, options.precision == Precision::single, limits.processors,
                                 stream);
}

std::size_t offsets_workspace_bytes(index_t candidates) {
  AIFT_EXPECT(candidates >= 0 && candidates <= kMaxStatusCandidate, ShapeError,
              "A pool may have at most {} candidates; got {}.", kMaxStatusCandidate, candidates);
  return detail::offsets_temporary_bytes(candidates);
}

namespace {

void queue_offsets(const DevicePredictions& predictions, double alpha, detail::Counted counted,
                   DeviceView<index_t> out, Workspace workspace, cudaStream_t stream) {
  ScoreOptions options;
  options.alpha = alpha;
  options.validate();
  check_shape(predictions, 0);
  if (predictions.candidates == 0) return;
  const std::size_t needed = offsets_workspace_bytes(predictions.candidates);
  detail::expect_workspace(workspace, needed, "offsets_workspace_bytes");
  AIFT_EXPECT(!out.empty(), ShapeError, "The offsets need room for {} elements; got none.",
              predictions.candidates + 1);
  index_t* const data = output(out, predictions.candidates + 1, "The list of offsets");
  if (predictions.offsets != nullptr) {
    detail::expect_device_memory(predictions.offsets, alignof(index_t),
                                 "Offsets of device predictions");
  }
  detail::launch_offsets(task_of(predictions, options, 0), counted, data, workspace.data,
                         workspace.bytes(), stream);
}

}  // namespace

void kept_offsets_async(const DevicePredictions& predictions, double alpha, DeviceView<index_t> out,
                        Workspace workspace, cudaStream_t stream) {
  queue_offsets(predictions, alpha, detail::Counted::kept, out, workspace, stream);
}

void cell_offsets_async(const DevicePredictions& predictions, double alpha, DeviceView<index_t> out,
                        Workspace workspace, cudaStream_t stream) {
  queue_offsets(predictions, alpha, detail::Counted::cells, out, workspace, stream);
}

}  // namespace aift::cuda
