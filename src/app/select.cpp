// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>  // fmt::join: where version 12, which LibTorch brings, has it
#include <CLI/CLI.hpp>

#include <aift/core/error.hpp>
#include <aift/core/executor.hpp>
#include <aift/io/atomic_file.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/npy.hpp>
#include <aift/io/numbers.hpp>
#include <aift/score/pool.hpp>
#include <aift/select/batch_rules.hpp>
#include <aift/select/registry.hpp>

#include "src/app/commands.hpp"
#include "src/app/files.hpp"

namespace aift::app {

namespace {

std::size_t at(index_t i) noexcept { return static_cast<std::size_t>(i); }

/// What the command line says.
struct SelectArguments {
  std::string probabilities;
  std::string logits;
  std::string features;
  std::string labels;
  std::string groups;
  std::string selector;
  std::vector<std::string> settings;
  index_t budget = 0;
  std::uint64_t seed = 0;
  index_t round = 0;
  index_t threads = 0;
  std::string costs;
  BatchRules rules;
  std::string out = "-";
};

/// One value per candidate from a CSV with the columns candidate,<name>; candidates that the file
/// leaves out keep what they have. take(candidate, text) says whether it could use the text.
template <class Take>
void read_column(const std::string& file, const std::string& name, index_t size,
                 const std::string& wanted, const Take& take) {
  const io::CsvTable table = io::read_csv(file);
  const auto who = table.column("candidate");
  const auto what = table.column(name);
  AIFT_EXPECT(who && what, ValueError, "{} must have the columns candidate and {}; it has {}.",
              file, name, fmt::join(table.header, ", "));
  std::vector<char> seen(at(size), 0);
  for (const io::CsvRow& row : table.rows) {
    const auto candidate = io::parse_integer(row.fields[*who]);
    AIFT_EXPECT(candidate && *candidate >= 0 && *candidate < size, ValueError,
                "{}, line {}: candidate must be 0 to {}; got \"{}\".", file, row.line, size - 1,
                row.fields[*who]);
    AIFT_EXPECT(seen[at(*candidate)] == 0, ValueError,
                "{}, line {}: candidate {} comes twice; keep one line of it.", file, row.line,
                *candidate);
    seen[at(*candidate)] = 1;
    if (row.fields[*what].empty()) continue;
    AIFT_EXPECT(take(*candidate, row.fields[*what]), ValueError,
                "{}, line {}: {} must be {}; got \"{}\".", file, row.line, name, wanted,
                row.fields[*what]);
  }
}

/// The same for whole numbers.
void read_numbers(const std::string& file, const std::string& name, index_t size, index_t lowest,
                  index_t highest, std::vector<index_t>& values) {
  read_column(file, name, size, fmt::format("a whole number of at least {}", lowest),
              [&](index_t candidate, const std::string& text) {
                const auto value = io::parse_integer(text);
                if (!value || *value < lowest || *value > highest) return false;
                values[at(candidate)] = *value;
                return true;
              });
}

/// [N, q, K] in one file.
PatchPredictions predictions_of(const io::NpyArray& file, bool logits) {
  const auto dtype = io::prediction_dtype(file.type);
  AIFT_EXPECT(dtype, ValueError,
              "{} holds {}; predictions are float64, float32, float16 or bfloat16.", file.name,
              io::to_string(file.type));
  AIFT_EXPECT(file.rank() == 3, ShapeError,
              "{} must be [N, q, K]; got rank {} [{}]. One patch per candidate? Use shape "
              "[N, 1, K].",
              file.name, file.rank(), fmt::join(file.shape, ", "));
  AIFT_EXPECT(file.shape[1] >= 1 && file.shape[2] >= 2, ShapeError,
              "{} must have at least 1 patch and 2 classes; its shape is [{}].", file.name,
              fmt::join(file.shape, ", "));
  PatchPredictions out;
  out.values = file.data;
  out.dtype = *dtype;
  out.kind = logits ? PredictionKind::logits : PredictionKind::probabilities;
  out.candidates = file.shape[0];
  out.patches = file.shape[1];
  out.classes = file.shape[2];
  out.rows = out.candidates * out.patches;
  return out;
}

void check_files(const SelectArguments& arguments) {
  NamedFiles files;
  const auto add = [&](const char* option, const std::string& file) {
    if (!file.empty()) files.emplace_back(option, file);
  };
  add("--probs", arguments.probabilities);
  add("--logits", arguments.logits);
  add("--features", arguments.features);
  add("--labels", arguments.labels);
  add("--groups", arguments.groups);
  add("--costs", arguments.costs);
  const std::size_t inputs = files.size();
  if (arguments.out != "-") add("--out", arguments.out);
  expect_distinct_files(std::move(files), inputs);
}

void run_select(const SelectArguments& arguments) {
  AIFT_EXPECT(arguments.probabilities.empty() || arguments.logits.empty(), ValueError,
              "Expected --probs or --logits; got both.");
  AIFT_EXPECT(arguments.budget >= 1, ValueError, "--budget must be at least 1; got {}.",
              arguments.budget);
  AIFT_EXPECT(arguments.round >= 0, ValueError, "--round must be at least 0; got {}.",
              arguments.round);
  AIFT_EXPECT(arguments.threads >= 0 && arguments.threads <= 1024, ValueError,
              "--threads must be 1 to 1024, or 0 for all; got {}.", arguments.threads);
  check_files(arguments);
  Settings settings;
  for (const std::string& one : arguments.settings)
    settings.set(one);
  const auto selector = SelectorRegistry::with_builtin().make(arguments.selector, settings);

  const std::string& predicted =
      arguments.logits.empty() ? arguments.probabilities : arguments.logits;
  AIFT_EXPECT(!predicted.empty() || !arguments.features.empty(), ValueError,
              "Expected --probs, --logits or --features with an .npy file; got none.");
  PoolView pool;
  std::optional<io::NpyArray> values;
  std::optional<io::NpyArray> features;
  PatchPredictions predictions;
  ScoreTable means;
  ThreadExecutor executor(static_cast<int>(arguments.threads));
  if (!predicted.empty()) {
    values = io::read_npy(predicted);
    predictions = predictions_of(*values, !arguments.logits.empty());
    pool.size = predictions.candidates;
    pool.classes = predictions.classes;
    pool.predictions = &predictions;
    if (selector->needs().mean_probabilities) {  // over all patches
      const score::PoolScoring how{.kind = ScoreKind::margin,
                                   .options = {.alpha = 1},
                                   .request = {.mean_probabilities = true},
                                   .executor = &executor};
      means = score::score_pool(predictions, how, index_t{16} << 20, {});
      pool.mean_probabilities = means.mean_probabilities;
    }
  }
  if (!arguments.features.empty()) {
    features = io::read_npy(arguments.features);
    features->expect_rank(2, "[N, d] features");
    features->expect_type(io::ElementType::f32);
    AIFT_EXPECT(predicted.empty() || features->shape[0] == pool.size, ShapeError,
                "{} must have a row for each of the {} candidates; got {}.", features->name,
                pool.size, features->shape[0]);
    pool.size = features->shape[0];
    pool.features = features->values<float>();
    pool.feature_size = features->shape[1];
  }
  std::vector<index_t> column(at(pool.size), kUnlabelled);
  if (!arguments.labels.empty()) {
    read_numbers(arguments.labels, "label", pool.size, kUnlabelled,
                 std::numeric_limits<label_t>::max(), column);
  }
  std::vector<label_t> labels;
  for (const index_t label : column)
    labels.push_back(static_cast<label_t>(label));
  pool.labels = labels;
  std::vector<index_t> groups(at(pool.size), -1);
  if (!arguments.groups.empty()) {
    read_numbers(arguments.groups, "group", pool.size, 0, std::numeric_limits<index_t>::max(),
                 groups);
    for (index_t i = 0; i < pool.size; ++i) {
      AIFT_EXPECT(groups[at(i)] >= 0, ValueError, "{} gives candidate {} no group.",
                  arguments.groups, i);
    }
    pool.groups = groups;
  }

  std::vector<double> costs;
  if (!arguments.costs.empty()) {
    costs.assign(at(pool.size), -1);
    read_column(arguments.costs, "cost", pool.size, "a number of at least 0",
                [&](index_t candidate, const std::string& text) {
                  const auto value = io::parse_number(text);
                  if (!value || !(*value >= 0) || !std::isfinite(*value)) return false;
                  costs[at(candidate)] = *value;
                  return true;
                });
    for (index_t i = 0; i < pool.size; ++i) {
      AIFT_EXPECT(costs[at(i)] >= 0, ValueError, "{} gives candidate {} no cost.", arguments.costs,
                  i);
    }
    pool.costs = costs;
  }

  std::optional<io::AtomicFile> out;
  if (arguments.out != "-") out.emplace(arguments.out);
  const Selection picks =
      select_batch(*selector, arguments.rules, pool, arguments.budget,
                   {.seed = arguments.seed, .round = arguments.round, .executor = &executor});
  const bool audits = arguments.rules.audit_share > 0;
  std::string text =
      audits ? "rank,candidate,score,reason,audit\n" : "rank,candidate,score,reason\n";
  for (index_t r = 0; r < picks.size(); ++r) {
    const std::string score = picks.score.empty() ? "" : io::shortest(picks.score[at(r)]);
    text += fmt::format("{},{},{},{}{}\n", r, picks.indices[at(r)], score,
                        io::csv_field(picks.reason[at(r)]),
                        !audits ? "" : (picks.audit[at(r)] != 0 ? ",1" : ",0"));
  }
  if (!picks.shortfall.empty()) fmt::print(stderr, "{}\n", picks.shortfall);
  if (out) {
    out->write(text);
    out->finish();
    out->commit();
  } else {
    std::fwrite(text.data(), 1, text.size(), stdout);  // main() looks at stdout's state
  }
}

}  // namespace

void add_select_command(CLI::App& app) {
  CLI::App& command = *app.add_subcommand(
      "select", "Picks what to label next from predictions and features that any program made");
  const auto arguments = std::make_shared<SelectArguments>();
  const auto add = [&](const char* name, auto& value, const char* what, const char* type) {
    return command.add_option(name, value, what)->type_name(type);
  };
  add("--probs", arguments->probabilities, "Probabilities, .npy [N, q, K]", "FILE");
  add("--logits", arguments->logits, "The values before the softmax, in their place", "FILE");
  add("--features", arguments->features, "Features, float32 .npy [N, d]", "FILE");
  add("--labels", arguments->labels,
      "CSV with the columns candidate,label; empty, -1 or left out: unlabelled", "FILE");
  add("--groups", arguments->groups, "CSV with the columns candidate,group (whole numbers)",
      "FILE");
  add("--costs", arguments->costs, "CSV with the columns candidate,cost", "FILE");
  add("--max-per-group", arguments->rules.max_per_group, "Of a group in the batch; 0: no rule",
      "N");
  add("--veto-similarity", arguments->rules.veto_similarity,
      "Largest cosine between features of two of the batch; 1: no rule", "SHARE");
  add("--max-cost", arguments->rules.max_cost, "Of the batch; 0: no rule", "COST");
  add("--audit-share", arguments->rules.audit_share,
      "Share of the batch that is drawn at random and marked", "SHARE");
  add("--selector", arguments->selector, "Strategy that picks, from the list below", "NAME")
      ->required();
  add("--set", arguments->settings, "An option of the selector, e.g. alpha=0.5", "KEY=VALUE");
  add("--budget", arguments->budget, "How many to pick", "N")->required();
  add_seed(command, arguments->seed, "Of everything that is drawn");
  add("--round", arguments->round, "Another round draws differently", "N")->capture_default_str();
  add("--threads", arguments->threads, "0: all; the result does not depend on it", "N")
      ->capture_default_str();
  add("--out", arguments->out, "picks.csv; - for stdout", "FILE")->capture_default_str();
  std::string footer =
      "The result has one line per pick, best first: rank,candidate,score,reason; with an audit "
      "sample\n"
      "also audit, 1 or 0.\n\nSelectors:\n";
  const SelectorRegistry registry = SelectorRegistry::with_builtin();
  for (const auto& entry : registry.entries()) {
    footer += fmt::format("  {:17} {}\n", entry.name, entry.summary);
    if (!entry.options.empty()) footer += fmt::format("  {:17}   --set {}\n", "", entry.options);
  }
  command.footer(footer +
                 "\nExample:\n"
                 "  aift select --probs p.npy --features f.npy --labels l.csv --selector badge \\\n"
                 "              --budget 20 --seed 1 --out picks.csv");
  command.callback([arguments] { run_select(*arguments); });
}

}  // namespace aift::app
