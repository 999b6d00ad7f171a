// SPDX-License-Identifier: Apache-2.0
#include <aift/core/executor.hpp>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include <aift/core/error.hpp>

namespace aift {

namespace {

/// Processors that this process may use: a container or taskset may allow fewer than there are.
int usable_processors() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  const unsigned count = std::thread::hardware_concurrency();
  return count > 0 ? static_cast<int>(count) : 1;
}

}  // namespace

struct ThreadExecutor::State {
  std::mutex one_run;  ///< held for a whole run
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  std::vector<std::thread> threads;
  const TaskRef* task = nullptr;
  index_t count = 0;
  std::uint64_t run_number = 0;
  int busy = 0;
  bool ending = false;
  std::atomic<index_t> next{0};
  std::exception_ptr failure;

  void work(int worker) {
    try {
      for (;;) {
        const index_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= count) return;
        (*task)(i, worker);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      next.store(count, std::memory_order_relaxed);
    }
  }

  void stay(int worker) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return ending || run_number != seen; });
      if (ending) return;
      seen = run_number;
      lock.unlock();
      work(worker);
      lock.lock();
      if (--busy == 0) idle.notify_one();
    }
  }

  void end() {
    {
      const std::lock_guard lock(mutex);
      ending = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads)
      thread.join();
  }
};

ThreadExecutor::ThreadExecutor(int threads) : state_(std::make_unique<State>()) {
  AIFT_EXPECT(threads >= 0, ValueError,
              "The number of threads must not be negative; got {} (0 means one per processor).",
              threads);
  if (threads == 0) threads = usable_processors();
  try {
    for (int worker = 1; worker < threads; ++worker)
      state_->threads.emplace_back([state = state_.get(), worker] { state->stay(worker); });
  } catch (...) {
    state_->end();
    throw;
  }
}

ThreadExecutor::~ThreadExecutor() { state_->end(); }

int ThreadExecutor::workers() const noexcept {
  return static_cast<int>(state_->threads.size()) + 1;
}

void ThreadExecutor::run(index_t count, TaskRef task) {
  if (count <= 0) return;
  State& s = *state_;
  const std::lock_guard whole(s.one_run);
  if (count == 1 || s.threads.empty()) {
    for (index_t i = 0; i < count; ++i)
      task(i, 0);
    return;
  }
  {
    const std::lock_guard lock(s.mutex);
    s.task = &task;
    s.count = count;
    s.next.store(0, std::memory_order_relaxed);
    s.failure = nullptr;
    s.busy = static_cast<int>(s.threads.size());
    ++s.run_number;
  }
  s.wake.notify_all();
  s.work(0);
  std::unique_lock lock(s.mutex);
  s.idle.wait(lock, [&] { return s.busy == 0; });
  s.task = nullptr;
  if (s.failure) std::rethrow_exception(std::exchange(s.failure, nullptr));
}

}  // namespace aift
