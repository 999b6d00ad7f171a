// SPDX-License-Identifier: Apache-2.0
// The kernels of the scores, run on the host: groups of one lane and of 32, predictions copied into
// the group's memory or read where they lie; bit for bit what the CPU path computes.
#include "tests/support/catch.hpp"

#include <limits>

#include <aift/core/error.hpp>

#include "cuda/score/patch_entropies_body.hpp"
#include "cuda/score/score_body.hpp"
#include "cuda/score/score_lane.hpp"
#include "score_cases.hpp"

using namespace aift;
using cuda::FaultCode;
using cuda::detail::ScoreTask;

namespace {

ScoreTask task_of(const test::ScoreCase& c) {
  ScoreTask task;
  task.values = c.storage.data();
  task.dtype = c.dtype;
  task.logits = c.kind == PredictionKind::logits;
  task.candidates = c.candidates();
  task.classes = static_cast<int>(c.classes);
  task.patches = c.dense ? c.patches : 0;
  task.offsets = c.dense ? nullptr : c.offsets.data();
  task.rows = c.rows();
  task.most_patches = static_cast<int>(c.most_patches());
  task.alpha = c.options.alpha;
  task.lambda1 = c.options.lambda1;
  task.lambda2 = c.options.lambda2;
  task.eps = c.options.eps;
  task.mean_of_entropies = c.options.entropy == EntropyAggregation::mean;
  task.ordered_pairs = c.options.pairs == PairCounting::ordered;
  task.rank = static_cast<cuda::detail::Rank>(c.rank);
  return task;
}

using cuda::detail::Form;

template <class T, class S, bool kLogits, Form kForm, class Group>
void run_tiles(const ScoreTask& task) {
  cuda::detail::Tile<T, S> tile;
  const std::size_t bytes = cuda::detail::carve<kForm>(nullptr, task, tile);
  // A guard behind the memory, and rubbish in it: nothing may hang on what was there.
  std::vector<std::uint64_t> memory(bytes / 8 + 4, 0x7FF4DEADBEEF1234U);
  cuda::detail::carve<kForm>(reinterpret_cast<std::byte*>(memory.data()), task, tile);
  const Group group;
  if constexpr (kForm == Form::lane) {
    cuda::detail::LaneBody<T, kLogits, Group> body(group, task, tile);
    for (index_t first = 0; first < task.candidates; first += task.tile)
      body.run(first);
  } else {
    cuda::detail::with_most_classes(task.classes, [&](auto most) {
      cuda::detail::ScoreBody<T, S, kLogits, kForm == Form::resident, most.value, Group> body(
          group, task, tile);
      for (index_t first = 0; first < task.candidates; first += task.tile)
        body.run(first, first + task.tile);
    });
  }
  for (std::size_t i = (bytes + 7) / 8; i < memory.size(); ++i)
    REQUIRE(memory[i] == 0x7FF4DEADBEEF1234U);
}

template <class Group, Form kForm>
void run_body(ScoreTask task, const test::ScoreCase& c, int tile) {
  cuda::detail::lay_out(task, tile);
  const bool single = c.options.precision == Precision::single;
  if (task.patch_entropy != nullptr) {
    const Group group;
    const index_t step = 37;
    for (index_t row = 0; row < task.rows; row += step) {
      const index_t count = std::min(step, task.rows - row);
      using namespace cuda::detail;
      if (single && task.logits) patch_entropies_body<float, true>(group, task, row, count);
      if (single && !task.logits) patch_entropies_body<float, false>(group, task, row, count);
      if (!single && task.logits) patch_entropies_body<double, true>(group, task, row, count);
      if (!single && !task.logits) patch_entropies_body<double, false>(group, task, row, count);
    }
    return;
  }
  if (single && task.logits) run_tiles<float, float, true, kForm, Group>(task);
  if (single && !task.logits) run_tiles<float, float, false, kForm, Group>(task);
  if (single) return;
  if (task.logits) return run_tiles<double, double, true, kForm, Group>(task);
  if constexpr (kForm == Form::resident) {
    if (task.narrow_store()) return run_tiles<double, float, false, kForm, Group>(task);
  }
  run_tiles<double, double, false, kForm, Group>(task);
}

template <class Group, Form kForm>
test::ScoreAnswer answer(const test::ScoreCase& c, const test::ScoreAnswer& shape, int tile,
                         std::uint64_t* status) {
  test::ScoreAnswer out;
  ScoreTask task = task_of(c);
  task.keep_logs = kForm == Form::lane || c.seed % 3 != 0;
  task.status = status;
  out.score.resize(shape.score.size());
  out.entropy.resize(shape.entropy.size());
  out.diversity.resize(shape.diversity.size());
  out.mean.resize(shape.mean.size());
  out.dominant.resize(shape.dominant.size());
  out.kept.resize(shape.kept.size());
  task.score = out.score.data();
  task.entropy = out.entropy.data();
  task.diversity = out.diversity.data();
  task.mean_probabilities = out.mean.data();
  task.dominant = out.dominant.data();
  task.kept = out.kept.data();
  task.kept_offsets = c.dense ? nullptr : shape.kept_offsets.data();
  run_body<Group, kForm>(task, c, tile);

  std::uint64_t own_status = cuda::kStatusClean;  // each operator refuses on its own
  ScoreTask entropies = task_of(c);
  entropies.status = &own_status;
  out.patch_entropy.resize(shape.patch_entropy.size());
  entropies.patch_entropy = out.patch_entropy.data();
  run_body<Group, kForm>(entropies, c, 1);
  REQUIRE(own_status == *status);

  if (!shape.matrix.empty()) {
    ScoreTask matrix = task_of(c);
    matrix.status = status;
    out.matrix.resize(shape.matrix.size());
    out.kept_ascending.resize(shape.kept_ascending.size());
    matrix.matrix = out.matrix.data();
    matrix.kept_ascending = out.kept_ascending.data();
    matrix.kept_offsets = c.dense ? nullptr : shape.kept_offsets.data();
    matrix.matrix_offsets = c.dense ? nullptr : shape.matrix_offsets.data();
    constexpr Form kMatrixForm = kForm == Form::lane ? Form::resident : kForm;
    run_body<Group, kMatrixForm>(matrix, c, tile);
  }
  return out;
}

using OneLane = cuda::detail::HostGroup<1>;
using Lanes32 = cuda::detail::HostGroup<32>;

void compare(const test::ScoreCase& c, bool with_matrix) {
  INFO(c.name());
  const test::ScoreAnswer expected = test::expected_answer(c, with_matrix);
  std::uint64_t status = cuda::kStatusClean;
  const int tile = static_cast<int>(1 + c.seed % 7);
  CHECK(test::difference(answer<OneLane, Form::resident>(c, expected, tile, &status), expected) ==
        "");
  CHECK(test::difference(answer<Lanes32, Form::resident>(c, expected, tile, &status), expected) ==
        "");
  CHECK(test::difference(answer<Lanes32, Form::direct>(c, expected, 1, &status), expected) == "");
  if (c.classes == 2 && c.most_patches() <= cuda::detail::kCountedPatches) {
    CHECK(test::difference(answer<Lanes32, Form::lane>(c, expected, tile, &status), expected) ==
          "");
  }
  CHECK(status == cuda::kStatusClean);
}

}  // namespace

TEST_CASE("score kernels give the bits of the CPU") {
  const index_t classes[] = {2, 2, 2, 3, 4, 7, 10, 16, 17, 31, 32, 33, 64, 100};
  for (std::uint64_t seed = 1; seed <= 240; ++seed) {
    const index_t k = classes[seed % std::size(classes)];
    compare(
        test::random_case(seed, static_cast<index_t>(1 + seed % 13), k, seed % 3 == 0 ? 90 : 40),
        true);
  }
}

TEST_CASE("score kernels for two classes give the bits of the CPU") {
  for (std::uint64_t seed = 5000; seed < 5300; ++seed) {
    compare(
        test::random_case(seed, static_cast<index_t>(1 + seed % 70), 2, 1 + 127 * (seed % 3) / 2),
        false);
  }
}

TEST_CASE("score kernels give the bits of the CPU for large candidates") {
  for (std::uint64_t seed = 1000; seed < 1016; ++seed) {
    compare(test::random_case(seed, 3, seed % 2 == 0 ? 2 : 5, 1500), false);
    compare(test::random_case(seed + 100, 2, 1000, 60), true);
  }
  compare(test::random_case(2000, 1, 10000, 12), true);
  compare(test::random_case(2001, 1, 3, 4096), false);
  test::ScoreCase most = test::random_case(2002, 1, 2, 1);  // the largest q, of the commonest K
  while (most.most_patches() < 4000)
    most = test::random_case(most.seed + 1, 1, 2, 4096);
  compare(most, false);
}

TEST_CASE("score kernels give the bits of the CPU without eps") {
  const index_t classes[] = {2, 3, 31, 33, 40, 100};
  int compared = 0;
  for (std::uint64_t seed = 7000; seed < 7120; ++seed) {
    test::ScoreCase c = test::random_case(seed, 5, classes[seed % std::size(classes)], 30);
    c.options.eps = 0;
    ScoreTable table;
    try {
      score::compute(c.rank, c.host(), c.options, table);
    } catch (const ValueError&) {
      continue;  // holds a 0, which has no logarithm
    }
    compare(c, true);
    ++compared;
  }
  REQUIRE(compared >= 60);
}

TEST_CASE("the number of kept patches is that of the CPU") {
  for (const double alpha : {0.25, 0.29, 1.0, 1e-9, 0.5, 0.999, 0.1, 1.0 / 3}) {
    for (index_t q = 1; q < 3000; ++q)
      REQUIRE(cuda::detail::kept_patches(q, alpha) == score::kept_count(q, alpha));
  }
}

TEST_CASE("division by multiplication is exact") {
  for (const index_t d : {1, 2, 3, 7, 36, 37, 100, 1000, 4095, 10000}) {
    const auto divider = cuda::detail::Divider::of(d);
    for (int n = 0; n < 60000; ++n)
      REQUIRE(divider.quotient(n) == n / d);
  }
}

TEST_CASE("score kernels name the first offender") {
  // What the CPU finds, in words: the status word and the message must agree.
  int lanes_refused[2] = {0, 0};  // probabilities, logits
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const KeyedRandom random(seed, Purpose::folds);
    const index_t classes[] = {2, 3, 10, 40};
    test::ScoreCase c = test::random_case(seed, 9, classes[seed % 4], seed % 5 == 0 ? 200 : 20);
    c.options.eps = seed % 4 == 0 && c.kind == PredictionKind::probabilities ? 0 : 0x1p-52;
    const double values[] = {std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity(), -0.25, 0.75, 0};
    for (int spoiled = 0; spoiled < 3; ++spoiled) {
      const index_t at = random.below(10 * spoiled, c.rows() * c.classes);
      c.set(at, values[random.below(10 * spoiled + 1, 5)]);
    }
    std::string message;
    try {
      ScoreTable table;
      score::compute(c.rank, c.host(), c.options, table);
    } catch (const ValueError& error) {
      message = error.what();
    }
    INFO(c.name() << ": " << message);
    test::ScoreAnswer shape;
    const auto n = static_cast<std::size_t>(c.candidates());
    shape.score.resize(n);
    shape.entropy.resize(n);
    shape.diversity.resize(n);
    shape.dominant.resize(n);
    shape.mean.resize(n * static_cast<std::size_t>(c.classes));
    shape.patch_entropy.resize(static_cast<std::size_t>(c.rows()));
    shape.kept_offsets.push_back(0);
    for (std::size_t i = 0; i < n; ++i) {
      shape.kept_offsets.push_back(
          shape.kept_offsets.back() +
          score::kept_count(c.offsets[i + 1] - c.offsets[i], c.options.alpha));
    }
    shape.kept.resize(static_cast<std::size_t>(shape.kept_offsets.back()));
    std::uint64_t words[3] = {cuda::kStatusClean, cuda::kStatusClean, cuda::kStatusClean};
    (void)answer<OneLane, Form::resident>(c, shape, 4, &words[0]);
    (void)answer<Lanes32, Form::resident>(c, shape, 3, &words[1]);
    (void)answer<Lanes32, Form::direct>(c, shape, 1, &words[2]);
    CHECK(words[0] == words[1]);
    CHECK(words[0] == words[2]);
    if (c.classes == 2 && c.most_patches() <= cuda::detail::kCountedPatches) {
      std::uint64_t word = cuda::kStatusClean;
      (void)answer<Lanes32, Form::lane>(c, shape, 3, &word);
      CHECK(word == words[0]);
      lanes_refused[c.kind == PredictionKind::logits] += message.empty() ? 0 : 1;
    }
    if (message.empty()) {
      CHECK(words[0] == cuda::kStatusClean);
      continue;
    }
    REQUIRE(words[0] != cuda::kStatusClean);
    const auto fault = static_cast<FaultCode>(words[0] & 15U);
    const auto has = [&](const char* part) { return message.find(part) != std::string::npos; };
    const std::string where = "candidate " + std::to_string(words[0] >> 24) + ", patch " +
                              std::to_string(words[0] >> 4 & 0xFFFFFU) + ' ';
    CHECK(has(where.c_str()));
    CHECK(has("must be finite") == (fault == FaultCode::not_finite));
    CHECK(has("must not be negative") == (fault == FaultCode::negative));
    CHECK(has("must sum to 1") == (fault == FaultCode::row_sum));
    CHECK(has("With eps = 0") == (fault == FaultCode::zero_without_eps));
  }
  CHECK(lanes_refused[0] >= 10);
  CHECK(lanes_refused[1] >= 10);
}

TEST_CASE("score kernels refuse offsets that do not increase") {
  test::ScoreCase c = test::random_case(3, 6, 4, 12);
  c.dense = false;
  const std::vector<index_t> good = c.offsets;
  const auto run = [&] {
    std::uint64_t status = cuda::kStatusClean;
    std::vector<double> score(6);
    ScoreTask task = task_of(c);
    task.most_patches = 12;
    task.status = &status;
    task.score = score.data();
    run_body<Lanes32, Form::resident>(task, c, 4);
    std::uint64_t direct = cuda::kStatusClean;
    task.status = &direct;
    run_body<Lanes32, Form::direct>(task, c, 1);
    CHECK(status == direct);
    return status;
  };
  CHECK(run() == cuda::kStatusClean);
  c.offsets[3] = c.offsets[2];  // no patch; the next one has more, but may still be within bounds
  CHECK(run() == cuda::pack_status(2, 0, FaultCode::offsets));
  c.offsets = good;
  c.offsets[1] = -5;
  CHECK(run() == cuda::pack_status(0, 0, FaultCode::offsets));
  c.offsets = good;
  c.offsets[5] += 1000;
  CHECK(run() == cuda::pack_status(4, 0, FaultCode::offsets));
}
