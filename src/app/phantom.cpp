// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <aift/core/executor.hpp>
#include <aift/phantom/colonoscopy.hpp>
#include <aift/phantom/pan.hpp>

#include "src/app/commands.hpp"
#include "src/app/console.hpp"

namespace aift::app {
namespace {

/// Where to, and with what: the same for every kind of generated data.
struct Common {
  std::string out;
  std::uint64_t seed = 0;
  int threads = 0;
};

void add_common(CLI::App& command, Common& common) {
  command.add_option("--out", common.out, "Folder to write; missing or empty")
      ->type_name("DIR")
      ->required();
  add_seed(command, common.seed, "The same seed gives the same pictures");
  command.add_option("--threads", common.threads, "Threads; 0: one per processor")
      ->type_name("N")
      ->capture_default_str();
}

void add_pan(CLI::App& phantom) {
  struct Arguments {
    Common common;
    std::string from;
    phantom::PanOptions options;
  };
  auto* command = phantom.add_subcommand(
      "pan", "Simulated camera motion over real frames: near-identical neighbours, rare positives");
  auto a = std::make_shared<Arguments>();
  command
      ->add_option("--from", a->from,
                   "Folder or manifest of frames; box_l, box_t, box_r, box_b "
                   "in the manifest say where a lesion is")
      ->type_name("DIR|CSV")
      ->required();
  add_common(*command, a->common);
  command->add_option("--frames", a->options.frames, "Pictures per source frame")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--size", a->options.size, "Height and width of a picture")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--sources", a->options.sources, "Source frames that are used; 0: all")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--positives", a->options.positives, "Share of pictures with a lesion")
      ->type_name("SHARE")
      ->capture_default_str();
  command
      ->add_option("--window-min", a->options.window_min,
                   "Smallest window, over the shorter side of a frame")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--window-max", a->options.window_max, "Largest window")
      ->type_name("SHARE")
      ->capture_default_str();
  command->footer(
      "Example:\n"
      "  aift phantom pan --from frames/manifest.csv --sources 120 --out pan/");
  command->callback([a] {
    ThreadExecutor executor(a->common.threads);
    a->options.seed = a->common.seed;
    phantom::PanResult result;
    {
      ConsoleProgress progress;
      result = phantom::write_pan(a->from, a->common.out, a->options, &executor, &progress);
    }
    fmt::print(
        "{} pictures of {} source frames in {}, {} with a lesion; {} source frames had no "
        "room.\n",
        result.frames, result.groups, a->common.out, result.positives, result.left_out);
  });
}

void add_colonoscopy(CLI::App& phantom) {
  struct Arguments {
    Common common;
    phantom::ColonoscopyOptions options;
  };
  auto* command = phantom.add_subcommand(
      "colonoscopy", "Synthetic colonoscopy videos with rare polyps and uninformative frames");
  auto a = std::make_shared<Arguments>();
  add_common(*command, a->common);
  command->add_option("--videos", a->options.videos, "Patients, one video each")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--frames", a->options.frames, "Frames per video")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--sequence", a->options.sequence,
                   "Frames in a row that show nearly the same; then the camera is elsewhere")
      ->type_name("N")
      ->capture_default_str();
  command->add_option("--size", a->options.size, "Height and width of a frame")
      ->type_name("PIXELS")
      ->capture_default_str();
  command->add_option("--positives", a->options.positives, "Share of sequences with a polyp")
      ->type_name("SHARE")
      ->capture_default_str();
  command
      ->add_option("--uninformative", a->options.uninformative,
                   "Share of sequences with a blurred, blocked or covered stretch")
      ->type_name("SHARE")
      ->capture_default_str();
  command->footer(
      "Example:\n"
      "  aift phantom colonoscopy --videos 120 --seed 1 --out colon/");
  command->callback([a] {
    ThreadExecutor executor(a->common.threads);
    a->options.seed = a->common.seed;
    phantom::ColonoscopyResult result;
    {
      ConsoleProgress progress;
      result = phantom::write_colonoscopy(a->common.out, a->options, &executor, &progress);
    }
    fmt::print("{} synthetic frames of {} videos in {}, {} with a polyp, {} uninformative.\n",
               result.frames, a->options.videos, a->common.out, result.positives,
               result.uninformative);
  });
}

}  // namespace

void add_phantom_command(CLI::App& app) {
  auto* command = app.add_subcommand("phantom",
                                     "Make data to try things out on: all of it says "
                                     "that it is synthetic");
  command->require_subcommand(1);
  command->footer("Example:\n  aift phantom colonoscopy --out colon/");
  add_colonoscopy(*command);
  add_pan(*command);
  add_ctpa_phantom(*command);
}

}  // namespace aift::app
