// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
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
  bool no_images = false;
  bool pseudonyms = false;
};

void make_report(const ReportArguments& arguments) {
  io::ReportOptions options;
  options.images = !arguments.no_images;
  options.pseudonyms = arguments.pseudonyms;
  options.title = arguments.title;
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
  command->add_flag("--no-images", arguments->no_images, "Leave every picture out");
  command->add_flag("--pseudonyms", arguments->pseudonyms,
                    "Numbers in the place of paths and group names");
  command->footer(
      "Example:\n"
      "  aift report runs/aift runs/random --out comparison.html\n"
      "\n"
      "The file loads nothing and runs no script. Pictures may show patients: --no-images leaves "
      "them\n"
      "out, --pseudonyms the names.");
  command->callback([arguments] { make_report(*arguments); });
}

}  // namespace aift::app
