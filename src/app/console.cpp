// SPDX-License-Identifier: Apache-2.0
#include "src/app/console.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace aift::app {
namespace {

volatile std::sig_atomic_t interrupt_came = 0;

constexpr std::chrono::milliseconds kBarInterval{100};
constexpr std::chrono::seconds kLineInterval{3};
constexpr int kBarCells = 28;

extern "C" void on_interrupt(int signal) {
  interrupt_came = 1;
  std::signal(signal, SIG_DFL);  // a second one ends the program
}

sigset_t interruptions() {
  sigset_t both;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  return both;
}

std::string duration(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  const sigset_t both = interruptions();
  sigprocmask(SIG_UNBLOCK, &both, nullptr);  // held back by the program that became this one
}

void hold_signals() {
  const sigset_t both = interruptions();
  sigprocmask(SIG_BLOCK, &both, nullptr);
}

bool interrupted() noexcept { return interrupt_came != 0; }

ConsoleProgress::ConsoleProgress() : terminal_(isatty(STDERR_FILENO) == 1) {}

ConsoleProgress::~ConsoleProgress() { clear(); }

void ConsoleProgress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

void ConsoleProgress::note(std::string_view line) {
  clear();
  fmt::print(stderr, "{}\n", line);
}

void ConsoleProgress::report(std::string_view stage, index_t done, index_t total) {
  const auto now = Clock::now();
  if (stage != stage_ || done == 0) {
    stage_ = stage;
    stage_began_ = now;
  }
  const bool finished = total > 0 && done >= total;
  const auto interval =
      terminal_ ? std::chrono::nanoseconds(kBarInterval) : std::chrono::nanoseconds(kLineInterval);
  if (now - printed_ < interval && !(terminal_ && finished)) return;
  printed_ = now;

  std::string text = context_.empty() ? stage_ : context_ + ": " + stage_;
  const double seconds = std::chrono::duration<double>(now - stage_began_).count();
  if (total <= 0) {
    text += fmt::format(" {}", done);
  } else {
    text += fmt::format(" {}/{}", done, total);
  }
  if (total > 0 && done > 0 && !finished && seconds >= 1) {
    const double left = seconds * static_cast<double>(total - done) / static_cast<double>(done);
    text += fmt::format(", {} left", duration(left));
  }
  if (!terminal_) {
    fmt::print(stderr, "{}\n", text);
    return;
  }
  std::string bar;
  if (total > 0) {
    const double share =
        std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
    const int filled = static_cast<int>(share * kBarCells + 0.5);
    bar = fmt::format("[{:=<{}}{: <{}}] ", "", filled, "", kBarCells - filled);
  }
  std::string line = bar + text;
  line.resize(std::min(line.size(), static_cast<std::size_t>(terminal_columns() - 1)));
  fmt::print(stderr, "\r{}\033[K", line);
  std::fflush(stderr);
  drawn_ = true;
}

}  // namespace aift::app
