// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/app/run_command.hpp"
#if AIFT_WITH_STORE
#include "src/app/project.hpp"
#endif

namespace aift::app {

// What the commands do that need LibTorch; their command lines are in src/app.

/// aift run
void run(const RunArguments& arguments);
#if AIFT_WITH_STORE
/// aift train
void train_project(const TrainArguments& arguments);
#endif
/// aift models, without a file
void list_architectures();

}  // namespace aift::app
