// SPDX-License-Identifier: Apache-2.0
// The program `aift-cuda`: the commands of `aift` that work on a GPU and need no LibTorch. `aift`
// starts it.
#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/cuda/device.hpp>
#include <aift/cuda/pool.hpp>

#include "src/app/commands.hpp"
#include "src/app/program.hpp"

namespace {

aift::app::PoolScorer gpu_scorer() {
  try {
    (void)aift::cuda::current_device();
  } catch (const aift::DeviceError& error) {
    throw aift::ValueError(fmt::format(
        "--device cuda needs a GPU that can be used, and there is none: {} Use --device cpu, which "
        "gives the same scores.",
        error.what()));
  }
  return aift::cuda::score_pool;
}

}  // namespace

int main(int argc, char** argv) {
  return aift::app::run_program(
      argc, argv, [](CLI::App& app) { aift::app::add_score_command(app, gpu_scorer); });
}
