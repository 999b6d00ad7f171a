// SPDX-License-Identifier: Apache-2.0
// The program `aift-torch`: the commands of `aift` that need LibTorch. `aift` starts it.
#include <cstdlib>

#include "src/app/commands.hpp"
#include "src/app/program.hpp"
#include "src/app/torch/commands.hpp"

int main(int argc, char** argv) {
  using namespace aift::app;
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // what is wrong with a video is said in one sentence
  return run_program(argc, argv, [](CLI::App& app) {
    add_run_command(app, run);
    add_models_command(app, list_architectures);
#if AIFT_WITH_STORE
    add_train_command(app, train_project);
#endif
  });
}
