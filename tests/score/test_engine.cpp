// SPDX-License-Identifier: Apache-2.0
// The loop compiled for different instruction sets: the same bits, and no contraction in any of
// them.
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <aift/core/executor.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>

#include "reference.hpp"
#include "src/score/engine.hpp"

using namespace aift;

namespace {

struct Result {
  std::vector<double> score, entropy, diversity, mean, patch_entropy, cells;
  std::vector<label_t> dominant;
  std::vector<std::int32_t> kept, kept_ascending;
};

Result run(const score::detail::Engine& engine, const PatchPredictions& chunk,
           const ScoreOptions& options, ScoreKind kind, index_t share) {
  const auto n = static_cast<std::size_t>(chunk.candidates);
  Result out;
  out.score.resize(n);
  out.entropy.resize(n);
  out.diversity.resize(n);
  out.dominant.resize(n);
  out.mean.resize(n * static_cast<std::size_t>(chunk.classes));
  out.patch_entropy.resize(static_cast<std::size_t>(chunk.rows));
  score::detail::Job job;
  job.chunk = chunk;
  job.options = options;
  job.kind = kind;
  std::vector<index_t> kept_offsets = {0};
  std::vector<index_t> cell_offsets = {0};
  for (index_t i = 0; i < chunk.candidates; ++i) {
    const index_t q = chunk.patch_count(i);
    job.most_patches = std::max(job.most_patches, q);
    kept_offsets.push_back(kept_offsets.back() + score::kept_count(q, options.alpha));
    const index_t m = kept_offsets.back() - kept_offsets[kept_offsets.size() - 2];
    cell_offsets.push_back(cell_offsets.back() + m * m);
  }
  out.kept.resize(static_cast<std::size_t>(kept_offsets.back()));
  out.kept_ascending.resize(out.kept.size());
  out.cells.resize(static_cast<std::size_t>(cell_offsets.back()));
  const auto run_all = [&] {
    const std::size_t bytes = engine.scratch_bytes(job);
    const auto memory = std::make_unique<std::byte[]>(bytes + 64);
    void* start = memory.get();
    std::size_t space = bytes + 64;
    auto* scratch = static_cast<std::byte*>(std::align(64, bytes, start, space));
    for (index_t first = 0; first < chunk.candidates; first += share)
      REQUIRE(engine.run(job, first, std::min(chunk.candidates, first + share), scratch));
  };
  job.kept_offsets = kept_offsets.data();
  job.cell_offsets = cell_offsets.data();
  job.kept_ascending = out.kept_ascending.data();
  job.matrix = out.cells.data();
  run_all();
  job.matrix = nullptr;
  job.kept_ascending = nullptr;
  job.patch_entropy = out.patch_entropy.data();
  run_all();
  job.patch_entropy = nullptr;
  job.score = out.score.data();
  job.entropy = out.entropy.data();
  job.diversity = out.diversity.data();
  job.dominant = out.dominant.data();
  job.kept = out.kept.data();
  job.mean_probabilities = out.mean.data();
  run_all();
  return out;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

void require_same(const Result& a, const Result& b) {
  REQUIRE(same_bits(a.score, b.score));
  REQUIRE(same_bits(a.entropy, b.entropy));
  REQUIRE(same_bits(a.diversity, b.diversity));
  REQUIRE(same_bits(a.mean, b.mean));
  REQUIRE(same_bits(a.patch_entropy, b.patch_entropy));
  REQUIRE(same_bits(a.cells, b.cells));
  REQUIRE(a.dominant == b.dominant);
  REQUIRE(a.kept == b.kept);
  REQUIRE(a.kept_ascending == b.kept_ascending);
}

template <class To>
auto rounded(const std::vector<double>& values, const To& to) {
  std::vector<decltype(to(0.0))> out;
  for (const double x : values)
    out.push_back(to(x));
  return out;
}

}  // namespace

TEST_CASE("engines give the same bits") {
  if (score::detail::engines().size() == 1) {
    test::skip("this CPU has no AVX2 and FMA");
    return;
  }
  const score::detail::Engine& baseline = *score::detail::engines().front();
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    const KeyedRandom random(seed, Purpose::split);
    const index_t some[] = {2, 2, 3, 4, 7, 10, 16, 31, 32, 33, 64, 100};
    const index_t classes = some[random.below(0, 12)];
    const auto form =
        random.below(1, 2) == 0 ? PredictionKind::probabilities : PredictionKind::logits;
    const double spread = std::pow(10.0, random.uniform(2, -4, 1.5));
    // Many candidates of few lengths, so that lanes fill; some with more patches than a network
    // sorts or a block adds; now and then all of one length.
    std::vector<index_t> lengths;
    const index_t candidates = 1 + random.below(6, 60);
    const index_t most = random.below(7, 4) == 0 ? 150 : 12;
    for (index_t i = 0; i < candidates; ++i)
      lengths.push_back(random.below(8, 3) == 0 ? most : 1 + random.below(100 + i, most));
    const auto pool = test::random_pool(seed, lengths, classes, 2, spread);
    ScoreOptions options;
    options.alpha = random.below(9, 3) == 0 ? 1 : random.uniform(3, 0.05, 1);
    options.entropy = random.below(10, 2) == 0 ? EntropyAggregation::sum : EntropyAggregation::mean;
    options.pairs = random.below(11, 2) == 0 ? PairCounting::ordered : PairCounting::unordered;
    options.lambda2 = random.uniform(12, 0, 2);
    const auto kind = kScoreKinds[static_cast<std::size_t>(random.below(5, 6))];
    const PatchPredictions f64 = pool.ragged(form);
    const std::vector<double> values(static_cast<const double*>(f64.values),
                                     static_cast<const double*>(f64.values) + f64.rows * classes);
    const auto f32 = rounded(values, [](double x) { return static_cast<float>(x); });
    const auto f16 = rounded(values, [](double x) { return to_half(x); });
    const auto bf16 = rounded(values, [](double x) { return to_bfloat16(x); });
    const std::span<const index_t> offsets(f64.offsets, static_cast<std::size_t>(candidates) + 1);
    const auto as = [&](const auto& typed) {
      using T = typename std::decay_t<decltype(typed)>::value_type;
      return PatchPredictions::ragged(std::span<const T>(typed), offsets, classes, form);
    };
    std::vector<PatchPredictions> forms = {f64, as(f32)};
    // Rounded to few bits, many classes no longer sum to 1 within the tolerance.
    if (form == PredictionKind::logits || classes <= 4) {
      forms.push_back(as(f16));
      forms.push_back(as(bf16));
    }
    for (const Precision precision : {Precision::double_, Precision::single}) {
      options.precision = precision;
      options.eps = precision == Precision::double_ && random.below(4, 4) == 0 ? 1e-310 : 0x1p-52;
      for (const PatchPredictions& chunk : forms) {
        const Result wanted = run(baseline, chunk, options, kind, candidates);
        for (const score::detail::Engine* engine : score::detail::engines().subspan(1)) {
          INFO(engine->name << ", seed " << seed << ", classes " << classes << ", precision "
                            << to_string(precision) << ", type " << static_cast<int>(chunk.dtype)
                            << ", score " << to_string(kind));
          require_same(wanted, run(*engine, chunk, options, kind, candidates));
          require_same(wanted, run(*engine, chunk, options, kind, 1 + random.below(13, 20)));
        }
      }
    }
  }
}

TEST_CASE("engines refuse the same predictions") {
  for (const index_t classes : {2, 5, 40}) {
    for (const auto form : {PredictionKind::probabilities, PredictionKind::logits}) {
      const auto pool = test::random_pool(3, std::vector<index_t>(70, 6), classes, 2, 1);
      const PatchPredictions good = pool.ragged(form);
      const double* first = static_cast<const double*>(good.values);
      for (const double poison : {std::nan(""), HUGE_VAL, -HUGE_VAL, -0.5, 0.9}) {
        if (form == PredictionKind::logits && std::isfinite(poison)) continue;
        for (const index_t row : {0, 5, 17, 6 * 69 + 5}) {
          std::vector<double> values(first, first + good.rows * classes);
          values[static_cast<std::size_t>(row * classes + classes - 1)] = poison;
          const auto chunk =
              PatchPredictions::dense(values.data(), good.candidates, 6, classes, form);
          for (const double alpha : {0.25, 1.0}) {
            score::detail::Job job;
            job.chunk = chunk;
            job.options.alpha = alpha;
            job.most_patches = 6;
            std::vector<double> out(70);
            job.score = out.data();
            for (const score::detail::Engine* engine : score::detail::engines()) {
              INFO(engine->name << " classes " << classes << " row " << row << " value " << poison);
              std::vector<std::byte> memory(engine->scratch_bytes(job) + 64);
              void* start = memory.data();
              std::size_t space = memory.size();
              std::align(64, memory.size() - 64, start, space);
              REQUIRE_FALSE(engine->run(job, 0, 70, static_cast<std::byte*>(start)));
            }
            const score::detail::Offender offender = score::detail::find_offender(job, 0, 70);
            REQUIRE(offender.candidate == row / 6);
            REQUIRE(offender.patch == row % 6);
          }
        }
      }
    }
  }
}

TEST_CASE("what stands behind the last class is no probability") {
  // Without eps an exact 0 is refused; the lanes that K classes leave over hold zeros.
  ScoreOptions options;
  options.eps = 0;
  for (const index_t classes : {3, 31, 33, 40, 70}) {
    const auto pool = test::random_pool(9, std::vector<index_t>(20, 5), classes, 2, 1);
    const PatchPredictions chunk = pool.ragged(PredictionKind::probabilities);
    const Result wanted =
        run(*score::detail::engines().front(), chunk, options, ScoreKind::aift, 20);
    for (const score::detail::Engine* engine : score::detail::engines()) {
      INFO(engine->name << ", classes " << classes);
      require_same(wanted, run(*engine, chunk, options, ScoreKind::aift, 20));
    }
  }
}

TEST_CASE("logits that tie, or stand at the ends of their range") {
  constexpr float kMost = std::numeric_limits<float>::max();
  for (const index_t classes : {2, 3, 31, 32, 33, 70}) {
    const auto width = static_cast<std::size_t>(classes);
    std::vector<float> values;
    for (const float low : {-kMost, -200.0F, -87.5F, 0.0F}) {
      for (std::size_t row = 0; row < 9; ++row) {  // 0, 1, ... of the classes are the largest
        for (std::size_t k = 0; k < width; ++k)
          values.push_back(k * 9 / width < row ? (row == 8 ? kMost : 1.0F) : low);
      }
    }
    const auto chunk =
        PatchPredictions::dense(values.data(), 12, 3, classes, PredictionKind::logits);
    for (const Precision precision : {Precision::double_, Precision::single}) {
      ScoreOptions options;
      options.precision = precision;
      options.alpha = 0.7;
      const Result wanted =
          run(*score::detail::engines().front(), chunk, options, ScoreKind::aift, 12);
      for (const double e : wanted.patch_entropy) {
        REQUIRE(e >= 0);
        REQUIRE(e <= std::log(static_cast<double>(classes)) * (1 + 1e-6));
      }
      for (const score::detail::Engine* engine : score::detail::engines()) {
        INFO(engine->name << ", classes " << classes << ", " << to_string(precision));
        require_same(wanted, run(*engine, chunk, options, ScoreKind::aift, 12));
      }
    }
  }
}

TEST_CASE("the m most confident patches, for every number of patches and every m") {
  constexpr index_t kCandidates = 19;  // two full groups and a part of one
  for (index_t q = 1; q <= 67; ++q) {
    const auto rows = static_cast<std::size_t>(kCandidates * q);
    const KeyedRandom random(static_cast<std::uint64_t>(q), Purpose::selection);
    std::vector<double> values;
    for (index_t row = 0; row < kCandidates * q; ++row) {
      const index_t levels = row / q % 2 == 0 ? 3 : 1000;  // with many ties and with few
      const double second = static_cast<double>(random.below(row, levels)) / 2048;
      values.insert(values.end(), {1 - second, second});
    }
    const auto chunk =
        PatchPredictions::dense(values.data(), kCandidates, q, 2, PredictionKind::probabilities);
    std::vector<std::int32_t> order(rows);  // of every candidate, the most confident patch first
    for (std::size_t row = 0; row < rows; ++row)
      order[row] = static_cast<std::int32_t>(row % static_cast<std::size_t>(q));
    for (index_t i = 0; i < kCandidates; ++i) {
      const auto first = order.begin() + i * q;
      std::stable_sort(first, first + q, [&](std::int32_t x, std::int32_t y) {
        return values[static_cast<std::size_t>(2 * (i * q + x))] >
               values[static_cast<std::size_t>(2 * (i * q + y))];
      });
    }
    for (index_t m = 1; m <= q; ++m) {
      ScoreOptions options;
      options.alpha = static_cast<double>(m) / static_cast<double>(q);
      REQUIRE(score::kept_count(q, options.alpha) == m);
      std::vector<std::int32_t> wanted;
      for (index_t i = 0; i < kCandidates; ++i)
        wanted.insert(wanted.end(), order.begin() + i * q, order.begin() + i * q + m);
      for (const Precision precision : {Precision::double_, Precision::single}) {
        options.precision = precision;
        for (const score::detail::Engine* engine : score::detail::engines()) {
          INFO(engine->name << ", " << to_string(precision) << ", " << m << " of " << q);
          REQUIRE(run(*engine, chunk, options, ScoreKind::aift, kCandidates).kept == wanted);
        }
      }
    }
  }
}

TEST_CASE("candidates by ascending number of patches, then by their own number") {
  for (const index_t most : {1, 13, 1024, 1025, 5000}) {
    const KeyedRandom random(static_cast<std::uint64_t>(most), Purpose::selection);
    std::vector<index_t> offsets = {0};
    for (index_t i = 0; i < score::detail::kWindow + 100; ++i)
      offsets.push_back(offsets.back() + 1 + random.below(i, most));
    PatchPredictions chunk;
    chunk.candidates = score::detail::kWindow + 100;
    chunk.offsets = offsets.data();
    for (const index_t count : {index_t{1}, index_t{100}, score::detail::kWindow}) {
      const index_t first = 100;
      std::vector<std::int32_t> order(static_cast<std::size_t>(count));
      score::detail::order_by_patches(chunk, first, first + count, order.data());
      std::vector<index_t> wanted(order.size());
      std::iota(wanted.begin(), wanted.end(), index_t{0});
      std::stable_sort(wanted.begin(), wanted.end(), [&](index_t a, index_t b) {
        return chunk.patch_count(first + a) < chunk.patch_count(first + b);
      });
      for (std::size_t n = 0; n < wanted.size(); ++n)
        REQUIRE(order[n] == wanted[n]);
    }
  }
}

TEST_CASE("scores do not depend on the executor") {
  const auto pool = test::random_pool(11, test::random_patches(11, 700, 20), 3, 2, 1);
  const PatchPredictions chunk = pool.ragged(PredictionKind::probabilities);
  ScoreTable alone;
  alone.request = {.kept = true, .mean_probabilities = true};
  score::aift(chunk, {}, alone);
  score::MatrixTable alone_cells;
  score::matrix(chunk, {}, alone_cells);
  const score::Majority alone_majority = score::majority(chunk, {});
  for (const int threads : {1, 2, 3, 7}) {
    ThreadExecutor executor(threads);
    ScoreTable table;
    table.request = alone.request;
    score::aift(chunk, {}, table, &executor);
    REQUIRE(same_bits(table.score, alone.score));
    REQUIRE(same_bits(table.mean_probabilities, alone.mean_probabilities));
    REQUIRE(table.kept == alone.kept);
    score::MatrixTable cells;
    score::matrix(chunk, {}, cells, &executor);
    REQUIRE(same_bits(cells.cells, alone_cells.cells));
    REQUIRE(score::majority(chunk, {}, &executor).kept == alone_majority.kept);
  }
}

TEST_CASE("the first offender is named whoever runs the candidates") {
  const auto pool = test::random_pool(11, std::vector<index_t>(3000, 20), 3, 2, 1);
  const PatchPredictions good = pool.ragged(PredictionKind::probabilities);
  const double* first = static_cast<const double*>(good.values);
  std::vector<double> values(first, first + good.rows * 3);
  for (const std::size_t row : {20U * 1200 + 7, 20U * 2900})
    values[row * 3] = -1;
  const auto chunk =
      PatchPredictions::dense(values.data(), 3000, 20, 3, PredictionKind::probabilities);
  ThreadExecutor executor(3);
  for (Executor* e : {static_cast<Executor*>(nullptr), static_cast<Executor*>(&executor)}) {
    ScoreTable table;
    REQUIRE_THROWS_WITH(score::aift(chunk, {}, table, e),
                        Catch::Contains("candidate 1200, patch 7"));
    REQUIRE(table.size() == 0);
  }
}

TEST_CASE("AIFT_SIMD chooses the instructions") {
  const char* const before = std::getenv("AIFT_SIMD");
  const std::string saved = before == nullptr ? "" : before;
  for (const score::detail::Engine* engine : score::detail::engines()) {
    setenv("AIFT_SIMD", engine->name, 1);
    CHECK(&score::detail::best_engine() == engine);
  }
  setenv("AIFT_SIMD", "mmx", 1);
  CHECK_THROWS_WITH(score::detail::best_engine(),
                    Catch::Contains("AIFT_SIMD") && Catch::Contains("baseline"));
  setenv("AIFT_SIMD", saved.c_str(), 1);
}

TEST_CASE("no engine is compiled with contraction") {
  // a b is 1 - 2^-104: rounded by itself it is 1, within an fma it is not.
  const volatile double a = 1 + 0x1p-52;
  const volatile double b = 1 - 0x1p-52;
  CHECK(std::fma(double{a}, double{b}, -1.0) == -0x1p-104);
  for (const score::detail::Engine* engine : score::detail::engines()) {
    INFO(engine->name);
    CHECK(engine->contraction_probe(a, b, -1.0) == 0);
  }
}
