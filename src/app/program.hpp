// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <CLI/CLI.hpp>

namespace aift::app {

/// Reads the command line, runs the command that it names and gives the exit status (ExitStatus):
/// every error becomes one sentence on stderr. `add_commands` adds the commands.
[[nodiscard]] int run_program(int argc, char** argv,
                              const std::function<void(CLI::App&)>& add_commands);

}  // namespace aift::app
