// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/core/error.hpp>
#include <aift/core/settings.hpp>

using namespace aift;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("settings are read by type, with a fallback") {
  Settings settings(
      {{"alpha", "0.5"}, {"b", "20"}, {"on", "yes"}, {"off", "false"}, {"name", "x y"}});
  settings.set("eps=1e-9");
  settings.set("plus=+2.5");
  settings.set("empty=");
  CHECK(settings.number("alpha", 1) == 0.5);
  CHECK(settings.number("eps", 1) == 1e-9);
  CHECK(settings.number("plus", 1) == 2.5);
  CHECK(settings.number("absent", 7) == 7);
  CHECK(settings.integer("b", 1) == 20);
  CHECK(settings.integer("absent", -3) == -3);
  CHECK(settings.flag("on", false));
  CHECK_FALSE(settings.flag("off", true));
  CHECK(settings.text("name", "") == "x y");
  CHECK(settings.text("empty", "fallback").empty());
  CHECK(settings.text("absent", "fallback") == "fallback");
  CHECK_NOTHROW(settings.expect_all_used("the test"));
}

TEST_CASE("values that are not what they should be are refused by name") {
  const Settings settings({{"a", "1x"}, {"b", "1.5"}, {"c", "perhaps"}, {"d", ""}, {"e", "1e999"}});
  CHECK_THROWS_WITH(settings.number("a", 0),
                    ContainsSubstring("a must be a number") && ContainsSubstring("\"1x\""));
  CHECK_THROWS_AS(settings.number("d", 0), ValueError);
  CHECK_THROWS_AS(settings.number("e", 0), ValueError);
  CHECK_THROWS_AS(settings.integer("b", 0), ValueError);
  CHECK_THROWS_AS(settings.flag("c", false), ValueError);
  Settings other;
  CHECK_THROWS_AS(other.set("no equals sign"), ValueError);
  CHECK_THROWS_AS(other.set("=1"), ValueError);
}

TEST_CASE("a misspelt option is refused with the options that exist") {
  Settings settings;
  settings.set("alhpa", "0.5");
  CHECK(settings.number("alpha", 1) == 1);
  CHECK(settings.number("eps", 2) == 2);
  CHECK_THROWS_WITH(settings.expect_all_used("The selector aift"),
                    ContainsSubstring("\"alhpa\"") && ContainsSubstring("alpha, eps"));
  Settings none;
  none.set("x", "1");
  CHECK_THROWS_WITH(none.expect_all_used("The selector random"), ContainsSubstring("no options"));
}
