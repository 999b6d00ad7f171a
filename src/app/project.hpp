// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include <aift/store/project.hpp>

#include "src/app/run_config.hpp"

namespace aift::app {

/// The command line of `aift train`.
struct TrainArguments {
  std::string project = ".";
  bool partial = false;
  double wait_seconds = 10;
};

/// How a project is opened by a command, which others are told.
[[nodiscard]] store::OpenOptions open_options(const std::string& command, double wait_seconds,
                                              bool write = true);
/// What `aift init` was told, kept in the project. throws IoError: the project is of another program
[[nodiscard]] RunConfig project_config(const store::Project& project);

/// aift init, add, query, label, status, export, audit, rollback, withdraw: a reading project in a
/// folder. None of them needs a network.
void add_project_commands(CLI::App& app);
/// aift train: all that needs one.
void add_train_command(CLI::App& app, std::function<void(const TrainArguments&)> work);
void add_look_commands(CLI::App& app);  ///< status, export, audit; called by add_project_commands
/// What `aift train` prints of its outcome.
void print_status(const store::Project& project, bool json);

}  // namespace aift::app
