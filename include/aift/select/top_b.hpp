// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/core/types.hpp>

namespace aift {

/// A score and whose it is.
struct RankedScore {
  double score = 0;   ///< larger comes first
  index_t index = 0;  ///< on a tie the smaller comes first
  [[nodiscard]] bool operator==(const RankedScore&) const = default;  ///< of both
};

/// The b largest of scores that come chunk by chunk; what is kept does not grow with the pool.
///
/// order   descending score, lowest index on a tie (0.0 and -0.0 tie); infinities are scores like
///         any other
/// chunks  in any order and of any size: the result depends on the set of (index, score) pairs only
/// memory  at most 4 b + 4,096 pairs
/// cost    one comparison per score, side by side in vector registers; the O(b log(N/b)) scores of
///         a pool in random order that pass it cost about 8 ns each, and so does every score of a
///         pool that is sorted upwards
/// Thread rule: one thread at a time; several objects side by side are merged.
class StreamingTopB {
 public:
  /// throws ValueError: budget < 0
  explicit StreamingTopB(index_t budget);

  /// b, as given.
  [[nodiscard]] index_t budget() const noexcept { return budget_; }

  /// Score i of the chunk is candidate first_index + i; every candidate comes once.
  /// throws ValueError: a NaN (naming the candidate), first_index < 0. The state is then that of
  /// the scores before the offender.
  void push(std::span<const double> scores, index_t first_index);
  /// The same for float.
  void push(std::span<const float> scores, index_t first_index);

  /// Takes in what another object of at least the same budget has kept.
  /// throws ValueError: the other's budget is smaller
  void merge(const StreamingTopB& other);

  /// The min(b, scores so far) largest, best first. More chunks may follow.
  [[nodiscard]] std::vector<RankedScore> result() const;

 private:
  template <class T>
  index_t scan(std::span<const T> scores, index_t first_index);
  template <class T>
  friend std::vector<index_t> top_b_of(std::span<const T> scores, index_t budget,
                                       Executor* executor);
  void add(RankedScore entry);
  void compact();

  index_t budget_ = 0;
  std::size_t capacity_ = 0;
  std::vector<RankedScore> held_;
  bool full_ = false;  ///< whether `worst_` is the b-th best so far
  RankedScore worst_;
};

/// Indices of the min(b, N) largest scores, descending, lowest index on a tie.
///
/// executor  null: the calling thread alone. The result never depends on it.
/// throws    ValueError: budget < 0, a NaN (naming the first candidate that has one)
/// cost      one read of the scores; memory O(b) per worker
[[nodiscard]] std::vector<index_t> top_b(std::span<const double> scores, index_t budget,
                                         Executor* executor = nullptr);
/// The same for float.
[[nodiscard]] std::vector<index_t> top_b(std::span<const float> scores, index_t budget,
                                         Executor* executor = nullptr);

}  // namespace aift
