// SPDX-License-Identifier: Apache-2.0
// Golden vectors: the shared ones when they are there, and the repository's own, always.
#include "tests/support/catch.hpp"

#include <cstdlib>

#include <aift/core/rng.hpp>

#include "golden_set.hpp"

namespace {

namespace fs = std::filesystem;
using namespace aift;
using aift::test::compare;
using aift::test::Comparison;
using aift::test::GoldenSet;
using aift::test::read_golden;

/// Files of the format of golden_set.hpp below a folder, sorted.
std::vector<fs::path> golden_files(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    const std::string name = entry.path().stem().string();
    if (name == "acft_and_random" || name == "published_examples") continue;
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::optional<fs::path> shared_golden() {
  const auto shared = test::shared_dir();
  if (!shared || !fs::is_directory(*shared / "golden")) {
    test::skip("no folder golden in the shared data (AIFT_SHARED_DIR)");
    return std::nullopt;
  }
  return *shared / "golden";
}

void require(const Comparison& result) {
  for (std::size_t i = 0; i < result.wrong.size() && i < 10; ++i)
    UNSCOPED_INFO(result.wrong[i]);
  INFO("largest deviation " << result.worst << " over " << result.values << " values");
  REQUIRE(result.wrong.empty());
  REQUIRE(result.values > 100);
}

// The arithmetic is double: what is left is the order of summation.
constexpr double kDouble = 1e-9;
// Single arithmetic: inputs rounded to float once, logarithm to 1 ulp of 36 at most. Measured 7e-7.
constexpr double kSingle = 2e-6;
// Inputs closer together than this may swap when they are rounded to float.
constexpr double kSingleBorder = 1e-6;

/// Every precision and input type that the set can be held against.
void check(const GoldenSet& set) {
  INFO(set.name);
  SECTION("double arithmetic, f64 input") {
    require(compare(set, set.doubles(), Precision::double_, kDouble, 0));
  }
  if (set.is_float) {
    SECTION("double arithmetic, f32 input") {
      require(compare(set, set.singles(), Precision::double_, kDouble, 0));
    }
    SECTION("single arithmetic, f32 input") {
      require(compare(set, set.singles(), Precision::single, kSingle, kSingleBorder));
    }
  }
  SECTION("single arithmetic, f64 input") {
    require(compare(set, set.doubles(), Precision::single, kSingle, kSingleBorder));
  }
}

}  // namespace

TEST_CASE("shared golden vectors") {
  const auto folder = shared_golden();
  if (!folder) return;
  const auto files = golden_files(*folder);
  REQUIRE(files.size() >= 15);
  for (const auto& file : files) {
    DYNAMIC_SECTION(file.stem().string()) { check(read_golden(file)); }
  }
}

TEST_CASE("own golden vectors") {
  const auto files = golden_files(fs::path(AIFT_TEST_DIR) / "own");
  REQUIRE(files.size() >= 4);
  for (const auto& file : files) {
    DYNAMIC_SECTION(file.stem().string()) { check(read_golden(file)); }
  }
}

TEST_CASE("all 36 published values come out to two decimals") {
  const auto folder = shared_golden();
  if (!folder) return;
  const auto json = nlohmann::json::parse(std::ifstream(*folder / "published_examples.json"));
  index_t compared = 0;
  const auto check_printed = [&](const std::vector<double>& p, index_t classes,
                                 const nlohmann::json& printed, const std::string& what) {
    const std::vector<index_t> offsets = {0, static_cast<index_t>(p.size()) / classes};
    const auto predictions =
        PatchPredictions::ragged<double>(p, offsets, classes, PredictionKind::probabilities);
    for (const auto& [key, value] : printed.items()) {
      ScoreOptions options;
      options.alpha = key.ends_with("_quarter") ? 0.25 : 1.0;
      ScoreTable table;
      score::compute(score_kind(key.substr(0, key.find('_'))), predictions, options, table);
      INFO(what << " " << key << ": printed " << value << ", computed " << table.score[0]);
      CHECK(std::abs(table.score[0] - value.get<double>()) <= 0.005 + 1e-9);
      ++compared;
    }
  };
  for (const auto& pattern : json.at("patterns")) {
    std::vector<double> p;
    for (const double x : pattern.at("p_class1")) {
      p.push_back(1 - x);
      p.push_back(x);
    }
    check_printed(p, 2, pattern.at("printed"), pattern.at("pattern"));
  }
  for (const auto& image : json.at("places3")) {
    std::vector<double> p;
    for (const auto& row : image.at("probs")) {
      for (const double x : row)
        p.push_back(x);
    }
    check_printed(p, 3, image.at("printed"), image.at("image"));
    const std::vector<index_t> offsets = {0, static_cast<index_t>(p.size()) / 3};
    const auto majority = score::majority(
        PatchPredictions::ragged<double>(p, offsets, 3, PredictionKind::probabilities), {});
    CHECK(majority.dominant[0] == image.at("dominant"));
    CHECK(majority.kept == image.at("kept_quarter").get<std::vector<std::int32_t>>());
  }
  REQUIRE(compared == 36);
}

TEST_CASE("ACFT's draw with injected uniforms") {
  const auto folder = shared_golden();
  if (!folder) return;
  const auto json = nlohmann::json::parse(std::ifstream(*folder / "acft_and_random.json"));
  const auto uniform = [](std::uint64_t seed, index_t t) {
    return static_cast<double>(splitmix64(splitmix64(seed) + static_cast<std::uint64_t>(t)) >> 11) *
           0x1p-53;
  };
  for (const auto& random : json.at("random")) {
    const auto seed = random.at("seed").get<std::uint64_t>();
    const auto u = random.at("u").get<std::vector<double>>();
    for (std::size_t i = 0; i < u.size(); ++i) {
      REQUIRE(uniform(seed, static_cast<index_t>(i)) == u[i]);
    }
    REQUIRE(top_b(u, static_cast<index_t>(u.size())) ==
            random.at("order").get<std::vector<index_t>>());
  }
  for (const auto& draw : json.at("acft")) {
    INFO(draw.at("label"));
    const auto scores = draw.at("scores").get<std::vector<double>>();
    const index_t b = draw.at("b");
    const double omega = draw.at("omega");
    const auto seed = draw.at("seed").get<std::uint64_t>();
    const AcftPool pool = acft_pool(scores, b, omega);
    REQUIRE(pool.indices == draw.at("pool").get<std::vector<index_t>>());
    const auto probability = draw.at("prob").get<std::vector<double>>();
    REQUIRE(pool.probability.size() == probability.size());
    for (std::size_t i = 0; i < probability.size(); ++i) {
      REQUIRE(std::abs(pool.probability[i] - probability[i]) <= 1e-12 * probability[i]);
    }
    REQUIRE(acft_draw(scores, b, omega, [&](index_t t) { return uniform(seed, t); }) ==
            draw.at("drawn").get<std::vector<index_t>>());
  }
}
