// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/types.hpp>

namespace aift::bench {

/// Counts the memory that this thread has allocated since `start`. A library cannot know that; a
/// program whose `operator new` counts can (src/app/memory_meter.cpp).
class MemoryMeter {
 public:
  virtual ~MemoryMeter() = default;
  /// Counts from 0 on this thread.
  virtual void start() = 0;
  /// Bytes that were in use at the same time since `start` on this thread, at most; stops counting.
  virtual index_t stop() = 0;
};

}  // namespace aift::bench
