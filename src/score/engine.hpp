// SPDX-License-Identifier: Apache-2.0
#pragma once

// The loop over the candidates of one chunk, compiled once per instruction set from
// engine_body.hpp. Everything here is plain pointers: shapes have been checked, memory has been
// provided.

#include <cstddef>

#include <aift/core/predictions.hpp>
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

  std::byte* scratch = nullptr;  ///< scratch_bytes(job)
  index_t most_patches = 0;      ///< largest q_i of the chunk
};

/// Bytes of scratch that a job needs.
[[nodiscard]] std::size_t scratch_bytes(const Job& job) noexcept;

/// Scores the candidates in order and stops at the first offender; what was written up to there is
/// then of no use.
using Engine = Offender (*)(const Job& job);

[[nodiscard]] Offender run_baseline(const Job& job);  ///< fma is a call into the C library
#if defined(__x86_64__) && defined(__GNUC__)
#define AIFT_HAS_AVX2_ENGINE 1
[[nodiscard]] Offender run_avx2(const Job& job);  ///< for CPUs with AVX2 and FMA
#endif

/// The quickest engine of this machine. All give the same bits.
[[nodiscard]] Engine best_engine() noexcept;

/// a b + c in two roundings, from inside each engine: tests see whether a compiler contracted it.
[[nodiscard]] double contraction_probe_baseline(double a, double b, double c) noexcept;
#if defined(AIFT_HAS_AVX2_ENGINE)
[[nodiscard]] double contraction_probe_avx2(double a, double b, double c) noexcept;
#endif

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
