// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/app/run_command.hpp"

namespace aift::app {

// What the commands do that need LibTorch; their command lines are in src/app.

/// aift run
void run(const RunArguments& arguments);
/// aift models, without a file
void list_architectures();

}  // namespace aift::app
