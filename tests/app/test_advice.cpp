// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <aift/select/registry.hpp>

#include "src/app/advice.hpp"
#include "src/app/run_config.hpp"
#include "tests/support/catch.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string warning(const std::string& selector, index_t views,
                    const app::OptionMap& options = {}) {
  const auto made = SelectorRegistry::with_builtin().make(selector, app::to_settings(options));
  return app::single_view_warning(*made, views).value_or("");
}

}  // namespace

TEST_CASE("a score of pairs that keeps a single view is warned about", "[app]") {
  CHECK(warning("aift", 4) ==
        "warning: with 4 views and alpha 0.25 the selector aift keeps a single view of each image, "
        "so the diversity is 0 and it ranks by entropy alone; raise --views or --set alpha.");
  CHECK_THAT(warning("diversity", 5), ContainsSubstring("every score is 0"));
  CHECK_FALSE(warning("aift", 1, {{"alpha", "1"}}).empty());
  CHECK(warning("aift", 6).empty());  // floor(1.5 + 0.5) = 2
  CHECK(warning("aift", 4, {{"alpha", "0.375"}}).empty());
  CHECK(warning("aift", 4, {{"lambda2", "0"}}).empty());
  for (const char* other : {"entropy", "random", "margin", "least_confidence", "bald"}) {
    CAPTURE(other);
    CHECK(warning(other, 4).empty());
  }
}

TEST_CASE("the default number of views keeps pairs", "[app]") {
  CHECK(app::RunConfig{}.scoring_views == 8);
  CHECK(warning("aift", app::RunConfig{}.scoring_views).empty());
}
