// SPDX-License-Identifier: Apache-2.0
#include <aift/select/top_b.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include <aift/core/error.hpp>

namespace aift {

namespace {

/// Scores that are compared at once; most such runs hold nothing of interest.
constexpr std::size_t kRun = 64;
/// Scores of one task.
constexpr std::size_t kPart = std::size_t{1} << 18;

bool ahead(const RankedScore& a, const RankedScore& b) noexcept {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

/// Sixteen bytes of scores side by side. Memory is the limit on any machine, so that the narrowest
/// vector registers are wide enough.
using TwoDoubles = double __attribute__((vector_size(16)));
using FourFloats = float __attribute__((vector_size(16)));

template <class Vector, class T>
bool any_above_vector(const T* x, Vector limits) noexcept {
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(T);
  auto even = (limits <= limits) | (limits != limits);  // true in every lane
  auto odd = even;
  for (std::size_t i = 0; i < kRun; i += 2 * kLanes) {
    Vector a;
    Vector b;
    std::memcpy(&a, x + i, sizeof a);
    std::memcpy(&b, x + i + kLanes, sizeof b);
    even &= a <= limits;
    odd &= b <= limits;
  }
  even &= odd;
  std::int64_t halves[2];
  static_assert(sizeof even == sizeof halves);
  std::memcpy(halves, &even, sizeof halves);
  return (halves[0] & halves[1]) != -1;
}

/// Whether one of a run is above the limit, or is no number.
bool any_above(const double* x, double limit) noexcept {
  return any_above_vector(x, TwoDoubles{limit, limit});
}
bool any_above(const float* x, float limit) noexcept {
  return any_above_vector(x, FourFloats{limit, limit, limit, limit});
}

/// The largest T that is not above x.
template <class T>
T not_above(double x) noexcept {
  const T nearest = static_cast<T>(x);
  if (static_cast<double>(nearest) <= x) return nearest;
  return std::nextafter(nearest, -std::numeric_limits<T>::infinity());
}

void expect_number(index_t offender) {
  AIFT_EXPECT(offender < 0, ValueError, "Scores must be numbers; candidate {} has NaN.", offender);
}

}  // namespace

StreamingTopB::StreamingTopB(index_t budget) : budget_(budget) {
  AIFT_EXPECT(budget >= 0, ValueError, "The budget must be at least 0; got {}.", budget);
  // A budget beyond any pool costs nothing: the vector grows with what comes.
  constexpr index_t kMost = std::numeric_limits<index_t>::max() / 64;
  capacity_ = static_cast<std::size_t>(4 * std::min(budget, kMost) + 4096);
}

void StreamingTopB::compact() {
  const auto b = static_cast<std::size_t>(budget_);
  if (held_.size() <= b) return;
  if (b == 0) {
    held_.clear();
    return;
  }
  const auto last = held_.begin() + static_cast<std::ptrdiff_t>(b) - 1;
  std::nth_element(held_.begin(), last, held_.end(), ahead);
  held_.resize(b);
  worst_ = held_.back();
  full_ = true;
}

void StreamingTopB::add(RankedScore entry) {
  if (budget_ == 0 || (full_ && !ahead(entry, worst_))) return;
  held_.push_back(entry);
  if (held_.size() >= capacity_) compact();
}

/// Returns the first candidate whose score is no number, or -1; stops there.
template <class T>
index_t StreamingTopB::scan(std::span<const T> scores, index_t first_index) {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const auto one = [&](std::size_t i) {
    const double score = static_cast<double>(scores[i]);
    if (std::isnan(score)) return false;
    add({score, first_index + static_cast<index_t>(i)});
    return true;
  };
  std::size_t i = 0;
  for (; i + kRun <= scores.size(); i += kRun) {
    if (budget_ == 0 || full_) {
      T limit = kInfinity;
      if (budget_ > 0) {
        // A tie is lost to a lower index, so that what lies behind the worst must be above it.
        limit = not_above<T>(worst_.score);
        const bool behind = first_index + static_cast<index_t>(i) > worst_.index;
        if (!behind) limit = std::nextafter(limit, -kInfinity);
        // Nothing lies below minus infinity: then each of the run is looked at.
        if (!behind && limit == -kInfinity) limit = std::numeric_limits<T>::quiet_NaN();
      }
      if (!any_above(scores.data() + i, limit)) continue;
    }
    for (std::size_t j = i; j < i + kRun; ++j) {
      if (!one(j)) return first_index + static_cast<index_t>(j);
    }
  }
  for (; i < scores.size(); ++i) {
    if (!one(i)) return first_index + static_cast<index_t>(i);
  }
  return -1;
}

void StreamingTopB::push(std::span<const double> scores, index_t first_index) {
  AIFT_EXPECT(first_index >= 0, ValueError, "The first index must be at least 0; got {}.",
              first_index);
  expect_number(scan(scores, first_index));
}

void StreamingTopB::push(std::span<const float> scores, index_t first_index) {
  AIFT_EXPECT(first_index >= 0, ValueError, "The first index must be at least 0; got {}.",
              first_index);
  expect_number(scan(scores, first_index));
}

void StreamingTopB::merge(const StreamingTopB& other) {
  AIFT_EXPECT(other.budget_ >= budget_, ValueError,
              "What is merged must have kept at least {} scores; its budget is {}.", budget_,
              other.budget_);
  if (&other == this) return;
  for (const RankedScore& entry : other.held_)
    add(entry);
}

std::vector<RankedScore> StreamingTopB::result() const {
  std::vector<RankedScore> best = held_;
  const auto count = std::min(best.size(), static_cast<std::size_t>(budget_));
  if (count < best.size()) {
    std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), best.end(),
                     ahead);
    best.resize(count);
  }
  std::sort(best.begin(), best.end(), ahead);
  return best;
}

template <class T>
std::vector<index_t> top_b_of(std::span<const T> scores, index_t budget, Executor* executor) {
  const std::size_t parts = (scores.size() + kPart - 1) / kPart;
  const auto size = static_cast<index_t>(scores.size());
  StreamingTopB best(budget);
  if (executor == nullptr || executor->workers() == 1 || parts < 2) {
    expect_number(best.scan(scores, 0));
  } else {
    const auto workers = static_cast<std::size_t>(executor->workers());
    std::vector<StreamingTopB> of_worker(workers, StreamingTopB(std::min(budget, size)));
    std::vector<index_t> offender(workers, -1);
    executor->run(static_cast<index_t>(parts), [&](index_t part, int worker) {
      const auto w = static_cast<std::size_t>(worker);
      const std::size_t first = static_cast<std::size_t>(part) * kPart;
      const index_t bad =
          of_worker[w].scan(scores.subspan(first, std::min(kPart, scores.size() - first)),
                            static_cast<index_t>(first));
      if (bad >= 0 && (offender[w] < 0 || bad < offender[w])) offender[w] = bad;
    });
    index_t first_bad = -1;
    for (const index_t bad : offender) {
      if (bad >= 0 && (first_bad < 0 || bad < first_bad)) first_bad = bad;
    }
    expect_number(first_bad);
    best = StreamingTopB(std::min(budget, size));
    for (const StreamingTopB& other : of_worker)
      best.merge(other);
  }
  const std::vector<RankedScore> ranked = best.result();
  std::vector<index_t> indices;
  indices.reserve(ranked.size());
  for (const RankedScore& entry : ranked)
    indices.push_back(entry.index);
  return indices;
}

std::vector<index_t> top_b(std::span<const double> scores, index_t budget, Executor* executor) {
  return top_b_of(scores, budget, executor);
}

std::vector<index_t> top_b(std::span<const float> scores, index_t budget, Executor* executor) {
  return top_b_of(scores, budget, executor);
}

}  // namespace aift
