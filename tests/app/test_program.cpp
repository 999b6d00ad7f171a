// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <aift/core/version.hpp>

#include "tests/app/program.hpp"
#include "tests/support/catch.hpp"

using aift::test::run_aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// One sentence of one line on stderr, nothing on stdout.
void check_refused(const std::vector<std::string>& arguments, const std::string& sentence) {
  CAPTURE(arguments);
  const auto result = run_aift(arguments);
  CHECK(result.status == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, ContainsSubstring(sentence));
  CHECK(result.err.starts_with("aift: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("the program says which version it is", "[app]") {
  const auto result = run_aift({"--version"});
  CHECK(result.status == 0);
  CHECK(result.out == "aift " + std::string(aift::version()) + "\n");
}

TEST_CASE("every command has help with an example", "[app]") {
  for (const char* command : {"score", "run", "models", "report"}) {
    const auto result = run_aift({command, "--help"});
    CAPTURE(command);
    CHECK(result.status == 0);
    CHECK(result.err.empty());
    CHECK_THAT(result.out, ContainsSubstring("Example"));
    CHECK_THAT(result.out, ContainsSubstring(std::string("\n  aift ") + command));
  }
  CHECK_THAT(run_aift({"--help"}).out, ContainsSubstring("\n  aift run"));
}

TEST_CASE("bad usage is one sentence with what was probably meant", "[app]") {
  check_refused({}, "a command was expected");
  check_refused({"rnu"}, "there is no command 'rnu'; did you mean 'run'?");
  check_refused({"photosynthesis"}, "there is no command 'photosynthesis'; see `aift --help`.");
  check_refused({"--verison"}, "did you mean '--version'?");
  check_refused({"run", "--out", "x", "--data", "y", "--budgte", "5"},
                "run has no option '--budgte'; did you mean '--budget'?");
  check_refused({"run", "--out", "x", "--data", "y", "--bogus=5"}, "run has no option '--bogus'");
  check_refused({"run", "--out", "x", "--data", "y", "--budget", "five"},
                "run: --budget must be a whole number; got 'five'; see `aift run --help`.");
  check_refused({"run", "--out", "x", "--data", "y", "--seed", "-1"},
                "--seed: must be at least 0; got '-1'");
  check_refused({"run", "--data", "y"}, "--out is required");
  check_refused({"report", "--out", "x.html"}, "runs is required");
  check_refused({"models", "a", "b"}, "does not take the argument 'b'");
  check_refused({"phantom"}, "phantom: a command was expected and none came; take one of ");
  check_refused({"phantom", "pann"}, "phantom has no command 'pann'; did you mean 'pan'?");
  check_refused({"phantom", "pan", "--sede", "1"},
                "phantom pan has no option '--sede'; did you mean '--seed'?");
  check_refused({"phantom", "colonoscopy", "--out", "x", "--seed", "-1"},
                "--seed: must be at least 0; got '-1'; see `aift phantom colonoscopy --help`");
}

TEST_CASE("without LibTorch a run is refused in one sentence, and the rest is there", "[app]") {
#ifdef AIFT_TORCH_PROGRAM
  aift::test::skip("this aift was built with LibTorch");
#else
  check_refused({"run", "--data", "x", "--out", "y"}, "This aift was built without LibTorch");
  check_refused({"models"}, "This aift was built without LibTorch");
  check_refused({"run", "--data", "x", "--out", "y", "--budget", "0"}, "--budget");
  CHECK_THAT(run_aift({"--help"}).out, ContainsSubstring("  run "));
  check_refused({"report", "/nowhere", "--out", "x.html"}, "holds no run");
#endif
}

TEST_CASE("output that cannot be written is a failure", "[app]") {
  const auto result = run_aift({"--help"}, "/dev/full");
  CHECK(result.status == 1);
  CHECK_THAT(result.err, ContainsSubstring("could not be written"));
}
