// SPDX-License-Identifier: Apache-2.0
#include "device_pass.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aift/augment/image_augmenter.hpp>
#include <aift/core/error.hpp>

namespace aift {
namespace {

/// A decoded candidate and the plans of its patches, or why there is none.
struct Decoded {
  Image image;
  std::vector<PatchPlan> plans;
  std::exception_ptr failure;
};

/// Worker threads decode candidates, in order, into a ring; the calling thread takes them in order.
class DecodeRing {
 public:
  DecodeRing(const PoolWalk& walk, index_t views, index_t slots, index_t workers)
      : walk_(walk),
        views_(views),
        slots_(static_cast<std::size_t>(std::min(slots, walk.count))),
        done_(slots_.size(), false) {
    try {
      for (index_t w = 0; w < std::min(workers, walk.count); ++w)
        threads_.emplace_back([this] { work(); });
    } catch (...) {  // the system gives no more threads
      if (threads_.empty()) throw;
    }
  }
  DecodeRing(const DecodeRing&) = delete;
  DecodeRing& operator=(const DecodeRing&) = delete;
  ~DecodeRing() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    space_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }

  /// Waits for candidate i, the next in order.
  const Decoded& take(index_t i) {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return done_[slot(i)]; });
    return slots_[slot(i)];
  }
  /// The candidates below `end` are no longer needed.
  void release(index_t end) {
    {
      const std::lock_guard lock(mutex_);
      for (; released_ < end; ++released_)
        done_[slot(released_)] = false;
    }
    space_.notify_all();
  }

 private:
  [[nodiscard]] std::size_t slot(index_t i) const noexcept {
    return static_cast<std::size_t>(i) % slots_.size();
  }
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      space_.wait(lock, [&] {
        return stop_ || next_ >= walk_.count || next_ < released_ + std::ssize(slots_);
      });
      if (stop_ || next_ >= walk_.count) return;
      const index_t i = next_++;
      lock.unlock();
      Decoded& to = slots_[slot(i)];
      try {
        to.failure = nullptr;
        to.plans.clear();
        const CandidateRef ref = walk_.candidate(i);
        for (index_t v = 0; v < views_; ++v)
          to.plans.push_back(walk_.augmenter.plan(ref, walk_.purpose, walk_.round, v));
        to.image = read_image(walk_.images, ref);
      } catch (...) {
        to.failure = std::current_exception();
      }
      lock.lock();
      done_[slot(i)] = true;
      ready_.notify_one();
    }
  }

  const PoolWalk& walk_;
  index_t views_;
  std::vector<Decoded> slots_;
  std::mutex mutex_;
  std::condition_variable space_;  // workers wait for it
  std::condition_variable ready_;  // the calling thread waits for it
  std::vector<char> done_;         // per slot: decoded and not released
  index_t next_ = 0;               // candidate to be decoded next
  index_t released_ = 0;           // candidates the calling thread is done with
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

/// A batch that waits on the device.
struct Flight {
  index_t end = 0;                 ///< candidates up to here are done with this batch
  std::vector<index_t> positions;  ///< of those that were submitted
  std::vector<std::pair<index_t, std::string>> unreadable;
};

}  // namespace

void run_device_pass(const DevicePipeline& pipeline, const DeviceRequest& request,
                     const PoolWalk& walk, const PipelineOptions& options, std::string_view stage,
                     Progress& progress, const std::function<void(const DeviceRows&)>& deliver) {
  const std::unique_ptr<DevicePass> pass = pipeline.begin(request);
  const index_t several = std::max<index_t>(1, request.batch / request.views);
  DecodeRing ring(walk, request.views, 3 * several, options.workers);
  std::deque<Flight> flights;

  const auto finish = [&] {
    const Flight flight = std::move(flights.front());
    flights.pop_front();
    static const DeviceResults kNothing;
    const DeviceResults& results = flight.positions.empty() ? kNothing : pass->collect();
    AIFT_EXPECT(results.candidates == std::ssize(flight.positions), ShapeError,
                "A device was given {} candidates and gave results of {}.", flight.positions.size(),
                results.candidates);
    // Runs of consecutive candidates, and between them those that could not be read.
    std::size_t row = 0;
    std::size_t bad = 0;
    while (row < flight.positions.size() || bad < flight.unreadable.size()) {
      const bool rows_next =
          row < flight.positions.size() &&
          (bad == flight.unreadable.size() || flight.positions[row] < flight.unreadable[bad].first);
      if (!rows_next) {
        const auto& [position, reason] = flight.unreadable[bad++];
        options.on_unreadable(position, reason);
        continue;
      }
      std::size_t last = row + 1;
      while (last < flight.positions.size() &&
             flight.positions[last] == flight.positions[last - 1] + 1) {
        ++last;
      }
      deliver({flight.positions[row], static_cast<index_t>(last - row), static_cast<index_t>(row),
               results});
      row = last;
    }
    progress.report(stage, flight.end, walk.count);
  };

  progress.report(stage, 0, walk.count);
  std::vector<ImageView> images;
  std::vector<PatchPlan> plans;
  for (index_t first = 0; first < walk.count; first += several) {
    throw_if_cancelled(progress);
    Flight flight;
    flight.end = std::min(walk.count, first + several);
    images.clear();
    plans.clear();
    for (index_t i = first; i < flight.end; ++i) {
      const Decoded& decoded = ring.take(i);
      if (!decoded.failure) {
        flight.positions.push_back(i);
        images.push_back(decoded.image.view());
        plans.insert(plans.end(), decoded.plans.begin(), decoded.plans.end());
        continue;
      }
      try {
        std::rethrow_exception(decoded.failure);
      } catch (const IoError& error) {
        if (options.on_unreadable) {
          flight.unreadable.emplace_back(i, error.what());
          continue;
        }
      } catch (...) {  // thrown below
      }
      const std::exception_ptr failure = decoded.failure;
      while (!flights.empty())
        finish();  // the batches before are delivered all the same
      std::rethrow_exception(failure);
    }
    if (!flight.positions.empty()) pass->submit(images, plans);
    ring.release(flight.end);
    flights.push_back(std::move(flight));
    if (flights.size() == 2) finish();
  }
  while (!flights.empty())
    finish();
}

}  // namespace aift
