// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <aift/core/error.hpp>
#include <aift/core/rng.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/npy.hpp>
#include <aift/io/numbers.hpp>

#include "src/app/commands.hpp"
#include "src/score/engine.hpp"
#include "tests/app/program.hpp"
#include "tests/golden/golden_set.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::GoldenSet;
using aift::test::ProgramResult;
using aift::test::read_file;
using aift::test::run_aift;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

using Shape = std::vector<index_t>;

template <class T>
std::string write(const TempDir& dir, const std::string& name, const std::vector<T>& values,
                  const Shape& shape) {
  io::write_npy(dir / name, std::span<const T>(values), shape);
  return (dir / name).string();
}

/// `aift score` called within this process, which saves the program's start. `out` is what it wrote
/// to --out, given or added; `err` the message of the exception, status 2 then.
ProgramResult run_score(std::vector<std::string> arguments) {
  const TempDir dir;
  const auto given = std::find(arguments.begin(), arguments.end(), "--out");
  const fs::path out = given != arguments.end() ? fs::path(*(given + 1)) : dir / "scores.csv";
  if (given == arguments.end()) arguments.insert(arguments.end(), {"--out", out.string()});
  arguments.insert(arguments.begin(), "score");
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants a vector
  ProgramResult result;
  try {
    CLI::App program;
    // In the place of a GPU: chunks of another size, collected behind the next one.
    app::add_score_command(program, []() -> app::PoolScorer {
      return [](const PatchPredictions& all, const score::PoolScoring& how, index_t,
                const auto& scored) { return score::score_pool(all, how, 5000, scored); };
    });
    program.parse(arguments);
    result.status = 0;
    result.out = read_file(out);
  } catch (const CLI::ParseError& error) {
    result.status = 2;
    result.err = error.what();
  } catch (const Error& error) {
    result.status = 2;
    result.err = error.what();
  }
  return result;
}

/// A line of scores.csv.
struct ScoreRow {
  index_t candidate = 0;
  double score = 0;
  double entropy = 0;
  double diversity = 0;
  label_t dominant = 0;
  std::vector<std::int32_t> kept;
  index_t rank = 0;
};

std::vector<ScoreRow> parse_scores(const std::string& text) {
  const io::CsvTable table = io::parse_csv(text, "scores.csv");
  REQUIRE(fmt::format("{}", fmt::join(table.header, ",")) ==
          "candidate,score,entropy,diversity,dominant,kept,rank");
  std::vector<ScoreRow> rows;
  for (const io::CsvRow& line : table.rows) {
    const auto& f = line.fields;
    ScoreRow row;
    row.candidate = io::parse_integer(f[0]).value();
    row.score = io::parse_number(f[1]).value();
    row.entropy = io::parse_number(f[2]).value();
    row.diversity = io::parse_number(f[3]).value();
    row.dominant = static_cast<label_t>(io::parse_integer(f[4]).value());
    for (std::size_t at = 0; at < f[5].size();) {
      const std::size_t end = std::min(f[5].find(' ', at), f[5].size());
      row.kept.push_back(
          static_cast<std::int32_t>(io::parse_integer(f[5].substr(at, end - at)).value()));
      at = end + 1;
    }
    row.rank = io::parse_integer(f[6]).value();
    rows.push_back(row);
  }
  return rows;
}

/// Softmax rows for N candidates with 1 to `max_patches` patches each.
struct Pool {
  std::vector<double> values;
  std::vector<index_t> offsets = {0};
  index_t classes = 0;
  [[nodiscard]] index_t rows() const { return offsets.back(); }
};

Pool random_pool(index_t candidates, index_t max_patches, index_t classes) {
  Pool pool;
  pool.classes = classes;
  const KeyedRandom random(17, Purpose::test);
  index_t draw = 0;
  for (index_t i = 0; i < candidates; ++i) {
    const index_t q = 1 + random.below(draw++, max_patches);
    for (index_t j = 0; j < q; ++j) {
      std::vector<double> row;
      for (index_t k = 0; k < classes; ++k)
        row.push_back(std::exp(3 * random.uniform(draw++)));
      const double sum = std::accumulate(row.begin(), row.end(), 0.0);
      for (const double x : row)
        pool.values.push_back(x / sum);
    }
    pool.offsets.push_back(pool.offsets.back() + q);
  }
  return pool;
}

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

void check_golden(const fs::path& file) {
  const GoldenSet set = test::read_golden(file);
  INFO(set.name);
  const TempDir dir;
  const Shape shape = {set.offsets.back(), set.classes};
  const std::string values = set.is_float ? write(dir, "p.npy", set.floats, shape)
                                          : write(dir, "p.npy", set.values, shape);
  const std::string offsets =
      write(dir, "o.npy", set.offsets, {static_cast<index_t>(set.offsets.size())});
  const auto& expected = set.json.at("expected");
  for (const auto& [alpha, ranking] : set.json.at("ranking").items()) {
    for (const ScoreKind kind : kScoreKinds) {
      const std::string name(to_string(kind));
      const std::string theirs = kind == ScoreKind::aift ? "entropy_diversity" : name;
      INFO("alpha " << alpha << ", " << name);
      const auto result = run_score({set.kind == PredictionKind::logits ? "--logits" : "--probs",
                                     values, "--offsets", offsets, "--score", name, "--alpha",
                                     alpha, "--eps", io::shortest(set.eps), "--threads", "2"});
      REQUIRE(result.err == "");
      REQUIRE(result.status == 0);
      const std::vector<ScoreRow> rows = parse_scores(result.out);
      REQUIRE(rows.size() == expected.size());
      bool all_compared = true;
      std::vector<index_t> order(rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(rows[i].candidate == static_cast<index_t>(i));
        order[static_cast<std::size_t>(rows[i].rank)] = rows[i].candidate;
        const double gap = expected[i].at("dominant_gap");
        if (gap > 0 && gap < 1e-12) {
          all_compared = false;
          continue;
        }
        INFO("candidate " << i);
        const auto& want = expected[i].at("alpha").at(alpha);
        const auto close = [&](double got, const char* key) {
          const double value = want.at(key);
          return std::abs(got - value) <= 1e-9 * std::max(1.0, std::abs(value));
        };
        REQUIRE(rows[i].dominant == want.at("dominant"));
        REQUIRE(rows[i].kept == want.at("kept").get<std::vector<std::int32_t>>());
        REQUIRE(close(rows[i].score, theirs.c_str()));
        REQUIRE(close(rows[i].entropy, "entropy"));
        REQUIRE(close(rows[i].diversity, "diversity"));
      }
      // Ranks: descending score, lowest candidate on a tie; and the reference's order, where it is
      // not decided by less than 1e-9.
      for (std::size_t r = 1; r < order.size(); ++r) {
        const double above = rows[static_cast<std::size_t>(order[r - 1])].score;
        const double below = rows[static_cast<std::size_t>(order[r])].score;
        REQUIRE((above > below || (above == below && order[r - 1] < order[r])));
      }
      if (!all_compared) continue;
      const auto want_order = ranking.at(theirs).at("order").get<std::vector<index_t>>();
      const auto close_after = ranking.at(theirs).at("close_after").get<std::set<index_t>>();
      std::set<index_t> got_set;
      std::set<index_t> want_set;
      for (std::size_t r = 0; r < order.size(); ++r) {
        got_set.insert(order[r]);
        want_set.insert(want_order[r]);
        if (close_after.contains(static_cast<index_t>(r))) continue;
        REQUIRE(got_set == want_set);
        got_set.clear();
        want_set.clear();
      }
    }
  }
}

std::vector<fs::path> golden_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".json" && name != "acft_and_random" &&
        name != "published_examples") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("aift score: the shared golden vectors", "[score]") {
  const auto shared = test::shared_dir();
  if (!shared || !fs::is_directory(*shared / "golden")) {
    return test::skip("no folder golden in the shared data (AIFT_SHARED_DIR)");
  }
  const auto files = golden_files(*shared / "golden");
  REQUIRE(files.size() >= 14);
  for (const fs::path& file : files)
    check_golden(file);
}

TEST_CASE("aift score: the repository's golden vectors", "[score]") {
  const auto files = golden_files(fs::path(AIFT_TEST_DIR).parent_path() / "golden" / "own");
  REQUIRE(files.size() >= 4);
  for (const fs::path& file : files)
    check_golden(file);
}

TEST_CASE("aift score: the method's own example, six patches against three", "[score]") {
  const TempDir dir;
  std::vector<double> values;
  for (const double p : {0.9, 0.1, 0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9}) {
    values.push_back(1 - p);
    values.push_back(p);
  }
  const auto probs = write(dir, "p.npy", values, {1, 9, 2});
  const auto result = run_score({"--probs", probs, "--alpha", "0.6667"});
  REQUIRE(result.status == 0);
  const auto rows = parse_scores(result.out);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].dominant == 1);
  CHECK(rows[0].kept == std::vector<std::int32_t>{0, 2, 3, 5, 6, 8});  // 1, 4 and 7 are dropped
  CHECK(rows[0].diversity == 0);                                       // the six agree
  CHECK(rows[0].score == Approx(6 * -(0.9 * std::log(0.9) + 0.1 * std::log(0.1))).epsilon(1e-12));
}

TEST_CASE("aift score: dense and ragged, any threads, instructions and destination agree",
          "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(3000, 40, 10);
  const auto probs = write(dir, "p.npy", pool.values, {pool.rows(), pool.classes});
  const auto offsets =
      write(dir, "o.npy", pool.offsets, {static_cast<index_t>(pool.offsets.size())});
  const std::vector<std::string> base = {"--probs", probs, "--offsets", offsets};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), base.begin(), base.end());
    return run_score(more);
  };
  const auto one = with({"--threads", "1"});
  REQUIRE(one.status == 0);
  REQUIRE(parse_scores(one.out).size() == 3000);
  for (const char* threads : {"2", "7", "0"})
    CHECK(with({"--threads", threads}).out == one.out);
  const char* const before = std::getenv("AIFT_SIMD");
  const std::string saved = before == nullptr ? "" : before;
  for (const score::detail::Engine* engine : score::detail::engines()) {
    setenv("AIFT_SIMD", engine->name, 1);
    INFO(engine->name);
    CHECK(with({"--threads", "2"}).out == one.out);
  }
  setenv("AIFT_SIMD", "mmx", 1);
  CHECK(with({"--threads", "1"}).status == 2);
  setenv("AIFT_SIMD", saved.c_str(), 1);
  const auto to_file = with({"--threads", "3", "--out", (dir / "scores.csv").string()});
  CHECK(to_file.status == 0);
  CHECK(read_file(dir / "scores.csv") == one.out);

  std::vector<float> dense(600 * 5 * 3, 1.0F / 3);
  const auto cube = write(dir, "d.npy", dense, {600, 5, 3});
  const auto plane = write(dir, "r.npy", dense, {3000, 3});
  std::vector<index_t> steps(601);
  for (std::size_t i = 0; i < steps.size(); ++i)
    steps[i] = static_cast<index_t>(5 * i);
  const auto step_file = write(dir, "s.npy", steps, {601});
  CHECK(run_score({"--probs", cube}).out ==
        run_score({"--probs", plane, "--offsets", step_file}).out);
}

TEST_CASE("aift score: input types and precisions", "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(50, 6, 3);
  const Shape shape = {pool.rows(), 3};
  const auto offsets = write(dir, "o.npy", pool.offsets, {51});
  std::vector<float> singles(pool.values.begin(), pool.values.end());
  std::vector<half_t> halves;
  std::vector<bfloat16_t> brains;
  for (const double x : pool.values) {
    halves.push_back(to_half(x));
    brains.push_back(to_bfloat16(x));
  }
  const auto scores = [&](const std::string& file, const std::string& precision) {
    const auto result =
        run_score({"--probs", file, "--offsets", offsets, "--precision", precision});
    REQUIRE(result.err == "");
    std::vector<double> values;
    for (const ScoreRow& row : parse_scores(result.out))
      values.push_back(row.score);
    return values;
  };
  const auto exact = scores(write(dir, "p.npy", pool.values, shape), "double");
  const auto expect_within = [&](const std::vector<double>& got, double tolerance) {
    REQUIRE(got.size() == exact.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(std::abs(got[i] - exact[i]) <= tolerance * std::max(1.0, std::abs(exact[i])));
    }
  };
  expect_within(scores((dir / "p.npy").string(), "single"), 1e-5);
  const auto f32 = scores(write(dir, "f.npy", singles, shape), "double");
  expect_within(f32, 1e-5);
  CHECK(f32 != exact);
  expect_within(scores(write(dir, "h.npy", halves, shape), "double"), 2e-2);
  expect_within(scores(write(dir, "b.npy", brains, shape), "double"), 2e-1);
}

TEST_CASE("aift score: logits need no eps and know no offset", "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(40, 5, 4);
  std::vector<double> logits;
  std::vector<double> shifted;
  for (const double p : pool.values) {
    logits.push_back(std::log(p));
    shifted.push_back(std::log(p) + 300);
  }
  const Shape shape = {pool.rows(), 4};
  const auto offsets = write(dir, "o.npy", pool.offsets, {41});
  const auto from_probs = parse_scores(
      run_score({"--probs", write(dir, "p.npy", pool.values, shape), "--offsets", offsets}).out);
  for (const auto* values : {&logits, &shifted}) {
    const auto rows = parse_scores(
        run_score({"--logits", write(dir, "z.npy", *values, shape), "--offsets", offsets}).out);
    REQUIRE(rows.size() == from_probs.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CHECK(rows[i].score == Approx(from_probs[i].score).epsilon(1e-10).margin(1e-11));
      CHECK(rows[i].dominant == from_probs[i].dominant);
    }
  }
}

TEST_CASE("aift score: --top writes the best, best first", "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(100, 4, 3);
  const auto probs = write(dir, "p.npy", pool.values, {pool.rows(), 3});
  const auto offsets = write(dir, "o.npy", pool.offsets, {101});
  auto all = parse_scores(run_score({"--probs", probs, "--offsets", offsets}).out);
  std::sort(all.begin(), all.end(),
            [](const ScoreRow& a, const ScoreRow& b) { return a.rank < b.rank; });
  const auto top =
      parse_scores(run_score({"--probs", probs, "--offsets", offsets, "--top", "7"}).out);
  REQUIRE(top.size() == 7);
  for (std::size_t r = 0; r < top.size(); ++r) {
    CHECK(top[r].rank == static_cast<index_t>(r));
    CHECK(top[r].candidate == all[r].candidate);
    CHECK(top[r].kept == all[r].kept);
  }
  CHECK(parse_scores(run_score({"--probs", probs, "--offsets", offsets, "--top", "1000"}).out)
            .size() == 100);
}

TEST_CASE("aift score: the matrices R add up to the scores", "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(300, 30, 3);
  const auto probs = write(dir, "p.npy", pool.values, {pool.rows(), 3});
  const auto offsets = write(dir, "o.npy", pool.offsets, {301});
  const auto run = [&](const std::string& name, const char* threads) {
    return run_score({"--probs", probs, "--offsets", offsets, "--alpha", "0.5", "--lambda1", "2",
                      "--lambda2", "0.5", "--threads", threads, "--matrix", (dir / name).string()});
  };
  const auto result = run("r.npy", "3");
  REQUIRE(result.err == "");
  REQUIRE(result.status == 0);
  const auto rows = parse_scores(result.out);
  const io::NpyArray cells = io::read_npy(dir / "r.npy");
  const io::NpyArray begins = io::read_npy(dir / "r.offsets.npy");
  REQUIRE(cells.rank() == 1);
  REQUIRE(begins.shape == Shape{301});
  const auto r = cells.values<double>();
  const auto begin = begins.values<index_t>();
  REQUIRE(begin[300] == cells.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto m = static_cast<index_t>(rows[i].kept.size());
    REQUIRE(begin[i + 1] - begin[i] == m * m);
    double sum = 0;
    for (index_t c = begin[i]; c < begin[i + 1]; ++c)
      sum += r[static_cast<std::size_t>(c)];
    CHECK(sum == Approx(rows[i].score).epsilon(1e-10));
  }
  REQUIRE(run("one", "1").status == 0);  // a name without .npy keeps its whole name
  CHECK(read_file(dir / "one") == read_file(dir / "r.npy"));
  CHECK(read_file(dir / "one.offsets.npy") == read_file(dir / "r.offsets.npy"));
}

TEST_CASE("aift score: an empty pool gives an empty table", "[score]") {
  const TempDir dir;
  const auto probs = write(dir, "p.npy", std::vector<double>{}, {0, 4, 2});
  const auto result = run_score({"--probs", probs});
  CHECK(result.status == 0);
  CHECK(parse_scores(result.out).empty());
}

TEST_CASE("aift score: refused input is one sentence, status 2 and no file", "[score]") {
  const TempDir in;
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const std::string good = write<double>(in, "good.npy", {0.5, 0.5, 0.25, 0.75}, {2, 1, 2});
  const std::string flat = write<double>(in, "flat.npy", {0.5, 0.5, 0.25, 0.75}, {2, 2});
  const auto dense = [&](const std::string& name, const std::vector<double>& values) {
    return write(in, name, values, {2, 1, 2});
  };
  const auto offsets = [&](const std::string& name, const std::vector<index_t>& values) {
    return write(in, name, values, {static_cast<index_t>(values.size())});
  };
  const std::string truncated =
      in.write("truncated.npy", read_file(good).substr(0, read_file(good).size() - 1)).string();
  std::string swapped = read_file(good);
  swapped[swapped.find('<')] = '>';
  const std::string big_endian = in.write("big.npy", swapped).string();

  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Case> cases = {
      {{}, "either --probs or --logits"},
      {{"--probs", good, "--logits", good}, "got both"},
      {{"--probs", (in / "none.npy").string()}, "No such file or directory"},
      {{"--probs", good, "--score", "entropie"}, "entropie"},
      {{"--probs", good, "--alpha", "0"}, "alpha"},
      {{"--probs", good, "--alpha", "1.1"}, "alpha"},
      {{"--probs", good, "--alpha", "nan"}, "alpha"},
      {{"--probs", good, "--alpha", "much"}, "alpha"},
      {{"--probs", good, "--lambda1", "-1"}, "lambda1"},
      {{"--probs", good, "--lambda2", "inf"}, "lambda2"},
      {{"--probs", good, "--eps", "-1"}, "eps"},
      {{"--probs", good, "--precision", "half"}, "--precision"},
      {{"--probs", good, "--device", "tpu"}, "--device"},
      {{"--probs", good, "--threads", "-1"}, "--threads"},
      {{"--probs", good, "--top", "0"}, "--top"},
      {{"--probs", good, "--budget", "3"}, "--budget"},
      {{"--probs", flat}, "One patch per candidate? Use shape [N, 1, K]"},
      {{"--probs", good, "--offsets", offsets("o0.npy", {0, 2})}, "[rows, K]"},
      {{"--probs", flat, "--offsets", offsets("o1.npy", {0, 2, 1, 2})}, "falls from 2 to 1"},
      {{"--probs", flat, "--offsets", offsets("o2.npy", {0, 1, 1, 2})}, "candidate 1 no patch"},
      {{"--probs", flat, "--offsets", offsets("o3.npy", {0, 1})}, "number of rows, 2"},
      {{"--probs", flat, "--offsets", offsets("o4.npy", {0, 3})}, "number of rows, 2"},
      {{"--probs", flat, "--offsets", offsets("o5.npy", {1, 2})}, "start with 0"},
      {{"--probs", flat, "--offsets", offsets("o6.npy", {})}, "is empty"},
      {{"--probs", flat, "--offsets", write<std::int32_t>(in, "o7.npy", {0, 2}, {2})}, "int64"},
      {{"--probs", flat, "--offsets", write<index_t>(in, "o8.npy", {0, 2}, {1, 2})}, "[N + 1]"},
      {{"--probs", write<std::int64_t>(in, "i.npy", {1, 0}, {1, 1, 2})}, "holds int64"},
      {{"--probs", write<double>(in, "q0.npy", {}, {3, 0, 2})}, "no patches"},
      {{"--probs", write<double>(in, "k1.npy", {1, 1}, {2, 1, 1})}, "at least 2"},
      {{"--probs", dense("nan.npy", {0.5, 0.5, kNaN, 0.5})}, "candidate 1"},
      {{"--probs", dense("neg.npy", {0.5, 0.5, -0.1, 1.1})}, "candidate 1"},
      {{"--probs", dense("sum.npy", {0.5, 0.5, 0.5, 0.6})}, "candidate 1"},
      {{"--logits", dense("inf.npy", {0.5, 0.5, 0.5, kInf})}, "candidate 1"},
      {{"--probs", truncated}, "cut short"},
      {{"--probs", big_endian}, "big endian"},
      {{"--probs", in.write("text.npy", "0.5,0.5\n").string()}, "not an .npy file"},
  };
  for (const Case& c : cases) {
    const TempDir out;
    std::vector<std::string> arguments = c.arguments;
    arguments.insert(arguments.end(), {"--out", (out / "scores.csv").string(), "--matrix",
                                       (out / "r.npy").string()});
    INFO(fmt::format("{}", fmt::join(arguments, " ")));
    const auto result = run_score(arguments);
    CHECK(result.status == 2);
    CHECK_THAT(result.err, ContainsSubstring(c.message));
    CHECK(result.err.find('\n') == std::string::npos);
    CHECK(files_in(out.path()) == 0);
  }
}

TEST_CASE("aift score --device cuda: the bytes of the CPU, or a sentence", "[score]") {
  const TempDir dir;
  const Pool pool = random_pool(3'000, 9, 4);
  const auto probs = write(dir, "p.npy", pool.values, {pool.rows(), 4});
  const auto offsets =
      write(dir, "o.npy", pool.offsets, {static_cast<index_t>(pool.offsets.size())});
  const auto arguments = [&](const char* device, const std::string& matrix) {
    return std::vector<std::string>{"--probs",  probs,  "--offsets", offsets,
                                    "--device", device, "--matrix",  matrix};
  };
  const auto cpu = run_score(arguments("cpu", (dir / "a.npy").string()));
  const auto gpu = run_score(arguments("cuda", (dir / "b.npy").string()));
  REQUIRE(cpu.status == 0);
  REQUIRE(gpu.status == 0);
  CHECK(gpu.out == cpu.out);
  CHECK(read_file(dir / "a.npy") == read_file(dir / "b.npy"));

  // The program itself: with a GPU the same bytes, without one bad usage and nothing written.
  auto words = arguments("cuda", (dir / "c.npy").string());
  words.insert(words.begin(), "score");
  words.insert(words.end(), {"--out", (dir / "scores.csv").string()});
  const auto real = run_aift(words);
  if (real.status == 0) {
    CHECK(read_file(dir / "scores.csv") == cpu.out);
    CHECK(read_file(dir / "c.npy") == read_file(dir / "a.npy"));
  } else {
    CHECK(real.status == 2);
    CHECK_THAT(real.err, ContainsSubstring("--device cpu, which gives the same scores"));
    CHECK(real.err.find('\n') == real.err.size() - 1);
    CHECK_FALSE(fs::exists(dir / "c.npy"));
  }
}

TEST_CASE("aift score: the first offender is the same for any thread count", "[score]") {
  const TempDir dir;
  Pool pool = random_pool(20'000, 9, 10);
  for (const index_t candidate : {4'321, 12'345, 19'999}) {
    const index_t row = pool.offsets[static_cast<std::size_t>(candidate)];
    pool.values[static_cast<std::size_t>(row * 10)] = 7;
  }
  const auto probs = write(dir, "p.npy", pool.values, {pool.rows(), 10});
  const auto offsets =
      write(dir, "o.npy", pool.offsets, {static_cast<index_t>(pool.offsets.size())});
  const auto message = [&](const char* threads) {
    const auto result = run_score({"--probs", probs, "--offsets", offsets, "--threads", threads});
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    return result.err;
  };
  const std::string first = message("1");
  CHECK_THAT(first, ContainsSubstring("4321"));
  CHECK(message("2") == first);
  CHECK(message("8") == first);
}

TEST_CASE("aift score: output that cannot be written", "[score]") {
  const TempDir dir;
  const std::string good = write<double>(dir, "good.npy", {0.5, 0.5, 0.25, 0.75}, {2, 1, 2});
  const std::string before = read_file(good);
  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  for (const Case& c : {
           Case{{"--out", (dir / "no/scores.csv").string()}, "No such file or directory"},
           Case{{"--out", dir.path().string()}, "is a folder"},
           Case{{"--out", good}, "same file"},
           Case{{"--out", (dir / "./good.npy").string()}, "same file"},
           Case{{"--out", (dir / "x").string(), "--matrix", (dir / "x").string()}, "same file"},
           Case{{"--out", (dir / "r.offsets.npy").string(), "--matrix", (dir / "r.npy").string()},
                "same file"},
           Case{{"--out", "/dev/full"}, "No space left on device"},
           Case{{"--matrix", "/dev/full"}, "/dev"},
       }) {
    std::vector<std::string> arguments = {"--probs", good};
    arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
    INFO(fmt::format("{}", fmt::join(arguments, " ")));
    const auto result = run_score(arguments);
    CHECK(result.status == 2);
    CHECK_THAT(result.err, ContainsSubstring(c.message));
    CHECK(read_file(good) == before);
    CHECK(files_in(dir.path()) == 1);
  }
}

TEST_CASE("aift score: an older result stays when the new one is refused", "[score]") {
  const TempDir dir;
  dir.write("scores.csv", "older\n");
  const auto bad = write<double>(dir, "p.npy", {0.5, 0.7}, {1, 1, 2});
  CHECK(run_score({"--probs", bad, "--out", (dir / "scores.csv").string()}).status == 2);
  CHECK(read_file(dir / "scores.csv") == "older\n");
  CHECK(files_in(dir.path()) == 2);
}

TEST_CASE("aift score: the program prints the table and one sentence about what is wrong",
          "[score]") {
  const TempDir dir;
  const std::string good = write<double>(dir, "good.npy", {0.5, 0.5, 0.25, 0.75}, {2, 1, 2});
  const std::string bad = write<double>(dir, "bad.npy", {0.5, 0.5, 0.25, 0.85}, {2, 1, 2});
  const std::string table = run_score({"--probs", good}).out;
  REQUIRE(parse_scores(table).size() == 2);
  for (const char* out : {"-", "/dev/stdout"}) {
    const auto result = run_aift({"score", "--probs", good, "--out", out});
    CHECK(result.status == 0);
    CHECK(result.out == table);
    CHECK(result.err.empty());
  }
  for (const auto& arguments :
       {std::vector<std::string>{"score", "--probs", bad}, std::vector<std::string>{"score"},
        std::vector<std::string>{"score", "--probs", good, "--alpha", "0"},
        std::vector<std::string>{"score", "--probs", good, "--alpha"}}) {
    INFO(fmt::format("{}", fmt::join(arguments, " ")));
    const auto result = run_aift(arguments);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, StartsWith("aift: ") && (EndsWith(".\n") || EndsWith("?\n")));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  }
  if (!fs::exists("/dev/full")) return;
  const auto full = run_aift({"score", "--probs", good}, "/dev/full");
  CHECK(full.status == 1);
  CHECK_THAT(full.err, StartsWith("aift: "));
}

TEST_CASE("aift score: help holds an example that names real options", "[score]") {
  const auto result = run_aift({"score", "--help"});
  CHECK(result.status == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, ContainsSubstring("Example:") && ContainsSubstring("aift score --probs") &&
                             ContainsSubstring("--matrix") &&
                             ContainsSubstring("2.220446049250313e-16"));
}
