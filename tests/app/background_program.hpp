// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/app/program.hpp"

namespace aift::test {

/// A run of the built `aift` that can be watched and signalled; ended with the object.
class BackgroundProgram {
 public:
  explicit BackgroundProgram(std::vector<std::string> arguments)
      : out_((dir_ / "out").string()), err_((dir_ / "err").string()) {
    std::string program = AIFT_PROGRAM;
    std::vector<char*> argv = {program.data()};
    for (std::string& argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (child_ == 0) {
      ::dup2(::open(out_.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
      ::dup2(::open(err_.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~BackgroundProgram() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
  }
  BackgroundProgram(const BackgroundProgram&) = delete;
  BackgroundProgram& operator=(const BackgroundProgram&) = delete;

  /// Waits until `done()` holds or the program has ended. False after a minute.
  template <class Condition>
  bool wait_until(Condition done) {
    for (int tick = 0; tick < 12000; ++tick) {
      if (done() || ended()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
  void signal(int number) {
    if (child_ > 0) ::kill(child_, number);
  }
  [[nodiscard]] bool ended() {
    if (child_ > 0 && ::waitpid(child_, &status_, WNOHANG) == child_) child_ = -1;
    return child_ < 0;
  }
  /// Waits for the end.
  ProgramResult finish() {
    if (child_ > 0) {
      while (::waitpid(child_, &status_, 0) < 0 && errno == EINTR) {
      }
      child_ = -1;
    }
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), read_file(out_),
            read_file(err_)};
  }

 private:
  TempDir dir_;
  std::string out_, err_;
  pid_t child_ = -1;
  int status_ = 0;
};

}  // namespace aift::test
