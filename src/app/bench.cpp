// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <aift/bench/report.hpp>
#include <aift/bench/run.hpp>
#include <aift/bench/summary.hpp>
#include <aift/core/error.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/select/registry.hpp>

#include "src/app/commands.hpp"
#include "src/app/console.hpp"

namespace aift::app {

namespace {

struct BenchArguments {
  std::string plan;
  std::string out;
  index_t threads = 0;
  bool summary = false;
};

std::string protocol_text(const bench::Plan& plan) {
  std::string tasks;
  for (const bench::PlannedTask& task : plan.tasks) {
    const bench::Protocol& p = task.protocol;
    tasks += fmt::format("{}{}: {} labels drawn {}, then {} rounds of {}",
                         tasks.empty() ? "" : "; ", task.spec.name, p.initial,
                         p.first == "random" ? "at random" : "evenly by class", p.rounds, p.budget);
    if (task.spec.synthetic) tasks += ", synthetic";
    if (task.spec.imbalance > 1) tasks += fmt::format(", imbalance 1:{}", task.spec.imbalance);
    if (task.spec.label_noise > 0)
      tasks += fmt::format(", {:g} % of the labels wrong", 100 * task.spec.label_noise);
    if (task.spec.duplicates > 0)
      tasks += fmt::format(", {:g} % near-copies", 100 * task.spec.duplicates);
  }
  return fmt::format(
      "Linear probes on frozen features, fitted from nothing in every round. Of a seed, all "
      "selectors have the same pool, test side and initial labels. {} seeds. {}.",
      plan.seeds.size(), tasks);
}

void run_bench(const BenchArguments& arguments, bench::MemoryMeter& meter) {
  AIFT_EXPECT(arguments.threads >= 0 && arguments.threads <= 1024, ValueError,
              "--threads must be 1 to 1024, or 0 for all; got {}.", arguments.threads);
  const bench::Plan plan = bench::read_plan(arguments.plan);
  const bench::RunOptions options{.out = arguments.out,
                                  .threads = static_cast<int>(arguments.threads),
                                  .only_collect = arguments.summary,
                                  .meter = &meter};
  bench::RunOutcome outcome;
  {
    ConsoleProgress progress;
    outcome = bench::run_plan(plan, SelectorRegistry::with_builtin(), options, progress);
  }
  AIFT_EXPECT(!outcome.points.empty(), ValueError,
              "{} has no curve of this plan yet; run it without --summary.", arguments.out);

  std::vector<bench::BenchSummary> summaries;
  summaries.push_back(bench::summarise(outcome.points, plan.metric, plan.baseline));
  for (const char* metric : {"auc", "balanced_accuracy", "accuracy"}) {
    if (metric != plan.metric)
      summaries.push_back(bench::summarise(outcome.points, metric, plan.baseline));
  }
  const std::filesystem::path out = arguments.out;
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file_atomically(out / name, text);
  };
  write("plan.toml", io::read_text_file(arguments.plan));
  write("summary.csv", bench::summary_csv(summaries.front()));
  write("mean_curves.csv", bench::mean_curves_csv(summaries.front()));
  write("summary.json", bench::summary_json(summaries.front()));
  write("summary.md", bench::summary_markdown(summaries.front()));
  write("report.html", bench::bench_report(summaries, {.title = plan.title,
                                                       .synthetic = outcome.synthetic,
                                                       .protocol = protocol_text(plan)}));
  const auto missing = static_cast<index_t>(outcome.failures.size());
  fmt::print(stderr, "{} curves, {} of them made before; {}\n", outcome.curves, outcome.found,
             (out / "report.html").string());
  if (missing > 0) {
    fmt::print(stderr, "{} curves failed\n", missing);
    throw CLI::RuntimeError(kExitFailure);
  }
}

}  // namespace

void add_bench_command(CLI::App& app, bench::MemoryMeter& meter) {
  CLI::App& command = *app.add_subcommand(
      "bench", "Compares selectors on frozen features: tasks x selectors x seeds");
  const auto arguments = std::make_shared<BenchArguments>();
  command.add_option("plan", arguments->plan, "What is compared, a TOML file (docs/bench.md)")
      ->type_name("FILE")
      ->required();
  command.add_option("--out", arguments->out, "Folder of the results")
      ->type_name("FOLDER")
      ->required();
  command
      .add_option("--threads", arguments->threads,
                  "Curves at a time, 0: all; the result does not depend on it")
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--summary", arguments->summary,
                   "Run nothing; compare the curves that are there");
  std::string footer =
      "Curves that are there already are not made again, so the same command goes on where it was\n"
      "interrupted. Writes curves.csv (every point), summary.csv, mean_curves.csv, summary.json,\n"
      "summary.md and report.html.\n\nGenerated tasks (generate = \"...\"):\n";
  for (const bench::GeneratedTask& task : bench::generated_tasks())
    footer += fmt::format("  {:15} {}\n", task.name, task.summary);
  command.footer(footer + "\nExample:\n  aift bench bench.toml --out bench/");
  command.callback([arguments, &meter] { run_bench(*arguments, meter); });
}

}  // namespace aift::app
