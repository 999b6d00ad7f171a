// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <aift/core/types.hpp>

namespace aift::nn {

/// Sets what LibTorch keeps process-wide and puts it back at the end of the scope: the number of
/// intra-op threads and, for the calling thread, gradient recording.
///
/// LibTorch's global generators and the caller's other settings are never touched.
/// thread rule: guards nest within one thread; two threads must not set thread counts at once
class SettingsGuard {
 public:
  /// threads  intra-op threads inside the scope; 0: as it is
  /// gradients  whether operations inside the scope are recorded for differentiation
  explicit SettingsGuard(int threads = 0, bool gradients = false);
  ~SettingsGuard();
  SettingsGuard(const SettingsGuard&) = delete;
  SettingsGuard& operator=(const SettingsGuard&) = delete;

 private:
  int threads_before_;
  int threads_;
  bool gradients_before_;
};

/// Intra-op threads that LibTorch uses now; part of the fingerprint of a run, because results of a
/// forward pass may depend on it.
[[nodiscard]] int torch_threads();

/// Sets it for the process; programs call it once, before anything else of this part.
void set_torch_threads(int threads);

/// Asks the C library's allocator to keep freed memory for the process instead of handing large
/// blocks back to the system (glibc: mallopt; elsewhere nothing). Forward passes allocate and free
/// megabytes per layer, and page faults were a third of their time (measured: EfficientNet-Lite0 at
/// 96 px, batch 32). A setting of the whole process: programs may call it once at their start, the
/// library never does.
void keep_freed_memory();

/// Version of LibTorch, "2.11.0": for the fingerprint of a run.
[[nodiscard]] const char* torch_version() noexcept;

}  // namespace aift::nn
