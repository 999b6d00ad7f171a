// SPDX-License-Identifier: Apache-2.0
#include <aift/torch/settings_guard.hpp>

#include <cstdlib>  // defines __GLIBC__
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <torch/version.h>

#include <aift/core/error.hpp>

namespace aift::nn {

SettingsGuard::SettingsGuard(int threads, bool gradients)
    : threads_before_(at::get_num_threads()),
      threads_(threads),
      gradients_before_(at::GradMode::is_enabled()) {
  AIFT_EXPECT(threads >= 0, ValueError, "The number of threads must be 0 or more; got {}.",
              threads);
  if (threads_ > 0 && threads_ != threads_before_) at::set_num_threads(threads_);
  at::GradMode::set_enabled(gradients);
}

SettingsGuard::~SettingsGuard() {
  at::GradMode::set_enabled(gradients_before_);
  if (threads_ > 0 && threads_ != threads_before_) at::set_num_threads(threads_before_);
}

int torch_threads() { return at::get_num_threads(); }

void set_torch_threads(int threads) {
  AIFT_EXPECT(threads >= 1, ValueError, "The number of threads must be 1 or more; got {}.",
              threads);
  at::set_num_threads(threads);
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  // Some versions of glibc allow half a heap of an arena, 32 MiB, at most.
  if (mallopt(M_MMAP_THRESHOLD, 1 << 30) == 0) mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 2'000'000'000);
#endif
}

const char* torch_version() noexcept { return TORCH_VERSION; }

}  // namespace aift::nn
