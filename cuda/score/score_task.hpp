// SPDX-License-Identifier: Apache-2.0
#pragma once

// One scoring operator on one chunk, as a kernel gets it, and what it refuses.

#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include <aift/core/half.hpp>
#include <aift/core/predictions.hpp>
#include <aift/cuda/status.hpp>
#include <aift/math/exp.hpp>
#include <aift/math/log.hpp>
#include <aift/math/sum.hpp>
#include <aift/score/options.hpp>

#include "cuda/core/group.hpp"

namespace aift::cuda::detail {

/// n / divisor by a multiplication; exact for n * divisor < 2^32.
struct Divider {
  std::uint32_t factor = 0;  ///< 0 for divisor 1

  static Divider of(index_t divisor) {
    const auto d = static_cast<std::uint64_t>(divisor);
    return {static_cast<std::uint32_t>(((std::uint64_t{1} << 32) + d - 1) / d)};
  }
  AIFT_HD int quotient(int n) const {
    const auto x = static_cast<std::uint32_t>(n);
    const std::uint64_t product = static_cast<std::uint64_t>(x) * factor;
    return static_cast<int>(factor == 0 ? x : static_cast<std::uint32_t>(product >> 32));
  }
};

/// Up to so many kept patches a lane keeps on its own: as many are held in registers.
inline constexpr int kMostKeptByLane = 16;

/// What the score ranks by; the values of ScoreKind.
enum class Rank : std::uint8_t { entropy, diversity, aift, least_confidence, margin, bald };

/// One operator on one chunk, as a kernel gets it. Outputs that are null are not wanted.
struct ScoreTask {
  const void* values = nullptr;
  DType dtype = DType::f64;
  bool logits = false;
  index_t candidates = 0;
  int classes = 0;
  index_t patches = 0;               ///< q when dense, else 0
  const index_t* offsets = nullptr;  ///< when ragged
  index_t rows = 0;
  int most_patches = 0;
  int most_kept = 0;  ///< kept_patches(most_patches, alpha)

  double alpha = 1;
  double lambda1 = 1;
  double lambda2 = 1;
  double eps = 0;
  bool mean_of_entropies = false;
  bool ordered_pairs = true;
  Rank rank = Rank::aift;

  double* score = nullptr;
  double* entropy = nullptr;
  double* diversity = nullptr;
  std::int32_t* dominant = nullptr;
  std::int32_t* kept = nullptr;            ///< most confident first
  std::int32_t* kept_ascending = nullptr;  ///< ascending
  const index_t* kept_offsets = nullptr;   ///< of kept; null: candidate i at i * most_kept
  double* mean_probabilities = nullptr;
  double* matrix = nullptr;
  const index_t* matrix_offsets = nullptr;  ///< null: candidate i at i * most_kept^2
  double* patch_entropy = nullptr;

  std::uint64_t* status = nullptr;
  index_t first_candidate = 0;

  // How the work is cut: set by `lay_out`.
  int tile = 1;           ///< candidates per group
  int slots = 0;          ///< rows that a candidate has room for
  bool keep_logs = true;  ///< logarithms have room; else they are taken whenever they are needed
  Divider by_slots;
  Divider by_classes;
  Divider by_kept;
  Divider by_pairs;  ///< pairs of patches

  AIFT_HD bool summed() const { return score != nullptr; }
  /// Whether float holds every prediction.
  AIFT_HD bool narrow_store() const { return dtype != DType::f64 && !logits; }
  AIFT_HD bool wide() const { return classes > kNarrowClasses; }
  /// Whether a lane finds the kept patches of a candidate of few classes on its own.
  AIFT_HD bool by_lane() const {
    return !wide() && most_kept < most_patches && most_kept <= kMostKeptByLane;
  }
};

/// score::kept_count on host and device.
AIFT_HD index_t kept_patches(index_t q, double alpha) {
  const double share = alpha * static_cast<double>(q) + 0.5;
  const index_t kept = static_cast<index_t>(share);  // positive: truncation is floor
  const index_t least = kept < 1 ? 1 : kept;
  return least < q ? least : q;
}

/// Fills the derived members of a task for tiles of `tile` candidates.
inline void lay_out(ScoreTask& task, int tile) {
  task.tile = tile;
  task.most_kept = static_cast<int>(kept_patches(task.most_patches, task.alpha));
  // Two classes: an odd number of rows apart, so that lanes of neighbouring candidates do not meet in
  // a bank. Others: rows one after another, as in memory.
  task.slots = task.classes == 2 ? task.most_patches | 1 : task.most_patches;
  task.by_slots = Divider::of(task.slots);
  task.by_classes = Divider::of(task.classes);
  task.by_kept = Divider::of(task.most_kept);
  task.by_pairs = Divider::of(task.patches > 1 ? task.patches / 2 : 1);
}

/// Whether the rows of candidate i are refused.
AIFT_HD bool bad_offsets(const ScoreTask& task, index_t i) {
  const index_t begin = task.offsets[i];
  const index_t end = task.offsets[i + 1];
  return begin < 0 || end > task.rows || end <= begin || end - begin > task.most_patches;
}

/// Refuses the candidates first, first + step, ... whose rows are no rows.
AIFT_HD void check_offsets(const ScoreTask& task, index_t first, index_t step) {
  for (index_t i = first; i < task.candidates; i += step) {
    if (bad_offsets(task, i))
      lower(task.status, pack_status(task.first_candidate + i, 0, FaultCode::offsets));
  }
}

/// Kept patches, or cells of the matrix, of candidate i.
AIFT_HD index_t counted_in(const ScoreTask& task, index_t i, bool cells) {
  index_t q = task.patches;
  if (task.offsets != nullptr) q = bad_offsets(task, i) ? 0 : task.offsets[i + 1] - task.offsets[i];
  const index_t m = q > 0 ? kept_patches(q, task.alpha) : 0;
  return cells ? m * m : m;
}

/// One number of the input in T.
template <class T>
AIFT_HD T read_value(const ScoreTask& task, index_t at) {
  switch (task.dtype) {
    case DType::f64:
      return static_cast<T>(static_cast<const double*>(task.values)[at]);
    case DType::f32:
      return static_cast<T>(static_cast<const float*>(task.values)[at]);
    case DType::f16:
      return static_cast<T>(to_float(static_cast<const half_t*>(task.values)[at]));
    case DType::bf16:
      break;
  }
  return static_cast<T>(to_float(static_cast<const bfloat16_t*>(task.values)[at]));
}

template <class T>
struct Bounds {
  T eps;
  T tolerance;
  T least;      ///< a probability below it is refused
  bool normal;  ///< no logarithm gets a subnormal number

  explicit AIFT_HD Bounds(const ScoreTask& task)
      : eps(static_cast<T>(task.eps)),
        tolerance(static_cast<T>(task.dtype == DType::bf16 ? 1e-2 : 1e-3)),
        least(eps > T{0} ? T{0} : std::numeric_limits<T>::denorm_min()),
        normal(eps >= std::numeric_limits<T>::min()) {}

  template <bool kNormal>
  AIFT_HD T log_of(T p) const {
    if constexpr (kNormal) return math::log_normal_lane<math::Lane<T>>(p + eps);
    return math::log(p + eps);
  }
  AIFT_HD T log_of(T p) const { return normal ? log_of<true>(p) : log_of<false>(p); }
};

/// Logits further apart than this are as good as certain; the bound keeps 0 * w a number.
template <class T>
AIFT_HD T clamp_w(T w) {
  constexpr T kFloor =
      std::is_same_v<T, double> ? static_cast<T>(-0x1p500) : static_cast<T>(-0x1p100);
  return w < kFloor ? kFloor : w;
}

/// The fault of a patch: of its first refused value, else of its sum. value(k) is the input.
template <class T, class F>
AIFT_HD FaultCode fault_of(const ScoreTask& task, const Bounds<T>& bounds, const F& value) {
  for (int k = 0; k < task.classes; ++k) {
    const T x = value(k);
    if (!is_finite(x)) return FaultCode::not_finite;
    if (task.logits) continue;
    if (x < T{0}) return FaultCode::negative;
    if (x < bounds.least) return FaultCode::zero_without_eps;
  }
  return FaultCode::row_sum;  // called for refused patches only
}

}  // namespace aift::cuda::detail
