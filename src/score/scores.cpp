// SPDX-License-Identifier: Apache-2.0
#include <aift/score/scores.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include <aift/core/error.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>

#include "engine.hpp"

namespace aift {

std::string_view to_string(ScoreKind kind) noexcept {
  switch (kind) {
    case ScoreKind::entropy:
      return "entropy";
    case ScoreKind::diversity:
      return "diversity";
    case ScoreKind::aift:
      return "aift";
    case ScoreKind::least_confidence:
      return "least_confidence";
    case ScoreKind::margin:
      return "margin";
    case ScoreKind::bald:
      break;
  }
  return "bald";
}

ScoreKind score_kind(std::string_view name) {
  std::vector<std::string_view> known;
  for (const ScoreKind kind : kScoreKinds) {
    if (to_string(kind) == name) return kind;
    known.push_back(to_string(kind));
  }
  throw ValueError(
      fmt::format("There is no score \"{}\"; the scores are {}.", name, fmt::join(known, ", ")));
}

namespace score {

namespace {

using detail::Fault;
using detail::Job;
using detail::Offender;

/// What the host can see without reading a value. Returns the largest q.
index_t check_shape(const PatchPredictions& chunk, index_t first_candidate) {
  AIFT_EXPECT(
      chunk.place == Place::host, ValueError,
      "Predictions must be in host memory for scoring on the CPU; these are on a device: copy "
      "them first.");
  AIFT_EXPECT(
      chunk.classes >= 2, ShapeError,
      "Predictions need at least 2 classes; got {}. For one sigmoid output pass the columns "
      "1 - p and p.",
      chunk.classes);
  AIFT_EXPECT(chunk.classes <= std::numeric_limits<label_t>::max(), ShapeError,
              "Predictions may have at most {} classes; got {}.",
              std::numeric_limits<label_t>::max(), chunk.classes);
  AIFT_EXPECT(chunk.candidates >= 0 && chunk.rows >= 0, ShapeError,
              "Numbers of candidates and rows must not be negative; got {} and {}.",
              chunk.candidates, chunk.rows);
  if (chunk.candidates == 0) return 0;
  index_t most = chunk.patches;
  if (chunk.offsets == nullptr) {
    AIFT_EXPECT(
        chunk.patches >= 1, ShapeError,
        "Every candidate needs at least one patch; got q = {}. One prediction per image? Use "
        "q = 1.",
        chunk.patches);
    AIFT_EXPECT(chunk.patches <= std::numeric_limits<index_t>::max() / chunk.candidates &&
                    chunk.rows == chunk.candidates * chunk.patches,
                ShapeError, "{} candidates of {} patches need as many rows; got {}.",
                chunk.candidates, chunk.patches, chunk.rows);
  } else {
    AIFT_EXPECT(chunk.offsets[0] >= 0, ShapeError, "Offsets must not be negative; the first is {}.",
                chunk.offsets[0]);
    most = 0;
    for (index_t i = 0; i < chunk.candidates; ++i) {
      const index_t begin = chunk.offsets[i];
      const index_t end = chunk.offsets[i + 1];
      AIFT_EXPECT(
          end != begin, ShapeError,
          "Every candidate needs at least one patch; candidate {} has none (offset {} twice).",
          first_candidate + i, begin);
      AIFT_EXPECT(end > begin, ShapeError,
                  "Offsets must increase; those of candidate {} go from {} to {}.",
                  first_candidate + i, begin, end);
      most = std::max(most, end - begin);
    }
    AIFT_EXPECT(chunk.offsets[chunk.candidates] == chunk.rows, ShapeError,
                "Offsets must end with the number of rows, {}; they end with {}.", chunk.rows,
                chunk.offsets[chunk.candidates]);
  }
  AIFT_EXPECT(most <= std::numeric_limits<std::int32_t>::max(), ShapeError,
              "A candidate may have at most {} patches; got {}.",
              std::numeric_limits<std::int32_t>::max(), most);
  AIFT_EXPECT(chunk.rows <= std::numeric_limits<index_t>::max() / 8 / chunk.classes, ShapeError,
              "{} rows of {} classes are more than memory can hold.", chunk.rows, chunk.classes);
  AIFT_EXPECT(chunk.values != nullptr, ShapeError,
              "Predictions of {} candidates need values; got a null pointer.", chunk.candidates);
  return most;
}

[[noreturn]] void refuse(const PatchPredictions& chunk, const Offender& offender,
                         index_t first_candidate, Precision precision) {
  const index_t candidate = first_candidate + offender.candidate;
  const bool logits = chunk.kind == PredictionKind::logits;
  switch (offender.fault) {
    case Fault::not_finite:
      throw ValueError(fmt::format(
          "{} must be finite{}; candidate {}, patch {} holds {}.",
          logits ? "Logits" : "Probabilities",
          precision == Precision::single && chunk.dtype == DType::f64 ? " in single precision" : "",
          candidate, offender.patch, offender.value));
    case Fault::negative:
      throw ValueError(fmt::format(
          "Probabilities must not be negative; candidate {}, patch {} holds {}. Are these logits?",
          candidate, offender.patch, offender.value));
    case Fault::row_sum:
      throw ValueError(
          fmt::format("Probabilities of a patch must sum to 1 within {}; those of candidate {}, "
                      "patch {} sum to "
                      "{}. Are these logits?",
                      chunk.dtype == DType::bf16 ? "0.01" : "0.001", candidate, offender.patch,
                      offender.value));
    case Fault::zero_without_eps:
    case Fault::none:
      break;
  }
  throw ValueError(fmt::format(
      "With eps = 0 every probability must be above 0; candidate {}, patch {} holds {}. Use the "
      "default eps of 2^-52, or logits.",
      candidate, offender.patch, offender.value));
}

/// Runs a job whose outputs are in place.
void run(const Job& job, index_t first_candidate, Executor* executor) {
  constexpr index_t kTaskValues = 1 << 16;  // a task takes tens of microseconds at least
  const detail::Engine& engine = detail::best_engine();
  const index_t n = job.chunk.candidates;
  InlineExecutor here;
  if (executor == nullptr) executor = &here;
  const std::size_t bytes = (engine.scratch_bytes(job) + 63) / 64 * 64;
  const auto workers = static_cast<std::size_t>(executor->workers());
  // operator new aligns to 16 bytes; 64 keeps the arrays apart by cache lines.
  const std::unique_ptr<std::byte[]> memory(new std::byte[workers * bytes + 64]);
  void* start = memory.get();
  std::size_t space = workers * bytes + 64;
  auto* const scratch = static_cast<std::byte*>(std::align(64, workers * bytes, start, space));

  const index_t values = (job.chunk.row_begin(n) - job.chunk.row_begin(0)) * job.chunk.classes;
  const index_t tasks = workers == 1
                            ? 1
                            : std::clamp<index_t>(values / kTaskValues, 1,
                                                  std::min<index_t>(n, 64 * executor->workers()));
  const index_t share = ((n + tasks - 1) / tasks + 63) / 64 * 64;  // whole groups of lanes
  std::atomic<bool> good{true};
  executor->run((n + share - 1) / share, [&](index_t task, int worker) {
    if (!good.load(std::memory_order_relaxed)) return;
    if (!engine.run(job, task * share, std::min(n, (task + 1) * share),
                    scratch + static_cast<std::size_t>(worker) * bytes)) {
      good.store(false, std::memory_order_relaxed);
    }
  });
  if (!good.load(std::memory_order_relaxed)) {
    refuse(job.chunk, detail::find_offender(job, 0, n), first_candidate, job.options.precision);
  }
}

template <class T>
T* grow(std::vector<T>& column, index_t count) {
  const std::size_t held = column.size();
  column.resize(held + static_cast<std::size_t>(count));
  return column.data() + held;
}

/// first 0 when empty, then the running number of kept patches.
void extend_offsets(const PatchPredictions& chunk, double alpha, std::vector<index_t>& offsets) {
  if (offsets.empty()) offsets.push_back(0);
  for (index_t i = 0; i < chunk.candidates; ++i) {
    offsets.push_back(offsets.back() + kept_count(chunk.patch_count(i), alpha));
  }
}

}  // namespace

index_t kept_count(index_t q, double alpha) noexcept {
  const double share = std::floor(alpha * static_cast<double>(q) + 0.5);
  return std::min(q, std::max<index_t>(1, static_cast<index_t>(share)));
}

void compute(ScoreKind kind, const PatchPredictions& chunk, const ScoreOptions& options,
             ScoreTable& out, Executor* executor) {
  options.validate();
  const index_t first = out.first_candidate + out.size();
  Job job;
  job.most_patches = check_shape(chunk, first);
  if (chunk.candidates == 0) return;
  ScoreTable rows;
  if (out.size() == 0) rows.reuse(out);
  rows.request = out.request;
  rows.first_candidate = out.first_candidate;
  rows.form = chunk.kind;
  rows.options = options;
  rows.name = to_string(kind);
  rows.classes = chunk.classes;
  job.chunk = chunk;
  job.options = options;
  job.kind = kind;
  job.score = grow(rows.score, chunk.candidates);
  job.entropy = grow(rows.entropy, chunk.candidates);
  job.diversity = grow(rows.diversity, chunk.candidates);
  job.dominant = grow(rows.dominant, chunk.candidates);
  if (out.request.kept) {
    extend_offsets(chunk, options.alpha, rows.kept_offsets);
    job.kept = grow(rows.kept, rows.kept_offsets.back());
    job.kept_offsets = rows.kept_offsets.data();
    rows.patches.reserve(static_cast<std::size_t>(chunk.candidates));
    for (index_t i = 0; i < chunk.candidates; ++i) {
      rows.patches.push_back(static_cast<std::int32_t>(chunk.patch_count(i)));
    }
  }
  if (out.request.mean_probabilities) {
    job.mean_probabilities = grow(rows.mean_probabilities, chunk.candidates * chunk.classes);
  }
  run(job, first, executor);
  if (out.size() == 0) {
    out = std::move(rows);
  } else {
    out.append(rows);
  }
}

void entropy(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
             Executor* executor) {
  compute(ScoreKind::entropy, chunk, options, out, executor);
}

void diversity(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
               Executor* executor) {
  compute(ScoreKind::diversity, chunk, options, out, executor);
}

void aift(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
          Executor* executor) {
  compute(ScoreKind::aift, chunk, options, out, executor);
}

void least_confidence(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
                      Executor* executor) {
  compute(ScoreKind::least_confidence, chunk, options, out, executor);
}

void margin(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
            Executor* executor) {
  compute(ScoreKind::margin, chunk, options, out, executor);
}

void bald(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
          Executor* executor) {
  compute(ScoreKind::bald, chunk, options, out, executor);
}

void patch_entropies(const PatchPredictions& chunk, const ScoreOptions& options,
                     std::vector<double>& out, Executor* executor) {
  options.validate();
  Job job;
  job.most_patches = check_shape(chunk, 0);
  if (chunk.candidates == 0) return;
  std::vector<double> rows(
      static_cast<std::size_t>(chunk.row_begin(chunk.candidates) - chunk.row_begin(0)));
  job.chunk = chunk;
  job.options = options;
  job.patch_entropy = rows.data();
  run(job, 0, executor);
  out.insert(out.end(), rows.begin(), rows.end());
}

Majority majority(const PatchPredictions& chunk, const ScoreOptions& options, Executor* executor) {
  options.validate();
  Majority out;
  out.kept_offsets.push_back(0);
  Job job;
  job.most_patches = check_shape(chunk, 0);
  if (chunk.candidates == 0) return out;
  extend_offsets(chunk, options.alpha, out.kept_offsets);
  job.chunk = chunk;
  job.options = options;
  job.dominant = grow(out.dominant, chunk.candidates);
  job.kept = grow(out.kept, out.kept_offsets.back());
  job.kept_offsets = out.kept_offsets.data();
  run(job, 0, executor);
  return out;
}

void matrix(const PatchPredictions& chunk, const ScoreOptions& options, MatrixTable& out,
            Executor* executor) {
  options.validate();
  Job job;
  job.most_patches = check_shape(chunk, out.size());
  if (chunk.candidates == 0) return;
  std::vector<index_t> cell_offsets = {0};
  std::vector<index_t> kept_offsets = {0};
  for (index_t i = 0; i < chunk.candidates; ++i) {
    const index_t m = kept_count(chunk.patch_count(i), options.alpha);
    cell_offsets.push_back(cell_offsets.back() + m * m);
    kept_offsets.push_back(kept_offsets.back() + m);
  }
  std::vector<double> cells(static_cast<std::size_t>(cell_offsets.back()));
  std::vector<std::int32_t> kept(static_cast<std::size_t>(kept_offsets.back()));
  job.chunk = chunk;
  job.options = options;
  job.matrix = cells.data();
  job.cell_offsets = cell_offsets.data();
  job.kept_ascending = kept.data();
  job.kept_offsets = kept_offsets.data();
  run(job, out.size(), executor);
  const auto extend = [](std::vector<index_t>& offsets, const std::vector<index_t>& more) {
    if (offsets.empty()) offsets.push_back(0);
    const index_t held = offsets.back();
    for (std::size_t i = 1; i < more.size(); ++i)
      offsets.push_back(held + more[i]);
  };
  extend(out.offsets, cell_offsets);
  extend(out.kept_offsets, kept_offsets);
  out.cells.insert(out.cells.end(), cells.begin(), cells.end());
  out.kept.insert(out.kept.end(), kept.begin(), kept.end());
}

}  // namespace score
}  // namespace aift
