// SPDX-License-Identifier: Apache-2.0
#include "src/app/program.hpp"

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <aift/core/error.hpp>
#include <aift/core/version.hpp>

#include "src/app/commands.hpp"
#include "src/app/console.hpp"
#include "src/app/suggest.hpp"

namespace aift::app {
namespace {

/// The command that was named, with those it belongs to ("phantom pan"); without one the program.
struct Named {
  const CLI::App* command;
  std::string name;
};

Named named_command(const CLI::App& app) {
  Named named{&app, ""};
  for (auto next = app.get_subcommands(); !next.empty(); next = next.front()->get_subcommands()) {
    named.command = next.front();
    named.name += (named.name.empty() ? "" : " ") + named.command->get_name();
  }
  return named;
}

std::string help_hint(const Named& named) {
  return named.name.empty() ? "`aift --help`" : fmt::format("`aift {} --help`", named.name);
}

/// What to say about a word that nothing of the command line takes.
std::string unexpected(const CLI::App& app, const std::string& word) {
  const Named named = named_command(app);
  std::vector<std::string> known;
  const bool option = word.starts_with("-");
  const auto commands = named.command->get_subcommands({});
  if (option) {
    for (const CLI::Option* candidate : named.command->get_options()) {
      for (const std::string& name : candidate->get_lnames())
        known.push_back("--" + name);
    }
  } else {
    for (const CLI::App* candidate : commands)
      known.push_back(candidate->get_name());
  }
  const std::string typed = word.substr(0, word.find('='));
  const std::string nearest = known.empty() ? "" : closest(typed, known);
  const std::string what = option ? "option" : (commands.empty() ? "argument" : "command");
  std::string text = named.name.empty() ? fmt::format("there is no {} '{}'", what, typed)
                                        : fmt::format("{} has no {} '{}'", named.name, what, typed);
  if (!nearest.empty()) {
    text += fmt::format("; did you mean '{}'?", nearest);
  } else if (what == "argument") {
    text = fmt::format("{} does not take the argument '{}'; see {}.", named.name, word,
                       help_hint(named));
  } else {
    text += fmt::format("; see {}.", help_hint(named));
  }
  return text;
}

/// What CLI11 says about an option, without its full stop; a value that cannot be read is told in
/// the words of the rest of the program.
std::string plain(const CLI::App& command, const CLI::ParseError& error) {
  std::string text = error.what();
  while (!text.empty() && (text.back() == '.' || text.back() == '\n'))
    text.pop_back();
  constexpr std::string_view kUnread = "Could not convert: ";
  const auto equals = text.find(" = ");
  if (!text.starts_with(kUnread) || equals == std::string::npos) return text;
  const std::string name = text.substr(kUnread.size(), equals - kUnread.size());
  const CLI::Option* option = command.get_option_no_throw(name);
  const std::string type = option == nullptr ? "" : option->get_type_name();
  const char* wanted = type == "N" || type == "PIXELS"    ? "a whole number"
                       : type == "SHARE" || type == "AUC" ? "a number"
                                                          : "another kind of value";
  return fmt::format("{} must be {}; got '{}'", name, wanted, text.substr(equals + 3));
}

std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> left = app.remaining(true);
  if (!left.empty()) return unexpected(app, left.front());
  const Named named = named_command(app);
  std::string names;
  for (const CLI::App* command : named.command->get_subcommands({}))
    names += (names.empty() ? "" : ", ") + command->get_name();
  if (!names.empty()) {
    return fmt::format("{}a command was expected and none came; take one of {} (see {}).",
                       named.name.empty() ? "" : named.name + ": ", names, help_hint(named));
  }
  return fmt::format("{}: {}; see {}.", named.name, plain(*named.command, error), help_hint(named));
}

int fail(int status, const std::string& sentence) {
  fmt::print(stderr, "aift: {}\n", sentence);
  return status;
}

const char* const kDescription =
    "AIFT finds the few images that are worth an expert's label: it scores a pool of unlabelled\n"
    "images by how much a network disagrees with itself over augmented views, asks for the labels\n"
    "of the hardest, fine-tunes, and repeats.";

}  // namespace

void add_seed(CLI::App& command, std::uint64_t& seed, const std::string& what) {
  command.add_option("--seed", seed, what)
      ->type_name("N")
      ->capture_default_str()
      ->check([](const std::string& text) {
        return text.starts_with('-') ? fmt::format("must be at least 0; got '{}'", text) : "";
      });
}

int run_program(int argc, char** argv, const std::function<void(CLI::App&)>& add_commands) {
  CLI::App app{kDescription, "aift"};
  app.set_version_flag("--version", "aift " + std::string(version()));
  app.require_subcommand(1);
  app.footer(
      "Example:\n"
      "  aift run --data images/ --model efficientnet_lite0 --weights imagenet --selector aift \\\n"
      "           --budget 20 --rounds 6 --out runs/first\n"
      "\n"
      "Exit status: 0 good, 2 bad usage or bad input, 1 failure, 130 interrupted.");
  add_commands(app);

  install_signal_handlers();
  int status = kExitGood;
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    status = app.exit(wanted);
  } catch (const CLI::RuntimeError& chosen) {
    status = chosen.get_exit_code();
  } catch (const CLI::ParseError& error) {
    status = fail(kExitBadInput, usage_error(app, error));
  } catch (const CancelledError& error) {
    status = fail(kExitInterrupted, error.what());
  } catch (const DeviceError& error) {
    status = fail(kExitFailure, error.what());
  } catch (const Error& error) {  // ShapeError, ValueError, IoError: what the user gave
    status = fail(kExitBadInput, error.what());
  } catch (const std::exception& error) {
    status = fail(kExitFailure, fmt::format("unexpected failure: {}", error.what()));
  }
  // What stands in a buffer must reach its reader: a full disk behind stdout is a failure.
  std::cout.flush();
  if ((!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && status == kExitGood) {
    status = fail(kExitFailure, "the output could not be written to stdout; is the disk full?");
  }
  return status;
}

}  // namespace aift::app
