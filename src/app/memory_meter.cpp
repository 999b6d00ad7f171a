// SPDX-License-Identifier: Apache-2.0
// Of the program `aift` alone, whose operators new and delete these are.
#include "src/app/memory_meter.hpp"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace {

struct Count {
  bool on = false;
  aift::index_t now = 0;
  aift::index_t most = 0;
};

thread_local constinit Count count;

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  if (count.on) {
    count.now += static_cast<aift::index_t>(malloc_usable_size(memory));
    count.most = std::max(count.most, count.now);
  }
  return memory;
}

void uncounted(void* memory) noexcept {
  if (count.on) count.now -= static_cast<aift::index_t>(malloc_usable_size(memory));
  std::free(memory);
}

class OwnMeter final : public aift::bench::MemoryMeter {
 public:
  void start() override { count = {true, 0, 0}; }
  aift::index_t stop() override {
    count.on = false;
    return count.most;
  }
};

}  // namespace

// The other forms end up in these.
void* operator new(std::size_t size) {
  return counted(std::malloc(std::max<std::size_t>(size, 1)));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return counted(
      std::aligned_alloc(step, (std::max<std::size_t>(size, 1) + step - 1) / step * step));
}
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { uncounted(memory); }

namespace aift::app {

bench::MemoryMeter& memory_meter() {
  static OwnMeter meter;
  return meter;
}

}  // namespace aift::app
