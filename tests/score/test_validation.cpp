// SPDX-License-Identifier: Apache-2.0
// Bad input: refused with a sentence that names the first offending candidate and patch, nothing
// written.
#include "tests/support/catch.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include <aift/core/error.hpp>
#include <aift/score/majority.hpp>
#include <aift/score/matrix.hpp>

#include "reference.hpp"

using namespace aift;
using aift::test::scored;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// Three candidates of 2, 3, 2 patches with 3 classes; `at` is the row that is replaced.
struct Pool {
  std::vector<double> values;
  std::vector<index_t> offsets = {0, 2, 5, 7};
  PredictionKind kind = PredictionKind::probabilities;

  Pool() {
    for (int r = 0; r < 7; ++r)
      values.insert(values.end(), {0.25, 0.25, 0.5});
  }
  Pool(index_t row, std::vector<double> bad) : Pool() {
    std::copy(bad.begin(), bad.end(), values.begin() + row * 3);
  }
  [[nodiscard]] PatchPredictions view() const {
    return PatchPredictions::ragged<double>(values, offsets, 3, kind);
  }
};

/// Every operator refuses the chunk with a message like this.
void check_refused(const PatchPredictions& chunk, const std::string& message,
                   const ScoreOptions& options = {}) {
  for (const ScoreKind kind : kScoreKinds) {
    ScoreTable table;
    table.request.kept = true;
    CHECK_THROWS_WITH(score::compute(kind, chunk, options, table), ContainsSubstring(message));
    CHECK(table.size() == 0);
    CHECK(table.kept.empty());
  }
  std::vector<double> entropies = {1};
  CHECK_THROWS_WITH(score::patch_entropies(chunk, options, entropies), ContainsSubstring(message));
  CHECK(entropies.size() == 1);
  CHECK_THROWS_WITH(score::majority(chunk, options), ContainsSubstring(message));
  score::MatrixTable matrices;
  CHECK_THROWS_WITH(score::matrix(chunk, options, matrices), ContainsSubstring(message));
  CHECK(matrices.size() == 0);
}

}  // namespace

TEST_CASE("values that are no probabilities") {
  for (const Precision precision : {Precision::double_, Precision::single}) {
    const ScoreOptions options{.precision = precision};
    check_refused(Pool(3, {0.5, kNan, 0.5}).view(), "candidate 1, patch 1 holds nan", options);
    check_refused(Pool(0, {kInf, 0, 0}).view(), "candidate 0, patch 0 holds inf", options);
    check_refused(Pool(6, {0, 0, -kInf}).view(), "candidate 2, patch 1 holds -inf", options);
    check_refused(Pool(4, {-0.125, 0.625, 0.5}).view(), "candidate 1, patch 2 holds -0.125",
                  options);
    check_refused(Pool(5, {0.25, 0.25, 0.505}).view(), "candidate 2, patch 0 sum to 1.00", options);
    check_refused(Pool(5, {0.25, 0.25, 0.495}).view(), "must sum to 1 within 0.001", options);
    check_refused(Pool(1, {2.5, -1, 3}).view(), "Are these logits?", options);
  }
  // The first of several is named, whatever is wrong with it.
  Pool two(5, {kNan, 0, 1});
  two.values[3 * 3] = -1;
  check_refused(two.view(), "candidate 1, patch 1 holds -1");
}

TEST_CASE("two classes take their own way and refuse the same") {
  std::vector<double> p = {0.5, 0.5, 0.25, 0.75, 1, 0};
  const auto view = [&] {
    return PatchPredictions::dense(p.data(), 3, 1, 2, PredictionKind::probabilities);
  };
  CHECK_NOTHROW(scored(ScoreKind::aift, view(), {}));
  p[3] = 0.752;
  check_refused(view(), "candidate 1, patch 0 sum to 1.002");
  p[3] = kNan;
  check_refused(view(), "candidate 1, patch 0 holds nan");
  p[2] = 1.5;
  p[3] = -0.5;  // sums to 1
  check_refused(view(), "candidate 1, patch 0 holds -0.5");
}

TEST_CASE("row sums within the tolerance are accepted, and a minus zero") {
  Pool pool(2, {0.25, 0.25, 0.5009});
  pool.values[0] = -0.0;
  pool.values[1] = 0.5;
  CHECK_NOTHROW(scored(ScoreKind::aift, pool.view(), {}));
  CHECK_NOTHROW(scored(ScoreKind::aift, Pool(2, {0.25, 0.25, 0.4991}).view(), {}));

  // bfloat16 has 8 bits: its rows may be off by 1e-2.
  const std::vector<double> rough = {0.335, 0.335, 0.335};
  std::vector<bfloat16_t> narrow;
  for (const double x : rough)
    narrow.push_back(to_bfloat16(x));
  const auto view = PatchPredictions::dense(narrow.data(), 1, 1, 3, PredictionKind::probabilities);
  CHECK_NOTHROW(scored(ScoreKind::aift, view, {}));
  CHECK_THROWS_AS(
      scored(ScoreKind::aift,
             PatchPredictions::dense(rough.data(), 1, 1, 3, PredictionKind::probabilities), {}),
      ValueError);
  narrow.back() = to_bfloat16(0.35);
  check_refused(view, "within 0.01");
}

TEST_CASE("logits must be finite, anything else goes") {
  Pool pool(3, {-5, 1000, 2});
  pool.kind = PredictionKind::logits;
  CHECK_NOTHROW(scored(ScoreKind::aift, pool.view(), {}));
  pool.values[3 * 3 + 1] = kInf;
  check_refused(pool.view(), "Logits must be finite; candidate 1, patch 1 holds inf");
  pool.values[3 * 3 + 1] = kNan;
  check_refused(pool.view(), "candidate 1, patch 1 holds nan");
  // Finite, but not in the arithmetic asked for.
  pool.values[3 * 3 + 1] = 1e200;
  CHECK_NOTHROW(scored(ScoreKind::aift, pool.view(), {}));
  check_refused(pool.view(), "finite in single precision", {.precision = Precision::single});
}

TEST_CASE("without eps an exact zero has no logarithm") {
  const Pool pool(3, {0, 0.5, 0.5});
  check_refused(pool.view(), "With eps = 0 every probability must be above 0; candidate 1, patch 1",
                {.eps = 0});
  CHECK_NOTHROW(scored(ScoreKind::aift, Pool().view(), {.eps = 0}));
  CHECK_NOTHROW(scored(ScoreKind::aift, pool.view(), {.eps = 1e-310}));  // subnormal, still above 0
  check_refused(pool.view(), "With eps = 0", {.eps = 1e-310, .precision = Precision::single});
}

TEST_CASE("shapes") {
  Pool pool;
  pool.offsets = {0, 2, 2, 7};
  check_refused(pool.view(), "candidate 1 has none");
  pool.offsets = {0, 5, 2, 7};
  check_refused(pool.view(), "Offsets must increase; those of candidate 1 go from 5 to 2");
  pool.offsets = {0, 2, 5, 6};
  check_refused(pool.view(), "end with the number of rows, 7");
  pool.offsets = {0, 2, 5, 9};
  check_refused(pool.view(), "end with the number of rows, 7");
  pool.offsets = {-1, 2, 5, 7};
  check_refused(pool.view(), "must not be negative");

  const std::vector<double> p(12, 0.5);
  using P = PatchPredictions;
  constexpr auto kKind = PredictionKind::probabilities;
  check_refused(P::dense(p.data(), 12, 1, 1, kKind), "at least 2 classes; got 1");
  check_refused(P::dense(p.data(), 12, 1, 0, kKind), "at least 2 classes; got 0");
  check_refused(P::dense(p.data(), 3, 0, 2, kKind), "at least one patch; got q = 0");
  check_refused(P::dense(p.data(), -1, 2, 2, kKind), "must not be negative");
  check_refused(P::dense(static_cast<const double*>(nullptr), 3, 2, 2, kKind), "null pointer");
  auto device = P::dense(p.data(), 3, 2, 2, kKind);
  device.place = Place::device;
  check_refused(device, "host memory");
  auto rows = P::dense(p.data(), 3, 2, 2, kKind);
  rows.rows = 5;
  check_refused(rows, "need as many rows; got 5");
  auto huge = P::dense(p.data(), 3, 2, 2, kKind);
  huge.patches = std::numeric_limits<index_t>::max() / 2;
  check_refused(huge, "need as many rows");
}

TEST_CASE("a pool of nothing has no scores") {
  ScoreTable table;
  score::aift(PatchPredictions::dense(static_cast<const double*>(nullptr), 0, 5, 2,
                                      PredictionKind::probabilities),
              {}, table);
  CHECK(table.size() == 0);
}

TEST_CASE("options are checked before anything is read") {
  for (const double alpha : {0.0, 1.1, kNan}) {
    check_refused(Pool(0, {kNan, kNan, kNan}).view(), "alpha", {.alpha = alpha});
  }
}

TEST_CASE("messages count candidates over all chunks") {
  const Pool good;
  const Pool bad(3, {kNan, 0, 0});
  ScoreTable table;
  score::aift(good.view(), {}, table);
  const ScoreTable before = table;
  CHECK_THROWS_WITH(score::aift(bad.view(), {}, table), ContainsSubstring("candidate 4, patch 1"));
  CHECK(test::identical(table, before));
  Pool decreasing;
  decreasing.offsets = {0, 5, 2, 7};
  CHECK_THROWS_WITH(score::aift(decreasing.view(), {}, table), ContainsSubstring("candidate 4"));
  score::aift(good.view(), {}, table);
  CHECK(table.size() == 6);
}
