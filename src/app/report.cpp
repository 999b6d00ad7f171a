// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <aift/io/report.hpp>

#include "src/app/commands.hpp"

namespace aift::app {
namespace {

struct ReportArguments {
  std::vector<std::string> runs;
  std::string out;
  std::string title;
  std::string baseline = "random";
  double target = std::numeric_limits<double>::quiet_NaN();
  bool no_images = false;
  bool pseudonyms = false;
};

void make_report(const ReportArguments& arguments) {
  io::ReportOptions options;
  options.images = !arguments.no_images;
  options.pseudonyms = arguments.pseudonyms;
  options.title = arguments.title;
  options.baseline = arguments.baseline;
  options.target = arguments.target;
  const std::vector<std::filesystem::path> runs(arguments.runs.begin(), arguments.runs.end());
  io::write_report(runs, options, arguments.out);
  fmt::print("{}\n", arguments.out);
}

}  // namespace

void add_report_command(CLI::App& app) {
  auto* command = app.add_subcommand(
      "report",
      "One HTML file about a run, or several compared: learning curves, what was asked and why");
  auto arguments = std::make_shared<ReportArguments>();
  command->add_option("runs", arguments->runs, "Folders that `aift run --out` wrote")
      ->required()
      ->type_name("FOLDER");
  command->add_option("--out", arguments->out, "The HTML file")->required()->type_name("FILE");
  command->add_option("--title", arguments->title, "Heading; by default made from the runs");
  command
      ->add_option("--baseline", arguments->baseline,
                   "Selector that the others are compared with, run by run of the same seed")
      ->type_name("NAME")
      ->capture_default_str();
  command
      ->add_option("--target", arguments->target,
                   "AUC in \"labels to reach\"; by default the best last mean minus 0.02")
      ->type_name("AUC");
  command->add_flag("--no-images", arguments->no_images, "Leave every picture out");
  command->add_flag("--pseudonyms", arguments->pseudonyms,
                    "Numbers in the place of paths, group and folder names");
  command->footer(
      "Example:\n"
      "  aift report runs/aift runs/random --out comparison.html\n"
      "\n"
      "The file loads nothing from anywhere. Pictures may show patients: --no-images leaves "
      "them\n"
      "out, --pseudonyms the names.");
  command->callback([arguments] { make_report(*arguments); });
}

}  // namespace aift::app
