// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace aift::app {

/// Puts `aift-torch` in the place of this process, with these arguments: exit status and signals
/// are then its own. It is looked for beside this program (as built), then where the installation
/// puts it, relative to this program.
///
/// throws ValueError where AIFT was built without LibTorch, CancelledError when a signal had come;
///        ends with one sentence and exit status 1 when it is missing or cannot be started
[[noreturn]] void become_torch_program(char** argv);

/// The same with `aift-cuda`, for what needs a GPU and no LibTorch. throws ValueError where AIFT was
/// built without CUDA
[[noreturn]] void become_cuda_program(char** argv);

}  // namespace aift::app
