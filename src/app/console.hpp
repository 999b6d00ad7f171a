// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include <aift/loop/progress.hpp>

namespace aift::app {

/// What the program's exit status says (DESIGN section 8).
enum ExitStatus : int {
  kExitGood = 0,
  kExitFailure = 1,       ///< the machine's or the program's fault
  kExitBadInput = 2,      ///< usage, or something the user gave
  kExitInterrupted = 130  ///< SIGINT or SIGTERM
};

/// From now on the first SIGINT or SIGTERM only sets a flag, and a second one ends the program at
/// once. The library never touches signals; this is the application's decision.
void install_signal_handlers();

/// Holds both signals back, also in a program that takes the place of this one, until that one calls
/// install_signal_handlers: none is lost between the two.
void hold_signals();

/// Whether one of the two signals has come.
[[nodiscard]] bool interrupted() noexcept;

/// Progress on stderr: a bar that is redrawn on a terminal; elsewhere lines, at most one every
/// three seconds, so that a log stays readable. Notes are always printed, one line each.
///
/// thread rule: one thread
class ConsoleProgress final : public Progress {
 public:
  ConsoleProgress();
  /// Removes an unfinished bar.
  ~ConsoleProgress() override;
  ConsoleProgress(const ConsoleProgress&) = delete;
  ConsoleProgress& operator=(const ConsoleProgress&) = delete;

  void report(std::string_view stage, index_t done, index_t total) override;
  void note(std::string_view line) override;
  [[nodiscard]] bool cancelled() const override { return interrupted(); }

  /// Put before the stage: "round 3 of 6".
  void set_context(std::string context) { context_ = std::move(context); }
  /// Removes the bar, so that something else can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool terminal_;
  bool drawn_ = false;
  std::string context_;
  std::string stage_;
  Clock::time_point stage_began_{};
  Clock::time_point printed_{};
};

}  // namespace aift::app
