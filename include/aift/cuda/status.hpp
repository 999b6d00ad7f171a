// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <aift/core/types.hpp>
#include <aift/cuda/predictions.hpp>
#include <aift/cuda/stream.hpp>
#include <aift/score/options.hpp>

namespace aift::cuda {

/// Why a candidate is refused; the first of these that a patch shows, in its lowest class. Those up
/// to zero_without_eps are about values of a patch.
enum class FaultCode : std::uint8_t {
  none,
  not_finite,        ///< NaN or infinite value
  negative,          ///< negative probability
  row_sum,           ///< probabilities of a patch do not sum to 1
  zero_without_eps,  ///< probability 0 with eps = 0
  offsets,           ///< the candidate has no patch, more than most_patches, or rows outside
  score,             ///< top-b: a score is not a number
  feature,           ///< a feature of the row is not finite
};

/// The first offender, or none: one 64-bit word in device memory, owned by the caller. Operators
/// lower it by an atomic minimum, so what stands there does not depend on the order of execution.
///
/// layout  candidate << 24 | patch << 4 | fault; all bits set: nothing was refused
/// limits  2^40 - 2 candidates, 2^20 patches each
struct Status {
  std::uint64_t word;  ///< the smallest word of all offenders so far; decode() unpacks it
};

/// A status word, unpacked.
struct Offense {
  FaultCode fault = FaultCode::none;  ///< what is wrong
  index_t candidate = 0;  ///< counted from `first_candidate` of the operator that refused it
  index_t patch = 0;      ///< within the candidate
};

/// The word that stands for "nothing was refused".
inline constexpr std::uint64_t kStatusClean = ~std::uint64_t{0};
inline constexpr index_t kMaxStatusCandidate = (index_t{1} << 40) - 2;  ///< see Status
inline constexpr index_t kMaxStatusPatches = index_t{1} << 20;          ///< see Status

/// Packs an offender; the smallest word is the first offender.
AIFT_HD std::uint64_t pack_status(index_t candidate, index_t patch, FaultCode fault) noexcept {
  return static_cast<std::uint64_t>(candidate) << 24 | static_cast<std::uint64_t>(patch) << 4 |
         static_cast<std::uint64_t>(fault);
}

/// The offender in a word that was copied to the host; none when clean.
[[nodiscard]] inline std::optional<Offense> decode(Status status) noexcept {
  if (status.word == kStatusClean) return std::nullopt;
  Offense offense;
  offense.fault = static_cast<FaultCode>(status.word & 0xFU);
  offense.patch = static_cast<index_t>(status.word >> 4 & 0xFFFFFU);
  offense.candidate = static_cast<index_t>(status.word >> 24);
  return offense;
}

/// Queues "nothing was refused" into `status` (device memory).
/// throws DeviceError
void reset_async(Status* status, cudaStream_t stream);

/// Waits for `stream` and throws what the CPU would have thrown.
///
/// With `predictions` (the chunk that was scored with this status, still in place) the offending
/// candidate is copied to the host and judged by the CPU's code: the message is the same to the
/// letter. `options` must be those of the operator. Without it the message lacks the value.
/// first_candidate  number of the chunk's candidate 0 in the pool, as given to the operator
/// throws           ValueError, ShapeError naming candidate and patch; DeviceError
void check(const Status* status, cudaStream_t stream);
/// The same, with the value in the message.
void check(const Status* status, const DevicePredictions& predictions, const ScoreOptions& options,
           index_t first_candidate, cudaStream_t stream);

}  // namespace aift::cuda
