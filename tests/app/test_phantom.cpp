// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <set>
#include <string>

#include "tests/app/program.hpp"
#include "tests/phantom/folders.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using aift::test::Arguments;
using aift::test::column_of;
using aift::test::files_of;
using aift::test::operator+;
using aift::test::run_aift;
using aift::test::TempDir;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

TEST_CASE("aift phantom colonoscopy: every option reaches the pictures", "[phantom]") {
  const TempDir dir;
  const Arguments command = {"phantom", "colonoscopy", "--threads", "1"};
  const Arguments plain = {"--videos", "2", "--frames",        "4", "--size",      "32",
                           "--seed",   "3", "--uninformative", "0", "--positives", "0"};
  const auto made = [&](const std::string& name, Arguments options) {
    const fs::path out = dir / ("a folder " + name);
    const auto result = run_aift(command + options + Arguments{"--out", out.string()});
    CAPTURE(result.err);
    REQUIRE(result.status == 0);
    CHECK_THAT(result.out, ContainsSubstring("synthetic frames"));
    return files_of(out);
  };
  const auto changed = [&](const std::string& option, const std::string& value) {
    Arguments options = plain;
    for (std::size_t i = 0; i + 1 < options.size(); i += 2)
      if (options[i] == option) options[i + 1] = value;
    if (option == "--sequence") options = options + Arguments{option, value};
    return made(option + value, options);
  };
  const auto base = made("base", plain);
  CHECK(base == made("again", plain));
  CHECK(base.size() == 8 + 3);
  CHECK(changed("--videos", "3").size() == 12 + 3);
  CHECK(changed("--frames", "5").size() == 10 + 3);
  CHECK(base == changed("--sequence", "4"));
  for (const auto& [option, value] : {std::pair{"--sequence", "1"},
                                      {"--size", "40"},
                                      {"--seed", "4"},
                                      {"--uninformative", "1"},
                                      {"--positives", "1"}}) {
    CAPTURE(option);
    const auto other = changed(option, value);
    CHECK(other.size() == base.size());
    CHECK(other != base);
  }
  const auto labels = column_of(dir / "a folder --positives1", "label");
  CHECK(std::set<std::string>(labels.begin(), labels.end()).count("polyp") == 1);
  const auto none = column_of(dir / "a folder base", "label");
  CHECK(std::set<std::string>(none.begin(), none.end()) == std::set<std::string>{"mucosa"});
}

TEST_CASE("aift phantom: what cannot be made is refused, and nothing is left", "[phantom]") {
  const TempDir dir;
  const fs::path out = dir / "out";
  const auto refused = [&](const Arguments& options) {
    const auto result = run_aift(Arguments{"phantom"} + options + Arguments{"--out", out.string()});
    CAPTURE(options, result.out);
    CHECK(result.status == 2);
    CHECK_FALSE(fs::exists(out));
    return result.err;
  };
  CHECK_THAT(refused({"colonoscopy", "--videos", "1000000000000"}),
             ContainsSubstring("[1, 10000]"));
  CHECK_THAT(refused({"colonoscopy", "--frames", "0"}), ContainsSubstring("[1, 10000]"));
  CHECK_THAT(refused({"colonoscopy", "--sequence", "0"}), ContainsSubstring("sequence"));
  CHECK_THAT(refused({"colonoscopy", "--positives", "nan"}), ContainsSubstring("[0, 1]"));
  CHECK_THAT(refused({"pan", "--from", dir.path().string(), "--frames", "1000000000000"}),
             ContainsSubstring("[1, 10000]"));
}
