// SPDX-License-Identifier: Apache-2.0
// Top-b and ACFT's chances, the kernels run on the host: the picks and the bits of the CPU.
#include "tests/support/catch.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <aift/core/rng.hpp>
#include <aift/select/score_selector.hpp>

#include "cuda/select/top_body.hpp"

using namespace aift;
using namespace aift::cuda::detail;

namespace {

/// The levels of launch_top, with groups of the host.
template <class Group>
void update(const std::vector<double>& scores, index_t first_index, index_t budget, int capacity,
            index_t most_groups, std::vector<Pick>& state, std::uint64_t* status) {
  const auto n = static_cast<index_t>(scores.size());
  const TopPlan plan = top_plan(n, budget, capacity, most_groups);
  std::vector<std::uint64_t> memory(buffer_bytes(capacity) / 8 + 1);
  const TopBuffer buffer =
      buffer_at(reinterpret_cast<std::byte*>(memory.data()), capacity, static_cast<int>(budget));
  const Group group;
  std::vector<Pick> lists[2];
  for (auto& list : lists)
    list.resize(static_cast<std::size_t>(plan.most_picks(budget)));
  for (int level = 0; level < plan.levels; ++level) {
    const bool last = level + 1 == plan.levels;
    const index_t before = level == 0 ? n : plan.groups[level - 1] * budget;
    const index_t inputs = last ? before + budget : before;
    REQUIRE(plan.groups[level] * budget <= plan.most_picks(budget));
    REQUIRE(plan.groups[level] * plan.step[level] >= inputs);
    Pick* const out = last ? state.data() : lists[level % 2].data();
    for (index_t g = 0; g < plan.groups[level]; ++g) {
      const index_t begin = g * plan.step[level];
      const index_t end = std::min(inputs, begin + plan.step[level]);
      if (level == 0) {
        top_segment(group, buffer, begin, end, ScoreInput{scores.data(), first_index, status},
                    out + g * budget);
      } else {
        top_segment(group, buffer, begin, end,
                    PickInput{lists[(level + 1) % 2].data(), before, state.data()},
                    out + g * budget);
      }
    }
  }
}

/// The kernels of the sieve, with groups of the host. Whether the sieve succeeded; the state is the
/// result only then, and `kept` what it was.
template <class Group>
bool sieve_update(const std::vector<double>& scores, index_t first_index, index_t budget,
                  std::vector<Pick>& state, std::uint64_t* status) {
  const auto n = static_cast<index_t>(scores.size());
  const SievePlan plan = sieve_plan(n, budget);
  REQUIRE(plan.levels <= SievePlan::kLevels);
  std::vector<Pick> memory(sieve_bytes(budget) / sizeof(Pick) + 1, Pick{7, 7});
  const Sieve sieve = sieve_at(reinterpret_cast<std::byte*>(memory.data()), budget);
  const ScoreInput input{scores.data(), first_index, status};
  const Group group;
  const index_t longer = std::max(plan.level[0].size, budget);
  for (index_t first = 0; first < longer; first += 100)
    sieve_begin(group, sieve, plan.level[0], input, state.data(), budget, first, 100);
  for (int l = 0; l < plan.levels; ++l) {
    const SieveLevel& level = plan.level[l];
    REQUIRE(level.size <= n);
    if (level.stride > 0) REQUIRE(level.place(level.size - 1) < n);
    for (index_t begin = 0; l > 0 && begin < level.size; begin += 5000) {
      const index_t end = std::min(level.size, begin + 5000);
      if (level.stride == 0) {
        sieve_segment<true>(group, sieve, level, l, input, budget, begin, end);
      } else {
        sieve_segment<false>(group, sieve, level, l, input, budget, begin, end);
      }
    }
    for (int block = 2; block >= 0; --block)
      sieve_places(group, sieve, plan, l, state.data(), 8 * block, 8, 24);
  }
  if (sieve.notes->done == 0) state.assign(sieve.kept, sieve.kept + budget);
  return sieve.notes->done != 0;
}

std::vector<double> random_scores(std::uint64_t seed, index_t count) {
  const KeyedRandom random(seed, Purpose::order);
  std::vector<double> scores;
  const bool coarse = seed % 3 == 0;  // many ties
  for (index_t i = 0; i < count; ++i) {
    double x = random.normal(2 * i) * (seed % 2 == 0 ? 1 : 1e-300);
    if (coarse) x = std::round(3 * random.normal(2 * i));
    if (seed % 5 == 0) x = static_cast<double>(i / 7);  // rising: everything is better
    if (random.below(2 * i + 1, 500) == 0) x = std::numeric_limits<double>::infinity();
    if (random.below(2 * i + 1, 500) == 1) x = -0.0;
    scores.push_back(x);
  }
  return scores;
}

template <class Group>
std::vector<index_t> picks(const std::vector<double>& scores, index_t budget, int capacity,
                           index_t groups, const std::vector<index_t>& cuts) {
  std::vector<Pick> state(static_cast<std::size_t>(budget), Pick{kNoPick, kNoPick});
  std::uint64_t status = cuda::kStatusClean;
  for (std::size_t c = cuts.size() - 1; c > 0; --c) {  // the last chunk first
    const std::vector<double> chunk(scores.begin() + cuts[c - 1], scores.begin() + cuts[c]);
    if (!chunk.empty()) {
      update<Group>(chunk, cuts[c - 1], budget, capacity, groups, state, &status);
    }
  }
  CHECK(status == cuda::kStatusClean);
  std::vector<index_t> out;
  for (const Pick& pick : state) {
    if (pick.index == kNoPick) break;
    out.push_back(static_cast<index_t>(pick.index));
    CHECK(score_of(pick.rank) == scores[pick.index]);
  }
  return out;
}

}  // namespace

TEST_CASE("top-b kernels pick what the CPU picks") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const auto n = static_cast<index_t>(1 + seed * seed * 3);
    const std::vector<double> scores = random_scores(seed, n);
    for (const index_t budget : {1, 3, 16, 64}) {
      INFO("seed " << seed << ", N " << n << ", b " << budget);
      const std::vector<index_t> expected = top_b(scores, budget);
      const index_t middle = n / 3;
      CHECK(picks<HostGroup<1>>(scores, budget, 256, 5, {0, n}) == expected);
      CHECK(picks<HostGroup<32>>(scores, budget, 256, 100, {0, n}) == expected);
      CHECK(picks<HostGroup<32>>(scores, budget, 256, 3, {0, middle, 2 * middle, n}) == expected);
    }
  }
}

TEST_CASE("a sieve picks what the CPU picks, or says that it did not") {
  const double infinity = std::numeric_limits<double>::infinity();
  int sieved = 0;
  int updates = 0;
  const auto compare = [&](const std::vector<double>& scores, index_t budget,
                           const std::vector<index_t>& cuts, bool must) {
    std::vector<Pick> state(static_cast<std::size_t>(budget), Pick{kNoPick, kNoPick});
    std::uint64_t status = cuda::kStatusClean;
    for (std::size_t c = cuts.size() - 1; c > 0; --c) {  // the last chunk first
      const std::vector<double> chunk(scores.begin() + cuts[c - 1], scores.begin() + cuts[c]);
      if (chunk.empty()) continue;
      const std::vector<Pick> before = state;
      const bool good =
          c % 2 == 0 ? sieve_update<HostGroup<32>>(chunk, cuts[c - 1], budget, state, &status)
                     : sieve_update<HostGroup<1>>(chunk, cuts[c - 1], budget, state, &status);
      ++updates;
      sieved += good ? 1 : 0;
      CHECK((good || !must));
      if (!good) {
        CHECK(std::memcmp(state.data(), before.data(), state.size() * sizeof(Pick)) == 0);
        update<HostGroup<32>>(chunk, cuts[c - 1], budget, 4096, 9, state, &status);
      }
    }
    CHECK(status == cuda::kStatusClean);
    std::vector<index_t> got;
    for (const Pick& pick : state) {
      if (pick.index != kNoPick) got.push_back(static_cast<index_t>(pick.index));
    }
    CHECK(got == top_b(scores, budget));
  };
  for (const index_t n : {1, 5, 4095, 4096, 4097, 5000, 8200, 30000, 200000}) {
    for (const index_t budget : {1, 7, 500, 1024}) {
      const auto size = static_cast<std::size_t>(n);
      const std::vector<index_t> cuts = {0, n / 3, n / 3 + std::min(n / 2, index_t{11}), n};
      for (int kind = 0; kind < 7; ++kind) {
        if (n > 100000 && budget != 1024 && kind > 1) continue;
        INFO("N " << n << ", b " << budget << ", kind " << kind);
        std::vector<double> scores(size, 0.25);
        if (kind == 1) scores = random_scores(4, n);
        if (kind == 2) scores = random_scores(3, n);  // ties
        for (std::size_t i = 0; i < size; ++i) {
          if (kind == 3) scores[i] = static_cast<double>(i);
          if (kind == 4) scores[i] = -static_cast<double>(i);
          if (kind == 5) scores[i] = i % 2 == 0 ? 0.0 : -0.0;
          if (kind == 6) scores[i] = i % 3 == 0 ? infinity : -infinity;
        }
        compare(scores, budget, {0, n}, true);
        compare(scores, budget, cuts, true);
      }
    }
  }
  // What samples do not see: the best side by side, and the sample's own places.
  const index_t n = 100000;
  std::vector<double> scores(static_cast<std::size_t>(n), 0.0);
  const SievePlan plan = sieve_plan(n, 1000);
  for (index_t i = 0; i < plan.level[0].size; ++i)
    scores[static_cast<std::size_t>(plan.level[0].place(i))] = 1 + static_cast<double>(i % 100);
  const int before = sieved;
  const int updates_before = updates;
  compare(scores, 1000, {0, n}, false);
  compare(scores, 1000, {0, n / 2, n}, false);
  CHECK(sieved - before < updates - updates_before);
  for (double& x : scores)
    x = -x;
  compare(scores, 1000, {0, n}, false);
  CHECK(sieved > 100);
}

TEST_CASE("a sieve refuses a score that is no number") {
  std::vector<double> scores = random_scores(4, 50000);
  for (const std::size_t i : {43210U, 12340U, 12345U})
    scores[i] = std::numeric_limits<double>::quiet_NaN();
  std::vector<Pick> state(16, Pick{kNoPick, kNoPick});
  std::uint64_t status = cuda::kStatusClean;
  sieve_update<HostGroup<32>>(scores, 1000, 16, state, &status);
  CHECK(status == cuda::pack_status(13340, 0, cuda::FaultCode::score));
}

TEST_CASE("places of a sample lie apart, within the scores") {
  for (const index_t n : {index_t{4097}, index_t{100003}, index_t{1} << 39}) {
    const SievePlan plan = sieve_plan(n, 1024);
    for (int l = 0; l + 1 < plan.levels; ++l) {
      const SieveLevel& level = plan.level[l];
      const index_t looked = std::min(level.size, index_t{20000});
      for (index_t i = 1; i < looked; ++i)
        REQUIRE(level.place(i) > level.place(i - 1));
      CHECK(level.place(level.size - 1) < n);
      CHECK(level.keep * plan.level[l + 1].size / level.size < kSieveRoom * 3 / 4);
    }
  }
}

TEST_CASE("top-b kernels with the buffer of a GPU") {
  const std::vector<double> scores = random_scores(8, 200000);
  CHECK(picks<HostGroup<32>>(scores, 1000, 4096, 396, {0, 200000}) == top_b(scores, 1000));
  CHECK(picks<HostGroup<32>>(scores, 512, 2048, 40, {0, 7, 100000, 200000}) == top_b(scores, 512));
}

TEST_CASE("top-b kernels refuse a score that is no number") {
  std::vector<double> scores = random_scores(4, 5000);
  scores[4321] = std::numeric_limits<double>::quiet_NaN();
  scores[1234] = std::numeric_limits<double>::quiet_NaN();
  std::vector<Pick> state(16, Pick{kNoPick, kNoPick});
  std::uint64_t status = cuda::kStatusClean;
  update<HostGroup<32>>(scores, 1000, 16, 256, 9, state, &status);
  CHECK(status == cuda::pack_status(2234, 0, cuda::FaultCode::score));
}

TEST_CASE("ranks order as scores do, and back") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> falling = {infinity, 1e300,   2,  1,      1e-310,
                                       0,        -1e-310, -1, -1e300, -infinity};
  for (std::size_t i = 0; i + 1 < falling.size(); ++i) {
    CHECK(rank_of(falling[i]) < rank_of(falling[i + 1]));
    CHECK(score_of(rank_of(falling[i])) == falling[i]);
  }
  CHECK(rank_of(-0.0) == rank_of(0.0));
  CHECK(rank_of(-infinity) < kNoPick);
}

TEST_CASE("chances of ACFT's draw have the bits of the CPU") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    std::vector<double> scores = random_scores(seed, static_cast<index_t>(50 + 20 * seed));
    for (double& x : scores)
      x = std::isfinite(x) ? x : 1.0;
    if (seed == 7) scores.assign(20, 0.5);
    if (seed == 8) scores = {1.7e308, -1.7e308, 1e300};
    const AcftPool pool = acft_pool(scores, 6, 4.0);
    std::vector<double> best;
    for (const index_t i : pool.indices)
      best.push_back(scores[static_cast<std::size_t>(i)]);
    std::vector<double> chances(best.size());
    double total = 0;
    std::uint64_t status = cuda::kStatusClean;
    acft_weights_body(HostGroup<32>{}, best.data(), static_cast<index_t>(best.size()),
                      chances.data(), &total, &status);
    CHECK(chances == pool.probability);
    CHECK(status == cuda::kStatusClean);
    best[best.size() / 2] = std::numeric_limits<double>::infinity();
    acft_weights_body(HostGroup<1>{}, best.data(), static_cast<index_t>(best.size()),
                      chances.data(), &total, &status);
    CHECK(status ==
          cuda::pack_status(static_cast<index_t>(best.size() / 2), 0, cuda::FaultCode::score));
  }
}
