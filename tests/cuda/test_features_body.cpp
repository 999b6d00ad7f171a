// SPDX-License-Identifier: Apache-2.0
// Distances, farthest-first and k-means: the kernels run on the host give the bits and the picks of
// the CPU.
#include "tests/support/catch.hpp"

#include <limits>

#include <aift/select/k_center_selector.hpp>

#include "cuda/select/features_body.hpp"
#include "src/select/k_means.hpp"
#include "tests/support/feature_cases.hpp"

using namespace aift;
using namespace aift::cuda::detail;
using select::detail::at;

namespace {

struct Features {
  std::vector<float> values;
  FeatureRows rows;

  Features(std::uint64_t seed, index_t count, index_t columns)
      : values(test::feature_rows(seed, count, columns)), rows{values.data(), count, columns} {}
};

std::vector<const float*> pointers(const FeatureRows& rows) {
  std::vector<const float*> out;
  for (index_t p = 0; p < rows.count; ++p)
    out.push_back(rows.row(p));
  return out;
}

std::vector<float> on_cpu(const FeatureRows& x, const FeatureRows& y) {
  std::vector<float> out(at(x.count * y.count));
  select::detail::distances().squared(pointers(x).data(), x.count, pointers(y).data(), y.count,
                                      x.columns, out.data());
  return out;
}

struct Picks {
  std::vector<index_t> indices;
  std::vector<double> distances;
};

/// launch_k_center with groups of the host, each of them `step` rows.
template <class Group>
Picks k_center(const FeatureRows& pool, const FeatureRows& labelled, index_t budget, index_t step) {
  const Group group;
  const index_t n = pool.count;
  std::vector<float> nearest(at(n), -7.0F);  // nothing useful
  std::vector<std::uint64_t> words(at(budget), kNoRow);
  std::uint64_t best = 1;
  const auto in_steps = [&](const auto& work) {
    for (index_t begin = 0; begin < n; begin += step)
      work(begin, std::min(n, begin + step));
  };
  if (labelled.count == 0) {
    std::vector<double> sums(at(sum_parts(n) * pool.columns));
    for (index_t begin = 0; begin < n; begin += kSumPart) {
      sum_rows(
          group, pool, std::min(kSumPart, n - begin), [&](index_t i) { return begin + i; },
          sums.data() + begin / kSumPart * pool.columns);
    }
    std::vector<float> centre;
    for (index_t f = 0; f < pool.columns; ++f)
      centre.push_back(mean_feature(sums.data(), pool.columns, f, n));
    in_steps([&](index_t begin, index_t end) {
      most_central(group, pool, begin, end, centre.data(), nearest.data(), &best, words.data());
    });
  } else {
    auto memory = std::make_unique<TileMemory>();
    for (index_t first = 0; first < n; first += kTileSide) {
      nearest_centre(group, pool, labelled, first, *memory,
                     [&](index_t p, float squared, std::int32_t) { nearest[at(p)] = squared; });
    }
    in_steps([&](index_t begin, index_t end) {
      farthest(group, pool, begin, end, kNoRow, nearest.data(), &best, words.data());
    });
  }
  for (index_t pick = 1; pick < budget; ++pick) {
    in_steps([&](index_t begin, index_t end) {
      farthest(group, pool, begin, end, words[at(pick - 1)], nearest.data(), &best,
               words.data() + pick);
    });
  }
  Picks out{std::vector<index_t>(at(budget)), std::vector<double>(at(budget))};
  for (index_t i = 0; i < budget; ++i)
    write_pick(words[at(i)], labelled.count == 0 && i == 0, &out.indices[at(i)],
               &out.distances[at(i)]);
  return out;
}

/// The selector on the same rows: candidates first, labelled ones behind them.
Selection selected(const Features& pool, const Features& labelled, index_t budget) {
  const test::LabelledFeatures all(pool.values, labelled.values, pool.rows.columns);
  return KCenterSelector().select(all.view, budget);
}

/// launch_k_means with groups of the host.
template <class Group>
struct KMeansRun {
  std::vector<float> centres, squared;
  std::vector<std::int32_t> of, count;
  std::vector<index_t> seeds, size, start, members;
  std::vector<double> running, sums;
  std::vector<std::uint32_t> changed;
  KMeans task;

  KMeansRun(const FeatureRows& rows, index_t clusters, const KeyedRandom& random,
            index_t iterations) {
    task.rows = rows;
    task.clusters = clusters;
    const auto give = [](auto& memory, index_t size) {
      memory.resize(at(size), 77);  // nothing useful
      return memory.data();
    };
    task.centres = give(centres, clusters * rows.columns);
    task.of = give(of, rows.count);
    task.squared = give(squared, rows.count);
    task.seeds = give(seeds, clusters);
    task.running = give(running, task.parts());
    task.count = give(count, task.parts() * clusters);
    task.size = give(size, clusters);
    task.start = give(start, clusters + 1);
    task.members = give(members, rows.count);
    task.sums = give(sums, task.slots() * rows.columns);
    task.changed = give(changed, iterations + 1);
    run(random, iterations);
  }

  void run(const KeyedRandom& random, index_t iterations) {
    const Group group;
    seeds[0] = random.below(0, task.rows.count);
    for (index_t number = 1; number < task.clusters; ++number) {
      for (index_t part = task.parts() - 1; part >= 0; --part)
        seed_part(group, task, number - 1, part);
      draw_seed(task, number, random.uniform(number));
    }
    for (std::size_t i = 0; i < centres.size(); ++i)
      place_seed(task, static_cast<index_t>(i));
    std::fill(changed.begin(), changed.end(), 0);
    changed[0] = 1;
    auto memory = std::make_unique<TileMemory>();
    std::vector<std::int32_t> part_of(at(kSumPart));
    for (index_t number = 0; number < iterations && changed[at(number)] != 0; ++number) {
      for (index_t first = 0; first < task.rows.count; first += kTileSide)
        assign_rows(group, task, first, number, *memory);
      if (changed[at(number + 1)] == 0) break;
      for (index_t part = 0; part < task.parts(); ++part)
        count_part(group, task, part);
      for (index_t c = 0; c < task.clusters; ++c)
        add_counts(task, c);
      if (number + 1 == iterations) break;
      for (index_t first = 0; first < task.clusters; first += 8)
        find_starts(group, task, first, std::min<index_t>(8, task.clusters - first));
      for (index_t part = 0; part < task.parts(); ++part)
        place_part(group, task, part, part_of.data());
      for (index_t slot = 0; slot < task.slots(); ++slot)
        sum_slot(group, task, slot);
      for (std::size_t i = 0; i < centres.size(); ++i)
        move_centre(task, static_cast<index_t>(i));
    }
  }
};

/// Returns how many clusters lost their last row.
template <class Group>
index_t compare_k_means(const std::vector<float>& values, index_t d, index_t k,
                        const KeyedRandom& random, index_t iterations) {
  const auto n = static_cast<index_t>(values.size()) / d;
  const test::LabelledFeatures pool(values, {}, d);
  const select::detail::Rows rows(pool.view, select::detail::canonical(pool.view, false), false);
  const auto expected = select::detail::k_means(rows, k, random, iterations, nullptr);
  const KMeansRun<Group> got({values.data(), n, d}, k, random, iterations);
  CHECK(got.squared == expected.squared);
  // Clusters of the CPU are those that have a member, in the same order.
  index_t next = 0;
  index_t members = 0;
  index_t lost = 0;
  for (index_t c = 0; c < k; ++c) {
    const index_t size = got.size[at(c)];
    CHECK(size == std::count(got.of.begin(), got.of.end(), c));
    members += size;
    if (size == 0) {
      lost += got.seeds[at(c)] >= 0 ? 1 : 0;
      continue;
    }
    REQUIRE(next < expected.count);
    CHECK(std::equal(expected.centres.begin() + next * d, expected.centres.begin() + (next + 1) * d,
                     got.centres.begin() + c * d));
    bool same = true;
    for (index_t p = 0; p < n; ++p)
      same = same && (got.of[at(p)] == c) == (expected.of[at(p)] == next);
    CHECK(same);
    ++next;
  }
  CHECK(next == expected.count);
  CHECK(members == n);
  return lost;
}

template <class Group>
void compare_k_means(std::uint64_t seed, index_t n, index_t d, index_t k, index_t iterations) {
  CAPTURE(seed, n, d, k, iterations);
  compare_k_means<Group>(test::feature_rows(seed, n, d), d, k,
                         KeyedRandom(seed, Purpose::selection, 3), iterations);
}

}  // namespace

TEMPLATE_TEST_CASE("kernels of distances give the CPU's bits", "", HostFeatureGroup<1>,
                   HostFeatureGroup<32>) {
  for (const auto [n, k, d] : {std::array<index_t, 3>{1, 1, 1},
                               {33, 65, 7},
                               {40, 31, 16},
                               {5, 70, 33},
                               {64, 32, 100},
                               {31, 3, 131}}) {
    for (const std::uint64_t seed : {1, 3, 5, 7}) {
      CAPTURE(n, k, d, seed);
      const Features x(seed, n, d);
      const Features y(seed + 1, k, d);
      const std::vector<float> expected = on_cpu(x.rows, y.rows);
      std::vector<float> out(at(n * k), -1.0F);
      auto memory = std::make_unique<TileMemory>();
      for (index_t first = 0; first < n; first += kTileSide) {
        for (index_t centre = 0; centre < k; centre += kTileSide)
          distance_tile(TestType{}, x.rows, y.rows, first, centre, *memory, out.data());
      }
      CHECK(out == expected);
      for (index_t p = 0; p < n; ++p)
        CHECK(SerialFeatureTeam{}.squared(x.rows.row(p), y.rows.row(0), d) == expected[at(p * k)]);
      for (index_t first = 0; first < n; first += kTileSide) {
        nearest_centre(TestType{}, x.rows, y.rows, first, *memory,
                       [&](index_t p, float squared, std::int32_t centre) {
                         const float* const row = expected.data() + p * k;
                         CHECK(centre == std::min_element(row, row + k) - row);
                         CHECK(squared == row[centre]);
                       });
      }
    }
  }
}

TEMPLATE_TEST_CASE("kernels of farthest-first pick what k_center picks", "", HostFeatureGroup<1>,
                   HostFeatureGroup<32>) {
  for (const index_t n : {1, 2, 47, 300, 700}) {
    for (const index_t labelled : {0, 1, 50}) {
      for (const std::uint64_t seed : {1, 3, 5, 7, 15}) {
        CAPTURE(n, labelled, seed);
        const index_t d = seed == 1 ? 40 : 3;
        const Features pool(seed, n, d);
        const Features known(seed + 100, labelled, d);
        const index_t budget = std::min<index_t>(n, 60);
        const Selection expected = selected(pool, known, budget);
        const Picks picks = k_center<TestType>(pool.rows, known.rows, budget, 64);
        CHECK(picks.indices == expected.indices);
        CHECK(picks.distances == expected.score);
      }
    }
  }
  const Features three(1, 3, 2);
  const Picks all = k_center<TestType>(three.rows, {}, 5, 64);
  CHECK(all.indices[3] == -1);
  CHECK(all.indices[4] == -1);
  CHECK(all.distances[4] == 0);
}

TEMPLATE_TEST_CASE("kernels of k-means give the CPU's clusters", "", HostFeatureGroup<1>,
                   HostFeatureGroup<32>) {
  for (const std::uint64_t seed : {1, 2, 3, 5, 6, 7}) {
    compare_k_means<TestType>(seed, 1, 3, 1, 10);
    compare_k_means<TestType>(seed, 40, 2, 50, 10);
    compare_k_means<TestType>(seed, 700, 5, 9, 100);
    compare_k_means<TestType>(seed, 1300, 17, 33, 3);
    compare_k_means<TestType>(seed, 600, 4, 2, 1);
  }
  // The cluster of the row at 0, 0 pulls away from it, towards rows that others are nearer to.
  std::vector<float> values;
  const auto add_rows = [&](float x, float y, int times) {
    for (int i = 0; i < times; ++i)
      values.insert(values.end(), {x, y});
  };
  add_rows(0, 0, 1);
  add_rows(-4, 0, 1);
  add_rows(0, 6.2F, 1);
  add_rows(-2.1F, 0, 12);
  add_rows(0, 2.9F, 4);
  add_rows(0, 3.11F, 24);
  CHECK(compare_k_means<TestType>(values, 2, 3, KeyedRandom(103, Purpose::selection, 3), 50) == 1);
}

TEST_CASE("kernels of features refuse what is not finite and stay within their memory") {
  const float bad =
      GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity());
  Features features(1, 300, 5);
  features.values[at(280 * 5 + 2)] = bad;
  features.values[at(270 * 5 + 4)] = -bad;
  std::uint64_t status = cuda::kStatusClean;
  for (index_t begin = 0; begin < 300; begin += 64)
    refuse_features(HostFeatureGroup<32>{}, features.rows, 1000, begin,
                    std::min<index_t>(300, begin + 64), &status);
  const auto offense = cuda::decode({status});
  REQUIRE(offense.has_value());
  CHECK(offense->fault == cuda::FaultCode::feature);
  CHECK(offense->candidate == 1270);
  // What is computed all the same means nothing, but nothing is written elsewhere.
  const KMeansRun<HostFeatureGroup<32>> run(features.rows, 7, KeyedRandom(1, Purpose::selection),
                                            20);
  for (const std::int32_t c : run.of)
    CHECK((c >= 0 && c < 7));
  const Picks picks = k_center<HostFeatureGroup<32>>(features.rows, {}, 300, 64);
  std::vector<index_t> sorted = picks.indices;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted.front() == 0);
  CHECK(sorted.back() == 299);
  const std::vector<float> fine(10, std::numeric_limits<float>::max());
  status = cuda::kStatusClean;
  refuse_features(HostFeatureGroup<1>{}, {fine.data(), 2, 5}, 0, 0, 2, &status);
  CHECK(status == cuda::kStatusClean);
}
