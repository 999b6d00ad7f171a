// SPDX-License-Identifier: Apache-2.0
// Memory of a query over pools of different size, counted by this program's own operator new.
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <aift/loop/active_learner.hpp>

#include "loop/fake_world.hpp"
#include "support/catch.hpp"

namespace {

std::atomic<std::ptrdiff_t> g_live = 0;
std::atomic<std::ptrdiff_t> g_peak = 0;

// The size stands in front of the memory handed out.
constexpr std::size_t kFront = alignof(std::max_align_t);

void* counted(std::size_t size) {
  auto* block = static_cast<char*>(std::malloc(size + kFront));
  if (block == nullptr) throw std::bad_alloc();
  *reinterpret_cast<std::size_t*>(block) = size;
  const std::ptrdiff_t live = g_live += static_cast<std::ptrdiff_t>(size);
  std::ptrdiff_t peak = g_peak;
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return block + kFront;
}

void uncounted(void* memory) noexcept {
  if (memory == nullptr) return;
  char* block = static_cast<char*>(memory) - kFront;
  g_live -= static_cast<std::ptrdiff_t>(*reinterpret_cast<std::size_t*>(block));
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }

using namespace aift;
using namespace aift::test;

namespace {

/// Says that it needs features, picks by score.
class WithFeatures final : public ScoreSelector {
 public:
  std::string_view name() const noexcept override { return "with_features"; }
  Needs needs() const override { return {.scores = true, .features = true}; }

 protected:
  void score_into(const PatchPredictions& chunk, ScoreTable& out) const override {
    score::aift(chunk, {}, out);
  }
};

/// Most bytes that were in use at one time in the second query, beyond the data set itself.
std::ptrdiff_t peak_of_query(index_t count, const Selector* selector = nullptr) {
  World world(make_dataset(count, 2, 5));
  if (selector != nullptr) world.options.selector = selector;
  world.options.batch = 64;
  world.initial.calls.reserve(1000000);  // what the fakes note down is not counted
  const std::ptrdiff_t before = g_live;
  ActiveLearner learner = world.learner();
  learner.step(world.watch);
  g_peak = g_live.load();
  learner.query(world.watch);
  return g_peak - before;
}

}  // namespace

TEST_CASE("scoring takes at most 64 bytes per candidate, and what the selector asks for") {
  const std::ptrdiff_t small = peak_of_query(1000);
  const std::ptrdiff_t large = peak_of_query(20000);
  const double per_candidate = static_cast<double>(large - small) / 19000;
  CAPTURE(small, large, per_candidate);
  CHECK(per_candidate <= 64);
  CHECK(per_candidate >= 40);  // else this test does not see what it should
  const WithFeatures features;
  const double with =
      static_cast<double>(peak_of_query(20000, &features) - peak_of_query(1000, &features)) / 19000;
  CAPTURE(with);
  CHECK(with <= 64 + 3 * sizeof(float));
}
