// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include <aift/augment/augmenter.hpp>

namespace aift::nn {

/// Renders batch after batch in a thread of its own, one batch ahead of whoever uses them.
///
/// What a batch holds depends on its number alone, never on timing.
/// thread rule: next() from one thread
class ViewRenderer {
 public:
  /// Plans of batch number t, at most `capacity` of them; called from the worker.
  using PlansOf = std::function<std::vector<PatchPlan>(index_t t)>;

  ViewRenderer(const Augmenter& augmenter, const Source& source, const PatchFormat& format,
               index_t batches, index_t capacity, PlansOf plans);
  ~ViewRenderer();
  ViewRenderer(const ViewRenderer&) = delete;
  ViewRenderer& operator=(const ViewRenderer&) = delete;

  /// Pixels of the next batch, valid until the next call; empty after the last one. Rethrows what
  /// the worker threw.
  [[nodiscard]] std::span<const float> next();

 private:
  struct Slot {
    std::vector<float> pixels;
    std::size_t used = 0;
    bool full = false;
  };
  void work();

  const Augmenter& augmenter_;
  const Source& source_;
  PatchFormat format_;
  index_t batches_;
  index_t capacity_;
  PlansOf plans_;
  Slot slots_[2];
  index_t given_ = 0;  // batches handed out
  bool stop_ = false;
  std::exception_ptr failure_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::thread worker_;
};

}  // namespace aift::nn
