// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <aift/aift.h>
#include <aift/core/executor.hpp>
#include <aift/core/progress.hpp>

/// Behind aift_context: the threads and callbacks of a caller.
struct aift_context final : aift::Progress {
  explicit aift_context(const aift_context_options& options);

  void report(std::string_view stage, aift::index_t done, aift::index_t total) override;
  void note(std::string_view line) override;
  [[nodiscard]] bool cancelled() const override { return cancelled_; }

  /// A call begins: what an earlier call was told to stop for is over.
  void begin() noexcept { cancelled_ = false; }
  /// Null: the calling thread alone.
  [[nodiscard]] aift::Executor* executor() const noexcept { return executor_.get(); }
  [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }

 private:
  aift_context_options options_;
  std::unique_ptr<aift::ThreadExecutor> executor_;
  bool cancelled_ = false;
};
