// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include <aift/core/types.hpp>

namespace aift {

/// What a random number is used for. Part of the key, so that no two uses share numbers.
/// The values are written into nothing and must still never change: they fix every past run.
enum class Purpose : std::uint32_t {
  selection = 1,    ///< draws and tie noise of selectors
  first_batch = 2,  ///< the first batch, when it is random
  scoring = 3,      ///< views of a candidate that are scored
  training = 4,     ///< views of a candidate that are trained on
  split = 5,        ///< pool/test split by group
  folds = 6,        ///< grouped folds and hold-outs of the labelled set
  order = 7,        ///< which sample a training step sees
  dropout = 8,      ///< dropout masks
  weights = 9,      ///< initial values of layers that start untrained
  probe = 10,       ///< views of a labelled candidate whose features a linear probe is fitted on
  test = 11,        ///< views of a test candidate
  audit = 20,       ///< candidates of a batch that are drawn at random (BatchRules::audit_share)
  bench_task = 30,  ///< draws of a task of the benchmark (bench::TaskSource)
};

/// Philox4x32-10: 128-bit counter, 64-bit key, 128 random bits; a pure function.
/// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
[[nodiscard]] constexpr std::array<std::uint32_t, 4> philox4x32(
    std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// Stateless 64-bit mixer (Steele et al., OOPSLA 2014); used to fold key parts together.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t x) noexcept {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

namespace detail {

/// Upper 64 bits of the 128-bit product.
[[nodiscard]] constexpr std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) noexcept {
  const std::uint64_t a_low = a & 0xFFFFFFFFu;
  const std::uint64_t a_high = a >> 32;
  const std::uint64_t b_low = b & 0xFFFFFFFFu;
  const std::uint64_t b_high = b >> 32;
  const std::uint64_t middle = a_high * b_low + ((a_low * b_low) >> 32);
  const std::uint64_t other = a_low * b_high + (middle & 0xFFFFFFFFu);
  return a_high * b_high + (middle >> 32) + (other >> 32);
}

}  // namespace detail

/// Random numbers that depend on *what* they are for, never on the order in which they are asked:
/// the same (seed, purpose, round, id, index) gives the same number on any machine and thread.
///
/// id     stable number of a sample (CandidateRef::id), or 0 where no sample is meant
/// cost   one Philox block (about 40 integer operations) per call
/// thread safe: immutable
class KeyedRandom {
 public:
  /// The stream of one use; see the class.
  constexpr KeyedRandom(std::uint64_t seed, Purpose purpose, index_t round = 0,
                        std::uint64_t id = 0) noexcept
      : id_(id),
        key_(splitmix64(
            splitmix64(splitmix64(seed) ^ static_cast<std::uint64_t>(purpose)) ^
            static_cast<std::uint64_t>(round))) {}

  /// 64 uniformly distributed bits.
  [[nodiscard]] constexpr std::uint64_t bits(index_t index) const noexcept {
    const auto i = static_cast<std::uint64_t>(index);
    const auto block =
        philox4x32({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32),
                    static_cast<std::uint32_t>(id_), static_cast<std::uint32_t>(id_ >> 32)},
                   {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32)});
    return (std::uint64_t{block[1]} << 32) | block[0];
  }

  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] constexpr double uniform(index_t index) const noexcept {
    return static_cast<double>(bits(index) >> 11) * 0x1p-53;
  }

  /// Uniform in [low, high).
  [[nodiscard]] constexpr double uniform(index_t index, double low, double high) const noexcept {
    return low + (high - low) * uniform(index);
  }

  /// Uniform integer in [0, n), n >= 1; bias below n / 2^64.
  [[nodiscard]] constexpr index_t below(index_t index, index_t n) const noexcept {
    return static_cast<index_t>(detail::multiply_high(bits(index), static_cast<std::uint64_t>(n)));
  }

  /// Standard normal (Box-Muller on the uniforms 2 index and 2 index + 1).
  [[nodiscard]] double normal(index_t index) const noexcept {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(2 * index)));
    return radius * std::cos(6.283185307179586476925 * uniform(2 * index + 1));
  }

 private:
  std::uint64_t id_;
  std::uint64_t key_;
};

}  // namespace aift
