// SPDX-License-Identifier: Apache-2.0
#include "src/io/check_tasks.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <aift/core/error.hpp>

namespace aift::io::detail {

namespace {

/// Thrown by a report to end its task: somebody has asked to stop.
struct Stopped {};

}  // namespace

std::vector<BadImage> run_checks(const std::vector<CheckTask>& tasks, index_t total,
                                 index_t threads,
                                 const std::function<void(index_t, index_t)>& progress) {
  AIFT_EXPECT(threads >= 1, ValueError, "Expected 1 thread or more; got {}.", threads);
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;  // guards what follows
  std::condition_variable ended;
  std::vector<BadImage> bad;
  std::exception_ptr failure;
  index_t done = 0;
  index_t running = std::min(threads, static_cast<index_t>(tasks.size()));

  const CheckReport report = [&](index_t i, const std::function<void()>& reading) {
    if (stop) throw Stopped();
    std::optional<std::string> reason;
    try {
      reading();
    } catch (const IoError& error) {
      reason = error.what();
    }
    const std::scoped_lock lock(mutex);
    ++done;
    if (reason) bad.push_back({i, std::move(*reason)});
  };
  const auto work = [&] {
    try {
      for (std::size_t t = next.fetch_add(1); t < tasks.size() && !stop; t = next.fetch_add(1))
        tasks[t](report);
    } catch (const Stopped&) {
      // as was asked
    } catch (...) {
      const std::scoped_lock lock(mutex);
      failure = std::current_exception();
      stop = true;
    }
    const std::scoped_lock lock(mutex);
    --running;
    ended.notify_one();
  };

  {
    std::vector<std::jthread> workers;
    // Whatever ends this block early (progress may throw) stops the workers before they are joined.
    struct Stop {
      std::atomic<bool>& stop;
      ~Stop() { stop = true; }
    };
    for (index_t t = 0, count = running; t < count; ++t)
      workers.emplace_back(work);
    const Stop at_end{stop};
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, std::chrono::milliseconds(100), [&] { return running == 0; })) {
      if (!progress) continue;
      const index_t now = done;
      lock.unlock();
      progress(now, total);
      lock.lock();
    }
  }
  if (failure) std::rethrow_exception(failure);
  if (progress) progress(total, total);
  std::sort(bad.begin(), bad.end(),
            [](const BadImage& a, const BadImage& b) { return a.index < b.index; });
  return bad;
}

}  // namespace aift::io::detail
