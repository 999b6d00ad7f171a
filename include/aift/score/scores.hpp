// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/predictions.hpp>
#include <aift/score/options.hpp>
#include <aift/score/score_table.hpp>

namespace aift {

/// The scores that the library computes.
enum class ScoreKind : std::uint8_t { entropy, diversity, aift, least_confidence, margin, bald };

/// All of them, in the order of the enumeration.
inline constexpr std::array<ScoreKind, 6> kScoreKinds = {
    ScoreKind::entropy,          ScoreKind::diversity, ScoreKind::aift,
    ScoreKind::least_confidence, ScoreKind::margin,    ScoreKind::bald};

/// "entropy", "diversity", "aift", "least_confidence", "margin", "bald".
[[nodiscard]] std::string_view to_string(ScoreKind kind) noexcept;
/// The score of that name; ValueError lists the known ones.
[[nodiscard]] ScoreKind score_kind(std::string_view name);

/// Pure functions from patch predictions to one number per candidate (DESIGN section 5).
///
/// With P [q, K] the probabilities of a candidate's patches, L = ln(P + eps), and *kept* the m
/// patches of the majority (`score::majority`), all in nats:
///   e_j       -sum_k P_jk L_jk
///   d(j, l)   sum_k (P_jk - P_lk)(L_jk - L_lk)
///   entropy   sum over kept j of e_j; divided by m with EntropyAggregation::mean
///   diversity sum over ordered pairs of kept patches of d(j, l), computed without the pairs as
///             2 m sum_k sum_j (P_jk - mean_k P)(L_jk - mean_k L); half of it when unordered
/// From logits z nothing is added inside a logarithm and no logarithm is taken per value: with
/// w = z - max_k z, k* its index, r = sum over k != k* of exp(w_k):
///   P = exp(w) / (1 + r),  e_j = log1p(r) + sum_k exp(w_k)(-w_k) / (1 + r),  w in the place of L
/// Source: Zhou et al., CVPR 2017; the closed form and the form from logits are ours.
///
/// Rows are appended to `out`, one per candidate of `chunk`; `out.request` says what else is kept.
/// order   fixed sums (math/sum.hpp): bit-identical for any chunking, dense or ragged
/// throws  ShapeError, ValueError naming the first offending candidate (counted from
///         out.first_candidate) and patch; `out` is then as it was
/// cost    O(q K) per candidate; one allocation per call and thread, of up to 5 q K numbers for the
///         largest q of the chunk and each of 16 candidates that are scored side by side
/// executor  runs the candidates side by side; null: the calling thread. No effect on any bit
/// thread safe: no state; scores of disjoint chunks may be computed in several threads
///
/// The instructions used (AVX-512, AVX2 with FMA, or none of them) are chosen at run time, with no
/// effect on any bit; the environment variable AIFT_SIMD=baseline|avx2|avx512 forces one, for
/// tests.
namespace score {

/// score = entropy
void entropy(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
             Executor* executor = nullptr);
/// score = diversity
void diversity(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
               Executor* executor = nullptr);
/// score = lambda1 entropy + lambda2 diversity: the sum of all cells of R over the kept patches
void aift(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
          Executor* executor = nullptr);
/// score = 1 - largest mean probability of the kept patches, in [0, 1 - 1/K]
void least_confidence(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
                      Executor* executor = nullptr);
/// score = 1 - (largest - second largest mean probability of the kept patches), in [0, 1]
void margin(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
            Executor* executor = nullptr);
/// score = entropy of the kept patches' mean prediction - their mean entropy: the mutual
/// information between prediction and patch. A difference: absolute error about 1e-15 K (double),
/// 1e-6 (single).
void bald(const PatchPredictions& chunk, const ScoreOptions& options, ScoreTable& out,
          Executor* executor = nullptr);

/// The score named by `kind`.
void compute(ScoreKind kind, const PatchPredictions& chunk, const ScoreOptions& options,
             ScoreTable& out, Executor* executor = nullptr);

/// e_j of every patch of `chunk` in row order, nats; alpha is not used. Appended to `out`, [rows].
void patch_entropies(const PatchPredictions& chunk, const ScoreOptions& options,
                     std::vector<double>& out, Executor* executor = nullptr);

}  // namespace score
}  // namespace aift
