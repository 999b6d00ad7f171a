// SPDX-License-Identifier: Apache-2.0
// The program `aift`. Loading LibTorch takes longer than most commands, and kernels for GPUs are
// large, so neither is linked here: what needs them is done by other programs that take the place of
// this one.
#include "src/app/commands.hpp"
#include "src/app/memory_meter.hpp"
#include "src/app/other_program.hpp"
#include "src/app/program.hpp"
#if AIFT_WITH_STORE
#include "src/app/project.hpp"
#endif
#include "src/app/run_command.hpp"

int main(int argc, char** argv) {
  using namespace aift::app;
  return run_program(argc, argv, [argv](CLI::App& app) {
    add_score_command(app, [argv]() -> PoolScorer { become_cuda_program(argv); });
    add_select_command(app);
    add_run_command(app, [argv](const RunArguments& arguments) {
      (void)configuration(arguments);  // refused here, it is refused at once
      become_torch_program(argv);
    });
    add_models_command(app, [argv] { become_torch_program(argv); });
    add_report_command(app);
    add_bench_command(app, memory_meter());
    add_phantom_command(app);
    add_ct_command(app);
#if AIFT_WITH_STORE
    add_project_commands(app);
    add_train_command(app, [argv](const TrainArguments&) { become_torch_program(argv); });
#endif
  });
}
