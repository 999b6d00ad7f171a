// SPDX-License-Identifier: Apache-2.0
#pragma once

// The loop over the candidates of one chunk, compiled once per instruction set. Everything here is
// plain pointers: shapes have been checked, memory has been provided.

#include <cstddef>
#include <span>

#include <aift/core/predictions.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/scores.hpp>

namespace aift::score::detail {

/// Why a patch is refused.
enum class Fault : std::uint8_t { none, not_finite, negative, row_sum, zero_without_eps };

/// The first patch that is refused.
struct Offender {
  Fault fault = Fault::none;
  index_t candidate = 0;
  index_t patch = 0;
  double value = 0;  ///< the value that is refused, or the row sum
};

/// One chunk to score. Outputs that are null are not wanted.
struct Job {
  PatchPredictions chunk;
  ScoreOptions options;
  ScoreKind kind = ScoreKind::aift;

  double* score = nullptr;                 ///< [N]
  double* entropy = nullptr;               ///< [N]
  double* diversity = nullptr;             ///< [N]
  label_t* dominant = nullptr;             ///< [N]
  std::int32_t* kept = nullptr;            ///< packed, most confident first
  std::int32_t* kept_ascending = nullptr;  ///< packed, ascending
  double* mean_probabilities = nullptr;    ///< [N, K]
  double* patch_entropy = nullptr;         ///< [rows], of all patches: alpha is taken as 1
  double* matrix = nullptr;                ///< packed m_i x m_i

  /// Where the packed rows of each candidate begin; the first need not be 0. Null when dense.
  const index_t* kept_offsets = nullptr;  ///< [N + 1]
  const index_t* cell_offsets = nullptr;  ///< [N + 1]
  index_t most_patches = 0;               ///< largest q_i of the chunk
};

/// Where the kept patches of candidate i go.
inline index_t kept_begin(const Job& job, index_t i) {
  if (job.chunk.offsets == nullptr) return i * kept_count(job.chunk.patches, job.options.alpha);
  return job.kept_offsets == nullptr ? 0 : job.kept_offsets[i] - job.kept_offsets[0];
}

/// Where the matrix of candidate i goes.
inline index_t cell_begin(const Job& job, index_t i) {
  if (job.chunk.offsets == nullptr) {
    const index_t m = kept_count(job.chunk.patches, job.options.alpha);
    return i * m * m;
  }
  return job.cell_offsets[i] - job.cell_offsets[0];
}

/// Bytes of one value.
inline std::size_t bytes_of(DType dtype) {
  return dtype == DType::f64 ? 8 : dtype == DType::f32 ? 4 : 2;
}

/// A way to compute. All of them give the same bits.
struct Engine {
  const char* name;
  /// Scores the candidates [first, last); false when one of them is refused, and what was written
  /// is then of no use (`find_offender` names it).
  bool (*run)(const Job& job, index_t first, index_t last, std::byte* scratch);
  /// Bytes that `run` needs, aligned to 64; one piece for every thread.
  std::size_t (*scratch_bytes)(const Job& job);
  /// a b + c in two roundings: tests see whether a compiler contracted it.
  double (*contraction_probe)(double a, double b, double c);
};

/// What this CPU can run, the slowest first: "baseline" (fma is a call into the C library), "avx2"
/// (AVX2, FMA, F16C), "avx512" (AVX-512 F, DQ, BW, VL).
[[nodiscard]] std::span<const Engine* const> engines() noexcept;

/// The quickest engine of this machine, or the one that the environment variable AIFT_SIMD names.
/// throws ValueError when it names none of `engines()`
[[nodiscard]] const Engine& best_engine();

/// The first patch of [first, last) that is refused.
[[nodiscard]] Offender find_offender(const Job& job, index_t first, index_t last);

/// Candidates whose order by patches is made at a time.
inline constexpr index_t kWindow = 1024;

/// The candidates [first, last), at least one and at most kWindow, by ascending number of patches,
/// then by their own number, as distances from `first`.
void order_by_patches(const PatchPredictions& chunk, index_t first, index_t last,
                      std::int32_t* order);

/// Positions of the m largest of q values (lowest position on a tie), ascending, into `kept`.
void keep_largest(const double* values, index_t q, index_t m, double* copy, std::int32_t* kept);
/// The same for float.
void keep_largest(const float* values, index_t q, index_t m, float* copy, std::int32_t* kept);

/// Writes `kept` in the order of descending value, lowest position on a tie.
void order_by_confidence(const double* values, const std::int32_t* kept, index_t m,
                         std::int32_t* out);
/// The same for float.
void order_by_confidence(const float* values, const std::int32_t* kept, index_t m,
                         std::int32_t* out);

}  // namespace aift::score::detail
