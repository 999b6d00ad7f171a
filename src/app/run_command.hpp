// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "src/app/run_config.hpp"

namespace aift::app {

/// The command line of `aift run`.
struct RunArguments {
  std::string config;
  std::string out;
  bool resume = false;
  bool force = false;
  bool has_data = false;
  std::vector<std::function<void(RunConfig&)>> changes;  ///< what the command line says, in order
};

/// Where the configuration starts, --config, the folder that is resumed, or the defaults, changed
/// by the command line. throws ValueError, IoError: what is wrong in it by itself
[[nodiscard]] RunConfig configuration(const RunArguments& arguments);

/// The options of `aift run` that change its configuration, for a command that has some of them too.
void add_config_options(CLI::App* command, const std::shared_ptr<RunArguments>& arguments);

}  // namespace aift::app
