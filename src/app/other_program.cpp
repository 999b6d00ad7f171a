// SPDX-License-Identifier: Apache-2.0
#include "src/app/other_program.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <aift/core/error.hpp>

#include "src/app/console.hpp"

namespace aift::app {

namespace fs = std::filesystem;

namespace {

/// `what`: what the user misses when it cannot be started.
[[noreturn]] void become(const char* name, const char* what, char** argv) {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  const fs::path beside = folder / name;
  const fs::path installed = (folder / AIFT_LIBEXEC / name).lexically_normal();
  const fs::path& program = fs::exists(beside, error) ? beside : installed;
  std::fflush(stdout);
  hold_signals();
  AIFT_EXPECT(!interrupted(), CancelledError,
              "interrupted before the command began; nothing was written.");
  ::execv(program.c_str(), argv);
  const int reason = errno;
  fmt::print(stderr,
             "aift: the part of the program that {} could not be started: {}: {}; build or install "
             "it again, with its component aift_app.\n",
             what, program.string(), std::generic_category().message(reason));
  throw CLI::RuntimeError(kExitFailure);
}

}  // namespace

void become_torch_program(char** argv) {
  AIFT_EXPECT(AIFT_WITH_TORCH, ValueError,
              "This aift was built without LibTorch, so it has no networks and cannot train; "
              "configure with -DAIFT_BUILD_TORCH=ON where LibTorch is.");
  become("aift-torch", "holds the networks", argv);
}

void become_cuda_program(char** argv) {
  AIFT_EXPECT(AIFT_WITH_CUDA, ValueError,
              "This aift was built without CUDA, so it has no GPU part; use --device cpu, which "
              "gives the same scores, or configure with -DAIFT_BUILD_CUDA=ON where nvcc is.");
  become("aift-cuda", "works on GPUs", argv);
}

}  // namespace aift::app
