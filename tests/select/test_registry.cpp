// SPDX-License-Identifier: Apache-2.0
#include "tests/support/catch.hpp"

#include <aift/core/error.hpp>
#include <aift/select/registry.hpp>

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Picks the first candidates: what an application might add.
class FirstSelector final : public Selector {
 public:
  explicit FirstSelector(index_t skip) : skip_(skip) {}
  [[nodiscard]] std::string_view name() const noexcept override { return "first"; }

 protected:
  void pick(const PoolView& pool, index_t budget, const SelectContext& /*context*/,
            Selection& out) const override {
    for (index_t i = skip_; i < pool.size && out.size() < budget; ++i)
      out.indices.push_back(i);
  }

 private:
  index_t skip_;
};

SelectorRegistry::Entry first_entry() {
  return {"first", "The first candidates", "skip", [](const Settings& settings) {
            return std::make_unique<FirstSelector>(settings.integer("skip", 0));
          }};
}

}  // namespace

TEST_CASE("an application adds a selector of its own") {
  auto registry = SelectorRegistry::with_builtin();
  registry.add(first_entry());
  Settings settings;
  settings.set("skip=2");
  PoolView pool;
  pool.size = 5;
  CHECK(registry.make("first", settings)->select(pool, 2).indices == std::vector<index_t>{2, 3});
  CHECK_THROWS_WITH(registry.add(first_entry()), ContainsSubstring("already"));
  CHECK_THROWS_AS(registry.add({"", "no name", "", first_entry().make}), ValueError);
  CHECK_THROWS_AS(registry.add({"nothing", "no factory", "", nullptr}), ValueError);
  // Another registry knows nothing of it.
  CHECK_THROWS_AS(SelectorRegistry::with_builtin().make("first"), ValueError);
}

TEST_CASE("unknown selectors and options are refused with what there is") {
  const auto registry = SelectorRegistry::with_builtin();
  CHECK_THROWS_WITH(
      registry.make("enthropy"),
      ContainsSubstring("enthropy") &&
          ContainsSubstring(
              "aift, badge, bald, class_balanced, cluster_margin, diversity, drop_query, entropy"));
  Settings settings;
  settings.set("alhpa=0.5");
  CHECK_THROWS_WITH(registry.make("aift", settings),
                    ContainsSubstring("alhpa") && ContainsSubstring("alpha"));
  // A key that somebody else asked for before does not slip through.
  CHECK(settings.number("alhpa", 0) == 0.5);
  CHECK_THROWS_AS(registry.make("aift", settings), ValueError);
  Settings out_of_range;
  out_of_range.set("alpha=1.1");
  CHECK_THROWS_AS(registry.make("aift", out_of_range), ValueError);
  Settings pick;
  pick.set("pick=best");
  CHECK_THROWS_WITH(registry.make("aift", pick), ContainsSubstring("top, acft, softmax"));
  Settings omega;
  omega.set("omega=0.5");
  CHECK_THROWS_AS(registry.make("aift", omega), ValueError);
}
