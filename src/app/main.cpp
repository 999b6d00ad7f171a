// SPDX-License-Identifier: Apache-2.0
// The program `aift`. Loading LibTorch takes longer than most commands, so it is not linked here:
// what needs it is done by a second program that takes the place of this one.
#include "src/app/commands.hpp"
#include "src/app/program.hpp"
#include "src/app/run_command.hpp"
#include "src/app/torch_program.hpp"

int main(int argc, char** argv) {
  using namespace aift::app;
  return run_program(argc, argv, [argv](CLI::App& app) {
    add_score_command(app);
    add_select_command(app);
    add_run_command(app, [argv](const RunArguments& arguments) {
      (void)configuration(arguments);  // refused here, it is refused at once
      become_torch_program(argv);
    });
    add_models_command(app, [argv] { become_torch_program(argv); });
    add_report_command(app);
    add_phantom_command(app);
  });
}
