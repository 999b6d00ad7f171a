// SPDX-License-Identifier: Apache-2.0
#include "view_renderer.hpp"

#include <utility>

#include <aift/core/error.hpp>

namespace aift::nn {

ViewRenderer::ViewRenderer(const Augmenter& augmenter, const Source& source,
                           const PatchFormat& format, index_t batches, index_t capacity,
                           PlansOf plans)
    : augmenter_(augmenter),
      source_(source),
      format_(format),
      batches_(batches),
      capacity_(capacity),
      plans_(std::move(plans)) {
  for (Slot& slot : slots_)
    slot.pixels.resize(static_cast<std::size_t>(capacity * format.elements()));
  worker_ = std::thread([this] { work(); });
}

ViewRenderer::~ViewRenderer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  worker_.join();
}

void ViewRenderer::work() {
  try {
    for (index_t t = 0; t < batches_; ++t) {
      Slot& slot = slots_[t % 2];
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || !slot.full; });
        if (stop_) return;
      }
      const std::vector<PatchPlan> plans = plans_(t);
      AIFT_EXPECT(std::ssize(plans) <= capacity_, ShapeError,
                  "A batch has room for {} patches; got {} plans.", capacity_, plans.size());
      augmenter_.render(plans, source_, {slot.pixels.data(), capacity_, format_});
      {
        const std::lock_guard lock(mutex_);
        slot.used = plans.size() * static_cast<std::size_t>(format_.elements());
        slot.full = true;
      }
      changed_.notify_all();
    }
  } catch (...) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

std::span<const float> ViewRenderer::next() {
  std::unique_lock lock(mutex_);
  if (given_ > 0 && given_ <= batches_) {  // the one handed out before may be overwritten now
    slots_[(given_ - 1) % 2].full = false;
    changed_.notify_all();
  }
  if (given_ >= batches_) return {};
  Slot& slot = slots_[given_ % 2];
  changed_.wait(lock, [&] { return slot.full || failure_; });
  if (!slot.full) std::rethrow_exception(failure_);
  ++given_;
  return {slot.pixels.data(), slot.used};
}

}  // namespace aift::nn
