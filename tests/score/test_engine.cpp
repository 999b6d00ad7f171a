// SPDX-License-Identifier: Apache-2.0
// The loop compiled for different instruction sets: the same bits, and no contraction in any of
// them.
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstring>
#include <memory>

#include <aift/score/majority.hpp>

#include "reference.hpp"
#include "src/score/engine.hpp"

using namespace aift;

namespace {

struct Result {
  std::vector<double> score, entropy, diversity, mean;
  std::vector<label_t> dominant;
  std::vector<std::int32_t> kept;
};

Result run(score::detail::Engine engine, const PatchPredictions& chunk, const ScoreOptions& options,
           ScoreKind kind) {
  const auto n = static_cast<std::size_t>(chunk.candidates);
  Result out;
  out.score.resize(n);
  out.entropy.resize(n);
  out.diversity.resize(n);
  out.dominant.resize(n);
  out.mean.resize(n * static_cast<std::size_t>(chunk.classes));
  score::detail::Job job;
  job.chunk = chunk;
  job.options = options;
  job.kind = kind;
  index_t kept = 0;
  for (index_t i = 0; i < chunk.candidates; ++i) {
    job.most_patches = std::max(job.most_patches, chunk.patch_count(i));
    kept += score::kept_count(chunk.patch_count(i), options.alpha);
  }
  out.kept.resize(static_cast<std::size_t>(kept));
  job.score = out.score.data();
  job.entropy = out.entropy.data();
  job.diversity = out.diversity.data();
  job.dominant = out.dominant.data();
  job.kept = out.kept.data();
  job.mean_probabilities = out.mean.data();
  const std::size_t bytes = score::detail::scratch_bytes(job);
  const auto memory = std::make_unique<std::byte[]>(bytes + 64);
  void* start = memory.get();
  std::size_t space = bytes + 64;
  job.scratch = static_cast<std::byte*>(std::align(64, bytes, start, space));
  REQUIRE(engine(job).fault == score::detail::Fault::none);
  return out;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

}  // namespace

TEST_CASE("engines give the same bits") {
#if defined(AIFT_HAS_AVX2_ENGINE)
  if (score::detail::best_engine() == score::detail::Engine{score::detail::run_baseline}) {
    test::skip("this CPU has no AVX2 and FMA");
    return;
  }
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const KeyedRandom random(seed, Purpose::split);
    const index_t some[] = {2, 2, 3, 4, 7, 10, 16, 31, 33, 100};
    const index_t classes = some[random.below(0, 10)];
    const auto form =
        random.below(1, 2) == 0 ? PredictionKind::probabilities : PredictionKind::logits;
    const double spread = std::pow(10.0, random.uniform(2, -4, 1.5));
    const auto pool =
        test::random_pool(seed, test::random_patches(seed, 9, 150), classes, 2, spread);
    ScoreOptions options;
    options.alpha = random.uniform(3, 0.05, 1);
    options.eps = random.below(4, 4) == 0 ? 1e-310 : 0x1p-52;
    const auto kind = kScoreKinds[static_cast<std::size_t>(random.below(5, 6))];
    for (const Precision precision : {Precision::double_, Precision::single}) {
      options.precision = precision;
      if (precision == Precision::single) options.eps = 0x1p-52;
      const Result a = run(score::detail::run_baseline, pool.ragged(form), options, kind);
      const Result b = run(score::detail::run_avx2, pool.ragged(form), options, kind);
      INFO("seed " << seed << " classes " << classes << " precision " << to_string(precision));
      REQUIRE(same_bits(a.score, b.score));
      REQUIRE(same_bits(a.entropy, b.entropy));
      REQUIRE(same_bits(a.diversity, b.diversity));
      REQUIRE(same_bits(a.mean, b.mean));
      REQUIRE(a.dominant == b.dominant);
      REQUIRE(a.kept == b.kept);
    }
  }
#else
  test::skip("there is one engine on this machine");
#endif
}

TEST_CASE("no engine is compiled with contraction") {
  // a b is 1 - 2^-104: rounded by itself it is 1, within an fma it is not.
  const volatile double a = 1 + 0x1p-52;
  const volatile double b = 1 - 0x1p-52;
  CHECK(std::fma(double{a}, double{b}, -1.0) == -0x1p-104);
  CHECK(score::detail::contraction_probe_baseline(a, b, -1.0) == 0);
#if defined(AIFT_HAS_AVX2_ENGINE)
  if (score::detail::best_engine() != score::detail::Engine{score::detail::run_baseline}) {
    CHECK(score::detail::contraction_probe_avx2(a, b, -1.0) == 0);
  }
#endif
}
