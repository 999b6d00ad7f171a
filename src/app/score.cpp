// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
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
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>
#include <aift/score/pool.hpp>
#include <aift/score/scores.hpp>

#include "src/app/commands.hpp"
#include "src/app/console.hpp"
#include "src/app/files.hpp"

namespace aift::app {

namespace {

namespace fs = std::filesystem;

constexpr index_t kChunkBytes = index_t{4} << 20;      // of predictions, per thread
constexpr index_t kGpuChunkBytes = index_t{32} << 20;  // of predictions
constexpr index_t kChunkCells = index_t{1} << 20;      // of matrices at a time
constexpr std::chrono::seconds kQuietTime{1};          // before progress is shown
constexpr std::string_view kHeader = "candidate,score,entropy,diversity,dominant,kept,rank\n";

/// What the command line says.
struct ScoreArguments {
  std::string probabilities;
  std::string logits;
  std::string offsets;
  std::string score = "aift";
  ScoreOptions options;
  std::string precision = "double";
  std::string device = "cpu";
  index_t threads = 0;
  std::optional<index_t> top;
  std::string matrix;
  std::string out = "-";

  [[nodiscard]] bool to_stdout() const { return out.empty() || out == "-"; }
  [[nodiscard]] bool from_logits() const { return !logits.empty(); }
  [[nodiscard]] const std::string& input() const { return from_logits() ? logits : probabilities; }
};

/// Predictions in files; the views in `predictions` point into the two mappings.
struct Input {
  io::NpyArray values;
  std::optional<io::NpyArray> offsets;
  PatchPredictions predictions;
};

// ------------------------------------------------------------------------------------- input

/// offsets must rise from 0 to `rows`; what is wrong is said in the words of the file.
void expect_offsets(const io::NpyArray& file, index_t rows) {
  file.expect_rank(1, "[N + 1] row numbers");
  const auto offsets = file.values<index_t>();
  AIFT_EXPECT(!offsets.empty(), ShapeError, "{} is empty; expected N + 1 row numbers, the first 0.",
              file.name);
  AIFT_EXPECT(offsets.front() == 0, ShapeError, "{} must start with 0; got {}.", file.name,
              offsets.front());
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    AIFT_EXPECT(offsets[i] >= offsets[i - 1], ShapeError,
                "{} must rise; at candidate {} it falls from {} to {}.", file.name, i - 1,
                offsets[i - 1], offsets[i]);
    AIFT_EXPECT(offsets[i] > offsets[i - 1], ShapeError,
                "{} gives candidate {} no patch; leave the candidate out or give it at least one.",
                file.name, i - 1);
  }
  AIFT_EXPECT(offsets.back() == rows, ShapeError,
              "{} must end with the number of rows, {}; got {}.", file.name, rows, offsets.back());
}

Input open_input(const ScoreArguments& arguments) {
  Input input;
  input.values = io::read_npy(arguments.input());
  const io::NpyArray& values = input.values;
  const auto dtype = io::prediction_dtype(values.type);
  AIFT_EXPECT(dtype, ValueError,
              "{} holds {}; predictions are float64, float32, float16 or bfloat16.", values.name,
              io::to_string(values.type));

  PatchPredictions& predictions = input.predictions;
  predictions.values = values.data;
  predictions.dtype = *dtype;
  predictions.kind =
      arguments.from_logits() ? PredictionKind::logits : PredictionKind::probabilities;
  if (arguments.offsets.empty()) {
    AIFT_EXPECT(
        values.rank() == 3, ShapeError,
        "{} must be [N, q, K], or [rows, K] with --offsets; got rank {} [{}]. One patch per "
        "candidate? Use shape [N, 1, K].",
        values.name, values.rank(), fmt::join(values.shape, ", "));
    predictions.candidates = values.shape[0];
    predictions.patches = values.shape[1];
    predictions.classes = values.shape[2];
    AIFT_EXPECT(predictions.patches >= 1, ShapeError,
                "{} has no patches: its shape is [{}]; every candidate needs at least one.",
                values.name, fmt::join(values.shape, ", "));
    predictions.rows = predictions.candidates * predictions.patches;
  } else {
    values.expect_rank(2, "[rows, K] with --offsets");
    predictions.rows = values.shape[0];
    predictions.classes = values.shape[1];
    input.offsets = io::read_npy(arguments.offsets);
    expect_offsets(*input.offsets, predictions.rows);
    predictions.offsets = input.offsets->values<index_t>().data();
    predictions.candidates = input.offsets->size() - 1;
  }
  AIFT_EXPECT(
      predictions.classes >= 2, ShapeError,
      "{} has {} class; a score needs the softmax of at least 2 (for a single sigmoid p write "
      "the two columns 1 - p and p).",
      values.name, predictions.classes);
  return input;
}

/// The matrix file's companion: r.npy -> r.offsets.npy.
fs::path offsets_beside(const fs::path& matrix) {
  fs::path beside = matrix;
  if (beside.extension() == ".npy") beside.replace_extension();
  beside += ".offsets.npy";
  return beside;
}

/// No result may replace an input or another result.
void check_files(const ScoreArguments& arguments) {
  NamedFiles files = {{arguments.from_logits() ? "--logits" : "--probs", arguments.input()}};
  if (!arguments.offsets.empty()) files.emplace_back("--offsets", arguments.offsets);
  const std::size_t inputs = files.size();
  if (!arguments.to_stdout()) files.emplace_back("--out", arguments.out);
  if (!arguments.matrix.empty()) {
    files.emplace_back("--matrix", arguments.matrix);
    files.emplace_back("the offsets beside --matrix", offsets_beside(arguments.matrix));
  }
  expect_distinct_files(std::move(files), inputs);
}

// ----------------------------------------------------------------------------------- scoring

/// Where the matrices go while the pool is scored.
class MatrixWriter {
 public:
  MatrixWriter(const ScoreArguments& arguments, const PatchPredictions& predictions)
      : file_(arguments.matrix), offsets_file_(offsets_beside(arguments.matrix)) {
    // The header comes first and holds the number of cells, which the numbers of patches decide.
    offsets_.reserve(static_cast<std::size_t>(predictions.candidates) + 1);
    for (index_t i = 0; i < predictions.candidates; ++i) {
      const index_t m = score::kept_count(predictions.patch_count(i), arguments.options.alpha);
      offsets_.push_back(offsets_.back() + m * m);
    }
    const std::array shape = {offsets_.back()};
    file_.write(io::npy_header(io::ElementType::f64, shape));
  }

  void append(const score::MatrixTable& matrices) {
    file_.write(std::as_bytes(std::span(matrices.cells)));
  }

  void finish() {
    const std::array shape = {static_cast<index_t>(offsets_.size())};
    offsets_file_.write(io::npy_header(io::ElementType::i64, shape));
    offsets_file_.write(std::as_bytes(std::span(offsets_)));
    file_.finish();
    offsets_file_.finish();
  }

  void commit() {
    offsets_file_.commit();
    file_.commit();
  }

 private:
  io::AtomicFile file_;
  io::AtomicFile offsets_file_;
  std::vector<index_t> offsets_ = {0};
};

/// Shows progress once the work takes longer than a moment.
class PatientProgress final : public Progress {
 public:
  void report(std::string_view stage, index_t done, index_t total) override {
    if (std::chrono::steady_clock::now() - start_ > kQuietTime) shown_.report(stage, done, total);
  }
  [[nodiscard]] bool cancelled() const override { return shown_.cancelled(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  ConsoleProgress shown_;
};

/// The matrices of the candidates [first, first + count), a bounded number of cells at a time.
void write_matrices(const Input& input, const ScoreArguments& arguments, index_t first,
                    index_t count, Executor& executor, MatrixWriter& writer) {
  const PatchPredictions& all = input.predictions;
  for (index_t begin = first; begin < first + count;) {
    index_t end = begin;
    for (index_t cells = 0; end < first + count; ++end) {
      const index_t m = score::kept_count(all.patch_count(end), arguments.options.alpha);
      cells += m * m;
      if (end > begin && cells > kChunkCells) break;
    }
    score::MatrixTable matrices;
    score::matrix(all.slice(begin, end - begin), arguments.options, matrices, &executor);
    writer.append(matrices);
    begin = end;
  }
}

/// Scores the pool chunk by chunk; neither the result nor the error depends on the threads or the
/// device. Matrices are made by the CPU.
ScoreTable score_pool(const Input& input, const ScoreArguments& arguments, ScoreKind kind,
                      const PoolScorer& gpu, MatrixWriter* matrices) {
  PatientProgress progress;
  ThreadExecutor executor(static_cast<int>(arguments.threads));
  const score::PoolScoring how{.kind = kind,
                               .options = arguments.options,
                               .request = {.kept = true},
                               .executor = &executor,
                               .progress = &progress};
  const auto scored = [&](index_t first, index_t count) {
    if (matrices != nullptr) write_matrices(input, arguments, first, count, executor, *matrices);
    const PatchPredictions& all = input.predictions;
    const index_t row = all.row_begin(first);
    input.values.release(row * all.classes, (all.row_begin(first + count) - row) * all.classes);
  };
  if (gpu) return gpu(input.predictions, how, kGpuChunkBytes, scored);
  return score::score_pool(input.predictions, how, kChunkBytes * executor.workers(), scored);
}

// ------------------------------------------------------------------------------------ output

/// Candidates by descending score, lowest number on a tie.
std::vector<index_t> ranking(const ScoreTable& table) {
  std::vector<index_t> order(static_cast<std::size_t>(table.size()));
  std::iota(order.begin(), order.end(), index_t{0});
  std::stable_sort(order.begin(), order.end(), [&](index_t a, index_t b) {
    return table.score[static_cast<std::size_t>(a)] > table.score[static_cast<std::size_t>(b)];
  });
  return order;
}

void append_row(const ScoreTable& table, index_t candidate, index_t rank, std::string& text) {
  const auto i = static_cast<std::size_t>(candidate);
  fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{},{}\n", candidate,
                 io::shortest(table.score[i]), io::shortest(table.entropy[i]),
                 io::shortest(table.diversity[i]), table.dominant[i],
                 fmt::join(table.kept_of(candidate), " "), rank);
}

/// Hands the CSV text to `write` piece by piece.
template <class Write>
void write_scores(const ScoreTable& table, std::optional<index_t> top, const Write& write) {
  std::string text(kHeader);
  const auto put = [&](index_t candidate, index_t rank) {
    append_row(table, candidate, rank, text);
    if (text.size() >= static_cast<std::size_t>(1) << 16) {
      write(text);
      text.clear();
    }
  };
  const std::vector<index_t> order = ranking(table);
  if (top) {  // the best, best first
    for (index_t rank = 0; rank < std::min(*top, table.size()); ++rank) {
      put(order[static_cast<std::size_t>(rank)], rank);
    }
  } else {  // all, by candidate
    std::vector<index_t> ranks(order.size());
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      ranks[static_cast<std::size_t>(order[rank])] = static_cast<index_t>(rank);
    }
    for (index_t i = 0; i < table.size(); ++i)
      put(i, ranks[static_cast<std::size_t>(i)]);
  }
  write(text);
}

void run_score(ScoreArguments arguments, const std::function<PoolScorer()>& gpu) {
  AIFT_EXPECT(arguments.probabilities.empty() != arguments.logits.empty(), ValueError,
              "Expected either --probs or --logits with an .npy file; got {}.",
              arguments.logits.empty() ? "none" : "both");
  AIFT_EXPECT(arguments.device == "cpu" || arguments.device == "cuda", ValueError,
              "--device must be cpu or cuda; got \"{}\".", arguments.device);
  AIFT_EXPECT(arguments.precision == "double" || arguments.precision == "single", ValueError,
              "--precision must be double or single; got \"{}\".", arguments.precision);
  AIFT_EXPECT(arguments.threads >= 0 && arguments.threads <= 1024, ValueError,
              "--threads must be 1 to 1024, or 0 for all; got {}.", arguments.threads);
  AIFT_EXPECT(!arguments.top || *arguments.top >= 1, ValueError,
              "--top must be at least 1; got {}.", arguments.top.value_or(0));
  const ScoreKind kind = score_kind(arguments.score);
  arguments.options.precision =
      arguments.precision == "single" ? Precision::single : Precision::double_;
  check_files(arguments);
  PoolScorer gpu_scorer;
  if (arguments.device == "cuda") gpu_scorer = gpu();

  const Input input = open_input(arguments);
  arguments.options.validate();

  // The files are opened before the work, so that a folder that cannot be written to is told at
  // once.
  std::optional<io::AtomicFile> out;
  if (!arguments.to_stdout()) out.emplace(arguments.out);
  std::optional<MatrixWriter> matrices;
  if (!arguments.matrix.empty()) matrices.emplace(arguments, input.predictions);

  const ScoreTable table =
      score_pool(input, arguments, kind, gpu_scorer, matrices ? &*matrices : nullptr);

  if (matrices) matrices->finish();
  if (out) {
    write_scores(table, arguments.top, [&](const std::string& text) { out->write(text); });
    out->finish();
  }
  if (matrices) matrices->commit();
  if (out) {
    out->commit();
  } else {
    write_scores(table, arguments.top, [](const std::string& text) {
      std::fwrite(text.data(), 1, text.size(), stdout);  // main() looks at stdout's state
    });
  }
}

}  // namespace

void add_score_command(CLI::App& app, std::function<PoolScorer()> gpu) {
  CLI::App& command = *app.add_subcommand(
      "score", "Scores and ranks predictions that any program made, without a network");
  const auto arguments = std::make_shared<ScoreArguments>();
  ScoreOptions& options = arguments->options;

  command
      .add_option("--probs", arguments->probabilities,
                  "Probabilities, .npy [N, q, K] or, with --offsets, [rows, K]")
      ->type_name("FILE");
  command
      .add_option("--logits", arguments->logits,
                  "The values before the softmax, in their place (better: nothing saturates)")
      ->type_name("FILE");
  command
      .add_option("--offsets", arguments->offsets,
                  "int64 .npy [N + 1]: candidate i has the rows offsets[i] to offsets[i+1]-1")
      ->type_name("FILE");
  command
      .add_option("--score", arguments->score,
                  "entropy, diversity, aift, least_confidence, margin or bald")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option("--alpha", options.alpha, "Share of patches kept on the dominant side, (0, 1]")
      ->capture_default_str();
  command.add_option("--lambda1", options.lambda1, "Weight of the entropies (aift, --matrix)")
      ->capture_default_str();
  command.add_option("--lambda2", options.lambda2, "Weight of the diversities (aift, --matrix)")
      ->capture_default_str();
  command.add_option("--eps", options.eps, "Added inside the logarithm; not used with --logits")
      ->default_str(io::shortest(options.eps));
  command.add_option("--precision", arguments->precision, "Arithmetic: double or single")
      ->type_name("NAME")
      ->capture_default_str();
  command
      .add_option("--device", arguments->device, "cpu or cuda; the result does not depend on it")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--threads", arguments->threads, "0: all; the result does not depend on it")
      ->type_name("INT")
      ->capture_default_str();
  command.add_option("--top", arguments->top, "Write only the best so many, best first")
      ->type_name("INT");
  command
      .add_option("--matrix", arguments->matrix,
                  "Also write the matrices R of all candidates, float64, one after another; where "
                  "each begins goes to an int64 file beside it (r.npy: r.offsets.npy)")
      ->type_name("FILE");
  command.add_option("--out", arguments->out, "scores.csv; - for stdout")
      ->type_name("FILE")
      ->capture_default_str();
  command.footer(
      "The result has one line per candidate: "
      "candidate,score,entropy,diversity,dominant,kept,rank.\n"
      "kept: the patches that count, most confident first; rank 0 is to be labelled first.\n"
      "\n"
      "Example:\n"
      "  aift score --probs p.npy --score aift --alpha 0.25 --top 20 --out scores.csv");
  command.callback([arguments, gpu = std::move(gpu)] { run_score(*arguments, gpu); });
}

}  // namespace aift::app
