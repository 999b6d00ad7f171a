// SPDX-License-Identifier: Apache-2.0
// A pool scored chunk by chunk as on a GPU, with host memory in the place of the device's: how it
// is cut, laid out and collected, and what is refused.
#include "tests/support/catch.hpp"

#include <limits>
#include <memory>

#include "cuda/score/pool_body.hpp"
#include "score_cases.hpp"

using namespace aift;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What CudaLane does, with the CPU as its device. `wait` is where the work is done, so that a lane
/// that is used too early shows.
class HostLane {
 public:
  std::byte* host_input(std::size_t bytes) { return grown(host_input_, bytes); }
  std::byte* device_input(std::size_t bytes) { return grown(device_input_, bytes); }

  void queue(ScoreKind kind, const cuda::detail::PoolChunk& chunk, const ScoreOptions& options,
             const cuda::TableBlock& block) {
    REQUIRE_FALSE(busy_);
    busy_ = true;
    most_input = std::max(most_input, chunk.input_bytes);
    grown(output_, block.bytes());
    chunk_ = &chunk;
    block_ = &block;
    kind_ = kind;
    options_ = options;
  }

  const std::byte* wait() {
    REQUIRE(busy_);
    busy_ = false;
    const cuda::DevicePredictions& device = chunk_->device;
    std::memcpy(device_input_.data(), host_input_.data(), chunk_->input_bytes);
    auto* const output = reinterpret_cast<std::byte*>(output_.data());
    // The operator's contract: outputs at these places, an offender in the word.
    PatchPredictions p;
    p.values = device.values;
    p.dtype = device.dtype;
    p.kind = device.kind;
    p.candidates = device.candidates;
    p.classes = device.classes;
    p.patches = device.patches;
    p.offsets = device.offsets;
    p.rows = device.rows;
    cuda::DeviceView<const index_t> kept_offsets;
    if (device.offsets != nullptr) {
      kept_offsets = {
          reinterpret_cast<const index_t*>(
              reinterpret_cast<const std::byte*>(device_input_.data()) + chunk_->kept_offsets_at),
          device.candidates + 1};
    }
    const cuda::ScoreOutputs out = block_->outputs(output, kept_offsets);
    block_->status(output)->word = cuda::kStatusClean;
    ScoreTable table;
    table.request = {.kept = true, .mean_probabilities = true};
    for (index_t i = 0; i < device.candidates; ++i) {
      try {
        score::compute(kind_, p.slice(i, 1), options_, table);
      } catch (const ValueError&) {
        block_->status(output)->word =
            cuda::pack_status(chunk_->first + i, 0, cuda::FaultCode::not_finite);
        return output;
      }
    }
    const auto put = [](const auto& view, const auto& values) {
      if (view.empty()) return;
      REQUIRE(view.size == static_cast<index_t>(values.size()));
      std::memcpy(view.data, values.data(), view.bytes());
    };
    put(out.score, table.score);
    put(out.entropy, table.entropy);
    put(out.diversity, table.diversity);
    put(out.dominant, table.dominant);
    put(out.mean_probabilities, table.mean_probabilities);
    put(out.kept, table.kept);
    if (!out.kept.empty() && device.offsets != nullptr) {
      for (index_t i = 0; i <= device.candidates; ++i)
        REQUIRE(out.kept_offsets.data[i] == table.kept_offsets[static_cast<std::size_t>(i)]);
    }
    return output;
  }

  void refuse(const cuda::detail::PoolChunk& chunk, const ScoreOptions& options,
              const cuda::TableBlock& block) {
    const auto offense = block.offense(reinterpret_cast<const std::byte*>(output_.data()));
    ScoreTable table;
    table.first_candidate = offense->candidate;
    score::compute(ScoreKind::aift, chunk.host.slice(offense->candidate - chunk.first, 1), options,
                   table);
  }

  std::size_t most_input = 0;

 private:
  static std::byte* grown(std::vector<double>& memory, std::size_t bytes) {
    if (memory.size() * sizeof(double) < bytes) {  // nothing of the old content stays
      memory.assign((bytes + 7) / 8, std::numeric_limits<double>::quiet_NaN());
    }
    return reinterpret_cast<std::byte*>(memory.data());
  }
  std::vector<double> host_input_, device_input_, output_;
  bool busy_ = false;
  const cuda::detail::PoolChunk* chunk_ = nullptr;
  const cuda::TableBlock* block_ = nullptr;
  ScoreKind kind_ = ScoreKind::aift;
  ScoreOptions options_;
};

score::PoolScoring scoring(const test::ScoreCase& c) {
  score::PoolScoring how;
  how.kind = c.rank;
  how.options = c.options;
  return how;
}

ScoreTable score_on_lanes(const PatchPredictions& all, const score::PoolScoring& how,
                          index_t chunk_bytes,
                          const std::function<void(index_t, index_t)>& scored = {}) {
  HostLane lanes[2];
  const ScoreTable table = cuda::detail::score_pool(lanes, all, how, chunk_bytes, scored);
  // A chunk is the bytes asked for or one candidate, and its row numbers.
  index_t widest = 0;
  for (index_t i = 0; i < all.candidates; ++i)
    widest = std::max(widest, all.patch_count(i));
  const std::size_t row =
      static_cast<std::size_t>(all.classes) * cuda::detail::element_bytes(all.dtype);
  const std::size_t values =
      std::max(static_cast<std::size_t>(chunk_bytes), static_cast<std::size_t>(widest) * row);
  CHECK(std::max(lanes[0].most_input, lanes[1].most_input) <=
        values + 512 + 16 * static_cast<std::size_t>(all.candidates));
  return table;
}

void expect_equal(const ScoreTable& a, const ScoreTable& b) {
  CHECK(test::equal_bits(a.score, b.score));
  CHECK(test::equal_bits(a.entropy, b.entropy));
  CHECK(test::equal_bits(a.diversity, b.diversity));
  CHECK(test::equal_bits(a.mean_probabilities, b.mean_probabilities));
  CHECK(a.dominant == b.dominant);
  CHECK(a.kept == b.kept);
  CHECK(a.kept_offsets == b.kept_offsets);
  CHECK(a.patches == b.patches);
  CHECK(a.name == b.name);
  CHECK(a.classes == b.classes);
  CHECK(a.form == b.form);
  CHECK(a.options == b.options);
  CHECK(a.request == b.request);
}

struct Cancelling final : Progress {
  explicit Cancelling(index_t at) : at_(at) {}
  void report(std::string_view stage, index_t done, index_t total) override {
    CHECK(stage == "score");
    CHECK(total == 40);
    done_ = done;
  }
  [[nodiscard]] bool cancelled() const override { return done_ >= at_; }
  index_t at_;
  index_t done_ = 0;
};

}  // namespace

TEST_CASE("a pool on two lanes gives the table of the CPU, however it is cut") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const index_t classes[] = {2, 3, 10, 33};
    const test::ScoreCase c =
        test::random_case(seed, static_cast<index_t>(1 + seed % 40), classes[seed % 4], 20);
    INFO(c.name());
    score::PoolScoring how = scoring(c);
    how.request = {.kept = seed % 3 != 0, .mean_probabilities = seed % 2 == 0};
    const ScoreTable expected = score::score_pool(c.host(), how);
    for (const index_t bytes : {index_t{1}, index_t{700}, index_t{1} << 20}) {
      std::vector<std::pair<index_t, index_t>> told;
      const ScoreTable got = score_on_lanes(
          c.host(), how, bytes, [&](index_t first, index_t n) { told.emplace_back(first, n); });
      expect_equal(got, expected);
      index_t next = 0;
      for (const auto& [first, n] : told) {
        CHECK(first == next);
        next = first + n;
      }
      CHECK(next == c.candidates());
    }
    // A ragged slice begins at a row of its own.
    if (c.candidates() > 4) {
      PatchPredictions part = c.host().slice(2, c.candidates() - 3);
      ScoreTable whole;
      whole.request = how.request;
      score::compute(c.rank, part, c.options, whole);
      expect_equal(score_on_lanes(part, how, 300), whole);
    }
  }
}

TEST_CASE("a pool on two lanes refuses the first offender with the sentence of the CPU") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    test::ScoreCase c = test::random_case(seed, 30, 3, 8);
    INFO(c.name());
    const KeyedRandom random(seed, Purpose::folds);
    for (index_t spoiled = 0; spoiled < 2; ++spoiled)
      c.set(random.below(spoiled, c.rows() * c.classes), std::numeric_limits<double>::infinity());
    const score::PoolScoring how = scoring(c);
    std::string expected;
    try {
      (void)score::score_pool(c.host(), how);
    } catch (const ValueError& error) {
      expected = error.what();
    }
    REQUIRE_FALSE(expected.empty());
    CHECK_THROWS_WITH(score_on_lanes(c.host(), how, 200), expected);
  }
}

TEST_CASE("a pool on two lanes refuses shapes, and nothing is fine") {
  test::ScoreCase c;
  for (std::uint64_t seed = 1; c.offsets.empty() || c.dense; ++seed)
    c = test::random_case(seed, 12, 4, 6);
  const score::PoolScoring how = scoring(c);
  PatchPredictions p = c.host();
  p.candidates = 0;
  CHECK(score_on_lanes(p, how, 100).size() == 0);
  p = c.host();
  p.rows -= 1;
  CHECK_THROWS_WITH(score_on_lanes(p, how, 100), ContainsSubstring("must be the"));
  p = c.host();
  p.place = Place::device;
  CHECK_THROWS_WITH(score_on_lanes(p, how, 100), ContainsSubstring("host memory"));
  p = c.host();
  p.candidates = -2;
  CHECK_THROWS_AS(score_on_lanes(p, how, 100), ShapeError);
  std::vector<index_t> bad = c.offsets;
  bad[5] = bad[6];
  p = c.host();
  p.offsets = bad.data();
  CHECK_THROWS_WITH(score_on_lanes(p, how, 100), ContainsSubstring("candidate 5"));
  bad = c.offsets;
  bad[3] = c.offsets.back() + 1;
  CHECK_THROWS_WITH(score_on_lanes(p, how, 100), ContainsSubstring("candidate 2"));
  CHECK_THROWS_AS(score_on_lanes(c.host(), how, 0), ValueError);
  score::PoolScoring wrong = how;
  wrong.options.alpha = 2;
  CHECK_THROWS_AS(score_on_lanes(c.host(), wrong, 100), ValueError);
}

TEST_CASE("a pool on two lanes can be cancelled") {
  const test::ScoreCase c = test::random_case(3, 40, 2, 5);
  Cancelling progress(10);
  score::PoolScoring how = scoring(c);
  how.progress = &progress;
  CHECK_THROWS_AS(score_on_lanes(c.host(), how, 1), CancelledError);
  CHECK(progress.done_ == 10);
}

TEST_CASE("a block of results is laid out without gaps that hurt") {
  cuda::DevicePredictions p;
  p.candidates = 3;
  p.classes = 5;
  p.patches = p.most_patches = 4;
  p.rows = 12;
  ScoreOptions options;
  options.alpha = 0.5;
  const cuda::TableBlock block(ScoreKind::aift, p, options,
                               {.kept = true, .mean_probabilities = true});
  CHECK(block.bytes() == 8 + 3 * 24 + 15 * 8 + 3 * 4 + 6 * 4);
  alignas(8) std::byte memory[256];
  const cuda::ScoreOutputs out = block.outputs(memory);
  CHECK(reinterpret_cast<std::byte*>(out.score.data) == memory + 8);
  CHECK(out.mean_probabilities.size == 15);
  CHECK(out.kept.size == 6);
  CHECK(out.kept_offsets.empty());
  CHECK(reinterpret_cast<std::byte*>(out.kept.data + 6) == memory + block.bytes());
  const cuda::TableBlock small(ScoreKind::aift, p, options, {});
  CHECK(small.outputs(memory).kept.empty());
  CHECK(small.outputs(memory).mean_probabilities.empty());
  const index_t offsets[] = {0, 4, 8, 12};
  p.offsets = offsets;
  CHECK_THROWS_AS(cuda::TableBlock(ScoreKind::aift, p, options, {.kept = true}), ShapeError);
}
