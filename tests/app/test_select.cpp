// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <aift/core/types.hpp>
#include <aift/io/csv.hpp>
#include <aift/io/npy.hpp>

#include "tests/app/program.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::Arguments;
using aift::test::operator+;
using aift::test::ProgramResult;
using aift::test::read_file;
using aift::test::run_aift;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string npy(const TempDir& dir, const std::string& name, const std::vector<float>& values,
                const std::vector<index_t>& shape) {
  io::write_npy(dir / name, std::span<const float>(values), shape);
  return (dir / name).string();
}

std::string text(const TempDir& dir, const std::string& name, const std::string& content) {
  std::ofstream(dir / name) << content;
  return (dir / name).string();
}

/// Four candidates with one patch each; by margin the order is 2, 0, 3, 1.
std::string probabilities(const TempDir& dir, const std::string& name = "p.npy") {
  return npy(dir, name, {0.6F, 0.4F, 0.9F, 0.1F, 0.5F, 0.5F, 0.3F, 0.7F}, {4, 1, 2});
}

/// Points on a line: 0, 1, 10, 4.
std::string features(const TempDir& dir) { return npy(dir, "f.npy", {0, 1, 10, 4}, {4, 1}); }

/// The candidates of picks.csv, best first.
std::vector<std::string> candidates(const std::string& picks) {
  const io::CsvTable table = io::parse_csv(picks, "picks.csv");
  CHECK(table.header == std::vector<std::string>{"rank", "candidate", "score", "reason"});
  std::vector<std::string> out;
  for (const io::CsvRow& row : table.rows) {
    CHECK(row.fields[0] == std::to_string(out.size()));
    CHECK(!row.fields[3].empty());
    out.push_back(row.fields[1]);
  }
  return out;
}

ProgramResult select(Arguments arguments) {
  arguments.insert(arguments.begin(), "select");
  return run_aift(arguments);
}

}  // namespace

TEST_CASE("aift select: picks by predictions and by features", "[app]") {
  const TempDir dir;
  const std::string p = probabilities(dir, "name with spaces.npy");
  const ProgramResult margin = select({"--probs", p, "--selector", "margin", "--budget", "3"});
  INFO(margin.err);
  REQUIRE(margin.status == 0);
  CHECK(candidates(margin.out) == std::vector<std::string>{"2", "0", "3"});

  // What has a label is never picked, and more than there is means all that is left.
  const std::string labels = text(dir, "l.csv", "candidate,label\n2,1\n1,\n");
  const ProgramResult left =
      select({"--probs", p, "--labels", labels, "--selector", "margin", "--budget", "99"});
  REQUIRE(left.status == 0);
  CHECK(candidates(left.out) == std::vector<std::string>{"0", "3", "1"});

  // Farthest first from the labelled point 0: 10, then 4, then 1.
  const std::string first = text(dir, "first.csv", "candidate,label\n0,0\n");
  const Arguments far = {"--features", features(dir), "--labels",        first,      "--selector",
                         "k_center",   "--set",       "normalise=false", "--budget", "3"};
  const ProgramResult one = select(far + Arguments{"--threads", "1"});
  INFO(one.err);
  REQUIRE(one.status == 0);
  CHECK(candidates(one.out) == std::vector<std::string>{"2", "3", "1"});
  CHECK(select(far + Arguments{"--threads", "2"}).out == one.out);

  const Arguments random = {"--probs", p, "--selector", "random", "--budget", "4", "--seed"};
  const ProgramResult seven = select(random + Arguments{"7"});
  CHECK(select(random + Arguments{"7"}).out == seven.out);
  CHECK(select(random + Arguments{"8"}).out != seven.out);
}

TEST_CASE("aift select: bad input is one sentence, exit 2, and nothing is written", "[app]") {
  const TempDir dir;
  const std::string p = probabilities(dir);
  const std::string f = features(dir);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string before = read_file(p);
  const std::string cut = text(dir, "cut.npy", read_file(f).substr(0, 130));
  struct Case {
    Arguments arguments;
    const char* says;
  };
  const auto with = [](const char* selector, Arguments more) {
    return Arguments{"--selector", selector, "--budget", "2"} + std::move(more);
  };
  const std::vector<Case> cases = {
      {with("margin", {}), "--probs, --logits or --features"},
      {with("margin", {"--probs", p, "--logits", p}), "got both"},
      {with("nobody", {"--probs", p}), "There is no selector \"nobody\""},
      {with("margin", {"--probs", p, "--set", "alhpa=1"}), "alhpa"},
      {with("badge", {"--probs", p}), "needs features"},
      {with("stratified", {"--probs", p}), "needs groups"},
      {with("k_center", {"--features", cut}), "cut short"},
      {with("k_center", {"--features", text(dir, "empty.npy", "")}), "not an .npy file"},
      {with("k_center", {"--features", npy(dir, "nan.npy", {0, nan}, {2, 1})}), "candidate 1"},
      {with("k_center", {"--features", p}), "[N, d] features"},
      {with("badge", {"--probs", p, "--features", npy(dir, "two.npy", {1, 2}, {2, 1})}),
       "each of the 4 candidates"},
      {with("margin", {"--probs", npy(dir, "bad.npy", {0.5F, 0.5F, nan, 0.5F}, {2, 1, 2})}),
       "candidate 1, patch 0"},
      {with("margin", {"--probs", npy(dir, "k1.npy", {1, 1}, {2, 1, 1})}), "2 classes"},
      {with("margin", {"--probs", f}), "must be [N, q, K]"},
      {with("margin", {"--probs", p, "--labels", text(dir, "a.csv", "candidate,lab\n")}),
       "the columns candidate and label"},
      {with("margin", {"--probs", p, "--labels", text(dir, "b.csv", "candidate,label\n9,1\n")}),
       "must be 0 to 3"},
      {with("margin",
            {"--probs", p, "--labels", text(dir, "c.csv", "candidate,label\n1,1\n1,0\n")}),
       "comes twice"},
      {with("stratified", {"--probs", p, "--groups", text(dir, "g.csv", "candidate,group\n0,1\n")}),
       "candidate 1 no group"},
      {{"--probs", p, "--selector", "margin", "--budget", "0"}, "at least 1"}};
  for (const Case& one : cases) {
    const fs::path out = dir / "picks.csv";
    const ProgramResult result = select(one.arguments + Arguments{"--out", out.string()});
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK_THAT(result.err, ContainsSubstring(one.says));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
    CHECK(!fs::exists(out));
  }
  const ProgramResult itself = select(with("margin", {"--probs", p, "--out", p}));
  CHECK(itself.status == 2);
  CHECK_THAT(itself.err, ContainsSubstring("--probs and --out are the same file"));
  CHECK(read_file(p) == before);
}

TEST_CASE("aift select keeps to batch rules and marks an audit sample") {
  const TempDir dir;
  const std::string groups = text(dir, "g.csv", "candidate,group\n0,1\n1,2\n2,1\n3,2\n");
  const std::string costs = text(dir, "k.csv", "candidate,cost\n0,1\n1,1\n2,5.5\n3,1\n");
  const Arguments base = {"select", "--probs", probabilities(dir), "--selector", "margin",
                          "--set",  "alpha=1", "--budget",         "2"};
  // By margin 2, 0, 3, 1; one of each group.
  ProgramResult done = run_aift(base + Arguments{"--groups", groups, "--max-per-group", "1"});
  REQUIRE(done.status == 0);
  CHECK(candidates(done.out) == std::vector<std::string>{"2", "3"});
  done = run_aift(base + Arguments{"--costs", costs, "--max-cost", "3"});
  REQUIRE(done.status == 0);
  CHECK(candidates(done.out) == std::vector<std::string>{"0", "3"});
  done = run_aift(base + Arguments{"--audit-share", "0.5"});
  REQUIRE(done.status == 0);
  const io::CsvTable table = io::parse_csv(done.out, "picks");
  REQUIRE(table.header.back() == "audit");
  REQUIRE(table.rows.size() == 2);
  CHECK(table.rows[0].fields[4] == "0");
  CHECK(table.rows[1].fields[4] == "1");
  done = run_aift(base + Arguments{"--max-cost", "3"});
  CHECK(done.status == 2);
  CHECK_THAT(done.err, ContainsSubstring("max_cost needs costs"));
}
