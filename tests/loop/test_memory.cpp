// SPDX-License-Identifier: Apache-2.0
// Memory of scoring and of a query over pools of different size, counted by this program's own operator new.
#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

#include <aift/loop/active_learner.hpp>
#include <aift/score/pool.hpp>

#include "loop/fake_world.hpp"
#include "support/catch.hpp"

// Sanitizers bring an operator new of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define AIFT_COUNTS_MEMORY 0
#else
#define AIFT_COUNTS_MEMORY 1
#endif

namespace {

std::atomic<std::ptrdiff_t> g_live = 0;
std::atomic<std::ptrdiff_t> g_peak = 0;

}  // namespace

#if AIFT_COUNTS_MEMORY
namespace {

void* counted(std::size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::ptrdiff_t live = g_live += static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  std::ptrdiff_t peak = g_peak;
  while (live > peak && !g_peak.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void uncounted(void* memory) noexcept {
  g_live -= static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }
#endif

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
  if (!AIFT_COUNTS_MEMORY) {
    skip("a sanitizer manages the memory");
    return;
  }
  // Both pools are large enough for what does not grow with them, such as the buffer of top-b.
  const std::ptrdiff_t small = peak_of_query(20000);
  const std::ptrdiff_t large = peak_of_query(80000);
  const double per_candidate = static_cast<double>(large - small) / 60000;
  CAPTURE(small, large, per_candidate);
  CHECK(per_candidate <= 64);
  CHECK(per_candidate >= 40);  // else this test does not see what it should
  const WithFeatures features;
  const double with =
      static_cast<double>(peak_of_query(80000, &features) - peak_of_query(20000, &features)) /
      60000;
  CAPTURE(with);
  CHECK(with <= 64 + 3 * sizeof(float));
}

TEST_CASE("a pool that comes chunk by chunk takes the memory of its table") {
  if (!AIFT_COUNTS_MEMORY) {
    skip("a sanitizer manages the memory");
    return;
  }
  // Most bytes in use while `chunks` times 64 candidates go through one buffer.
  const auto peak_of = [](index_t chunks) {
    const std::vector<float> buffer(64 * 4 * 2, 0.5F);
    g_peak = g_live.load();
    const std::ptrdiff_t before = g_live;
    const ScoreTable table = score::score_pool(
        [&](PatchPredictions& chunk) {
          chunk = PatchPredictions::dense(buffer.data(), 64, 4, 2, PredictionKind::probabilities);
          return chunks-- > 0;
        },
        {});
    return g_peak - before;
  };
  // 28 bytes per candidate; a vector that grows is there twice for a moment, half as long at least.
  const double per_candidate = static_cast<double>(peak_of(4096) - peak_of(1024)) / (3072 * 64);
  CAPTURE(per_candidate);
  CHECK(per_candidate >= 28);
  CHECK(per_candidate <= 2 * 28);
}
