// SPDX-License-Identifier: Apache-2.0
#include <aift/core/executor.hpp>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <aift/core/error.hpp>

#include "tests/support/catch.hpp"

using namespace aift;

TEST_CASE("ThreadExecutor calls every task once, and a worker runs one at a time") {
  for (const int threads : {1, 2, 5}) {
    ThreadExecutor executor(threads);
    REQUIRE(executor.workers() == threads);
    for (const index_t count : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
      std::vector<std::atomic<int>> inside(static_cast<std::size_t>(threads));
      std::atomic<bool> overlap{false};
      executor.run(count, [&](index_t i, int worker) {
        if (inside.at(static_cast<std::size_t>(worker)).fetch_add(1) != 0) overlap = true;
        calls.at(static_cast<std::size_t>(i)).fetch_add(1);
        inside.at(static_cast<std::size_t>(worker)).fetch_sub(1);
      });
      for (const auto& n : calls)
        REQUIRE(n == 1);
      REQUIRE_FALSE(overlap);
    }
  }
}

TEST_CASE("ThreadExecutor keeps its threads from one run to the next") {
  ThreadExecutor executor(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  for (int run = 0; run < 50; ++run)
    executor.run(8, [&](index_t, int) {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
  REQUIRE(seen.size() <= 3);
}

TEST_CASE("ThreadExecutor runs tasks at the same time") {
  // Each task waits until all have begun: one after the other they would wait for ever.
  ThreadExecutor executor(3);
  for (int run = 0; run < 5; ++run) {
    std::latch begun(3);
    std::set<int> workers;
    std::mutex mutex;
    executor.run(3, [&](index_t, int worker) {
      begun.arrive_and_wait();
      const std::lock_guard lock(mutex);
      workers.insert(worker);
    });
    REQUIRE(workers == std::set<int>{0, 1, 2});
  }
}

TEST_CASE("An exception of a task reaches the caller, and the executor goes on working") {
  ThreadExecutor threads(4);
  InlineExecutor here;
  for (Executor* executor : {static_cast<Executor*>(&threads), static_cast<Executor*>(&here)}) {
    REQUIRE_THROWS_AS(executor->run(100,
                                    [](index_t i, int) {
                                      if (i == 37) throw std::runtime_error("37");
                                    }),
                      std::runtime_error);
    std::atomic<int> calls{0};
    executor->run(100, [&](index_t, int) { ++calls; });
    REQUIRE(calls == 100);
  }
}

TEST_CASE("Runs from several threads take turns") {
  ThreadExecutor executor(2);
  std::atomic<int> calls{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int run = 0; run < 50; ++run)
        executor.run(10, [&](index_t, int) { ++calls; });
    });
  for (std::thread& caller : callers)
    caller.join();
  REQUIRE(calls == 4 * 50 * 10);
}

TEST_CASE("ThreadExecutor takes one thread per processor by default and refuses less than none") {
  REQUIRE(ThreadExecutor().workers() >= 1);
  REQUIRE_THROWS_AS(ThreadExecutor(-1), ValueError);
}
